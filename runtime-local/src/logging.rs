//! Log lines on stderr: for people on a terminal, JSON elsewhere.

use tracing_subscriber::EnvFilter;

use crate::settings::{LogFormat, Settings};

/// Checks a level or filter such as `info` or `info,proxy=debug`. A lone word that is no level is taken for a mistake.
pub(crate) fn check(level: &str) -> Result<(), String> {
    let words = ["error", "warn", "info", "debug", "trace", "off"];
    let plain = !level.contains(['=', ',']);
    if plain && !words.contains(&level.trim().to_ascii_lowercase().as_str()) {
        return Err(format!("{level:?} is none of {}", words.join(", ")));
    }
    check_filter(level)
}

/// Checks a filter as other programs take it from `RUST_LOG`.
pub(crate) fn check_filter(filter: &str) -> Result<(), String> {
    EnvFilter::try_new(filter).map(drop).map_err(|error| error.to_string())
}

/// Returns the whole filter: what libraries say of their own counts only when asked for.
fn whole(level: &str) -> String {
    // sqlx logs statements on its own; they are ours and not news.
    format!("sqlx=warn,hyper=warn,h2=warn,rustls=warn,{level}")
}

/// Starts logging. Called once.
pub(crate) fn start(settings: &Settings) {
    let level = settings.log_level.as_deref().unwrap_or("info");
    let filter = EnvFilter::new(whole(level));
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_lone_word_is_a_level_or_a_mistake_but_not_where_it_may_name_a_library() {
        assert!(check("debug").is_ok() && check("info,proxy=debug").is_ok());
        assert!(check("loud").is_err() && check("info,proxy=loud").is_err());
        assert!(check_filter("hyper").is_ok() && check_filter("proxy=loud").is_err());
    }

    #[test]
    fn what_is_asked_for_beats_what_is_muted() {
        let filter = EnvFilter::try_new(whole("info,hyper=debug")).unwrap().to_string();
        assert!(filter.contains("hyper=debug") && filter.contains("sqlx=warn"), "{filter}");
        assert!(!filter.contains("hyper=warn"), "{filter}");
    }
}
