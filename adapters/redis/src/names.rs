//! Names of keys and channels, as the contract lists them (auth-cloud §11).

use trace::id::Scope;

/// Tells every process what cached answers to drop.
pub(crate) const AUTH: &str = "traceway:auth";

/// Counts what was told there, for processes that cannot listen.
pub(crate) const AUTH_COUNT: &str = "traceway:auth:count";

/// Returns the name of a project's channel of live events, and of the stream they are replayed from.
pub(crate) fn events(scope: &Scope) -> String {
    format!("traceway:{}:{}:events", scope.org.0, scope.project.0)
}

/// Returns the key of a rate-limit window.
pub(crate) fn rate(key: &str) -> String {
    format!("traceway:rate:{key}")
}
