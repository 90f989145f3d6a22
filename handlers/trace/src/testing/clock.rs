//! A clock that tests set, and secrets they can foresee.

use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};

use super::fixtures::time;
use crate::ports::{Clock, Random};
use crate::time::Timestamp;

/// A clock that stands still until it is moved. It begins at the start of 2025.
#[derive(Debug)]
pub struct FixedClock(AtomicI64);

impl Default for FixedClock {
    fn default() -> Self {
        Self(AtomicI64::new(time(0).as_micros()))
    }
}

impl FixedClock {
    /// Moves the clock forward.
    pub fn advance_secs(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// Random bytes that are none: each call fills with the next number.
#[derive(Debug, Default)]
pub struct CountingRandom(AtomicU8);

impl Random for CountingRandom {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0.fetch_add(1, Ordering::SeqCst));
    }
}
