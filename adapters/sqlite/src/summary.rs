mod latencies;

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, SqlitePool};
use trace::filter::{Filter, Term, Test};
use trace::kind::Cost;
use trace::ports::{ModelRow, StoreError, Summary};
use trace::span::{Span, StatusWord};
use trace::time::Timestamp;

use crate::condition::{Conditions, text_terms};
use crate::rollup::HOUR;
use crate::search::Candidates;
use crate::spans;
use crate::sql::{Value, arguments, column, unavailable, unsigned};

pub(crate) use latencies::latencies;

/// Spans whose text is read at a time.
const TEXT_STEP: usize = 400;

/// Returns what the spans a filter selects add up to.
pub(crate) async fn of(pool: &SqlitePool, project: i64, filter: &Filter) -> Result<Summary, StoreError> {
    let mut sums = Sums::default();
    if let Some(window) = Window::of(filter) {
        sums.of_window(pool, project, window).await?;
        let mut summary = sums.finish();
        summary.traces = window.traces(pool, project).await?;
        return Ok(summary);
    }
    if text_terms(&filter.terms).is_empty() {
        let conditions = Conditions::of_spans(project, filter);
        let sql = format!("SELECT count(DISTINCT s.trace) FROM spans s WHERE {}", conditions.sql);
        sums.summary.traces = count(pool, sql, conditions.values.clone()).await?;
        sums.of_conditions(pool, conditions).await?;
    } else {
        sums.of_text(pool, project, filter).await?;
    }
    Ok(sums.finish())
}

async fn count(pool: &SqlitePool, sql: String, values: Vec<Value>) -> Result<u64, StoreError> {
    let row: SqliteRow =
        sqlx::query_with(AssertSqlSafe(sql), arguments(values)).fetch_one(pool).await.map_err(unavailable)?;
    column::<i64>(&row, 0).and_then(unsigned)
}

/// A stretch of time, both ends included, in microseconds.
#[derive(Clone, Copy)]
struct Window {
    since: i64,
    until: i64,
}

impl Window {
    /// Returns the time a filter asks for, or `None` when it asks for anything else.
    fn of(filter: &Filter) -> Option<Self> {
        let mut window = Self { since: i64::MIN, until: i64::MAX };
        for term in &filter.terms {
            match term {
                Term { negated: false, test: Test::Since(time) } => {
                    window.since = window.since.max(time.as_micros());
                }
                Term { negated: false, test: Test::Until(time) } => {
                    window.until = window.until.min(time.as_micros());
                }
                _ => return None,
            }
        }
        Some(window)
    }

    /// Returns the whole hours of the window, and the times around them.
    fn parts(self) -> Parts {
        if self.since > self.until {
            return Parts { hours: 0..0, rest: Vec::new() };
        }
        let first = self.since.div_euclid(HOUR) + i64::from(self.since.rem_euclid(HOUR) != 0);
        let end = match self.until.checked_add(1) {
            Some(end) => end.div_euclid(HOUR),
            None => i64::MAX / HOUR,
        };
        let times = |since: i64, until: i64| {
            let mut filter = Filter::default();
            filter.and(Test::Since(Timestamp::from_micros(since)));
            filter.and(Test::Until(Timestamp::from_micros(until)));
            filter
        };
        if first >= end {
            return Parts { hours: 0..0, rest: vec![times(self.since, self.until)] };
        }
        let mut rest = Vec::new();
        // Open ends have no rest; `first * HOUR` of an open start would be before all time.
        if self.since != i64::MIN && self.since < first * HOUR {
            rest.push(times(self.since, first * HOUR - 1));
        }
        if self.until != i64::MAX && self.until >= end * HOUR {
            rest.push(times(end * HOUR, self.until));
        }
        Parts { hours: first..end, rest }
    }

    /// Returns how many traces started in the window.
    async fn traces(self, pool: &SqlitePool, project: i64) -> Result<u64, StoreError> {
        if self.since == i64::MIN && self.until == i64::MAX {
            let sql = "SELECT traces FROM projects WHERE id = ?".to_owned();
            return count(pool, sql, vec![project.into()]).await;
        }
        let sql = "SELECT count(*) FROM traces WHERE project = ? AND started_at BETWEEN ? AND ?".to_owned();
        count(pool, sql, vec![project.into(), self.since.into(), self.until.into()]).await
    }
}

/// A window, parted into what there are sums of and what there are none of.
struct Parts {
    hours: Range<i64>,
    rest: Vec<Filter>,
}

#[derive(Default)]
struct Sums {
    summary: Summary,
    ended: u64,
    duration_ms: u64,
    models: HashMap<(String, Option<String>), ModelRow>,
}

/// What one group of spans adds up to.
struct Group {
    llm: bool,
    label: String,
    provider: Option<String>,
    failed: bool,
    spans: u64,
    ended: u64,
    duration_ms: u64,
    cost: f64,
    input_tokens: u64,
    output_tokens: u64,
}

