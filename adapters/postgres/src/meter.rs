//! What organisations use, counted exactly over all processes.

use async_trait::async_trait;
use trace::id::{OrgId, ProjectId, Scope};
use trace::ports::{Meter, StoreError, Usage};
use trace::time::Timestamp;

use crate::Database;
use crate::sql::{At, integer, unavailable, unsigned};

/// The [`Meter`] in Postgres: a row per organisation and month.
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
        wanted: u64,
        limit: Option<u64>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        if wanted == 0 || limit == Some(0) {
            return Ok(0);
        }
        // One statement: the row's lock is what keeps reservations apart. A full month is not even written to.
        let granted: Option<i64> = sqlx::query_scalar(concat!(
            "INSERT INTO usage_months AS u (org_id, month, spans, granted) VALUES ($1, ",
            month!("$2"),
            ", least($3, $4), least($3, $4))
             ON CONFLICT (org_id, month) DO UPDATE
             SET spans = u.spans + least($3, $4 - u.spans), granted = least($3, $4 - u.spans)
             WHERE u.spans < $4
             RETURNING granted"
        ))
        .bind(scope.org.0)
        .bind(At(now))
        .bind(integer(wanted))
        .bind(limit.map_or(i64::MAX, integer))
        .fetch_optional(self.database.pool())
        .await
        .map_err(unavailable)?;
        unsigned(granted.unwrap_or(0))
    }

    async fn release(&self, scope: &Scope, spans: u64, now: Timestamp) -> Result<(), StoreError> {
        if spans == 0 {
            return Ok(());
        }
        sqlx::query(concat!(
            "UPDATE usage_months SET spans = greatest(spans - $3, 0) WHERE org_id = $1 AND month = ",
            month!("$2")
        ))
        .bind(scope.org.0)
        .bind(At(now))
        .bind(integer(spans))
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
