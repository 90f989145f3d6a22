//! Deletes spans, traces, and what is too old.

use trace::id::{SpanId, TraceId};
use trace::ports::{Counts, StoreError};
use trace::time::Timestamp;
use uuid::Uuid;

use crate::client::{Filter, Query, Row, Write};
use crate::commit::{newest_first, pause, spans_of, unchanged};
use crate::payloads::Tables;
use crate::table::Table;
use crate::{clock, ids, schema, span_row, trace_row};
use trace::totals;

/// Tries before the store counts as busy.
const TRIES: u32 = 12;

/// How long it is known that a trace was deleted, in microseconds: longer than any write takes.
const GONE_FOR: u64 = 3_600_000_000;

/// Traces deleted by one request.
const TRACES_AT_ONCE: usize = 500;

/// Deletes one span and returns the trace it was in.
pub(crate) async fn span(
    table: &Table,
    trace: Option<&TraceId>,
    id: &SpanId,
) -> Result<Option<TraceId>, StoreError> {
    let mut deleted: Option<TraceId> = None;
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(pause(attempt)).await;
        }
        // Once it is gone only its trace has to be brought in line.
        let found = if deleted.is_some() { None } else { find(table, trace, id).await? };
        let (target, version) = match (&deleted, &found) {
            (Some(target), _) => (target.clone(), None),
            (None, Some((target, version))) => (target.clone(), Some(*version)),
            (None, None) => return Ok(None),
        };
        let row = recounted(table, &target, version.map(|_| id)).await?;
        let is_of_trace = row.is_some();
        let rows: Vec<Row> = row.into_iter().collect();
        let mut write = Write::new(&schema::MAIN);
        if is_of_trace {
            write = write.upsert(&rows, unchanged());
        }
        let doc = ids::span(&target, id);
        if let Some(version) = version {
            write = write.delete(doc, Filter::eq("ver", version));
        } else if !is_of_trace {
            return Ok(deleted);
        }
        let written = table.write(&write).await?;
        let is_gone =
            version.is_none() || written.deleted_ids.contains(&doc) || !is_there(table, doc).await?;
        if is_gone {
            deleted = Some(target);
        }
        if is_gone && (!is_of_trace || written.upserted_ids.len() == rows.len()) {
            return Ok(deleted);
        }
    }
    Err(StoreError::Busy)
}

/// Returns the trace and the version of a span.
async fn find(
    table: &Table,
    trace: Option<&TraceId>,
    id: &SpanId,
) -> Result<Option<(TraceId, u64)>, StoreError> {
    let named = match trace {
        Some(trace) => Filter::is("id", ids::span(trace, id)),
        None => Filter::eq("span_id", id.as_str()),
    };
    let filter = Filter::all([Filter::eq("kind", span_row::KIND), named]);
    let rows = table.rows(Query::rows(filter, newest_first(), 1, vec!["doc", "ver"])).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some((span_row::span(row)?.trace_id, row.unsigned("ver")?)))
}

async fn is_there(table: &Table, id: Uuid) -> Result<bool, StoreError> {
    Ok(!table.by_id(Some(span_row::KIND), &[id], &[]).await?.is_empty())
}

/// Returns the row of a trace without the span about to be deleted, or `None` when there is no such trace.
async fn recounted(
    table: &Table,
    trace: &TraceId,
    without: Option<&SpanId>,
) -> Result<Option<Row>, StoreError> {
    let id = ids::trace(trace);
    let rows = table.by_id(Some(trace_row::KIND), &[id], trace_row::WHOLE).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let mut stored = trace_row::decode(row)?;
    let spans = spans_of(table, id).await?;
    stored.trace.totals = totals::of(spans.iter().filter(|span| Some(&span.id) != without));
    let prev = stored.version;
    stored.version = (prev + 1).max(clock::micros());
    let mut row = trace_row::encode(&stored);
    row.set("prev", prev);
    row.set("tok", Uuid::new_v4().to_string());
    Ok(Some(row))
}

/// Deletes a trace with its spans and returns how many those were.
pub(crate) async fn trace(table: &Table, id: &TraceId) -> Result<Option<u64>, StoreError> {
    let doc = ids::trace(id);
    let of_trace = Filter::all([Filter::eq("kind", span_row::KIND), Filter::is("trace_id", doc)]);
    let mut deleted = 0;
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(pause(attempt)).await;
        }
        let rows = table.by_id(Some(trace_row::KIND), &[doc], &["ver"]).await?;
        let Some(row) = rows.first() else { return Ok((deleted > 0).then_some(deleted)) };
        let gone = [trace_row::gone(id, row.unsigned("ver")?)];
        let write = Write::new(&schema::MAIN).delete_matching(of_trace.clone()).upsert(&gone, unchanged());
        let written = table.write(&write).await?;
        deleted += written.rows_deleted;
        if written.upserted_ids.contains(&doc) {
            if written.rows_remaining {
                deleted += table.delete_matching(Write::new(&schema::MAIN), of_trace).await?;
            }
            return Ok(Some(deleted));
        }
    }
    Err(StoreError::Busy)
}

/// Deletes every trace and span, and all payload parts.
pub(crate) async fn everything(tables: &Tables) -> Result<(), StoreError> {
    tables.main.drop_all().await?;
    tables.parts.drop_all().await
}

/// Deletes traces that started before `before`, with their spans and the parts that no younger one needs.
pub(crate) async fn sweep(tables: &Tables, before: Timestamp) -> Result<u64, StoreError> {
    let old =
        Filter::all([Filter::eq("kind", trace_row::KIND), Filter::less("start_us", before.as_micros())]);
    let mut swept = 0;
    loop {
        let rows = tables.main.step(&old, None, TRACES_AT_ONCE, &[]).await?;
        if rows.is_empty() {
            break;
        }
        let ids = rows.iter().map(Row::id).collect::<Result<Vec<_>, _>>()?;
        swept += ids.len() as u64;
        let filter = Filter::one_of("trace_id", ids);
        tables.main.delete_matching(Write::new(&schema::MAIN), filter).await?;
    }
    let long_ago = clock::micros().saturating_sub(GONE_FOR);
    let gone = Filter::all([
        Filter::eq("kind", trace_row::GONE),
        Filter::less("start_us", span_row::integer(long_ago)),
    ]);
    tables.main.delete_matching(Write::new(&schema::MAIN), gone).await?;
    let day = clock::day_of(before.as_micros());
    let old = Filter::less("day", day);
    tables.parts.delete_matching(Write::new(&schema::PARTS), old).await?;
    Ok(swept)
}

/// Returns how much there is.
pub(crate) async fn counts(table: &Table) -> Result<Counts, StoreError> {
    let of = |kind| Query::count(Filter::eq("kind", kind));
    let answers = table.count(&[of(trace_row::KIND), of(span_row::KIND)]).await?;
    let count = |at: usize| answers.get(at).map_or(0, crate::client::Answer::count);
    Ok(Counts { traces: count(0), spans: count(1) })
}
