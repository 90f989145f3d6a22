//! Spans as rows.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use trace::id::{SpanId, TraceId};
use trace::kind::{Attributes, Cost, SpanKind};
use trace::ports::{BatchId, StoreError};
use trace::span::{Span, SpanStatus};
use trace::time::Timestamp;
use uuid::Uuid;

use crate::client::Row;
use crate::key::key;
use crate::packed::{pack, unpack};
use crate::pico::pico;
use crate::side::{Side, Which};

/// The word that tells spans from traces.
pub(crate) const KIND: &str = "span";

/// A span with what only stores know of it.
#[derive(Clone, Debug)]
pub(crate) struct SpanRow {
    pub(crate) span: Arc<Span>,
    /// When it was first written, which orders spans that share an id and a start.
    pub(crate) born: u64,
    /// When its trace was, which orders spans that share an id and any other value.
    pub(crate) trace_born: u64,
    pub(crate) version: u64,
    /// The write that created it.
    pub(crate) creator: Option<BatchId>,
    pub(crate) input: Option<Arc<Side>>,
    pub(crate) output: Option<Arc<Side>>,
}

/// Everything a span holds, as no index sees it.
#[derive(Serialize, Deserialize)]
struct Document {
    id: SpanId,
    trace_id: TraceId,
    /// The write that created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent_id: Option<SpanId>,
    name: String,
    kind: SpanKind,
    /// The bits of a cost and whether the client named it: a JSON number says neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cost: Option<(u64, Named)>,
    status: SpanStatus,
    started_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    attributes: Attributes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ms_to_first_chunk: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    preview: Option<String>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Named {
    #[serde(rename = "g")]
    Given,
    #[serde(rename = "e")]
    Estimated,
}

/// Returns the row of a span; what decides about writing it is set by the writer.
pub(crate) fn encode(stored: &SpanRow) -> Row {
    let span = &*stored.span;
    let mut row = Row::new(crate::ids::span(&span.trace_id, &span.id));
    row.set("kind", KIND);
    row.set("trace_id", crate::ids::trace(&span.trace_id).to_string());
    row.set("span_id", span.id.as_str());
    row.set("tie", tie(span, stored.trace_born));
    row.set("born", stored.born);
    row.set("ver", stored.version);
    row.set("name", key(&span.name));
    row.set("name_lc", key(&span.name.to_lowercase()));
    row.set("sk", span.kind.type_word());
    row.set_some("word", span.kind.custom_word().map(key));
    row.set_some("path", span.kind.path().map(key));
    row.set("state", span.status.word().as_str());
    row.set("start_us", span.started_at.as_micros());
    row.set_some("end_us", span.ended_at.map(Timestamp::as_micros));
    row.set("dur_ms", integer(span.duration_ms().unwrap_or(0)));
    let call = span.kind.llm();
    let usage = call.map(|call| call.usage).unwrap_or_default();
    row.set_some("model", call.map(|call| key(&call.model)));
    row.set_some("provider", call.and_then(|call| call.provider.as_deref()).map(key));
    row.set_some("tok_in", usage.input_tokens.map(integer));
    row.set_some("tok_out", usage.output_tokens.map(integer));
    row.set("tok_tot", integer(usage.total().unwrap_or(0)));
    let cost = call.and_then(|call| call.cost).map(Cost::usd);
    row.set("cost_p", pico(cost.unwrap_or(0.0)));
    row.set_some("priced", cost.map(|_| true));
    row.set("doc", pack(&document(span, stored.creator)));
    for (side, which) in [(&stored.input, Which::Input), (&stored.output, Which::Output)] {
        if let Some(side) = side {
            side.set(&mut row, which);
        }
    }
    row
}

/// Returns what breaks ties between spans: the id, then how old the trace is, joined by a character that sorts below
/// all of an id's.
fn tie(span: &Span, trace_born: u64) -> String {
    format!("{}\u{1}{trace_born:020}\u{1}{}", span.id, span.trace_id)
}

fn document(span: &Span, creator: Option<BatchId>) -> String {
    let cost = span.kind.llm().and_then(|call| call.cost).map(|cost| match cost {
        Cost::Given(usd) => (usd.to_bits(), Named::Given),
        Cost::Estimated(usd) => (usd.to_bits(), Named::Estimated),
    });
    let document = Document {
        id: span.id.clone(),
        trace_id: span.trace_id.clone(),
        by: creator.map(|creator| creator.0),
        parent_id: span.parent_id.clone(),
        name: span.name.clone(),
        kind: span.kind.clone(),
        cost,
        status: span.status.clone(),
        started_at: span.started_at.as_micros(),
        ended_at: span.ended_at.map(Timestamp::as_micros),
        attributes: span.attributes.clone(),
        ms_to_first_chunk: span.ms_to_first_chunk,
        preview: span.preview.clone(),
    };
    serde_json::to_string(&document).expect("a span has a JSON form")
}

/// The attributes that [`span`] needs.
pub(crate) const SPAN: &[&str] = &["doc"];

/// Returns the span of a row.
pub(crate) fn span(row: &Row) -> Result<Span, StoreError> {
    document_of(row).map(span_of)
}

/// Returns which write created the span of a row.
pub(crate) fn creator(row: &Row) -> Result<Option<BatchId>, StoreError> {
    document_of(row).map(|document| document.by.map(BatchId))
}

fn document_of(row: &Row) -> Result<Document, StoreError> {
    let text = unpack(row.text("doc")?)?;
    serde_json::from_str(&text).map_err(|error| StoreError::corrupt("span", error))
}

fn span_of(document: Document) -> Span {
    let mut kind = document.kind;
    if let (SpanKind::LlmCall(call), Some((bits, named))) = (&mut kind, document.cost) {
        let usd = f64::from_bits(bits);
        call.cost = Some(match named {
            Named::Given => Cost::Given(usd),
            Named::Estimated => Cost::Estimated(usd),
        });
    }
    Span {
        id: document.id,
        trace_id: document.trace_id,
        parent_id: document.parent_id,
        name: document.name,
        kind,
        status: document.status,
        started_at: Timestamp::from_micros(document.started_at),
        ended_at: document.ended_at.map(Timestamp::from_micros),
        attributes: document.attributes,
        ms_to_first_chunk: document.ms_to_first_chunk,
        preview: document.preview,
    }
}

/// The attributes that [`decode`] needs besides those of the sides.
pub(crate) const WHOLE: &[&str] = &["doc", "born", "ver", "tie"];

/// Returns a row as it can be written again.
pub(crate) fn decode(row: &mut Row) -> Result<SpanRow, StoreError> {
    let trace_born = row.text("tie")?.split('\u{1}').nth(1).and_then(|born| born.parse().ok());
    let document = document_of(row)?;
    Ok(SpanRow {
        creator: document.by.map(BatchId),
        span: Arc::new(span_of(document)),
        born: row.unsigned("born")?,
        trace_born: trace_born.ok_or_else(|| StoreError::corrupt("span", "its tie cannot be read"))?,
        version: row.unsigned("ver")?,
        input: Side::take(row, Which::Input).map(Arc::new),
        output: Side::take(row, Which::Output).map(Arc::new),
    })
}

/// Returns a count as the service keeps it.
pub(crate) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Returns the id of the row of the span's trace.
pub(crate) fn trace_of(row: &Row) -> Result<Uuid, StoreError> {
    row.uuid("trace_id")
}
