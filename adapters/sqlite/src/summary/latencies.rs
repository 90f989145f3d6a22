//! How long spans took.

use std::collections::BTreeMap;
use std::fmt::Write;

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, SqlitePool};
use trace::filter::Filter;
use trace::latency::{Histogram, bucket};
use trace::ports::{Latencies, ModelLatency, StoreError};

use super::{Parts, TEXT_STEP, Window};
use crate::condition::{Conditions, text_terms};
use crate::search::Candidates;
use crate::spans;
use crate::sql::{arguments, column, unavailable, unsigned};

/// Returns how long the spans took that a filter selects.
pub(crate) async fn latencies(
    pool: &SqlitePool,
    project: i64,
    filter: &Filter,
) -> Result<Latencies, StoreError> {
    let mut spread = Spread::default();
    if let Some(window) = Window::of(filter) {
        spread.of_window(pool, project, window).await?;
    } else if text_terms(&filter.terms).is_empty() {
        spread.of_conditions(pool, Conditions::of_spans(project, filter)).await?;
    } else {
        spread.of_text(pool, project, filter).await?;
    }
    Ok(spread.finish())
}

/// Durations in the making of an answer.
#[derive(Default)]
struct Spread {
    all: Histogram,
    models: BTreeMap<(String, Option<String>), Histogram>,
}

impl Spread {
    async fn of_window(&mut self, pool: &SqlitePool, project: i64, window: Window) -> Result<(), StoreError> {
        let Parts { hours, rest } = window.parts();
        let rows: Vec<SqliteRow> = sqlx::query(
            "SELECT r.kind = 0, iif(r.kind = 0, r.label, ''), r.provider, d.bucket, sum(d.spans)
             FROM rollups r JOIN rollup_durations d ON d.rollup = r.row
             WHERE r.project = ?1 AND r.hour >= ?2 AND r.hour < ?3 GROUP BY 1, 2, 3, 4",
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
            "SELECT llm, label, provider, {} AS bucket, count(*) FROM (
                 SELECT s.kind = 0 AS llm, iif(s.kind = 0, s.label, '') AS label, s.provider,
                        max(0, (s.ended_at - s.started_at) / 1000) AS ms
                 FROM spans s WHERE s.ended_at IS NOT NULL AND {}
             ) GROUP BY 1, 2, 3, 4",
            bucket_of_ms(),
            conditions.sql
        );
        let rows = sqlx::query_with(AssertSqlSafe(sql), arguments(conditions.values));
        self.of_rows(&rows.fetch_all(pool).await.map_err(unavailable)?)
    }

    /// Adds spans one by one: whether text matches is not for SQL to tell.
    async fn of_text(&mut self, pool: &SqlitePool, project: i64, filter: &Filter) -> Result<(), StoreError> {
        let terms = text_terms(&filter.terms);
        let candidates = Candidates::of(pool, &terms).await?;
        let mut last = i64::MIN;
        loop {
            let rows = spans::rows_after(pool, project, filter, candidates.as_ref(), last).await?;
            let Some(end) = rows.last() else { return Ok(()) };
            last = *end;
            for step in rows.chunks(TEXT_STEP) {
                for found in spans::having_text(pool, step, &terms).await? {
                    let Some(ms) = found.span.duration_ms() else { continue };
                    let call = found.span.kind.llm().map(|call| (call.model.clone(), call.provider.clone()));
                    self.add(call, bucket(ms), 1);
                }
            }
        }
    }

    fn of_rows(&mut self, rows: &[SqliteRow]) -> Result<(), StoreError> {
        for row in rows {
            let is_call: bool = column(row, 0)?;
            let call = if is_call { Some((column(row, 1)?, column(row, 2)?)) } else { None };
            let number = column::<i64>(row, 3)?;
            let number = u16::try_from(number).map_err(|error| StoreError::corrupt("bucket", error))?;
            self.add(call, number, column::<i64>(row, 4).and_then(unsigned)?);
        }
        Ok(())
    }

    fn add(&mut self, call: Option<(String, Option<String>)>, bucket: u16, spans: u64) {
        self.all.add_to(bucket, spans);
        if let Some(call) = call.filter(|_| spans > 0) {
            self.models.entry(call).or_default().add_to(bucket, spans);
        }
    }

    fn finish(self) -> Latencies {
        let row = |((model, provider), latency)| ModelLatency { model, provider, latency };
        Latencies { all: self.all, models: self.models.into_iter().map(row).collect() }
    }
}

/// Returns the SQL of the bucket of `ms`, as [`bucket`] works it out: SQLite has no whole logarithm.
fn bucket_of_ms() -> String {
    let mut sql = "CASE WHEN ms < 1 THEN 0".to_owned();
    let in_doubling = |doubling: u32| {
        let (first, shift) = (1 + doubling * 8, doubling.abs_diff(3));
        let direction = if doubling < 3 { "<<" } else { ">>" };
        format!("{first} + ((ms {direction} {shift}) & 7)")
    };
    for doubling in 0..62 {
        // Writing to a text does not fail.
        let _ = write!(sql, " WHEN ms < {} THEN {}", 1_u64 << (doubling + 1), in_doubling(doubling));
    }
    sql + " ELSE " + &in_doubling(62) + " END"
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use sqlx::{Connection, SqliteConnection};

    use super::*;

    #[tokio::test]
    async fn sql_finds_the_same_buckets() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let doublings = (0..63).map(|doubling| 1_i64 << doubling);
        let around =
            doublings.flat_map(|ms| [ms - 1, ms, ms.saturating_add(ms / 7), ms.saturating_add(ms / 2)]);
        for ms in (0..300).chain(around) {
            let sql = format!("SELECT {} FROM (SELECT ? AS ms)", bucket_of_ms());
            let query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(ms);
            let found: i64 = query.fetch_one(&mut connection).await.unwrap();
            assert_eq!(found, i64::from(bucket(ms.unsigned_abs())), "{ms}");
        }
    }
}
