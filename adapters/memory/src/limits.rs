use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use trace::ports::{RateLimiter, StoreError, Verdict, Window};

/// Keys kept before those whose window has passed are forgotten.
const TIDY_ABOVE: usize = 10_000;

/// Sliding windows of one process.
#[derive(Debug, Default)]
pub struct MemoryLimiter {
    windows: Mutex<HashMap<String, Counted>>,
}

#[derive(Debug)]
struct Counted {
    times: VecDeque<Instant>,
    per: Duration,
}

#[async_trait]
impl RateLimiter for MemoryLimiter {
    async fn check(&self, key: &str, window: Window) -> Result<Verdict, StoreError> {
        let now = Instant::now();
        // Each change is complete before anything can panic, so a poisoned lock is still sound.
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() > TIDY_ABOVE {
            windows.retain(|_, counted| counted.times.back().is_some_and(|last| now - *last < counted.per));
        }
        let counted = windows
            .entry(key.to_owned())
            .or_insert_with(|| Counted { times: VecDeque::new(), per: window.per });
        counted.per = window.per;
        while counted.times.front().is_some_and(|first| now - *first >= window.per) {
            counted.times.pop_front();
        }
        if counted.times.len() < window.max as usize {
            counted.times.push_back(now);
            return Ok(Verdict::Allowed);
        }
        let wait = counted.times.front().map_or(window.per, |first| window.per.saturating_sub(now - *first));
        Ok(Verdict::Limited(wait))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn a_window_lets_so_many_through_and_slides() {
        let limiter = MemoryLimiter::default();
        let window = Window { max: 2, per: Duration::from_millis(200) };
        assert_eq!(limiter.check("a", window).await.unwrap(), Verdict::Allowed);
        assert_eq!(limiter.check("a", window).await.unwrap(), Verdict::Allowed);
        let Verdict::Limited(wait) = limiter.check("a", window).await.unwrap() else { panic!("allowed") };
        assert!(wait <= window.per);
        assert_eq!(limiter.check("b", window).await.unwrap(), Verdict::Allowed);
        tokio::time::sleep(window.per).await;
        assert_eq!(limiter.check("a", window).await.unwrap(), Verdict::Allowed);
    }
}
