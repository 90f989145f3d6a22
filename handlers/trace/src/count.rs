//! Counts of tokens and bytes: whole numbers, however they are written.

use serde::{Deserialize, Deserializer};

/// The largest count. Larger ones are mistakes, and JSON readers keep whole numbers exact up to here.
pub const MAX: u64 = 1 << 53;

/// Returns the count a number stands for: itself when it is whole and not negative.
pub fn whole(number: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "checked to be whole and in range, whose bounds are exact"
    )]
    (number.fract() == 0.0 && (0.0..=MAX as f64).contains(&number)).then_some(number as u64)
}

/// Reads a count that may be absent, for `deserialize_with`; `10.0` is 10.
pub fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let Some(number) = Option::<serde_json::Number>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let count = number.as_u64().or_else(|| whole(number.as_f64()?));
    count.map(Some).ok_or_else(|| serde::de::Error::custom("a count is a whole number, not below 0"))
}

/// Reads a count that is 0 when absent, for `deserialize_with`; `10.0` is 10.
pub fn or_zero<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(optional(deserializer)?.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_from_zero_to_the_largest_are_counts() {
        assert_eq!([0.0, -0.0, 10.0, 9_007_199_254_740_992.0].map(whole), [0, 0, 10, MAX].map(Some));
        assert_eq!([-1.0, 0.5, 9_007_199_254_740_994.0, f64::NAN, f64::INFINITY].map(whole), [None; 5]);
    }
}
