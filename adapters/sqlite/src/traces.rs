use std::collections::HashSet;

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, SqlitePool};
use trace::filter::{
    Filter, ListQuery, NumberField, Page, Position, SortBy, SortOrder, SortValue, Term, Test, TraceFilter,
};
use trace::id::TraceId;
use trace::ports::StoreError;
use trace::trace::Trace;

use crate::condition::{Conditions, text_terms, trace_number};
use crate::fold::lowered;
use crate::scan::{self, FoundTraces};
use crate::search::Candidates;
use crate::span_row;
use crate::spans;
use crate::sql::{Value, arguments, json_array, unavailable};
use crate::trace_row::{self, COLUMNS, TraceRow};

/// Traces looked at when the text of their spans has to be read: at first, and later at most.
const TEXT_STEP: usize = 50;
const MOST_TEXT_STEP: usize = 400;

/// Rows that may hold a text, taken at once.
const MOST_ROWS: usize = 5_000;

/// Traces beyond which a list by start finds its page sooner by walking.
const FEW_TRACES: usize = 4_000;

/// Traces beyond which any list does.
const MOST_TRACES: usize = 30_000;

/// Returns one trace.
pub(crate) async fn find(pool: &SqlitePool, project: i64, id: &TraceId) -> Result<Option<Trace>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM traces t WHERE t.project = ?1 AND t.id = ?2");
    let row = sqlx::query_with(AssertSqlSafe(sql), arguments([project.into(), id.as_str().into()]));
    let row = row.fetch_optional(pool).await.map_err(unavailable)?;
    Ok(row.as_ref().map(trace_row::decode).transpose()?.map(|found| found.trace))
}

/// Returns the traces of a session by start.
pub(crate) async fn of_session(
    pool: &SqlitePool,
    project: i64,
    session: &str,
) -> Result<Vec<Trace>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM traces t WHERE t.project = ?1 AND t.session_id = ?2 ORDER BY t.started_at, t.id"
    );
    let rows = sqlx::query_with(AssertSqlSafe(sql), arguments([project.into(), session.into()]));
    let rows = rows.fetch_all(pool).await.map_err(unavailable)?;
    rows.iter().map(|row| Ok(trace_row::decode(row)?.trace)).collect()
}

/// Returns one page of traces.
pub(crate) async fn list(
    pool: &SqlitePool,
    project: i64,
    query: &ListQuery,
) -> Result<Page<Trace>, StoreError> {
    let filter = TraceFilter::of(&query.filter);
    let text = has_text(&filter);
    let order = Order::of(query);
    let terms = text_terms(&having(&filter.some_span).terms);
    let mut after = query.after.clone();
    let source = Source::of_columns(pool, project, &filter, &order).await?;
    let mut items: Vec<TraceRow> = Vec::new();
    if text {
        let mut step = TEXT_STEP;
        loop {
            let rows = page(pool, project, &filter, &order, after.as_ref(), &source, step).await?;
            let last = rows.len() < step;
            if let Some(row) = rows.last() {
                after = Some(order.position(row));
            }
            items.extend(with_text(pool, project, rows, &filter).await?);
            if last || items.len() > query.limit {
                break;
            }
            if let Some(candidates) = Candidates::of(pool, &terms).await? {
                let source = Source::Text(candidates);
                let found = (items, query.limit);
                items = by_candidates(pool, project, &filter, &order, (source, after), found).await?;
                break;
            }
            step = (step * 2).min(MOST_TEXT_STEP);
        }
    } else {
        items = page(pool, project, &filter, &order, after.as_ref(), &source, query.limit + 1).await?;
    }
    let next = (items.len() > query.limit).then(|| order.position(&items[query.limit - 1]));
    items.truncate(query.limit);
    Ok(Page { items: items.into_iter().map(|found| found.trace).collect(), next, total: None })
}

