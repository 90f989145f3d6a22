//! Costs as whole numbers of 10⁻¹² dollars, which add up and compare the same everywhere.

const PER_DOLLAR: f64 = 1e12;

/// Returns US dollars in picodollars, the nearest; nine million dollars and more are one.
#[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
pub(crate) fn pico(usd: f64) -> i64 {
    (usd * PER_DOLLAR).round() as i64
}

/// Returns picodollars in US dollars.
#[expect(clippy::cast_precision_loss, reason = "sums below nine thousand dollars are exact")]
pub(crate) fn usd(pico: i64) -> f64 {
    pico as f64 / PER_DOLLAR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_come_back_from_a_position() {
        for cost in [0.0, 0.25, 0.1 + 0.2, 3e-9, 1_234.567_891] {
            assert_eq!(pico(usd(pico(cost))), pico(cost));
        }
        assert_eq!((pico(f64::MAX), pico(f64::NAN)), (i64::MAX, 0));
    }
}
