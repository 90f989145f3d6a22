//! What organisations use, counted exactly over all processes.

use async_trait::async_trait;
use trace::id::{OrgId, ProjectId, Scope};
use trace::ports::{BatchId, Meter, Reservation, SpanKey, StoreError, Usage};
use trace::time::Timestamp;
use uuid::Uuid;

use crate::Database;
use crate::lost::LOST_AFTER;
use crate::sql::{At, integer, unavailable, unsigned};

/// The [`Meter`] in Postgres: a row per organisation and month, and one for every write on its way.
///
/// What is counted for a month is always what its settled writes created plus what the rows of the others say.
/// [`LostWrites`](crate::LostWrites) settles those that nobody else does.
#[derive(Clone, Debug)]
pub struct PostgresMeter {
    database: Database,
}

impl PostgresMeter {
    /// Returns the meter in `database`.
    pub fn new(database: &Database) -> Self {
        Self { database: database.clone() }
    }
}

/// The first day of the month of a time, in UTC.
macro_rules! month {
    ($time:literal) => {
        concat!("date_trunc('month', ", $time, " AT TIME ZONE 'UTC')::date")
    };
}

#[async_trait]
impl Meter for PostgresMeter {
    async fn reserve(
        &self,
        scope: &Scope,
        wanted: &[SpanKey],
        limit: Option<u64>,
        now: Timestamp,
    ) -> Result<Reservation, StoreError> {
        let id = Uuid::now_v7();
        if wanted.is_empty() || limit == Some(0) {
            return Ok(Reservation { id: BatchId(id), spans: 0 });
        }
        let traces: Vec<&str> = wanted.iter().map(|key| key.trace_id.as_str()).collect();
        let spans: Vec<&str> = wanted.iter().map(|key| key.span_id.as_str()).collect();
        // One statement: the month's lock is what keeps reservations apart. A full month is not even written to.
        let granted: Option<i64> = sqlx::query_scalar(concat!(
            "WITH month AS (
                 INSERT INTO usage_months AS u (org_id, month, spans, granted) VALUES ($1, ",
            month!("$2"),
            ", least($3, $4), least($3, $4))
                 ON CONFLICT (org_id, month) DO UPDATE
                 SET spans = u.spans + least($3, $4 - u.spans), granted = least($3, $4 - u.spans)
                 WHERE u.spans < $4
                 RETURNING month, granted
             )
             INSERT INTO usage_reservations (id, org_id, project_id, month, counted, traces, spans, due_at)
             SELECT $5, $1, $6, month, granted, $7, $8, now() + $9::text::interval FROM month
             RETURNING counted"
        ))
        .bind(scope.org.0)
        .bind(At(now))
        .bind(integer(wanted.len()))
        .bind(limit.map_or(i64::MAX, integer))
        .bind(id)
        .bind(scope.project.0)
        .bind(traces)
        .bind(spans)
        .bind(LOST_AFTER)
        .fetch_optional(self.database.pool())
        .await
        .map_err(unavailable)?;
        Ok(Reservation { id: BatchId(id), spans: unsigned(granted.unwrap_or(0))? })
    }

