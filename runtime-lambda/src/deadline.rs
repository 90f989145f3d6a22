//! How much time an invocation has left.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lambda_runtime::Context;

/// What is assumed where nothing says how long an invocation may take.
const UNKNOWN: Duration = Duration::from_mins(1);

/// Returns how long the invocation may still take. Local emulators give times long past, which say nothing.
pub(crate) fn left(context: &Context) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = Duration::from_millis(context.deadline).saturating_sub(now);
    if left.is_zero() { UNKNOWN } else { left }
}

/// Returns what is left of `left` when `reserve` is kept back; half of it when that is more than all.
pub(crate) fn before(left: Duration, reserve: Duration) -> Duration {
    left.saturating_sub(reserve).max(left / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_never_takes_more_than_half() {
        let (minute, second) = (Duration::from_mins(1), Duration::from_secs(1));
        assert_eq!(before(minute, second), Duration::from_secs(59));
        assert_eq!(before(second, minute), second / 2);
    }

    #[test]
    fn a_deadline_long_past_says_nothing() {
        let mut context = Context::default();
        context.deadline = 600_000;
        assert_eq!(left(&context), UNKNOWN);
    }
}
