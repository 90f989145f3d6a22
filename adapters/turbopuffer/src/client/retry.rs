use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use uuid::Uuid;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(8);

/// A longer wait asked for is a mistake and not obeyed.
const MOST_ASKED: Duration = Duration::from_mins(30);

/// Returns how long to wait before trying again.
pub(crate) fn wait(attempt: u32, asked: Option<Duration>) -> Duration {
    if let Some(asked) = asked.filter(|asked| *asked <= MOST_ASKED) {
        return asked;
    }
    let full = FIRST.saturating_mul(1 << attempt.min(10)).min(LONGEST);
    full.mul_f64(1.0 - 0.25 * random())
}

/// Returns a number from 0 to below 1, so that those who wait do not all come back at once.
pub(crate) fn random() -> f64 {
    let (_, low) = Uuid::new_v4().as_u64_pair();
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is random")]
    let half = low as u32;
    f64::from(half) / (f64::from(u32::MAX) + 1.0)
}

/// Returns the wait that an answer asks for. Dates are not read: seconds are what the service sends.
pub(super) fn asked(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let millis = number("retry-after-ms").map(|ms| ms / 1_000.0);
    let seconds = millis.or_else(|| number(RETRY_AFTER.as_str()))?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// Returns what an answer says about trying again.
pub(super) fn advice(headers: &HeaderMap) -> Option<bool> {
    headers.get("x-should-retry")?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit_and_what_is_asked_for_is_obeyed() {
        for (attempt, full) in [(0, 250), (1, 500), (4, 4_000), (5, 8_000), (40, 8_000)] {
            let waited = wait(attempt, None).as_millis();
            assert!((full * 3 / 4..=full).contains(&waited), "{waited} of {full}");
        }
        assert_eq!(wait(0, Some(Duration::from_secs(3))), Duration::from_secs(3));
        assert!(wait(0, Some(Duration::from_hours(24))) < Duration::from_secs(1));
    }

    #[test]
    fn milliseconds_go_before_seconds() {
        let mut headers = HeaderMap::new();
        assert_eq!((asked(&headers), advice(&headers)), (None, None));
        headers.insert("retry-after", "2".parse().expect("a header"));
        assert_eq!(asked(&headers), Some(Duration::from_secs(2)));
        headers.insert("retry-after-ms", "150".parse().expect("a header"));
        headers.insert("x-should-retry", "false".parse().expect("a header"));
        assert_eq!((asked(&headers), advice(&headers)), (Some(Duration::from_millis(150)), Some(false)));
    }
}
