use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, SqliteExecutor, SqlitePool};
use trace::filter::{
    Filter, ListQuery, NumberField, Page, Position, SortBy, SortOrder, SortValue, SpanFacts, Term, Test,
};
use trace::id::{SpanId, TraceId};
use trace::ports::StoreError;
use trace::span::Span;

use crate::aside::aside;
use crate::condition::{Conditions, span_number, text_terms};
use crate::payloads;
use crate::scan::{self, Sort};
use crate::search::Candidates;
use crate::span_row::{self, COLUMNS, SpanRow};
use crate::sql::{Value, arguments, json_array, unavailable};

/// Spans looked at when their text has to be read: at first, and later at most.
const TEXT_STEP: usize = 200;
const MOST_TEXT_STEP: usize = 1_600;

/// Rows that may hold a text, taken at once.
const MOST_ROWS: usize = 20_000;

/// Traces whose spans are read rather than scanned for.
const FEW_TRACES: usize = 2_000;

/// Spans among which a frequent one is found soon.
const WINDOW: i64 = 3_000;

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
    let mut rows = query.fetch(pool);
    let mut by_trace: HashMap<TraceId, Vec<Span>> = HashMap::new();
    while let Some(row) = rows.try_next().await.map_err(unavailable)? {
        let span = span_row::decode(&row)?.span;
        by_trace.entry(span.trace_id.clone()).or_default().push(span);
    }
    let mut spans = Vec::with_capacity(by_trace.values().map(Vec::len).sum());
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
    let order = Order::of(query);
    let mut items = if text_terms(&query.filter.terms).is_empty() {
        by_columns(pool, project, query, &order).await?
    } else {
        by_text(pool, project, query, &order).await?
    };
    let next = (items.len() > query.limit).then(|| order.position(&items[query.limit - 1]));
    items.truncate(query.limit);
    Ok(Page { items: items.into_iter().map(|found| found.span).collect(), next, total: None })
}

/// Returns the spans of a page and, if there are more, one besides. Text is read.
async fn by_text(
    pool: &SqlitePool,
    project: i64,
    query: &ListQuery,
    order: &Order,
) -> Result<Vec<SpanRow>, StoreError> {
    let terms = text_terms(&query.filter.terms);
    let mut after = query.after.clone();
    let mut items = Vec::new();
    let mut step = TEXT_STEP;
    loop {
        let next = ListQuery { after: after.clone(), limit: step - 1, ..query.clone() };
        let rows = by_columns(pool, project, &next, order).await?;
        let last = rows.len() < step;
        if let Some(row) = rows.last() {
            after = Some(order.position(row));
        }
        items.extend(with_text(pool, rows, &terms).await?);
        if last || items.len() > query.limit {
            return Ok(items);
        }
        // What is everywhere is found by reading on; what is not, the index knows.
        if let Some(candidates) = Candidates::of(pool, &terms).await? {
            break by_candidates(pool, project, query, order, (candidates, after), items).await;
        }
        step = (step * 2).min(MOST_TEXT_STEP);
    }
}

/// Adds to `items` the next spans among those a text may be in, until there are enough for a page.
async fn by_candidates(
    pool: &SqlitePool,
    project: i64,
    query: &ListQuery,
    order: &Order,
    (candidates, mut after): (Candidates, Option<Position>),
    mut items: Vec<SpanRow>,
) -> Result<Vec<SpanRow>, StoreError> {
    let terms = text_terms(&query.filter.terms);
    let source = Source::Text(candidates);
    loop {
        let rows = rows(pool, project, query, order, after.as_ref(), &source).await?;
        for step in rows.chunks(TEXT_STEP) {
            let step = Source::Rows(step.to_vec());
            let rows = page(pool, project, query, order, after.as_ref(), &step, TEXT_STEP).await?;
            if let Some(row) = rows.last() {
                after = Some(order.position(row));
            }
            items.extend(with_text(pool, rows, &terms).await?);
            if items.len() > query.limit {
                return Ok(items);
            }
        }
        if rows.len() < MOST_ROWS {
            return Ok(items);
        }
    }
}

/// Returns the rows of the next spans of a list, many at once.
async fn rows(
    pool: &SqlitePool,
    project: i64,
    query: &ListQuery,
    order: &Order,
    after: Option<&Position>,
    source: &Source,
) -> Result<Vec<i64>, StoreError> {
    let (sql, values) = statement("s.row", project, query, order, after, source, MOST_ROWS);
    let rows = sqlx::query_scalar_with(AssertSqlSafe(sql), arguments(values));
    rows.fetch_all(pool).await.map_err(unavailable)
}

