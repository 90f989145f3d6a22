use std::collections::HashMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, SqlitePool};
use trace::filter::{ListQuery, NumberField, Page, Position, SortBy, SortOrder, SortValue, SpanFacts, Term};
use trace::id::{SpanId, TraceId};
use trace::ports::StoreError;
use trace::span::{Payload, Span};

use crate::condition::{Conditions, span_number, text_terms};
use crate::payloads;
use crate::search::Candidates;
use crate::span_row::{self, COLUMNS, SpanRow};
use crate::sql::{Value, arguments, column, json_array, unavailable};

/// Spans looked at when their text has to be read: at first, and later at most.
const TEXT_STEP: usize = 200;
const MOST_TEXT_STEP: usize = 1_600;

/// Returns the span of that trace, or without a trace the newest with this id.
pub(crate) async fn find(
    pool: &SqlitePool,
    project: i64,
    trace: Option<&TraceId>,
    id: &SpanId,
) -> Result<Option<SpanRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM spans s JOIN traces t ON t.row = s.trace
         WHERE s.project = ?1 AND s.id = ?2 AND (?3 IS NULL OR t.id = ?3)
         ORDER BY s.started_at DESC, s.row DESC LIMIT 1"
    );
    let values = [project.into(), id.as_str().into(), trace.map(TraceId::as_str).into()];
    let row = sqlx::query_with(AssertSqlSafe(sql), arguments(values));
    let row = row.fetch_optional(pool).await.map_err(unavailable)?;
    row.as_ref().map(span_row::decode).transpose()
}

/// Returns all spans of traces, by start then id, traces in the order asked.
pub(crate) async fn of_traces(
    pool: &SqlitePool,
    project: i64,
    traces: &[TraceId],
) -> Result<Vec<Span>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM traces t JOIN spans s ON s.trace = t.row
         WHERE t.project = ?1 AND t.id IN (SELECT value FROM json_each(?2))"
    );
    let query = sqlx::query_with(AssertSqlSafe(sql), arguments([project.into(), json_array(traces)]));
    let rows = query.fetch_all(pool).await.map_err(unavailable)?;
    let mut by_trace: HashMap<TraceId, Vec<Span>> = HashMap::new();
    for row in &rows {
        let span = span_row::decode(row)?.span;
        by_trace.entry(span.trace_id.clone()).or_default().push(span);
    }
    let mut spans = Vec::with_capacity(rows.len());
    for trace in traces {
        let mut own = by_trace.remove(trace).unwrap_or_default();
        own.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
        spans.append(&mut own);
    }
    Ok(spans)
}

/// Returns one page of spans.
pub(crate) async fn list(
    pool: &SqlitePool,
    project: i64,
    query: &ListQuery,
) -> Result<Page<Span>, StoreError> {
    let terms = text_terms(&query.filter.terms);
    let order = Order::of(query);
    let mut after = query.after.clone();
    let mut candidates = None;
    let mut items = Vec::new();
    let mut step = if terms.is_empty() { query.limit + 1 } else { TEXT_STEP };
    loop {
        let rows = page(pool, project, query, &order, after.as_ref(), candidates.as_ref(), step).await?;
        let last = rows.len() < step;
        if terms.is_empty() {
            items = rows;
            break;
        }
        if let Some(row) = rows.last() {
            after = Some(order.position(row));
        }
        items.extend(with_text(pool, rows, &terms).await?);
        if last || items.len() > query.limit {
            break;
        }
        // What is everywhere is found by reading on; what is not, the index knows.
        if candidates.is_none() {
            candidates = Candidates::of(pool, &terms).await?;
        }
        step = (step * 2).min(MOST_TEXT_STEP);
    }
    let next = (items.len() > query.limit).then(|| order.position(&items[query.limit - 1]));
    items.truncate(query.limit);
    Ok(Page { items: items.into_iter().map(|found| found.span).collect(), next, total: None })
}

async fn with_text(
    pool: &SqlitePool,
    rows: Vec<SpanRow>,
    terms: &[Term],
) -> Result<Vec<SpanRow>, StoreError> {
    let numbers: Vec<i64> = rows.iter().map(|found| found.row).collect();
    let payloads = payloads::of_rows(pool, &numbers).await?;
    let holds = |found: &SpanRow| hold(terms, &found.span, payloads.get(&found.row));
    Ok(rows.into_iter().filter(holds).collect())
}

/// Returns whether text terms hold for a span of this payload.
pub(crate) fn hold(terms: &[Term], span: &Span, payload: Option<&Payload>) -> bool {
    let facts = SpanFacts { payload, ..SpanFacts::default() };
    terms.iter().all(|term| term.matches(span, &facts))
}

