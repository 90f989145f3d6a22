//! Small values to build tests from.

use std::sync::{Arc, LazyLock};

use uuid::Uuid;

use crate::id::{OrgId, ProjectId, Scope, SpanId, TraceId};
use crate::json::Json;
use crate::kind::{Attributes, Cost, LlmCall, SpanKind, Usage};
use crate::ports::{Batch, SpanKey, SpanWrite};
use crate::price::Prices;
use crate::span::{NewSpan, Payload, Span, SpanStatus, Version};
use crate::time::Timestamp;
use crate::trace::{NameRank, NewTrace};

/// 2025-01-01 in microseconds since 1970.
const START: i64 = 1_735_689_600_000_000;

/// Returns a tenant; every number is another one.
pub fn scope(number: u128) -> Scope {
    Scope { org: OrgId(Uuid::from_u128(1)), project: ProjectId(Uuid::from_u128(number)) }
}

/// Returns a time so many milliseconds after the start of 2025.
pub fn time(millis: i64) -> Timestamp {
    Timestamp::from_micros(START + millis * 1_000)
}

/// Returns a running span of a custom kind that started at `millis`.
pub fn span(trace: &str, id: &str, millis: i64) -> Span {
    Span {
        id: SpanId::parse(id).unwrap(),
        trace_id: TraceId::parse(trace).unwrap(),
        parent_id: None,
        name: format!("step {id}"),
        kind: SpanKind::Custom { kind: "custom".to_owned(), attributes: Attributes::new() },
        status: SpanStatus::Running,
        started_at: time(millis),
        ended_at: None,
        attributes: Attributes::new(),
        ms_to_first_chunk: None,
        preview: None,
    }
}

/// Returns a running call of `model` that started at `millis`, with 10 input and 5 output tokens at 0.25 dollars.
pub fn llm_span(trace: &str, id: &str, millis: i64, model: &str) -> Span {
    let usage = Usage { input_tokens: Some(10), output_tokens: Some(5), ..Usage::default() };
    let call = LlmCall {
        model: model.to_owned(),
        provider: Some("openai".to_owned()),
        usage,
        cost: Some(Cost::Given(0.25)),
        ..LlmCall::default()
    };
    Span { kind: SpanKind::LlmCall(call), ..span(trace, id, millis) }
}

/// Returns the span as it is after it ended well, so many milliseconds after its start.
pub fn completed(span: Span, millis: i64) -> Span {
    let ended_at = Timestamp::from_micros(span.started_at.as_micros() + millis * 1_000);
    Span { status: SpanStatus::Completed, ended_at: Some(ended_at), ..span }
}

/// Returns the write of a span with input and output given as JSON texts.
pub fn new_span(span: Span, input: Option<&str>, output: Option<&str>) -> NewSpan {
    let json = |text: Option<&str>| text.map(|text| Json::parse(text).unwrap());
    let version = Version::new(&span.status, span.ended_at.unwrap_or(span.started_at));
    NewSpan { span, payload: Payload { input: json(input), output: json(output) }, version }
}

/// Returns the write of a trace with a name, tags and a session.
pub fn new_trace(
    id: &str,
    millis: i64,
    name: Option<&str>,
    tags: &[&str],
    session: Option<&str>,
) -> NewTrace {
    NewTrace {
        name: name.map(|name| (name.to_owned(), NameRank::Given)),
        tags: tags.iter().map(ToString::to_string).collect(),
        session_id: session.map(str::to_owned),
        ..NewTrace::implicit(TraceId::parse(id).unwrap(), time(millis))
    }
}

static PRICES: LazyLock<Arc<Prices>> = LazyLock::new(Arc::default);

/// Returns a batch with the built-in prices.
pub fn batch(traces: Vec<NewTrace>, spans: Vec<SpanWrite>) -> Batch {
    Batch { traces, spans, prices: Arc::clone(&PRICES), id: None, can_wait: false }
}

/// Returns the names of so many spans of one trace.
pub fn span_keys(count: usize) -> Vec<SpanKey> {
    let key = |number| SpanKey {
        trace_id: TraceId::parse("t").unwrap(),
        span_id: SpanId::parse(&format!("s{number}")).unwrap(),
    };
    (0..count).map(key).collect()
}