/// Returns the condition of traces `t`, as far as SQL can check it.
pub(crate) fn conditions(project: i64, filter: &TraceFilter) -> Conditions {
    let mut all = Conditions::default();
    all.and("t.project = ?", [project.into()]);
    for term in filter.trace.iter().chain(&filter.names) {
        all.trace_term(term);
    }
    let mut any = |negation: &str, tests: &[Test]| {
        let spans = Conditions::of_spans(project, &having(tests));
        let sql =
            format!("{negation} EXISTS (SELECT 1 FROM spans s WHERE s.trace = t.row AND {})", spans.sql);
        all.and(&sql, spans.values);
    };
    if !filter.some_span.is_empty() {
        any("", &filter.some_span);
    }
    for test in filter.no_span.iter().filter(|test| !is_text(test)) {
        any("NOT", std::slice::from_ref(test));
    }
    all
}

fn has_text(filter: &TraceFilter) -> bool {
    filter.some_span.iter().chain(&filter.no_span).any(is_text)
}

fn is_text(test: &Test) -> bool {
    matches!(test, Test::Text(..))
}

fn having(tests: &[Test]) -> Filter {
    let terms = tests.iter().map(|test| Term { negated: false, test: test.clone() });
    Filter { terms: terms.collect(), ..Filter::default() }
}

/// Where the traces of a page are looked for.
enum Source {
    /// Everywhere.
    Walk,
    /// Everywhere, on the narrow index.
    Scan,
    /// Where a text may be.
    Text(Candidates),
    /// Among these.
    Rows(Vec<i64>),
    /// Where columns found spans.
    Columns(FoundTraces),
}

impl Source {
    /// Asks the columns where spans that are asked for are not found by just walking.
    async fn of_columns(
        pool: &SqlitePool,
        project: i64,
        filter: &TraceFilter,
        order: &Order,
    ) -> Result<Self, StoreError> {
        let by_start = matches!(order.by, SortBy::StartedAt);
        let of_few = |term: &Term| !term.negated && matches!(term.test, Test::Trace(_) | Test::Session(_));
        if filter.trace.iter().any(of_few) {
            return Ok(Self::Walk);
        }
        let most = if by_start { FEW_TRACES } else { MOST_TRACES };
        // Text is for the text index; columns know nothing of it and would name every trace.
        if filter.some_span.iter().any(|test| !is_text(test)) {
            let found = scan::traces(pool, project, &having(&filter.some_span), most).await?;
            return Ok(found.map_or(Self::Scan, Self::Columns));
        }
        if let Some(name) = filter.names.iter().find(|term| !term.negated) {
            let found = scan::traces(pool, project, &having(std::slice::from_ref(&name.test)), most).await?;
            if let Some(mut found) = found {
                found.traces.extend(named(pool, project, name).await?);
                return Ok(Self::Columns(found));
            }
        }
        Ok(Self::Scan)
    }

    /// Returns the `FROM` clause and the values of its placeholders.
    fn from(&self) -> (String, Vec<Value>) {
        let joined = |candidates: &str| format!("({candidates}) c CROSS JOIN traces t ON t.row = c.row");
        match self {
            Self::Walk => ("traces t".to_owned(), Vec::new()),
            Self::Scan => ("traces t INDEXED BY traces_by_totals".to_owned(), Vec::new()),
            Self::Text(candidates) => {
                let (sql, values) = candidates.traces();
                (joined(sql), values.to_vec())
            }
            Self::Rows(rows) => (joined("SELECT value AS row FROM json_each(?)"), vec![json_array(rows)]),
            Self::Columns(found) => {
                let sql = "SELECT value AS row FROM json_each(?)
                     UNION SELECT trace FROM spans WHERE row >= ?
                     UNION SELECT s.trace FROM json_each(?) c JOIN spans s ON s.row = c.value
                     UNION SELECT s.trace FROM column_changed c JOIN spans s ON s.row = c.row";
                (
                    joined(sql),
                    vec![json_array(&found.traces), found.sealed.into(), json_array(&found.changed)],
                )
            }
        }
    }
}