impl Sums {
    /// Adds the spans of a window: whole hours from their sums, the rest from the spans.
    async fn of_window(&mut self, pool: &SqlitePool, project: i64, window: Window) -> Result<(), StoreError> {
        let Parts { hours, rest } = window.parts();
        let rows: Vec<SqliteRow> = sqlx::query(
            "SELECT kind = 0, label, provider, status = 2, sum(spans), sum(ended), sum(duration_ms), total(cost),
                    sum(input_tokens), sum(output_tokens)
             FROM rollups WHERE project = ?1 AND hour >= ?2 AND hour < ?3 GROUP BY 1, 2, 3, 4",
        )
        .bind(project)
        .bind(hours.start)
        .bind(hours.end)
        .fetch_all(pool)
        .await
        .map_err(unavailable)?;
        self.of_rows(&rows)?;
        for times in rest {
            self.of_conditions(pool, Conditions::of_spans(project, &times)).await?;
        }
        Ok(())
    }

    async fn of_conditions(&mut self, pool: &SqlitePool, conditions: Conditions) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT s.kind = 0, iif(s.kind = 0, s.label, ''), s.provider, s.status = 2, count(*), count(s.ended_at),
                    ifnull(sum(max(0, (s.ended_at - s.started_at) / 1000)), 0), total(s.cost),
                    CAST(total(s.input_tokens) AS INTEGER), CAST(total(s.output_tokens) AS INTEGER)
             FROM spans s WHERE {} GROUP BY 1, 2, 3, 4",
            conditions.sql
        );
        let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(conditions.values));
        self.of_rows(&rows.fetch_all(pool).await.map_err(unavailable)?)
    }

    /// Adds spans one by one: whether text matches is not for SQL to tell.
    async fn of_text(&mut self, pool: &SqlitePool, project: i64, filter: &Filter) -> Result<(), StoreError> {
        let terms = text_terms(&filter.terms);
        let candidates = Candidates::of(pool, &terms).await?;
        let mut traces = HashSet::new();
        let mut last = i64::MIN;
        loop {
            let rows = spans::rows_after(pool, project, filter, candidates.as_ref(), last).await?;
            let Some(end) = rows.last() else {
                self.summary.traces = traces.len() as u64;
                return Ok(());
            };
            last = *end;
            for step in rows.chunks(TEXT_STEP) {
                for found in spans::having_text(pool, step, &terms).await? {
                    traces.insert(found.trace);
                    self.add(group_of(&found.span));
                }
            }
        }
    }

    fn of_rows(&mut self, rows: &[SqliteRow]) -> Result<(), StoreError> {
        for row in rows {
            let count = |index| column::<i64>(row, index).and_then(unsigned);
            self.add(Group {
                llm: column(row, 0)?,
                label: column(row, 1)?,
                provider: column(row, 2)?,
                failed: column(row, 3)?,
                spans: count(4)?,
                ended: count(5)?,
                duration_ms: count(6)?,
                cost: column(row, 7)?,
                input_tokens: count(8)?,
                output_tokens: count(9)?,
            });
        }
        Ok(())
    }

    fn add(&mut self, group: Group) {
        self.summary.spans += group.spans;
        self.ended += group.ended;
        self.duration_ms = self.duration_ms.saturating_add(group.duration_ms);
        if group.failed {
            self.summary.failed += group.spans;
        }
        if group.llm {
            self.summary.llm_calls += group.spans;
            self.summary.cost += group.cost;
            let row = self.models.entry((group.label, group.provider)).or_default();
            row.calls += group.spans;
            row.cost += group.cost;
            row.input_tokens = row.input_tokens.saturating_add(group.input_tokens);
            row.output_tokens = row.output_tokens.saturating_add(group.output_tokens);
        }
    }

    fn finish(self) -> Summary {
        let mut summary = self.summary;
        #[expect(clippy::cast_precision_loss, reason = "a mean of milliseconds needs no more than 52 bits")]
        if self.ended > 0 {
            summary.avg_latency_ms = Some(self.duration_ms as f64 / self.ended as f64);
        }
        let named = |((model, provider), row): ((String, Option<String>), ModelRow)| ModelRow {
            model,
            provider,
            ..row
        };
        summary.models = self.models.into_iter().map(named).collect();
        summary.models.sort_by(|a, b| {
            b.cost.total_cmp(&a.cost).then_with(|| (&a.model, &a.provider).cmp(&(&b.model, &b.provider)))
        });
        summary
    }
}

fn group_of(span: &Span) -> Group {
    let call = span.kind.llm();
    let usage = call.map(|call| call.usage).unwrap_or_default();
    Group {
        llm: call.is_some(),
        label: call.map(|call| call.model.clone()).unwrap_or_default(),
        provider: call.and_then(|call| call.provider.clone()),
        failed: span.status.word() == StatusWord::Failed,
        spans: 1,
        ended: u64::from(span.ended_at.is_some()),
        duration_ms: span.duration_ms().unwrap_or(0),
        cost: call.and_then(|call| call.cost).map_or(0.0, Cost::usd),
        input_tokens: usage.input_tokens.unwrap_or(0),
        output_tokens: usage.output_tokens.unwrap_or(0),
    }
}
