//! Log lines on stdout, as JSON, which Lambda keeps.

use tracing_subscriber::EnvFilter;

/// Starts logging. Called once. `AWS_LAMBDA_LOG_LEVEL`, which the console sets, beats `TRACEWAY_LOG`.
pub fn start() {
    let set = |name: &str| std::env::var(name).ok().filter(|level| !level.trim().is_empty());
    let level = set("AWS_LAMBDA_LOG_LEVEL").or_else(|| set("TRACEWAY_LOG")).or_else(|| set("RUST_LOG"));
    let level = level.unwrap_or_else(|| "info".to_owned()).to_ascii_lowercase();
    // What libraries say of their own counts only when asked for.
    let quiet = "sqlx=warn,hyper=warn,h2=warn,rustls=warn,lambda_runtime=warn";
    let filter = EnvFilter::try_new(format!("{quiet},{level}"));
    let filter = filter.unwrap_or_else(|_| EnvFilter::new(format!("{quiet},info")));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).json();
    lines.flatten_event(true).with_current_span(false).with_span_list(false).init();
}
