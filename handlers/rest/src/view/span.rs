use serde::Serialize;
use trace::id::{SpanId, TraceId};
use trace::json::Json;
use trace::kind::{Attributes, Cost, LlmCall, SpanKind};
use trace::price::Prices;
use trace::span::{Payload, Span, SpanStatus};
use trace::time::Timestamp;
use utoipa::ToSchema;

use super::schema;

/// One step of a trace.
#[derive(Serialize, ToSchema)]
#[schema(as = Span)]
pub(crate) struct SpanView {
    #[schema(value_type = String)]
    pub(crate) id: SpanId,
    #[schema(value_type = String)]
    pub(crate) trace_id: TraceId,
    #[schema(value_type = Option<String>, required)]
    parent_id: Option<SpanId>,
    name: String,
    #[schema(value_type = schema::SpanKind)]
    kind: SpanKind,
    #[schema(value_type = schema::SpanStatus)]
    status: SpanStatus,
    /// Any JSON; absent when never set, or not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    input: Option<Json>,
    /// Any JSON; absent when never set, or not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    output: Option<Json>,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    ended_at: Option<Timestamp>,
    metadata: Metadata,
    /// Further attributes of an OpenTelemetry model call.
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    #[schema(value_type = Option<Object>)]
    attributes: Attributes,
}

/// What follows from the other members of a span.
#[derive(Serialize, ToSchema)]
#[schema(as = SpanMetadata)]
pub(crate) struct Metadata {
    #[schema(required)]
    model: Option<String>,
    #[schema(required)]
    input_tokens: Option<u64>,
    #[schema(required)]
    output_tokens: Option<u64>,
    /// Whole milliseconds; null while the span runs.
    #[schema(required)]
    duration_ms: Option<u64>,
    #[schema(required)]
    total_tokens: Option<u64>,
    /// US dollars; null when unknown.
    #[schema(required)]
    estimated_cost: Option<f64>,
    /// The same as `estimated_cost`.
    #[schema(required)]
    total_cost: Option<f64>,
    /// What the proxy saw of a streamed answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    output_meta: Option<OutputMeta>,
    /// Tokens and cost by class, where a single span is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_breakdown: Option<Vec<CostClass>>,
}

/// What the proxy saw of a streamed answer.
#[derive(Serialize, ToSchema)]
struct OutputMeta {
    /// Milliseconds until the first byte of the answer.
    ms_to_first_chunk: u64,
}

/// The tokens of one class and what they cost.
#[derive(Serialize, ToSchema)]
struct CostClass {
    /// `input`, `cached_input`, `cache_write`, `cache_write_1h`, `audio_input`, `output`, `reasoning` or `audio_output`.
    class: &'static str,
    tokens: u64,
    /// US dollars for a million tokens.
    price_per_million: f64,
    /// US dollars.
    cost: f64,
}

/// Returns what follows from a span's other members.
fn span_metadata(span: &Span) -> Metadata {
    let call = span.kind.llm();
    let usage = call.map(|call| call.usage).unwrap_or_default();
    let cost = call.and_then(|call| call.cost).map(Cost::usd);
    Metadata {
        model: call.map(|call| call.model.clone()),
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        duration_ms: span.duration_ms(),
        total_tokens: usage.total(),
        estimated_cost: cost,
        total_cost: cost,
        output_meta: span.ms_to_first_chunk.map(|ms_to_first_chunk| OutputMeta { ms_to_first_chunk }),
        cost_breakdown: None,
    }
}

impl SpanView {
    /// Returns the view of a span with its payload, which is empty where it was not asked for.
    pub(crate) fn new(span: Span, payload: Payload) -> Self {
        let metadata = span_metadata(&span);
        Self {
            id: span.id,
            trace_id: span.trace_id,
            parent_id: span.parent_id,
            name: span.name,
            kind: span.kind,
            status: span.status,
            input: payload.input,
            output: payload.output,
            started_at: span.started_at,
            ended_at: span.ended_at,
            metadata,
            attributes: span.attributes,
        }
    }

    /// Adds tokens and cost by class.
    pub(crate) fn with_breakdown(mut self, prices: &Prices) -> Self {
        let classes = self.kind.llm().and_then(|call| breakdown(call, &self.attributes, prices));
        self.metadata.cost_breakdown = classes;
        self
    }
}

/// Returns the classes of a call whose cost we estimated; a cost the client named has none.
fn breakdown(call: &LlmCall, attributes: &Attributes, prices: &Prices) -> Option<Vec<CostClass>> {
    let Some(Cost::Estimated(_)) = call.cost else {
        return None;
    };
    let classes = prices.call_breakdown(call, attributes)?;
    let view = |class: trace::price::ClassCost| CostClass {
        class: class.class,
        tokens: class.tokens,
        price_per_million: class.price_per_million,
        cost: class.cost,
    };
    Some(classes.into_iter().map(view).collect())
}