async fn page(
    pool: &SqlitePool,
    project: i64,
    query: &ListQuery,
    order: &Order,
    after: Option<&Position>,
    candidates: Option<&Candidates>,
    limit: usize,
) -> Result<Vec<SpanRow>, StoreError> {
    let mut values = Vec::new();
    let from = match candidates {
        Some(candidates) => {
            let (sql, own) = candidates.spans();
            values.extend(own);
            // The order of a cross join is kept: candidates first, then their spans.
            format!("({sql}) c CROSS JOIN spans s ON s.row = c.row CROSS JOIN traces t ON t.row = s.trace")
        }
        None => "spans s JOIN traces t ON t.row = s.trace".to_owned(),
    };
    let mut conditions = Conditions::of_spans(project, &query.filter);
    if let Some(after) = after {
        order.after(after, &mut conditions);
    }
    let sql =
        format!("SELECT {COLUMNS} FROM {from} WHERE {} ORDER BY {} LIMIT ?", conditions.sql, order.sql());
    values.extend(conditions.values);
    values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(values));
    let rows: Vec<SqliteRow> = rows.fetch_all(pool).await.map_err(unavailable)?;
    rows.iter().map(span_row::decode).collect()
}

/// The order of a list of spans: the value, then the id, then the trace.
struct Order {
    by: SortBy,
    descending: bool,
}

impl Order {
    fn of(query: &ListQuery) -> Self {
        Self { by: query.sort_by, descending: query.sort_order == SortOrder::Desc }
    }

    /// Returns the value in SQL; a missing one counts as 0.
    fn value(&self) -> String {
        let number = |field| format!("ifnull({}, 0)", span_number(field));
        match self.by {
            // A span has no spans of its own to be counted.
            SortBy::StartedAt | SortBy::SpanCount => "s.started_at".to_owned(),
            SortBy::Duration => number(NumberField::Duration),
            SortBy::Tokens => number(NumberField::Tokens),
            SortBy::Cost => number(NumberField::Cost),
            SortBy::Name => "s.name".to_owned(),
        }
    }

    fn sql(&self) -> String {
        let direction = if self.descending { "DESC" } else { "ASC" };
        format!("{} {direction}, s.id {direction}, s.trace {direction}", self.value())
    }

    fn after(&self, position: &Position, conditions: &mut Conditions) {
        let (id, trace) = position.id.rsplit_once('/').unwrap_or((&position.id, "0"));
        let value = Value::from(position.value.clone());
        let operator = if self.descending { "<" } else { ">" };
        let trace: i64 = trace.parse().unwrap_or(0);
        let sql = format!("({}, s.id, s.trace) {operator} (?, ?, ?)", self.value());
        conditions.and(&sql, [value, id.into(), trace.into()]);
    }

    fn position(&self, found: &SpanRow) -> Position {
        let span = &found.span;
        let integer = |value: Option<u64>| SortValue::Integer(crate::sql::integer(value.unwrap_or(0)));
        let call = span.kind.llm();
        let value = match self.by {
            SortBy::StartedAt | SortBy::SpanCount => SortValue::Integer(span.started_at.as_micros()),
            SortBy::Duration => integer(span.duration_ms()),
            SortBy::Tokens => integer(call.and_then(|call| call.usage.total())),
            SortBy::Cost => {
                SortValue::Number(call.and_then(|call| call.cost).map_or(0.0, trace::kind::Cost::usd))
            }
            SortBy::Name => SortValue::Text(span.name.clone()),
        };
        Position { value, id: format!("{}/{}", span.id, found.trace) }
    }
}

/// Returns the rows of spans that were asked for by trace and id.
pub(crate) async fn rows_of(
    pool: &SqlitePool,
    project: i64,
    keys: &[(&TraceId, &SpanId)],
) -> Result<HashMap<(TraceId, SpanId), i64>, StoreError> {
    let rows: Vec<SqliteRow> = sqlx::query(
        "SELECT t.id, s.id, s.row FROM json_each(?2) k
         JOIN spans s ON s.project = ?1 AND s.id = k.value ->> 1
         JOIN traces t ON t.row = s.trace AND t.id = k.value ->> 0",
    )
    .bind(project)
    .bind(serde_json::to_string(keys).unwrap_or_default())
    .fetch_all(pool)
    .await
    .map_err(unavailable)?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let key = (span_row::trace_id(column(row, 0)?)?, span_row::span_id(column(row, 1)?)?);
        found.insert(key, column(row, 2)?);
    }
    Ok(found)
}
