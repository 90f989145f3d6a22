use std::collections::{HashMap, HashSet};

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, SqlitePool};
use trace::filter::{Filter, ListQuery, NumberField, Page, Position, SortValue, Term, Test, TraceFilter};
use trace::ports::StoreError;
use trace::span::StatusWord;
use trace::time::Timestamp;
use trace::trace::{Session, add_tags};

use crate::condition::{Conditions, text_terms};
use crate::sql::{Value, arguments, column, json_array, unavailable, unsigned};
use crate::traces;

/// What the traces of a session add up to.
const TOTALS: &str = "t.session_id AS id, count(*) AS traces, sum(t.spans) AS spans,
    total(t.input_tokens) + total(t.output_tokens) AS tokens, total(t.cost) AS cost,
    min(t.started_at) AS started_at, max(t.last_end) AS last_end, max(t.started_at) AS last_active_at,
    max(0, (max(t.last_end) - min(t.started_at)) / 1000) AS duration,
    avg(max(0, (t.last_end - t.first_start) / 1000)) AS latency,
    sum(t.failed > 0) AS failed, sum(t.running) AS running";

/// Sessions taken at once when the text of their spans has to be read.
const MOST_SESSIONS: usize = 5_000;

/// Sessions whose text is read at a time.
const TEXT_STEP: usize = 50;

/// Traces whose text is read at a time.
const TRACE_STEP: usize = 50;

/// Returns one page of sessions, the most recently active first.
pub(crate) async fn list(
    pool: &SqlitePool,
    project: i64,
    query: &ListQuery,
) -> Result<Page<Session>, StoreError> {
    let asked = Asked::of(pool, project, &query.filter).await?;
    let wanted = query.limit + 1;
    let mut items = match &asked.text {
        None => page(pool, project, &asked, query.after.as_ref(), wanted).await?,
        Some(text) => having_text(pool, project, &asked, text, query).await?,
    };
    let more = items.len() > query.limit;
    items.truncate(query.limit);
    add_tags_of(pool, project, &mut items).await?;
    let next = items.last().filter(|_| more).map(position);
    Ok(Page { items, next, total: None })
}

fn position(session: &Session) -> Position {
    Position { value: SortValue::Integer(session.last_active_at.as_micros()), id: session.id.clone() }
}

/// Returns the next sessions, as far as SQL can tell.
async fn page(
    pool: &SqlitePool,
    project: i64,
    asked: &Asked,
    after: Option<&Position>,
    limit: usize,
) -> Result<Vec<Session>, StoreError> {
    let mut conditions = asked.totals.clone();
    if let Some(after) = after {
        let last_active = Value::from(after.value.clone());
        conditions.and("(last_active_at, id) < (?, ?)", [last_active, after.id.as_str().into()]);
    }
    if let Some((from, traces)) = &asked.traces {
        let sql = format!("id IN (SELECT t.session_id FROM {from} WHERE {})", traces.sql);
        conditions.and(&sql, traces.values.iter().cloned());
    }
    let mut values = vec![project.into()];
    let mut sql = format!(
        "WITH sessions AS (SELECT {TOTALS} FROM traces t
         WHERE t.project = ? AND t.session_id IS NOT NULL GROUP BY t.session_id)
         SELECT * FROM sessions WHERE TRUE"
    );
    if !conditions.sql.is_empty() {
        sql = format!("{sql} AND {}", conditions.sql);
        values.extend(conditions.values);
    }
    sql.push_str(" ORDER BY last_active_at DESC, id DESC LIMIT ?");
    values.push(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(values));
    let rows: Vec<SqliteRow> = rows.fetch_all(pool).await.map_err(unavailable)?;
    rows.iter().map(decode).collect()
}

