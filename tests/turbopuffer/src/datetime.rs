//! Points in time as the service reads and writes them.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Reads ISO 8601 into milliseconds; without a zone it is UTC, without a time midnight.
pub(crate) fn parse(text: &str) -> Option<i64> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.as_millisecond());
    }
    // A civil date and time would also read text with a zone, which failed above.
    let civil = match text.parse::<Date>() {
        Ok(date) if !text.contains(['T', 't', ' ']) => date.to_datetime(jiff::civil::Time::midnight()),
        _ => text.parse::<DateTime>().ok()?,
    };
    Some(TimeZone::UTC.to_timestamp(civil).ok()?.as_millisecond())
}

/// RFC 3339 in UTC with nine digits of a second.
pub(crate) fn text(millis: i64) -> String {
    let instant = Timestamp::from_millisecond(millis).unwrap_or_default();
    format!("{instant:.9}")
}

/// The present, as answers show it.
pub(crate) fn now() -> String {
    format!("{:.9}", Timestamp::now())
}

/// Reads a length of time such as `6h` into milliseconds.
pub(crate) fn parse_duration(text: &str) -> Option<f64> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: f64 = digits.parse().ok()?;
    let unit = match &text[digits.len()..] {
        "ms" => 1.0,
        "s" => 1_000.0,
        "m" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        "w" => 604_800_000.0,
        _ => return None,
    };
    Some(number * unit)
}

#[cfg(test)]
mod tests {
    use super::{parse, parse_duration, text};

    #[test]
    fn time_and_zone_are_optional() {
        let midnight = 1_709_337_600_000;
        for spelling in
            ["2024-03-02", "2024-03-02T00:00:00", "2024-03-02T00:00:00Z", "2024-03-02T02:00:00+02:00"]
        {
            assert_eq!(parse(spelling), Some(midnight), "{spelling}");
        }
        assert_eq!(parse("noon"), None);
        assert_eq!(text(midnight), "2024-03-02T00:00:00.000000000Z");
    }

    #[test]
    fn length_of_time_has_a_unit() {
        assert_eq!(parse_duration("6h"), Some(21_600_000.0));
        assert_eq!(parse_duration("250ms"), Some(250.0));
        assert_eq!(parse_duration("6"), None);
    }
}
