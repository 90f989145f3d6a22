//! What an emulator can be told to do differently.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How an emulator behaves; the default is fast, strict and free of faults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// What is refused for being too large or too many.
    pub limits: Limits,
    /// How long answers take.
    pub latency: Latency,
    /// Shortest time between two commits of a namespace, in milliseconds; writes that wait share one.
    pub commit_interval_ms: u64,
    /// Refuses several functions in one `aggregate_by` and `limit` in aggregate queries.
    pub strict_aggregates: bool,
    /// Lets eventually consistent queries see a namespace as it was up to their `max_staleness_seconds` ago.
    pub stale_reads: bool,
    /// How long an index that is enabled on existing rows is being built, in milliseconds.
    pub index_build_ms: u64,
    /// Status of a query that needs an index still being built: 202 or 409.
    pub index_building_status: u16,
    /// Bytes of new rows indexed per second; `None` indexes at once, so the backlog stays empty.
    pub index_bytes_per_second: Option<u64>,
    /// Rows from which metadata shows approximate counts; below, no index was built yet and they are 0.
    pub first_index_rows: u64,
    /// The only key that is accepted; `None` accepts any.
    pub api_key: Option<String>,
    /// Answers copies and recalls asynchronously when the request prefers it.
    pub respond_async: bool,
}

/// Limits of the service as of October 2026.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of a request's body, unpacked.
    pub body_bytes: usize,
    /// Bytes of a document.
    pub row_bytes: u64,
    /// Bytes of an attribute's value, a whole array included.
    pub value_bytes: u64,
    /// Bytes of a filterable value, or of each element of a filterable array.
    pub filterable_bytes: u64,
    /// Bytes of a string id.
    pub id_bytes: usize,
    /// Bytes of an attribute's name.
    pub attribute_name_bytes: usize,
    /// Attributes of a namespace.
    pub attributes: usize,
    /// Vector attributes of a namespace.
    pub vector_columns: usize,
    /// Dimensions of a vector.
    pub vector_dims: usize,
    /// Rows that one `delete_by_filter` deletes.
    pub delete_by_filter_rows: usize,
    /// Rows that one `patch_by_filter` patches.
    pub patch_by_filter_rows: usize,
    /// Rows of an answer, and groups of an aggregation.
    pub rows: usize,
    /// Queries inside a multi-query.
    pub sub_queries: usize,
    /// Keys of an attribute order.
    pub order_keys: usize,
    /// Characters of a full-text query.
    pub text_query_chars: usize,
    /// Slots that the queries of a namespace share.
    pub query_slots: u32,
    /// How long a query waits for its slots, in milliseconds.
    pub slot_wait_ms: u64,
    /// Bytes not indexed yet above which writes are throttled.
    pub unindexed_bytes: u64,
}

/// How long the service takes, as the median and the 99th percentile of a log-normal distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// Of a commit.
    pub write: Spread,
    /// Of a query.
    pub query: Spread,
    /// Of everything else.
    pub other: Spread,
    /// Added to a namespace's first query, whose cache is cold.
    pub cold: Spread,
}

/// A log-normal distribution of milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spread {
    /// Half of all samples are shorter.
    pub median_ms: f64,
    /// One in a hundred samples is longer.
    pub p99_ms: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            latency: Latency::default(),
            commit_interval_ms: 0,
            strict_aggregates: true,
            stale_reads: false,
            index_build_ms: 0,
            index_building_status: 409,
            index_bytes_per_second: None,
            first_index_rows: 10_000,
            api_key: None,
            respond_async: false,
        }
    }
}

impl Settings {
    /// Takes as long as the service publishes: one commit a second per namespace, 165 ms in the median.
    #[must_use]
    pub fn realistic() -> Self {
        Self { latency: Latency::published(), commit_interval_ms: 1_000, ..Self::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 512 << 20,
            row_bytes: 64 << 20,
            value_bytes: 8 << 20,
            filterable_bytes: 4 << 10,
            id_bytes: 64,
            attribute_name_bytes: 128,
            attributes: 1_024,
            vector_columns: 8,
            vector_dims: 10_752,
            delete_by_filter_rows: 5_000_000,
            patch_by_filter_rows: 50_000,
            rows: 10_000,
            sub_queries: 16,
            order_keys: 8,
            text_query_chars: 8_192,
            query_slots: 16,
            slot_wait_ms: 800,
            unindexed_bytes: 2_000_000_000,
        }
    }
}

impl Latency {
    /// The numbers that the service publishes.
    #[must_use]
    pub fn published() -> Self {
        Self {
            write: Spread::new(165.0, 850.0),
            query: Spread::new(13.0, 29.0),
            other: Spread::new(15.0, 29.0),
            cold: Spread::new(316.0, 559.0),
        }
    }
}

impl Spread {
    /// A distribution with this median and this 99th percentile.
    #[must_use]
    pub fn new(median_ms: f64, p99_ms: f64) -> Self {
        Self { median_ms, p99_ms }
    }

    /// The sample that stands above a share of a standard normal variable's samples.
    pub(crate) fn at(self, deviations: f64) -> Duration {
        /// Standard deviations between the median and the 99th percentile.
        const P99: f64 = 2.326;
        if self.median_ms <= 0.0 {
            return Duration::ZERO;
        }
        let sigma = (self.p99_ms / self.median_ms).max(1.0).ln() / P99;
        let millis = self.median_ms * (sigma * deviations).exp();
        Duration::from_secs_f64((millis / 1_000.0).min(600.0))
    }

    pub(crate) fn sample(self) -> Duration {
        // Box and Muller turn two uniform variables into a normal one.
        let (a, b): (f64, f64) = (rand::random::<f64>().max(f64::MIN_POSITIVE), rand::random());
        self.at((-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn spread_has_its_median_and_its_percentile() {
        let spread = Spread::new(165.0, 850.0);
        assert_eq!(spread.at(0.0).as_millis(), 165);
        assert_eq!(spread.at(2.326).as_millis(), 850);
        let mut samples: Vec<_> = (0..2_000).map(|_| spread.sample().as_millis()).collect();
        samples.sort_unstable();
        assert!((130..210).contains(&samples[1_000]), "median {}", samples[1_000]);
    }
}