    async fn settle(
        &self,
        scope: &Scope,
        reservation: &Reservation,
        created: Usage,
    ) -> Result<(), StoreError> {
        // What is not there is settled already, and everything hangs on what is there.
        sqlx::query(
            "WITH settled AS (
                 DELETE FROM usage_reservations WHERE id = $1 AND org_id = $2 RETURNING project_id, month, counted
             ), month AS (
                 UPDATE usage_months AS u SET spans = greatest(u.spans + $3 - settled.counted, 0),
                     traces = u.traces + $4, eval_runs = u.eval_runs + $5
                 FROM settled WHERE u.org_id = $2 AND u.month = settled.month
                     AND (settled.counted <> $3 OR $4 <> 0 OR $5 <> 0)
             )
             INSERT INTO usage_storage AS s (org_id, project_id, bytes)
             SELECT $2, project_id, $6 FROM settled WHERE $6 <> 0
             ON CONFLICT (org_id, project_id) DO UPDATE SET bytes = s.bytes + excluded.bytes",
        )
        .bind(reservation.id.0)
        .bind(scope.org.0)
        .bind(integer(created.spans))
        .bind(integer(created.traces))
        .bind(integer(created.eval_runs))
        .bind(integer(created.storage_bytes))
        .execute(self.database.pool())
        .await
        .map(|_| ())
        .map_err(unavailable)
    }

    async fn release(&self, scope: &Scope, reservation: &Reservation) -> Result<(), StoreError> {
        sqlx::query(
            "WITH old AS (
                 SELECT id, month, counted FROM usage_reservations
                 WHERE id = $1 AND org_id = $2 AND NOT looked FOR UPDATE
             ), released AS (
                 UPDATE usage_reservations AS r SET counted = 0, released = true FROM old WHERE r.id = old.id
             )
             UPDATE usage_months AS u SET spans = greatest(u.spans - old.counted, 0)
             FROM old WHERE u.org_id = $2 AND u.month = old.month",
        )
        .bind(reservation.id.0)
        .bind(scope.org.0)
        .execute(self.database.pool())
        .await
        .map(|_| ())
        .map_err(unavailable)
    }

    async fn add(&self, scope: &Scope, more: Usage, now: Timestamp) -> Result<(), StoreError> {
        if more == Usage::default() {
            return Ok(());
        }
        // Both tables or neither, in one round trip.
        sqlx::query(concat!(
            "WITH month AS (
                 INSERT INTO usage_months AS u (org_id, month, spans, traces, eval_runs) VALUES ($1, ",
            month!("$3"),
            ", $4, $5, $6)
                 ON CONFLICT (org_id, month) DO UPDATE SET spans = u.spans + excluded.spans,
                     traces = u.traces + excluded.traces, eval_runs = u.eval_runs + excluded.eval_runs
             )
             INSERT INTO usage_storage AS s (org_id, project_id, bytes) VALUES ($1, $2, $7)
             ON CONFLICT (org_id, project_id) DO UPDATE SET bytes = s.bytes + excluded.bytes"
        ))
        .bind(scope.org.0)
        .bind(scope.project.0)
        .bind(At(now))
        .bind(integer(more.spans))
        .bind(integer(more.traces))
        .bind(integer(more.eval_runs))
        .bind(integer(more.storage_bytes))
        .execute(self.database.pool())
        .await
        .map(|_| ())
        .map_err(unavailable)
    }

    async fn usage(&self, org: OrgId, now: Timestamp) -> Result<Usage, StoreError> {
        let (spans, traces, eval_runs, bytes): (i64, i64, i64, i64) = sqlx::query_as(concat!(
            "SELECT coalesce(max(spans), 0), coalesce(max(traces), 0), coalesce(max(eval_runs), 0),
                    (SELECT coalesce(sum(bytes), 0)::bigint FROM usage_storage WHERE org_id = $1)
             FROM usage_months WHERE org_id = $1 AND month = ",
            month!("$2")
        ))
        .bind(org.0)
        .bind(At(now))
        .fetch_one(self.database.pool())
        .await
        .map_err(unavailable)?;
        Ok(Usage {
            spans: unsigned(spans)?,
            traces: unsigned(traces)?,
            eval_runs: unsigned(eval_runs)?,
            storage_bytes: unsigned(bytes)?,
        })
    }

    async fn first_notice(&self, org: OrgId, percent: u8, now: Timestamp) -> Result<bool, StoreError> {
        sqlx::query(concat!(
            "INSERT INTO usage_notices (org_id, month, percent) VALUES ($1, ",
            month!("$2"),
            ", $3) ON CONFLICT DO NOTHING"
        ))
        .bind(org.0)
        .bind(At(now))
        .bind(i16::from(percent))
        .execute(self.database.pool())
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(unavailable)
    }

    async fn forget_project(&self, org: OrgId, project: ProjectId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM usage_storage WHERE org_id = $1 AND project_id = $2")
            .bind(org.0)
            .bind(project.0)
            .execute(self.database.pool())
            .await
            .map(|_| ())
            .map_err(unavailable)
    }
}
