//! How durations are spread: fixed buckets, and percentiles estimated from what is in them.
//!
//! Bucket 0 holds durations of 0 ms. Above it every doubling has 8 buckets of equal width: from 8 to 15 ms each holds
//! one millisecond, from 16 to 31 ms two, and so on; below 8 ms only those are used that hold a whole millisecond.
//! So durations below 16 ms are kept as they are. Of any other the middle of its bucket is told, which is off by less
//! than a sixteenth (6.25 %) of it. There are 513 buckets; the last one ends at the largest number of 64 bits.
//!
//! Stores keep numbers of buckets for ever: what a bucket holds must never change.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Buckets of a doubling.
const PARTS: u16 = 8;

/// How many doublings are too short for all their buckets, as 2 to the power of this is the number of those.
const SHORT: u16 = 3;

/// How many buckets there are.
pub const BUCKETS: u16 = 1 + 64 * PARTS;

/// Returns the bucket of a duration in milliseconds.
pub fn bucket(ms: u64) -> u16 {
    let Some(doubling) = ms.checked_ilog2().and_then(|doubling| u16::try_from(doubling).ok()) else {
        return 0;
    };
    let part = if doubling >= SHORT { ms >> (doubling - SHORT) } else { ms << (SHORT - doubling) };
    1 + doubling * PARTS + u16::try_from(part % u64::from(PARTS)).unwrap_or(0)
}

/// Returns the milliseconds that a bucket holds; those of one that is never used lie in the one below it.
///
/// Buckets beyond [`BUCKETS`] count as the last one.
pub fn bounds(bucket: u16) -> RangeInclusive<u64> {
    let Some(above) = bucket.min(BUCKETS - 1).checked_sub(1) else { return 0..=0 };
    let (doubling, part) = (above / PARTS, u64::from(PARTS + above % PARTS));
    if doubling < SHORT {
        let ms = part >> (SHORT - doubling);
        return ms..=ms;
    }
    let shift = doubling - SHORT;
    let first = part << shift;
    first..=first + ((1 << shift) - 1)
}

/// How many durations are in each bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram(BTreeMap<u16, u64>);

impl Histogram {
    /// Counts a duration in milliseconds in.
    pub fn add(&mut self, ms: u64) {
        self.add_to(bucket(ms), 1);
    }

    /// Adds so many durations to a bucket.
    pub fn add_to(&mut self, bucket: u16, count: u64) {
        if count > 0 {
            let held = self.0.entry(bucket.min(BUCKETS - 1)).or_default();
            *held = held.saturating_add(count);
        }
    }

    /// Adds what another one holds.
    pub fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(bucket, count)| self.add_to(bucket, count));
    }

    /// Returns how many durations there are.
    pub fn count(&self) -> u64 {
        self.0.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Returns whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the buckets that hold any, the shortest durations first, and how many.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u64)> {
        self.0.iter().map(|(bucket, count)| (*bucket, *count))
    }

    /// Estimates a percentile in milliseconds, from 0 to 100, with linear interpolation between neighbours. `None`
    /// when there are no durations.
    ///
    /// The estimate is exact below 16 ms and off by less than a sixteenth above.
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rank is a place among durations, and no one counts 2^52"
    )]
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let last = self.count().checked_sub(1)?;
        let rank = last as f64 * percent.clamp(0.0, 100.0) / 100.0;
        let (below, above) = (self.at(rank.floor())?, self.at(rank.ceil())?);
        Some(below + (above - below) * rank.fract())
    }

    /// Returns the middle of the bucket that holds the duration of this rank; the shortest has rank 0.
    #[expect(clippy::cast_precision_loss, reason = "see `percentile`")]
    fn at(&self, rank: f64) -> Option<f64> {
        let mut seen = 0_u64;
        let mut found = None;
        for (bucket, count) in self.iter() {
            found = Some(bounds(bucket));
            seen = seen.saturating_add(count);
            if rank < seen as f64 {
                break;
            }
        }
        found.map(|bounds| f64::midpoint(*bounds.start() as f64, *bounds.end() as f64))
    }
}