/// Adds to `items` the next traces among those a text may be in, until there are more than `limit`.
async fn by_candidates(
    pool: &SqlitePool,
    project: i64,
    filter: &TraceFilter,
    order: &Order,
    (source, mut after): (Source, Option<Position>),
    (mut items, limit): (Vec<TraceRow>, usize),
) -> Result<Vec<TraceRow>, StoreError> {
    loop {
        let rows = rows(pool, project, filter, order, after.as_ref(), &source).await?;
        for step in rows.chunks(TEXT_STEP) {
            let step = Source::Rows(step.to_vec());
            let rows = page(pool, project, filter, order, after.as_ref(), &step, TEXT_STEP).await?;
            if let Some(row) = rows.last() {
                after = Some(order.position(row));
            }
            items.extend(with_text(pool, project, rows, filter).await?);
            if items.len() > limit {
                return Ok(items);
            }
        }
        if rows.len() < MOST_ROWS {
            return Ok(items);
        }
    }
}

/// Returns the rows of the next traces of a list, many at once.
async fn rows(
    pool: &SqlitePool,
    project: i64,
    filter: &TraceFilter,
    order: &Order,
    after: Option<&Position>,
    source: &Source,
) -> Result<Vec<i64>, StoreError> {
    let (from, mut values) = source.from();
    let mut conditions = conditions(project, filter);
    if let Some(after) = after {
        order.after(after, &mut conditions);
    }
    let sql = format!("SELECT t.row FROM {from} WHERE {} ORDER BY {} LIMIT ?", conditions.sql, order.sql());
    values.extend(conditions.values);
    values.push(Value::Integer(i64::try_from(MOST_ROWS).unwrap_or(i64::MAX)));
    let rows = sqlx::query_scalar_with(AssertSqlSafe(sql), arguments(values));
    rows.fetch_all(pool).await.map_err(unavailable)
}

/// Returns the traces that have a text in their own name.
async fn named(pool: &SqlitePool, project: i64, name: &Term) -> Result<Vec<i64>, StoreError> {
    let Test::Name(part) = &name.test else { return Ok(Vec::new()) };
    let needle = part.to_lowercase();
    let own = lowered("t.name", "t.name_folded", &needle);
    let sql = format!(
        "SELECT t.row FROM traces t INDEXED BY traces_by_name
         WHERE t.project = ? AND t.name IS NOT NULL AND instr({own}, ?) > 0"
    );
    let rows = sqlx::query_scalar_with(AssertSqlSafe(sql), arguments([project.into(), needle.into()]));
    rows.fetch_all(pool).await.map_err(unavailable)
}

async fn page(
    pool: &SqlitePool,
    project: i64,
    filter: &TraceFilter,
    order: &Order,
    after: Option<&Position>,
    source: &Source,
    limit: usize,
) -> Result<Vec<TraceRow>, StoreError> {
    let (from, mut values) = source.from();
    let mut conditions = conditions(project, filter);
    if let Some(after) = after {
        order.after(after, &mut conditions);
    }
    // Filtered and sorted on the narrow index, and only then read.
    let sql = format!(
        "SELECT {COLUMNS} FROM (SELECT t.row FROM {from} WHERE {0} ORDER BY {1} LIMIT ?) p
         CROSS JOIN traces t ON t.row = p.row ORDER BY {1}",
        conditions.sql,
        order.sql()
    );
    values.extend(conditions.values);
    values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(values));
    let rows: Vec<SqliteRow> = rows.fetch_all(pool).await.map_err(unavailable)?;
    rows.iter().map(trace_row::decode).collect()
}

/// Returns those of `rows` whose spans have the text asked for, and none the text ruled out.
async fn with_text(
    pool: &SqlitePool,
    project: i64,
    rows: Vec<TraceRow>,
    filter: &TraceFilter,
) -> Result<Vec<TraceRow>, StoreError> {
    let numbers: Vec<i64> = rows.iter().map(|found| found.row).collect();
    let meeting = meeting_text(pool, project, &numbers, filter).await?;
    Ok(rows.into_iter().filter(|found| meeting.contains(&found.row)).collect())
}

