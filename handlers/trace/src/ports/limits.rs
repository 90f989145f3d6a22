use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;

/// So many in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// How many are allowed.
    pub max: u32,
    /// In which time.
    pub per: Duration,
}

/// Whether one more is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is, and counts.
    Allowed,
    /// It is not, and does not count; the time after which the next one is.
    Limited(Duration),
}

/// Sliding windows by key, shared by all processes where there is something to share them through.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts one event of `key` if the window has room. Keys hold no secrets: callers hash addresses.
    async fn check(&self, key: &str, window: Window) -> Result<Verdict, StoreError>;
}
