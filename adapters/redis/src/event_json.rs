//! Events as they travel through Redis.
//!
//! Payloads never travel: whoever shows a span reads its payload from the store. An event that is large all the same,
//! by its attributes, travels without them and says so, and its receiver reads the span from the store.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use trace::event::Event;
use trace::id::{SpanId, TraceId};
use trace::kind::{Attributes, Cost, SpanKind};
use trace::ports::StoreError;
use trace::preview::Preview;
use trace::span::{Span, SpanStatus};
use trace::time::Timestamp;
use trace::trace::{Totals, Trace};

/// The largest event that travels whole, in bytes (auth-cloud §11).
const LARGEST: usize = 256 * 1024;

/// An event, or that some were lost.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// What happened.
    Event(Event),
    /// The same, but the span's attributes must be read from the store.
    Truncated(Event),
    /// Events were lost here: listeners reload.
    Resync,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum EventJson {
    Span {
        span: Box<SpanJson>,
        session_id: Option<String>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        truncated: bool,
    },
    SpanDeleted {
        span_id: SpanId,
        trace_id: TraceId,
    },
    TraceCreated {
        trace: Box<TraceJson>,
    },
    TraceUpdated {
        trace: Box<TraceJson>,
    },
    TraceDeleted {
        trace_id: TraceId,
    },
    Cleared,
    Resync,
}

