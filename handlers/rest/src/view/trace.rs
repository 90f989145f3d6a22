use serde::Serialize;
use trace::id::TraceId;
use trace::kind::Attributes;
use trace::span::StatusWord;
use trace::time::Timestamp;
use trace::trace::Trace;
use utoipa::ToSchema;

use super::schema;

/// The spans of one request, and what they add up to.
#[derive(Serialize, ToSchema)]
#[schema(as = Trace)]
pub(crate) struct TraceView {
    #[schema(value_type = String)]
    pub(crate) id: TraceId,
    #[schema(required)]
    name: Option<String>,
    tags: Vec<String>,
    #[schema(required)]
    session_id: Option<String>,
    #[schema(value_type = Object)]
    metadata: Attributes,
    #[schema(required)]
    machine_id: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    ended_at: Option<Timestamp>,
    #[schema(value_type = schema::Status)]
    status: StatusWord,
    span_count: u64,
    /// Whole milliseconds from the earliest start to the latest end.
    #[schema(required)]
    duration_ms: Option<u64>,
    input_tokens: u64,
    output_tokens: u64,
    total_tokens: u64,
    /// US dollars.
    total_cost: f64,
    models: Vec<String>,
    /// The beginning of the first user message of its root, else of its earliest model call: at most 200 characters
    /// in one line; null where nothing was recorded that says it.
    #[schema(required, max_length = 200)]
    input_preview: Option<String>,
}

impl From<Trace> for TraceView {
    fn from(trace: Trace) -> Self {
        Self {
            ended_at: trace.ended_at(),
            status: trace.status(),
            duration_ms: trace.duration_ms(),
            id: trace.id,
            name: trace.name,
            tags: trace.tags,
            session_id: trace.session_id,
            metadata: trace.metadata,
            machine_id: trace.machine_id,
            started_at: trace.started_at,
            span_count: trace.totals.spans,
            input_tokens: trace.totals.input_tokens,
            output_tokens: trace.totals.output_tokens,
            total_tokens: trace.totals.input_tokens.saturating_add(trace.totals.output_tokens),
            total_cost: trace.totals.cost,
            models: trace.totals.models,
            input_preview: trace.totals.preview.map(|preview| preview.text),
        }
    }
}