/// Returns the rows of the next spans that may meet a filter with text in it, by row.
pub(crate) async fn rows_after(
    pool: &SqlitePool,
    project: i64,
    filter: &Filter,
    candidates: Option<&Candidates>,
    last: i64,
) -> Result<Vec<i64>, StoreError> {
    let (from, mut values) = match candidates {
        Some(candidates) => {
            let (sql, values) = candidates.spans();
            (format!("({sql}) c CROSS JOIN spans s ON s.row = c.row"), values.to_vec())
        }
        None => ("spans s".to_owned(), Vec::new()),
    };
    let conditions = Conditions::of_spans(project, filter);
    let sql =
        format!("SELECT s.row FROM {from} WHERE {} AND s.row > ? ORDER BY s.row LIMIT ?", conditions.sql);
    values.extend(conditions.values);
    values.extend([last.into(), Value::Integer(i64::try_from(MOST_ROWS).unwrap_or(i64::MAX))]);
    let rows = sqlx::query_scalar_with(AssertSqlSafe(sql), arguments(values));
    rows.fetch_all(pool).await.map_err(unavailable)
}

/// Returns those of `rows` for which text terms hold.
pub(crate) async fn having_text(
    pool: &SqlitePool,
    rows: &[i64],
    terms: &[Term],
) -> Result<Vec<SpanRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM json_each(?) c CROSS JOIN spans s ON s.row = c.value
         CROSS JOIN traces t ON t.row = s.trace"
    );
    let found = sqlx::query_with(AssertSqlSafe(sql), arguments([json_array(rows)]));
    let found: Vec<SqliteRow> = found.fetch_all(pool).await.map_err(unavailable)?;
    let found = found.iter().map(span_row::decode).collect::<Result<_, _>>()?;
    with_text(pool, found, terms).await
}

/// Returns the spans of a page and, if there are more, one besides.
async fn by_columns(
    pool: &SqlitePool,
    project: i64,
    query: &ListQuery,
    order: &Order,
) -> Result<Vec<SpanRow>, StoreError> {
    let (after, wanted) = (query.after.as_ref(), query.limit + 1);
    let by_start = matches!(order.by, SortBy::StartedAt | SortBy::SpanCount);
    let of_few = |term: &Term| !term.negated && matches!(term.test, Test::Trace(_) | Test::Session(_));
    if query.filter.terms.iter().any(of_few) {
        return page(pool, project, query, order, after, &Source::Few, wanted).await;
    }
    if by_start && query.filter.is_empty() {
        return page(pool, project, query, order, after, &Source::Walk, wanted).await;
    }
    if by_start {
        // What is frequent is found among the next few thousand.
        let rows = page(pool, project, query, order, after, &Source::Window, wanted).await?;
        if rows.len() == wanted {
            return Ok(rows);
        }
    }
    if let Some(traces) = few_tagged(pool, project, &query.filter).await? {
        return page(pool, project, query, order, after, &Source::Traces(traces), wanted).await;
    }
    // One snapshot for the scan and what is read of it: a span that changed in between would be missed.
    let mut snapshot = pool.begin().await.map_err(unavailable)?;
    let sort = Sort { by: order.by, descending: order.descending, after };
    let Some(found) = scan::spans(&mut snapshot, project, &query.filter, sort, wanted).await? else {
        return page(&mut *snapshot, project, query, order, after, &Source::Walk, wanted).await;
    };
    let mut sources =
        vec![Source::Unsealed { from: found.sealed, changed: found.changed }, Source::Rows(found.rows)];
    sources.extend(found.ties.into_iter().map(|value| Source::Ties { value, before: found.sealed }));
    let mut items = Vec::new();
    for source in &sources {
        items.extend(page(&mut *snapshot, project, query, order, after, source, wanted).await?);
    }
    snapshot.commit().await.map_err(unavailable)?;
    let mut seen = HashSet::new();
    items.retain(|found| seen.insert(found.row));
    items.sort_by(|a, b| order.compare(a, b));
    items.truncate(wanted);
    Ok(items)
}

