use async_trait::async_trait;

use super::StoreError;
use crate::filter::Filter;
use crate::id::Scope;
use crate::latency::Histogram;

/// Which spans a summary is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SummaryQuery {
    /// Only what matches; an empty filter, or one of times alone, is answered from sums kept per hour.
    pub filter: Filter,
}

/// What spans add up to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Number of traces: those that started in the time asked for when the filter has times alone or nothing,
    /// else those with a selected span.
    pub traces: u64,
    /// Number of spans.
    pub spans: u64,
    /// Spans that are model calls.
    pub llm_calls: u64,
    /// Failed spans.
    pub failed: u64,
    /// US dollars.
    pub cost: f64,
    /// Mean duration of ended spans in milliseconds; `None` when none has ended.
    pub avg_latency_ms: Option<f64>,
    /// One row per model and provider of model calls, the costliest first, then by name.
    pub models: Vec<ModelRow>,
}

/// What the calls of one model add up to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelRow {
    /// The model.
    pub model: String,
    /// Who served it.
    pub provider: Option<String>,
    /// Number of calls.
    pub calls: u64,
    /// US dollars.
    pub cost: f64,
    /// Input tokens.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
}

/// How long ended spans took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// All spans.
    pub all: Histogram,
    /// One row per model and provider of model calls, by name.
    pub models: Vec<ModelLatency>,
}

/// How long the calls of one model took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelLatency {
    /// The model.
    pub model: String,
    /// Who served it.
    pub provider: Option<String>,
    /// The ended calls.
    pub latency: Histogram,
}

/// Sums by hour, model, provider, kind and status, kept so that analytics never scan spans.
#[async_trait]
pub trait Rollups: Send + Sync {
    /// Returns what the selected spans add up to.
    async fn summary(&self, scope: &Scope, query: &SummaryQuery) -> Result<Summary, StoreError>;

    /// Returns how long the selected spans took.
    async fn latencies(&self, scope: &Scope, query: &SummaryQuery) -> Result<Latencies, StoreError>;

    /// Recomputes every sum from the spans.
    async fn repair(&self, scope: &Scope) -> Result<(), StoreError>;
}