impl FromIterator<u64> for Histogram {
    /// Counts durations in milliseconds.
    fn from_iter<I: IntoIterator<Item = u64>>(durations: I) -> Self {
        let mut histogram = Self::default();
        durations.into_iter().for_each(|ms| histogram.add(ms));
        histogram
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_grow_with_durations_and_double_every_eight() {
        let buckets: Vec<u16> = (0..100_000).map(bucket).collect();
        assert!(buckets.is_sorted());
        assert_eq!(bucket(0), 0);
        for ms in [8, 9, 100, 12_345, 1 << 40] {
            assert_eq!(bucket(2 * ms), bucket(ms) + 8);
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn what_buckets_hold_never_changes() {
        // Stores have these numbers on disk.
        let known = [(1, 1), (2, 9), (3, 13), (4, 17), (7, 23), (8, 25), (15, 32), (16, 33), (17, 33)];
        for (ms, number) in known.into_iter().chain([(18, 34), (1_000, 80), (60_000, 127)]) {
            assert_eq!(bucket(ms), number, "{ms}");
        }
    }

    #[test]
    fn bounds_follow_each_other_without_a_gap() {
        let used: Vec<u16> =
            (0..BUCKETS).filter(|number| bucket(*bounds(*number).start()) == *number).collect();
        assert_eq!(used.len(), usize::from(BUCKETS) - (7 + 6 + 4));
        for pair in used.windows(2) {
            assert_eq!(bounds(pair[0]).end() + 1, *bounds(pair[1]).start(), "{pair:?}");
        }
        assert_eq!((bounds(0), *bounds(BUCKETS - 1).end()), (0..=0, u64::MAX));
    }

    #[test]
    fn no_durations_have_no_percentile_and_one_is_all_of_them() {
        assert_eq!(Histogram::default().percentile(50.0), None);
        let one: Histogram = [12].into_iter().collect();
        for percent in [0.0, 50.0, 100.0] {
            assert_eq!(one.percentile(percent), Some(12.0));
        }
    }

    #[test]
    fn short_durations_are_told_exactly() {
        let histogram: Histogram = (1..=10).collect();
        assert_eq!(histogram.percentile(50.0), Some(5.5));
        assert_eq!((histogram.percentile(0.0), histogram.percentile(100.0)), (Some(1.0), Some(10.0)));
        assert_eq!(histogram.percentile(95.0).map(|ms| (ms * 100.0).round()), Some(955.0));
    }

    proptest! {
        #[test]
        fn a_duration_lies_in_its_bucket(ms in any::<u64>()) {
            prop_assert!(bounds(bucket(ms)).contains(&ms));
        }

        #[test]
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss,
            reason = "a plain computation to compare with")]
        fn an_estimate_is_off_by_less_than_a_sixteenth(
            mut durations in prop::collection::vec(0_u64..10_000_000, 1..200),
            percent in 0.0_f64..=100.0,
        ) {
            let histogram: Histogram = durations.iter().copied().collect();
            durations.sort_unstable();
            let rank = (durations.len() - 1) as f64 * percent / 100.0;
            let at = |rank: f64| durations[rank as usize] as f64;
            let exact = at(rank.floor()) + (at(rank.ceil()) - at(rank.floor())) * rank.fract();
            let estimate = histogram.percentile(percent).unwrap();
            prop_assert!((estimate - exact).abs() <= exact / 16.0 + 1e-6, "{} for {}", estimate, exact);
        }

        #[test]
        fn histograms_add_up(
            some in prop::collection::vec(any::<u64>(), 0..50),
            more in prop::collection::vec(any::<u64>(), 0..50),
        ) {
            let mut merged: Histogram = some.iter().copied().collect();
            merged.merge(&more.iter().copied().collect());
            prop_assert_eq!(merged, some.into_iter().chain(more).collect::<Histogram>());
        }
    }
}