/// Returns the traces that have a tag a filter asks for, if it does and they are few.
async fn few_tagged(
    pool: &SqlitePool,
    project: i64,
    filter: &Filter,
) -> Result<Option<Vec<i64>>, StoreError> {
    let is_tag = |term: &&Term| !term.negated && matches!(term.test, Test::Tag(_));
    let Some(term) = filter.terms.iter().find(is_tag) else {
        return Ok(None);
    };
    let mut connection = pool.acquire().await.map_err(unavailable)?;
    let traces = scan::traces_of(&mut connection, project, term, FEW_TRACES + 1).await?;
    Ok((traces.len() <= FEW_TRACES).then(|| traces.into_iter().collect()))
}

/// Where the spans of a page are looked for.
enum Source {
    /// Everywhere, in the order asked for.
    Walk,
    /// Among those of the trace or session that the filter names.
    Few,
    /// Among the next few thousand by start.
    Window,
    /// Where a text may be.
    Text(Candidates),
    /// Among those of these traces.
    Traces(Vec<i64>),
    /// Among these.
    Rows(Vec<i64>),
    /// Among those with this value, by id, before this row.
    Ties { value: SortValue, before: i64 },
    /// Among those that columns do not tell of: from a row on, and the changed ones.
    Unsealed { from: i64, changed: Vec<i64> },
}

impl Source {
    /// Returns the `FROM` clause and the values of its placeholders, and adds what it asks to `conditions`.
    ///
    /// The order of a cross join is kept: first the candidates, then their spans.
    fn from(
        &self,
        project: i64,
        query: &ListQuery,
        order: &Order,
        after: Option<&Position>,
        conditions: &mut Conditions,
    ) -> (String, Vec<Value>) {
        let joined = |candidates: &str| {
            format!(
                "({candidates}) c CROSS JOIN spans s ON s.row = c.row CROSS JOIN traces t ON t.row = s.trace"
            )
        };
        match self {
            // Left to choose, SQLite reads all traces first for some limits.
            Self::Walk => ("spans s CROSS JOIN traces t ON t.row = s.trace".to_owned(), Vec::new()),
            Self::Few => ("spans s JOIN traces t ON t.row = s.trace".to_owned(), Vec::new()),
            Self::Window => {
                let mut times = Filter::default();
                let is_time =
                    |term: &&Term| !term.negated && matches!(term.test, Test::Since(_) | Test::Until(_));
                times.terms.extend(query.filter.terms.iter().filter(is_time).cloned());
                let mut window = Conditions::of_spans(project, &times);
                if let Some(after) = after {
                    order.after(after, &mut window);
                }
                window.values.push(WINDOW.into());
                let order = order.sql();
                let sql = format!(
                    "SELECT s.row FROM spans s WHERE {} ORDER BY {order}
                     LIMIT (SELECT min(size, ?) FROM column_progress)",
                    window.sql
                );
                (joined(&sql), window.values)
            }
            Self::Text(candidates) => {
                let (sql, values) = candidates.spans();
                (joined(sql), values.to_vec())
            }
            Self::Traces(traces) => {
                let sql = "SELECT s.row FROM json_each(?) c CROSS JOIN spans s ON s.trace = c.value";
                (joined(sql), vec![json_array(traces)])
            }
            Self::Rows(rows) => (joined("SELECT value AS row FROM json_each(?)"), vec![json_array(rows)]),
            Self::Ties { value, before } => {
                let sql = format!(
                    "{} = ? AND s.row < ? AND s.row NOT IN (SELECT row FROM column_changed)",
                    order.value()
                );
                conditions.and(&sql, [value.clone().into(), (*before).into()]);
                let from = "spans s INDEXED BY spans_by_id CROSS JOIN traces t ON t.row = s.trace";
                (from.to_owned(), Vec::new())
            }
            Self::Unsealed { from, changed } => {
                let sql = "SELECT row FROM spans WHERE row >= ? UNION SELECT value FROM json_each(?)
                     UNION SELECT row FROM column_changed";
                (joined(sql), vec![(*from).into(), json_array(changed)])
            }
        }
    }
}

/// Returns those of `found` for which text terms hold.
pub(crate) async fn with_text(
    pool: &SqlitePool,
    mut found: Vec<SpanRow>,
    terms: &[Term],
) -> Result<Vec<SpanRow>, StoreError> {
    let mut kept = Vec::new();
    while !found.is_empty() {
        let rest = found.split_off(found.len().min(TEXT_STEP));
        let step = std::mem::replace(&mut found, rest);
        let rows: Vec<i64> = step.iter().map(|found| found.row).collect();
        let payloads = payloads::of_rows(pool, &rows).await?;
        let sides = payloads.values().flat_map(|payload| [&payload.input, &payload.output]).flatten();
        let bytes = sides.map(|json| json.as_str().len()).sum();
        let terms = terms.to_vec();
        let holds = move |found: &SpanRow| {
            let facts = SpanFacts { payload: payloads.get(&found.row), ..SpanFacts::default() };
            terms.iter().all(|term| term.matches(&found.span, &facts))
        };
        kept.extend(aside(bytes, move || step.into_iter().filter(holds).collect::<Vec<_>>()).await?);
    }
    Ok(kept)
}

