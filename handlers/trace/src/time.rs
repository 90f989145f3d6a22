//! Points in time with microsecond precision.

use std::fmt;

use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is neither an RFC 3339 time nor a date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time is RFC 3339, such as 2025-03-01T10:00:00Z, or a date")]
pub struct InvalidTime;

/// A point in time: microseconds since 1970 in UTC, printed as RFC 3339 with `Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The years 0001 to 9999, less the last hours that no offset may overflow; RFC 3339 has no form beyond.
const RANGE: std::ops::RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_207_200_000_000;

impl Timestamp {
    /// Returns the time, clamped to the years RFC 3339 can write.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(*RANGE.start(), *RANGE.end()))
    }

    /// Returns the time of an OpenTelemetry `…UnixNano` field, truncated to microseconds.
    pub fn from_nanos(nanos: u64) -> Self {
        Self::from_micros(i64::try_from(nanos / 1_000).unwrap_or(i64::MAX))
    }

    /// Returns microseconds since 1970.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// Returns whole milliseconds from `earlier` to `self`, truncated; 0 when `self` is the earlier one.
    pub fn millis_since(self, earlier: Self) -> u64 {
        u64::try_from((self.0 - earlier.0) / 1_000).unwrap_or(0)
    }

    /// Returns the time `micros` before this one.
    #[must_use]
    pub fn minus_micros(self, micros: i64) -> Self {
        Self::from_micros(self.0.saturating_sub(micros))
    }

    /// Reads RFC 3339 with any offset. A time without one is in UTC; a date means its first moment.
    pub fn parse(text: &str) -> Result<Self, InvalidTime> {
        let text = text.trim();
        if let Ok(time) = text.parse::<jiff::Timestamp>() {
            return Ok(Self::from_micros(time.as_microsecond()));
        }
        // The civil parser reads over an offset or a zone, which would make another time of it.
        let clock = text.split_once(['T', 't', ' ']).map_or("", |(_, clock)| clock);
        if clock.contains(['Z', 'z', '+', '-', '[']) {
            return Err(InvalidTime);
        }
        let time: jiff::civil::DateTime = text.parse().map_err(|_| InvalidTime)?;
        let time = TimeZone::UTC.to_timestamp(time).map_err(|_| InvalidTime)?;
        Ok(Self::from_micros(time.as_microsecond()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.0 {
            n if n % 1_000_000 == 0 => 0,
            n if n % 1_000 == 0 => 3,
            _ => 6,
        };
        let time = jiff::Timestamp::from_microsecond(self.0).map_err(|_| fmt::Error)?;
        let printer = DateTimePrinter::new().precision(Some(digits));
        f.write_str(&printer.timestamp_to_string(&time))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn times_print_with_zero_three_or_six_digits() {
        let shown = |text: &str| Timestamp::parse(text).unwrap().to_string();
        assert_eq!(shown("2025-03-01T10:00:00+02:00"), "2025-03-01T08:00:00Z");
        assert_eq!(shown("2025-03-01T10:00:00.5Z"), "2025-03-01T10:00:00.500Z");
        assert_eq!(shown("2025-03-01T10:00:00.123456789Z"), "2025-03-01T10:00:00.123456Z");
        assert_eq!(shown("2025-03-01"), "2025-03-01T00:00:00Z");
    }

    #[test]
    fn a_time_without_an_offset_is_in_utc() {
        let shown = |text: &str| Timestamp::parse(text).unwrap().to_string();
        assert_eq!(shown("2025-03-01T10:20:30.123456"), "2025-03-01T10:20:30.123456Z");
        assert_eq!(shown("2025-03-01 10:20:30"), "2025-03-01T10:20:30Z");
        assert_eq!(shown("2025-03-01T10:20"), "2025-03-01T10:20:00Z");
    }

    #[test]
    fn texts_that_are_no_time_are_refused() {
        for text in [
            "",
            "yesterday",
            "2025-13-01",
            "12:00",
            "2025-03-01T10:20:61",
            "2025-03-01T10:20[Europe/Berlin]",
            "9999-12-31T23:59:59-23:00",
            "2025-03-01T25:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(text), Err(InvalidTime), "{text:?}");
        }
    }

    #[test]
    fn extreme_values_are_clamped_and_still_print() {
        assert_eq!(Timestamp::from_micros(i64::MAX).to_string(), "9999-12-30T22:00:00Z");
        assert_eq!(Timestamp::from_micros(i64::MIN).to_string(), "0001-01-01T00:00:00Z");
        let last = Timestamp::parse("9999-12-30T22:00:00.9Z").unwrap();
        assert_eq!(last.to_string(), "9999-12-30T22:00:00Z");
        assert!(Timestamp::from_nanos(u64::MAX).to_string().starts_with("2554-"));
    }

    #[test]
    fn a_span_that_ends_before_it_starts_lasts_zero() {
        let (a, b) = (Timestamp::from_micros(5_000), Timestamp::from_micros(2_000));
        assert_eq!(b.millis_since(a), 0);
        assert_eq!(a.millis_since(b), 3);
    }
}
