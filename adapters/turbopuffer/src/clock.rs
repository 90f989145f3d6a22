//! Numbers that grow: moments as versions.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Microseconds of a day.
pub(crate) const DAY: i64 = 86_400_000_000;

/// Returns microseconds since 1970.
pub(crate) fn micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Returns days since 1970, 0 for times before.
pub(crate) fn day_of(micros: i64) -> u64 {
    u64::try_from(micros.div_euclid(DAY)).unwrap_or(0)
}

/// Returns microseconds since 1970, never the same twice in this process.
pub(crate) fn tick() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = micros();
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1)));
    now.max(last.unwrap_or(0) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_grow_and_days_begin_at_midnight() {
        let ticks: Vec<u64> = (0..1_000).map(|_| tick()).collect();
        assert!(ticks.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!((day_of(DAY - 1), day_of(DAY), day_of(-1)), (0, 1, 0));
    }
}