async fn page(
    executor: impl SqliteExecutor<'_>,
    project: i64,
    query: &ListQuery,
    order: &Order,
    after: Option<&Position>,
    source: &Source,
    limit: usize,
) -> Result<Vec<SpanRow>, StoreError> {
    let (sql, values) = statement(COLUMNS, project, query, order, after, source, limit);
    let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(values));
    let rows: Vec<SqliteRow> = rows.fetch_all(executor).await.map_err(unavailable)?;
    rows.iter().map(span_row::decode).collect()
}

/// Returns what reads `columns` of the next spans of a list, and the values of its placeholders.
fn statement(
    columns: &str,
    project: i64,
    query: &ListQuery,
    order: &Order,
    after: Option<&Position>,
    source: &Source,
    limit: usize,
) -> (String, Vec<Value>) {
    let mut conditions = Conditions::of_spans(project, &query.filter);
    let (from, mut values) = source.from(project, query, order, after, &mut conditions);
    if let Some(after) = after {
        order.after(after, &mut conditions);
    }
    let by = match source {
        // They all have the same value.
        Source::Ties { .. } => order.ties_sql(),
        _ => order.sql(),
    };
    let sql = format!("SELECT {columns} FROM {from} WHERE {} ORDER BY {by} LIMIT ?", conditions.sql);
    values.extend(conditions.values);
    values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    (sql, values)
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
        format!("{} {}, {}", self.value(), self.direction(), self.ties_sql())
    }

    fn ties_sql(&self) -> String {
        let direction = self.direction();
        format!("s.id {direction}, s.trace {direction}")
    }

    fn direction(&self) -> &'static str {
        if self.descending { "DESC" } else { "ASC" }
    }

    fn compare(&self, a: &SpanRow, b: &SpanRow) -> Ordering {
        let (left, right) = (self.position(a).value, self.position(b).value);
        let values = match (&left, &right) {
            (SortValue::Integer(a), SortValue::Integer(b)) => a.cmp(b),
            (SortValue::Number(a), SortValue::Number(b)) => a.total_cmp(b),
            (SortValue::Text(a), SortValue::Text(b)) => a.cmp(b),
            // One order has values of one kind.
            _ => Ordering::Equal,
        };
        let ascending = values.then_with(|| (&a.span.id, a.trace).cmp(&(&b.span.id, b.trace)));
        if self.descending { ascending.reverse() } else { ascending }
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use sqlx::Row;

    use super::*;
    use crate::{Options, SqliteStore};

    #[tokio::test]
    async fn lists_by_start_are_read_by_start_whatever_the_limit() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("traceway.db");
        let store = SqliteStore::open(&file, Options::default()).await.unwrap();
        let last = Position { value: SortValue::Integer(1_790_000_000_000_000), id: "span/1".to_owned() };
        for (sort_order, after) in [
            (SortOrder::Desc, None),
            (SortOrder::Desc, Some(&last)),
            (SortOrder::Asc, None),
            (SortOrder::Asc, Some(&last)),
        ] {
            let query = ListQuery {
                filter: Filter::default(),
                sort_by: SortBy::StartedAt,
                sort_order,
                after: after.cloned(),
                limit: 50,
            };
            let order = Order::of(&query);
            for limit in 1..=501 {
                let (sql, values) = statement(COLUMNS, 1, &query, &order, after, &Source::Walk, limit);
                let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
                let plan =
                    sqlx::query_with(explain, arguments(values)).fetch_all(store.readers()).await.unwrap();
                let steps: Vec<String> = plan.iter().map(|step| step.get(3)).collect();
                assert!(steps[0].contains("spans_by_start"), "{sort_order:?} {after:?} {limit}: {steps:?}");
                // Only spans of the same start may be sorted, by id and trace.
                let sorts = |step: &String| step == "USE TEMP B-TREE FOR ORDER BY";
                assert!(!steps.iter().any(sorts), "{sort_order:?} {after:?} {limit}: {steps:?}");
            }
        }
        store.close().await;
    }
}