#[derive(Serialize, Deserialize)]
struct SpanJson {
    id: SpanId,
    trace_id: TraceId,
    parent_id: Option<SpanId>,
    name: String,
    kind: SpanKind,
    /// Whether the cost of a model call was given by the client.
    cost_given: bool,
    status: SpanStatus,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    attributes: Attributes,
    ms_to_first_chunk: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct TraceJson {
    id: TraceId,
    name: Option<String>,
    tags: Vec<String>,
    session_id: Option<String>,
    metadata: Attributes,
    machine_id: Option<String>,
    started_at: Timestamp,
    totals: TotalsJson,
}

#[derive(Serialize, Deserialize)]
struct TotalsJson {
    spans: u64,
    running: u64,
    failed: u64,
    llm_calls: u64,
    input_tokens: u64,
    output_tokens: u64,
    cost: f64,
    first_start: Option<Timestamp>,
    last_end: Option<Timestamp>,
    models: Vec<String>,
    /// Absent in what older instances tell.
    #[serde(default)]
    preview: Option<Preview>,
}

/// Returns the event as it travels.
fn encode(event: &Event) -> Result<String, serde_json::Error> {
    let whole = serde_json::to_string(&json(event, false))?;
    if whole.len() <= LARGEST {
        return Ok(whole);
    }
    serde_json::to_string(&json(event, true))
}

/// Returns the events as they travel, after what tells listeners to reload where some were lost before.
pub(crate) fn encode_all(events: &[Event], lost: bool) -> Result<Vec<String>, StoreError> {
    let reload = lost.then(resync);
    let encoded = reload.into_iter().chain(events.iter().map(encode));
    encoded.map(|event| event.map_err(|error| StoreError::corrupt("event", error))).collect()
}

/// Returns what tells listeners to reload.
pub(crate) fn resync() -> Result<String, serde_json::Error> {
    serde_json::to_string(&EventJson::Resync)
}

/// Reads what travelled.
pub(crate) fn decode(text: &str) -> Result<Told, serde_json::Error> {
    let event = match serde_json::from_str(text)? {
        EventJson::Span { span, session_id, truncated } => {
            let event = Event::Span { span: Arc::new((*span).into()), session_id };
            return Ok(if truncated { Told::Truncated(event) } else { Told::Event(event) });
        }
        EventJson::SpanDeleted { span_id, trace_id } => Event::SpanDeleted { span_id, trace_id },
        EventJson::TraceCreated { trace } => Event::TraceCreated(Arc::new((*trace).into())),
        EventJson::TraceUpdated { trace } => Event::TraceUpdated(Arc::new((*trace).into())),
        EventJson::TraceDeleted { trace_id } => Event::TraceDeleted(trace_id),
        EventJson::Cleared => Event::Cleared,
        EventJson::Resync => return Ok(Told::Resync),
    };
    Ok(Told::Event(event))
}

fn json(event: &Event, truncated: bool) -> EventJson {
    match event {
        Event::Span { span, session_id } => EventJson::Span {
            span: Box::new(span_json(span, truncated)),
            session_id: session_id.clone(),
            truncated,
        },
        Event::SpanDeleted { span_id, trace_id } => {
            EventJson::SpanDeleted { span_id: span_id.clone(), trace_id: trace_id.clone() }
        }
        Event::TraceCreated(trace) => {
            EventJson::TraceCreated { trace: Box::new(trace_json(trace, truncated)) }
        }
        Event::TraceUpdated(trace) => {
            EventJson::TraceUpdated { trace: Box::new(trace_json(trace, truncated)) }
        }
        Event::TraceDeleted(trace_id) => EventJson::TraceDeleted { trace_id: trace_id.clone() },
        Event::Cleared => EventJson::Cleared,
    }
}

fn span_json(span: &Span, truncated: bool) -> SpanJson {
    let mut kind = span.kind.clone();
    if truncated && let SpanKind::Custom { attributes, .. } = &mut kind {
        attributes.clear();
    }
    SpanJson {
        id: span.id.clone(),
        trace_id: span.trace_id.clone(),
        parent_id: span.parent_id.clone(),
        name: span.name.clone(),
        cost_given: matches!(span.kind.llm().and_then(|call| call.cost), Some(Cost::Given(_))),
        kind,
        status: span.status.clone(),
        started_at: span.started_at,
        ended_at: span.ended_at,
        attributes: if truncated { Attributes::new() } else { span.attributes.clone() },
        ms_to_first_chunk: span.ms_to_first_chunk,
    }
}

fn trace_json(trace: &Trace, truncated: bool) -> TraceJson {
    let totals = &trace.totals;
    TraceJson {
        id: trace.id.clone(),
        name: trace.name.clone(),
        tags: trace.tags.clone(),
        session_id: trace.session_id.clone(),
        metadata: if truncated { Attributes::new() } else { trace.metadata.clone() },
        machine_id: trace.machine_id.clone(),
        started_at: trace.started_at,
        totals: TotalsJson {
            spans: totals.spans,
            running: totals.running,
            failed: totals.failed,
            llm_calls: totals.llm_calls,
            input_tokens: totals.input_tokens,
            output_tokens: totals.output_tokens,
            cost: totals.cost,
            first_start: totals.first_start,
            last_end: totals.last_end,
            models: totals.models.clone(),
            preview: totals.preview.clone(),
        },
    }
}

impl From<SpanJson> for Span {
    fn from(json: SpanJson) -> Self {
        let mut kind = json.kind;
        if let SpanKind::LlmCall(call) = &mut kind {
            call.cost = call.cost.map(|cost| match cost {
                Cost::Given(usd) | Cost::Estimated(usd) if json.cost_given => Cost::Given(usd),
                Cost::Given(usd) | Cost::Estimated(usd) => Cost::Estimated(usd),
            });
        }
        Self {
            id: json.id,
            trace_id: json.trace_id,
            parent_id: json.parent_id,
            name: json.name,
            kind,
            status: json.status,
            started_at: json.started_at,
            ended_at: json.ended_at,
            attributes: json.attributes,
            ms_to_first_chunk: json.ms_to_first_chunk,
            preview: None,
        }
    }
}

impl From<TraceJson> for Trace {
    fn from(json: TraceJson) -> Self {
        let totals = json.totals;
        Self {
            id: json.id,
            name: json.name,
            tags: json.tags,
            session_id: json.session_id,
            metadata: json.metadata,
            machine_id: json.machine_id,
            started_at: json.started_at,
            totals: Totals {
                spans: totals.spans,
                running: totals.running,
                failed: totals.failed,
                llm_calls: totals.llm_calls,
                input_tokens: totals.input_tokens,
                output_tokens: totals.output_tokens,
                cost: totals.cost,
                first_start: totals.first_start,
                last_end: totals.last_end,
                models: totals.models,
                preview: totals.preview,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use trace::testing::{completed, llm_span, span};

    use super::*;

    fn back(event: &Event) -> Told {
        decode(&encode(event).unwrap()).unwrap()
    }

    #[test]
    fn events_read_back_the_same() {
        let id = |text| TraceId::parse(text).unwrap();
        let events = [
            Event::Span {
                span: Arc::new(completed(llm_span("t", "s", 1, "gpt-4o"), 2)),
                session_id: Some("s/1".to_owned()),
            },
            Event::SpanDeleted { span_id: SpanId::parse("a").unwrap(), trace_id: id("t") },
            Event::TraceDeleted(id("t")),
            Event::Cleared,
        ];
        for event in events {
            assert_eq!(back(&event), Told::Event(event));
        }
        assert_eq!(decode(&resync().unwrap()).unwrap(), Told::Resync);
    }

    #[test]
    fn large_events_travel_without_attributes() {
        let mut span = span("t", "s", 1);
        span.attributes.insert("big".to_owned(), "x".repeat(LARGEST).into());
        let event = Event::Span { span: Arc::new(span.clone()), session_id: None };
        span.attributes.clear();
        assert_eq!(back(&event), Told::Truncated(Event::Span { span: Arc::new(span), session_id: None }));
        assert!(encode(&event).unwrap().len() < 2_000);
    }
}
