//! Log lines on stderr: for people on a terminal, JSON elsewhere.

use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, Settings};

/// Checks a level or filter such as `info` or `info,proxy=debug`.
pub(crate) fn check(level: &str) -> Result<(), String> {
    let words = ["error", "warn", "info", "debug", "trace", "off"];
    let plain = !level.contains(['=', ',']);
    if plain && !words.contains(&level.trim().to_ascii_lowercase().as_str()) {
        return Err(format!("{level:?} is none of {}", words.join(", ")));
    }
    EnvFilter::try_new(level).map(drop).map_err(|error| error.to_string())
}

/// Starts logging. Called once.
pub(crate) fn start(settings: &Settings) {
    let level = settings.log_level.as_deref().unwrap_or("info");
    // sqlx logs statements on its own; they are ours and not news.
    let filter = EnvFilter::new(format!("{level},sqlx=warn,hyper=warn,h2=warn,rustls=warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Pretty => {
            let ansi = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
            builder.with_ansi(ansi).with_target(false).compact().init();
        }
        LogFormat::Json => {
            builder.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
        }
    }
}
