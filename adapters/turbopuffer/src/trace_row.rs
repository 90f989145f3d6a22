//! Traces as rows.

use serde::{Deserialize, Serialize};
use trace::id::TraceId;
use trace::kind::Attributes;
use trace::ports::StoreError;
use trace::preview::Preview;
use trace::time::Timestamp;
use trace::trace::{NameRank, Totals, Trace};

use crate::client::Row;
use crate::ids;
use crate::key::key;
use crate::packed::{pack, unpack};
use crate::pico::pico;
use crate::span_row::integer;

/// The word that tells traces from spans.
pub(crate) const KIND: &str = "trace";

/// The word of what stands where a deleted trace was, so that a write that had read it fails and reads again.
pub(crate) const GONE: &str = "gone";

/// A trace with what only stores know of it.
#[derive(Clone, Debug)]
pub(crate) struct TraceRow {
    pub(crate) trace: Trace,
    pub(crate) rank: NameRank,
    /// When it was first written.
    pub(crate) born: u64,
    pub(crate) version: u64,
}

/// Everything a trace holds, as no index sees it.
#[derive(Serialize, Deserialize)]
struct Document {
    id: TraceId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    rank: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    metadata: Attributes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    machine_id: Option<String>,
    started_at: i64,
    spans: u64,
    running: u64,
    failed: u64,
    llm_calls: u64,
    input_tokens: u64,
    output_tokens: u64,
    /// The bits of the sum of costs.
    cost: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_start: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_end: Option<i64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    models: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    preview: Option<Preview>,
}

/// Returns the row of a trace; what decides about writing it is set by the writer.
pub(crate) fn encode(stored: &TraceRow) -> Row {
    let (trace, totals) = (&stored.trace, &stored.trace.totals);
    let id = ids::trace(&trace.id);
    let name = trace.name.as_deref().unwrap_or_default();
    let mut row = Row::new(id);
    row.set("kind", KIND);
    // A sweep deletes by this the trace with its spans.
    row.set("trace_id", id.to_string());
    row.set("tie", trace.id.as_str());
    row.set("born", stored.born);
    row.set("ver", stored.version);
    row.set("name", key(name));
    row.set_some("name_lc", trace.name.as_deref().map(|name| key(&name.to_lowercase())));
    row.set_some("session", trace.session_id.as_deref().map(key));
    if !trace.tags.is_empty() {
        let tags: Vec<String> = trace.tags.iter().map(|tag| key(&tag.to_lowercase())).collect();
        row.set("tags_lc", tags);
    }
    row.set("state", trace.status().as_str());
    row.set("start_us", trace.started_at.as_micros());
    row.set_some("end_us", totals.last_end.map(Timestamp::as_micros));
    row.set("dur_ms", integer(trace.duration_ms().unwrap_or(0)));
    row.set("cost_p", pico(totals.cost));
    row.set("tok_tot", integer(totals.input_tokens.saturating_add(totals.output_tokens)));
    row.set("n_spans", integer(totals.spans));
    row.set("doc", pack(&document(stored)));
    row
}

fn document(stored: &TraceRow) -> String {
    let (trace, totals) = (&stored.trace, &stored.trace.totals);
    let document = Document {
        id: trace.id.clone(),
        name: trace.name.clone(),
        rank: stored.rank as i64,
        tags: trace.tags.clone(),
        session_id: trace.session_id.clone(),
        metadata: trace.metadata.clone(),
        machine_id: trace.machine_id.clone(),
        started_at: trace.started_at.as_micros(),
        spans: totals.spans,
        running: totals.running,
        failed: totals.failed,
        llm_calls: totals.llm_calls,
        input_tokens: totals.input_tokens,
        output_tokens: totals.output_tokens,
        cost: totals.cost.to_bits(),
        first_start: totals.first_start.map(Timestamp::as_micros),
        last_end: totals.last_end.map(Timestamp::as_micros),
        models: totals.models.clone(),
        preview: totals.preview.clone(),
    };
    serde_json::to_string(&document).expect("a trace has a JSON form")
}

/// Returns the row that takes the place of a deleted trace, in the version after `prev`.
pub(crate) fn gone(id: &TraceId, prev: u64) -> Row {
    let now = crate::clock::micros();
    let mut row = Row::new(ids::trace(id));
    row.set("kind", GONE);
    row.set("tie", id.as_str());
    row.set("start_us", integer(now));
    row.set("ver", now.max(prev + 1));
    row.set("prev", prev);
    row.set("tok", uuid::Uuid::new_v4().to_string());
    row
}

/// The attributes that [`decode`] needs.
pub(crate) const WHOLE: &[&str] = &["doc", "born", "ver"];

/// Returns a row as it can be written again.
pub(crate) fn decode(row: &Row) -> Result<TraceRow, StoreError> {
    let (trace, rank) = read(row)?;
    Ok(TraceRow { trace, rank, born: row.unsigned("born")?, version: row.unsigned("ver")? })
}

/// The attributes that [`trace`] needs.
pub(crate) const TRACE: &[&str] = &["doc"];

/// Returns the trace of a row.
pub(crate) fn trace(row: &Row) -> Result<Trace, StoreError> {
    Ok(read(row)?.0)
}

fn read(row: &Row) -> Result<(Trace, NameRank), StoreError> {
    let text = unpack(row.text("doc")?)?;
    let document: Document =
        serde_json::from_str(&text).map_err(|error| StoreError::corrupt("trace", error))?;
    let totals = Totals {
        spans: document.spans,
        running: document.running,
        failed: document.failed,
        llm_calls: document.llm_calls,
        input_tokens: document.input_tokens,
        output_tokens: document.output_tokens,
        cost: f64::from_bits(document.cost),
        first_start: document.first_start.map(Timestamp::from_micros),
        last_end: document.last_end.map(Timestamp::from_micros),
        models: document.models,
        preview: document.preview,
    };
    let trace = Trace {
        id: document.id,
        name: document.name,
        tags: document.tags,
        session_id: document.session_id,
        metadata: document.metadata,
        machine_id: document.machine_id,
        started_at: Timestamp::from_micros(document.started_at),
        totals,
    };
    Ok((trace, NameRank::from_number(document.rank)))
}
