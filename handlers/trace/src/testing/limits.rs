//! Sliding windows of one process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use crate::ports::{Clock, RateLimiter, StoreError, Verdict, Window};

/// Sliding windows that keep the time of every event. For tests.
pub struct MemoryLimiter {
    clock: Arc<dyn Clock>,
    counted: Mutex<HashMap<String, Vec<i64>>>,
    is_down: AtomicBool,
}

impl MemoryLimiter {
    /// Returns empty windows that tell time by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, counted: Mutex::default(), is_down: AtomicBool::new(false) }
    }

    /// Makes every later check fail.
    pub fn take_down(&self) {
        self.is_down.store(true, Ordering::SeqCst);
    }

    /// Returns the keys that were counted.
    pub fn keys(&self) -> Vec<String> {
        self.counted.lock().unwrap().keys().cloned().collect()
    }
}

#[async_trait]
impl RateLimiter for MemoryLimiter {
    async fn check(&self, key: &str, window: Window) -> Result<Verdict, StoreError> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable("taken down"));
        }
        let (now, length) = (self.clock.now().as_micros(), i64::try_from(window.per.as_micros()).unwrap());
        let mut counted = self.counted.lock().unwrap();
        let times = counted.entry(key.to_owned()).or_default();
        times.retain(|time| time + length > now);
        if times.len() < window.max as usize {
            times.push(now);
            return Ok(Verdict::Allowed);
        }
        let wait = times.first().map_or(0, |first| first + length - now);
        Ok(Verdict::Limited(Duration::from_micros(u64::try_from(wait).unwrap())))
    }
}