/// Returns which of `traces` meet what a filter asks of the text of their spans.
pub(crate) async fn meeting_text(
    pool: &SqlitePool,
    project: i64,
    traces: &[i64],
    filter: &TraceFilter,
) -> Result<HashSet<i64>, StoreError> {
    let mut meeting = if filter.some_span.iter().any(is_text) {
        having_text(pool, project, traces, &filter.some_span).await?
    } else {
        traces.iter().copied().collect()
    };
    for test in filter.no_span.iter().filter(|test| is_text(test)) {
        for excluded in having_text(pool, project, traces, std::slice::from_ref(test)).await? {
            meeting.remove(&excluded);
        }
    }
    Ok(meeting)
}

/// Returns the traces that may meet a filter with text in it, in SQL: a `FROM` clause of traces `t` and a condition.
pub(crate) async fn candidates(
    pool: &SqlitePool,
    project: i64,
    filter: &TraceFilter,
) -> Result<(String, Conditions), StoreError> {
    let terms = text_terms(&having(&filter.some_span).terms);
    let source = Candidates::of(pool, &terms).await?.map_or(Source::Walk, Source::Text);
    let (from, values) = source.from();
    let conditions = conditions(project, filter);
    let values = values.into_iter().chain(conditions.values).collect();
    Ok((from, Conditions { sql: conditions.sql, values }))
}

/// Returns which of `traces` have a span that meets all tests.
async fn having_text(
    pool: &SqlitePool,
    project: i64,
    traces: &[i64],
    tests: &[Test],
) -> Result<HashSet<i64>, StoreError> {
    let filter = having(tests);
    let terms = text_terms(&filter.terms);
    let mut conditions = Conditions::of_spans(project, &filter);
    conditions.and("s.trace IN (SELECT value FROM json_each(?))", [json_array(traces)]);
    let sql = format!(
        "SELECT {} FROM spans s JOIN traces t ON t.row = s.trace WHERE {}",
        span_row::COLUMNS,
        conditions.sql
    );
    let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(conditions.values));
    let rows: Vec<SqliteRow> = rows.fetch_all(pool).await.map_err(unavailable)?;
    let found = rows.iter().map(span_row::decode).collect::<Result<_, _>>()?;
    Ok(spans::with_text(pool, found, &terms).await?.iter().map(|span| span.trace).collect())
}

/// The order of a list of traces: the value, then the id.
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
        let number = |field| format!("ifnull({}, 0)", trace_number(field).unwrap_or("0"));
        match self.by {
            SortBy::StartedAt => "t.started_at".to_owned(),
            SortBy::Duration => number(NumberField::Duration),
            SortBy::Tokens => number(NumberField::Tokens),
            SortBy::Cost => number(NumberField::Cost),
            SortBy::Name => "ifnull(t.name, '')".to_owned(),
            SortBy::SpanCount => "t.spans".to_owned(),
        }
    }

    fn sql(&self) -> String {
        let direction = if self.descending { "DESC" } else { "ASC" };
        format!("{} {direction}, t.id {direction}", self.value())
    }

    fn after(&self, position: &Position, conditions: &mut Conditions) {
        let operator = if self.descending { "<" } else { ">" };
        let value = Value::from(position.value.clone());
        let sql = format!("({}, t.id) {operator} (?, ?)", self.value());
        conditions.and(&sql, [value, position.id.as_str().into()]);
    }

    fn position(&self, found: &TraceRow) -> Position {
        let trace = &found.trace;
        let integer = |value: u64| SortValue::Integer(crate::sql::integer(value));
        let tokens = || trace.totals.input_tokens.saturating_add(trace.totals.output_tokens);
        let value = match self.by {
            SortBy::StartedAt => SortValue::Integer(trace.started_at.as_micros()),
            SortBy::Duration => integer(trace.duration_ms().unwrap_or(0)),
            SortBy::Tokens => integer(tokens()),
            SortBy::Cost => SortValue::Number(trace.totals.cost),
            SortBy::Name => SortValue::Text(trace.name.clone().unwrap_or_default()),
            SortBy::SpanCount => integer(trace.totals.spans),
        };
        Position { value, id: trace.id.to_string() }
    }
}
