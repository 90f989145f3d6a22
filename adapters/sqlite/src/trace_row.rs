use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use trace::ports::StoreError;
use trace::time::Timestamp;
use trace::trace::{NameRank, Totals, Trace};

use crate::fold::beyond_ascii;
use crate::span_row::trace_id;
use crate::sql::{Insert, Value, column, integer, unsigned};

/// The columns [`decode`] reads, from `traces t`.
pub(crate) const COLUMNS: &str = "t.row, t.id, t.name, t.name_rank, t.tags, t.session_id, t.metadata, t.machine_id, \
     t.started_at, t.spans, t.running, t.failed, t.llm_calls, t.input_tokens, t.output_tokens, t.cost, \
     t.first_start, t.last_end, t.models, t.preview";

/// Writes traces whole, new ones and changed ones alike.
pub(crate) const UPSERT: Insert = Insert {
    head: "INSERT INTO traces (row, project, id, name, name_rank, name_folded, tags, tags_folded, session_id, metadata, machine_id, \
           started_at, spans, running, failed, llm_calls, input_tokens, output_tokens, cost, first_start, last_end, \
           models, preview) VALUES",
    columns: 23,
    tail: "ON CONFLICT (row) DO UPDATE SET name = excluded.name, name_rank = excluded.name_rank, \
           name_folded = excluded.name_folded, tags = excluded.tags, tags_folded = excluded.tags_folded, session_id = excluded.session_id, \
           metadata = excluded.metadata, machine_id = excluded.machine_id, started_at = excluded.started_at, \
           spans = excluded.spans, running = excluded.running, failed = excluded.failed, \
           llm_calls = excluded.llm_calls, input_tokens = excluded.input_tokens, \
           output_tokens = excluded.output_tokens, cost = excluded.cost, first_start = excluded.first_start, \
           last_end = excluded.last_end, models = excluded.models, preview = excluded.preview",
};

/// A trace as stored, with where it is stored.
#[derive(Clone, Debug)]
pub(crate) struct TraceRow {
    pub(crate) row: i64,
    pub(crate) rank: NameRank,
    pub(crate) trace: Trace,
}

/// Appends the values of one row of [`UPSERT`].
pub(crate) fn encode(row: &TraceRow, project: i64, values: &mut Vec<Value>) {
    let trace = &row.trace;
    let totals = &trace.totals;
    let tags = json(&trace.tags, trace.tags.is_empty());
    values.extend([
        row.row.into(),
        project.into(),
        trace.id.as_str().into(),
        trace.name.as_deref().into(),
        (row.rank as i64).into(),
        trace.name.as_deref().and_then(beyond_ascii).into(),
        tags.as_deref().into(),
        tags.as_deref().and_then(beyond_ascii).into(),
        trace.session_id.as_deref().into(),
        json(&trace.metadata, trace.metadata.is_empty()).into(),
        trace.machine_id.as_deref().into(),
        trace.started_at.as_micros().into(),
        integer(totals.spans).into(),
        integer(totals.running).into(),
        integer(totals.failed).into(),
        integer(totals.llm_calls).into(),
        integer(totals.input_tokens).into(),
        integer(totals.output_tokens).into(),
        totals.cost.into(),
        totals.first_start.map(Timestamp::as_micros).into(),
        totals.last_end.map(Timestamp::as_micros).into(),
        json(&totals.models, totals.models.is_empty()).into(),
        json(&totals.preview, totals.preview.is_none()).into(),
    ]);
}

fn json<T: serde::Serialize>(value: &T, empty: bool) -> Option<String> {
    if empty { None } else { serde_json::to_string(value).ok() }
}

/// Reads a row of [`COLUMNS`].
pub(crate) fn decode(row: &SqliteRow) -> Result<TraceRow, StoreError> {
    let count = |index| column::<i64>(row, index).and_then(unsigned);
    let time = |index| column::<Option<i64>>(row, index).map(|micros| micros.map(Timestamp::from_micros));
    let trace = Trace {
        id: trace_id(column(row, 1)?)?,
        name: column(row, 2)?,
        tags: parse(row, 4)?,
        session_id: column(row, 5)?,
        metadata: parse(row, 6)?,
        machine_id: column(row, 7)?,
        started_at: Timestamp::from_micros(column(row, 8)?),
        totals: Totals {
            spans: count(9)?,
            running: count(10)?,
            failed: count(11)?,
            llm_calls: count(12)?,
            input_tokens: count(13)?,
            output_tokens: count(14)?,
            cost: column(row, 15)?,
            first_start: time(16)?,
            last_end: time(17)?,
            models: parse(row, 18)?,
            preview: parse(row, 19)?,
        },
    };
    Ok(TraceRow { row: column(row, 0)?, rank: NameRank::from_number(column(row, 3)?), trace })
}

fn parse<T: DeserializeOwned + Default>(row: &SqliteRow, index: usize) -> Result<T, StoreError> {
    match column::<Option<&str>>(row, index)? {
        Some(text) => serde_json::from_str(text).map_err(|error| StoreError::corrupt("trace", error)),
        None => Ok(T::default()),
    }
}