/// Returns the sessions of a page and one more that have a trace which meets a filter with text in it. Reads no more
/// text than it takes to fill the page.
async fn having_text(
    pool: &SqlitePool,
    project: i64,
    asked: &Asked,
    text: &TraceFilter,
    query: &ListQuery,
) -> Result<Vec<Session>, StoreError> {
    let mut after = query.after.clone();
    let mut items = Vec::new();
    loop {
        let sessions = page(pool, project, asked, after.as_ref(), MOST_SESSIONS).await?;
        let last = sessions.len() < MOST_SESSIONS;
        after = sessions.last().map(position);
        for step in sessions.chunks(TEXT_STEP) {
            let ids: Vec<&str> = step.iter().map(|session| session.id.as_str()).collect();
            let found = with_text(pool, project, asked, text, &ids).await?;
            items.extend(step.iter().filter(|session| found.contains(&session.id)).cloned());
            if items.len() > query.limit {
                items.truncate(query.limit + 1);
                return Ok(items);
            }
        }
        if last {
            return Ok(items);
        }
    }
}

/// Returns which sessions have a trace that meets a filter with text in it, newest traces first.
async fn with_text(
    pool: &SqlitePool,
    project: i64,
    asked: &Asked,
    text: &TraceFilter,
    sessions: &[&str],
) -> Result<HashSet<String>, StoreError> {
    let Some((from, conditions)) = &asked.traces else { return Ok(HashSet::new()) };
    let sql = format!(
        "SELECT t.row, t.session_id FROM {from} WHERE {} AND t.session_id IN (SELECT value FROM json_each(?))
         ORDER BY t.started_at DESC",
        conditions.sql
    );
    let values = conditions.values.iter().cloned().chain([json_array(sessions)]);
    let traces: Vec<(i64, String)> = sqlx::query_as_with(AssertSqlSafe(sql), arguments(values))
        .fetch_all(pool)
        .await
        .map_err(unavailable)?;
    let mut found = HashSet::new();
    let mut rest = traces.into_iter();
    loop {
        let open = rest.by_ref().filter(|(_, session)| !found.contains(session));
        let step: Vec<(i64, String)> = open.take(TRACE_STEP).collect();
        if step.is_empty() {
            return Ok(found);
        }
        let rows: Vec<i64> = step.iter().map(|(row, _)| *row).collect();
        let meeting = traces::meeting_text(pool, project, &rows, text).await?;
        found.extend(step.into_iter().filter(|(row, _)| meeting.contains(row)).map(|(_, session)| session));
    }
}

/// Returns one session.
pub(crate) async fn find(pool: &SqlitePool, project: i64, id: &str) -> Result<Option<Session>, StoreError> {
    let sql = format!(
        "SELECT {TOTALS} FROM traces t WHERE t.project = ? AND t.session_id = ? GROUP BY t.session_id"
    );
    let row = sqlx::query_with(AssertSqlSafe(sql), arguments([project.into(), id.into()]));
    let row = row.fetch_optional(pool).await.map_err(unavailable)?;
    let mut found: Vec<Session> = row.iter().map(decode).collect::<Result<_, _>>()?;
    add_tags_of(pool, project, &mut found).await?;
    Ok(found.pop())
}

/// What a filter asks of sessions.
struct Asked {
    /// Of their totals.
    totals: Conditions,
    /// Of at least one of their traces `t`: where those are, and what SQL can check of them.
    traces: Option<(String, Conditions)>,
    /// What else must hold for that trace.
    text: Option<TraceFilter>,
}

impl Asked {
    async fn of(pool: &SqlitePool, project: i64, filter: &Filter) -> Result<Self, StoreError> {
        let mut totals = Conditions::default();
        let mut of_traces = Filter::default();
        for term in &filter.terms {
            if !total(&mut totals, term) {
                of_traces.terms.push(term.clone());
            }
        }
        if of_traces.is_empty() {
            return Ok(Self { totals, traces: None, text: None });
        }
        let of_trace = TraceFilter::of(&of_traces);
        if text_terms(&of_traces.terms).is_empty() {
            let traces = ("traces t".to_owned(), traces::conditions(project, &of_trace));
            return Ok(Self { totals, traces: Some(traces), text: None });
        }
        let traces = traces::candidates(pool, project, &of_trace).await?;
        Ok(Self { totals, traces: Some(traces), text: Some(of_trace) })
    }
}

