use serde::Serialize;
use trace::span::StatusWord;
use trace::time::Timestamp;
use trace::trace::Session;
use utoipa::ToSchema;

use super::schema;

/// Traces that share a session id.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionView {
    id: String,
    trace_count: u64,
    span_count: u64,
    total_tokens: u64,
    /// US dollars.
    total_cost: f64,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    ended_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    last_active_at: Timestamp,
    #[schema(required)]
    duration_ms: Option<u64>,
    /// Mean duration of its traces in milliseconds.
    #[schema(required)]
    avg_latency_ms: Option<f64>,
    /// Traces with a failed span divided by traces.
    error_rate: f64,
    #[schema(value_type = schema::Status)]
    status: StatusWord,
    tags: Vec<String>,
}

impl From<Session> for SessionView {
    fn from(session: Session) -> Self {
        Self {
            id: session.id,
            trace_count: session.traces,
            span_count: session.spans,
            total_tokens: session.total_tokens,
            total_cost: session.total_cost,
            started_at: session.started_at,
            ended_at: session.ended_at,
            last_active_at: session.last_active_at,
            duration_ms: session.duration_ms,
            avg_latency_ms: session.avg_latency_ms,
            error_rate: session.error_rate,
            status: session.status,
            tags: session.tags,
        }
    }
}
