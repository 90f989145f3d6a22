use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use trace::ports::{RateLimiter, StoreError, Verdict, Window};

/// Keys kept before those whose window has passed are forgotten.
const TIDY_ABOVE: usize = 10_000;

/// Most keys kept, some hundred bytes each. Whoever can name more of them is not stopped by any limit of this kind.
const MOST_KEYS: usize = 500_000;

/// Sliding windows of one process.
#[derive(Debug, Default)]
pub struct MemoryLimiter(Mutex<Windows>);

#[derive(Debug, Default)]
struct Windows {
    by_key: HashMap<String, Counted>,
    /// Keys that were left when it was last tidied.
    left: usize,
}

impl Windows {
    /// Forgets what no limit needs, each time there are twice as many keys as were left the last time.
    fn tidy(&mut self, now: Instant) {
        if self.by_key.len() <= TIDY_ABOVE.max(2 * self.left).min(MOST_KEYS) {
            return;
        }
        self.by_key.retain(|_, counted| counted.times.back().is_some_and(|last| now - *last < counted.per));
        if self.by_key.len() > MOST_KEYS {
            self.by_key.clear();
        }
        self.left = self.by_key.len();
    }
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
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        windows.tidy(now);
        let counted = windows
            .by_key
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
    async fn keys_are_forgotten_when_their_window_has_passed() {
        let limiter = MemoryLimiter::default();
        let window = Window { max: 1, per: Duration::from_millis(1) };
        for key in 0..5 * TIDY_ABOVE {
            limiter.check(&key.to_string(), window).await.unwrap();
        }
        tokio::time::sleep(window.per).await;
        for key in 0..5 * TIDY_ABOVE {
            limiter.check(&format!("other {key}"), window).await.unwrap();
        }
        let keys = limiter.0.lock().unwrap().by_key.len();
        assert!(keys <= 8 * TIDY_ABOVE, "{keys} keys");
    }

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