/// Adds what a term asks of the totals. Returns whether it was about them.
fn total(outer: &mut Conditions, term: &Term) -> bool {
    let not = term.negated;
    match &term.test {
        Test::Session(part) => outer.term(not, "instr(id, ?) > 0", [part.as_str().into()]),
        Test::Number(field, range) => {
            let expression = match field {
                NumberField::Cost => "cost",
                NumberField::Tokens => "tokens",
                NumberField::Duration => "duration",
                NumberField::InputTokens | NumberField::OutputTokens => return false,
            };
            outer.number(not, expression, *range);
        }
        // A session is in a range of time when it was active there.
        Test::Since(time) => outer.time(not, "last_active_at >= ?", *time),
        Test::Until(time) => outer.time(not, "started_at <= ?", *time),
        Test::Status(status) => {
            let sql = match status {
                StatusWord::Failed => "failed > 0",
                StatusWord::Running => "failed = 0 AND running > 0",
                StatusWord::Completed => "failed = 0 AND running = 0",
            };
            outer.term(not, sql, []);
        }
        _ => return false,
    }
    true
}

fn decode(row: &SqliteRow) -> Result<Session, StoreError> {
    let count = |index| column::<i64>(row, index).and_then(unsigned);
    let (traces, failed, running) = (count(1)?, count(10)?, count(11)?);
    let status = match (failed, running) {
        (0, 0) => StatusWord::Completed,
        (0, _) => StatusWord::Running,
        _ => StatusWord::Failed,
    };
    let last_end: Option<i64> = column(row, 6)?;
    let duration: Option<i64> = column(row, 8)?;
    #[expect(clippy::cast_precision_loss, reason = "a rate of counts needs no more than 52 bits")]
    let error_rate = if traces == 0 { 0.0 } else { failed as f64 / traces as f64 };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a sum of counts, saturating"
    )]
    let total_tokens = column::<f64>(row, 3)? as u64;
    Ok(Session {
        id: column(row, 0)?,
        traces,
        spans: count(2)?,
        total_tokens,
        total_cost: column(row, 4)?,
        started_at: Timestamp::from_micros(column(row, 5)?),
        ended_at: last_end.filter(|_| running == 0).map(Timestamp::from_micros),
        last_active_at: Timestamp::from_micros(column(row, 7)?),
        duration_ms: duration.map(unsigned).transpose()?,
        avg_latency_ms: column(row, 9)?,
        error_rate,
        status,
        tags: Vec::new(),
    })
}

async fn add_tags_of(pool: &SqlitePool, project: i64, sessions: &mut [Session]) -> Result<(), StoreError> {
    let ids: Vec<&str> = sessions.iter().map(|session| session.id.as_str()).collect();
    let sql = "SELECT session_id, tags FROM traces
         WHERE project = ?1 AND session_id IN (SELECT value FROM json_each(?2)) AND tags IS NOT NULL
         ORDER BY session_id, started_at";
    let rows = sqlx::query_with(sql, arguments([project.into(), json_array(&ids)]));
    let rows: Vec<SqliteRow> = rows.fetch_all(pool).await.map_err(unavailable)?;
    let mut tags: HashMap<String, Vec<String>> = HashMap::new();
    for row in &rows {
        let more: Vec<String> =
            serde_json::from_str(column(row, 1)?).map_err(|error| StoreError::corrupt("trace", error))?;
        add_tags(tags.entry(column(row, 0)?).or_default(), more);
    }
    for session in sessions {
        session.tags = tags.remove(&session.id).unwrap_or_default();
    }
    Ok(())
}
