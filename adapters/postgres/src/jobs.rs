//! The durable queue.

use std::time::Duration;

use async_trait::async_trait;
use trace::id::{OrgId, ProjectId, Scope};
use trace::json::Json;
use trace::ports::{Job, JobId, JobQueue, Leased, NewJob, StoreError};
use uuid::Uuid;

use crate::Database;
use crate::sql::{integer, text, unavailable};

/// The [`JobQueue`] in Postgres. Leases are measured by the database's clock, the only one all workers share.
#[derive(Clone, Debug)]
pub struct PostgresJobs {
    database: Database,
}

impl PostgresJobs {
    /// Returns the queue in `database`.
    pub fn new(database: &Database) -> Self {
        Self { database: database.clone() }
    }

    /// Gives a job back untouched: it is due at once, and the try is not counted.
    pub async fn give_back(&self, leased: &Leased) -> Result<bool, StoreError> {
        let Some((id, token)) = held(leased) else {
            return Ok(false);
        };
        sqlx::query(
            "UPDATE jobs SET leased = false, attempt = attempt - 1, due_at = clock_timestamp(), updated_at = now()
             WHERE id = $1 AND token = $2 AND leased AND NOT dead",
        )
        .bind(id)
        .bind(token)
        .execute(self.database.pool())
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(unavailable)
    }

    /// Moves a job to the dead, whatever tries it has left. Returns whether the lease still held.
    pub async fn kill(&self, leased: &Leased, error: &str) -> Result<bool, StoreError> {
        let Some((id, token)) = held(leased) else {
            return Ok(false);
        };
        sqlx::query(
            "UPDATE jobs SET leased = false, dead = true, error = $3, updated_at = now()
             WHERE id = $1 AND token = $2 AND leased AND NOT dead",
        )
        .bind(id)
        .bind(token)
        .bind(text(error))
        .execute(self.database.pool())
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(unavailable)
    }

    /// Returns the dead jobs of all kinds with their last error, newest first.
    pub async fn all_dead(&self, limit: usize) -> Result<Vec<(Job, String)>, StoreError> {
        let rows: Vec<JobRow> = sqlx::query_as(
            "SELECT id, org_id, project_id, kind, payload, attempt, token, error FROM jobs
             WHERE dead ORDER BY id DESC LIMIT $1",
        )
        .bind(integer(limit))
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        rows.into_iter().map(JobRow::dead).collect()
    }

    /// Gives a dead job all its tries back, at once. Returns whether it was there and dead.
    pub async fn revive(&self, id: &JobId) -> Result<bool, StoreError> {
        let Ok(id) = id.0.parse::<i64>() else {
            return Ok(false);
        };
        sqlx::query(
            "UPDATE jobs SET dead = false, attempt = 0, error = NULL, run_at = clock_timestamp(),
                 due_at = clock_timestamp(), updated_at = now()
             WHERE id = $1 AND dead",
        )
        .bind(id)
        .execute(self.database.pool())
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(unavailable)
    }

    /// Deletes a dead job. Returns whether it was there and dead.
    pub async fn bury(&self, id: &JobId) -> Result<bool, StoreError> {
        let Ok(id) = id.0.parse::<i64>() else {
            return Ok(false);
        };
        sqlx::query("DELETE FROM jobs WHERE id = $1 AND dead")
            .bind(id)
            .execute(self.database.pool())
            .await
            .map(|done| done.rows_affected() == 1)
            .map_err(unavailable)
    }
}

#[derive(sqlx::FromRow)]
struct JobRow {
    id: i64,
    org_id: Uuid,
    project_id: Uuid,
    kind: String,
    payload: String,
    attempt: i32,
    token: i64,
    error: Option<String>,
}

impl JobRow {
    fn dead(mut self) -> Result<(Job, String), StoreError> {
        let error = self.error.take().unwrap_or_default();
        Ok((self.leased()?.job, error))
    }

    fn leased(self) -> Result<Leased, StoreError> {
        let corrupt = |error| StoreError::corrupt("job", error);
        let job = Job {
            id: JobId(self.id.to_string()),
            scope: Scope { org: OrgId(self.org_id), project: ProjectId(self.project_id) },
            kind: self.kind,
            payload: Json::from_compact(self.payload).map_err(|error| StoreError::corrupt("job", error))?,
            attempt: u32::try_from(self.attempt).map_err(corrupt)?,
        };
        Ok(Leased { job, token: u64::try_from(self.token).map_err(corrupt)? })
    }
}

#[async_trait]
impl JobQueue for PostgresJobs {
    async fn enqueue(&self, scope: &Scope, jobs: &[NewJob]) -> Result<Vec<JobId>, StoreError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let kinds: Vec<_> = jobs.iter().map(|job| text(&job.kind)).collect();
        let payloads: Vec<_> = jobs.iter().map(|job| job.payload.as_str()).collect();
        let times: Vec<i64> = jobs.iter().map(|job| job.run_at.as_micros()).collect();
        let tries: Vec<i32> =
            jobs.iter().map(|job| i32::try_from(job.max_attempts.max(1)).unwrap_or(i32::MAX)).collect();
        // Rows are inserted, and so numbered and returned, in the order of the arrays.
        let ids: Vec<i64> = sqlx::query_scalar(
            "INSERT INTO jobs (org_id, project_id, kind, payload, run_at, due_at, max_attempts)
             SELECT $1, $2, kind, payload, at, at, tries FROM (
                 SELECT kind, payload, 'epoch'::timestamptz + micros * interval '1 microsecond' AS at, tries, place
                 FROM unnest($3::text[], $4::text[], $5::bigint[], $6::int[]) WITH ORDINALITY
                     AS new (kind, payload, micros, tries, place)
             ) AS new ORDER BY place RETURNING id",
        )
        .bind(scope.org.0)
        .bind(scope.project.0)
        .bind(kinds)
        .bind(payloads)
        .bind(times)
        .bind(tries)
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        Ok(ids.into_iter().map(|id| JobId(id.to_string())).collect())
    }

    async fn lease(&self, kinds: &[&str], lease: Duration, limit: usize) -> Result<Vec<Leased>, StoreError> {
        if kinds.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let kinds: Vec<_> = kinds.iter().map(|kind| text(kind)).collect();
        // A lease that ran out on the last try leaves nobody to say so: such a job dies instead of being taken.
        let rows: Vec<JobRow> = sqlx::query_as(
            "WITH due AS (
                 SELECT id FROM jobs WHERE NOT dead AND kind = ANY($1) AND due_at <= clock_timestamp()
                 ORDER BY due_at, id LIMIT $3 FOR UPDATE SKIP LOCKED
             ), spent AS (
                 UPDATE jobs SET dead = true, leased = false, updated_at = now(),
                     error = coalesce(error, 'the worker did not answer')
                 WHERE id IN (SELECT id FROM due) AND attempt >= max_attempts
             ), taken AS (
                 UPDATE jobs SET attempt = attempt + 1, token = token + 1, leased = true, updated_at = now(),
                     due_at = clock_timestamp() + $2 * interval '1 microsecond'
                 WHERE id IN (SELECT id FROM due) AND attempt < max_attempts
                 RETURNING id, org_id, project_id, kind, payload, attempt, token, error, run_at
             )
             SELECT id, org_id, project_id, kind, payload, attempt, token, error FROM taken ORDER BY run_at, id",
        )
        .bind(kinds)
        .bind(integer(lease.as_micros()).min(LONGEST_MICROS))
        .bind(integer(limit))
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        rows.into_iter().map(JobRow::leased).collect()
    }

    async fn complete(&self, leased: &Leased) -> Result<bool, StoreError> {
        let Some((id, token)) = held(leased) else {
            return Ok(false);
        };
        sqlx::query("DELETE FROM jobs WHERE id = $1 AND token = $2 AND leased AND NOT dead")
            .bind(id)
            .bind(token)
            .execute(self.database.pool())
            .await
            .map(|done| done.rows_affected() == 1)
            .map_err(unavailable)
    }

    async fn fail(&self, leased: &Leased, error: &str, delay: Duration) -> Result<bool, StoreError> {
        let Some((id, token)) = held(leased) else {
            return Ok(false);
        };
        sqlx::query(
            "UPDATE jobs SET leased = false, error = $3, dead = attempt >= max_attempts, updated_at = now(),
                 run_at = clock_timestamp() + $4 * interval '1 microsecond',
                 due_at = clock_timestamp() + $4 * interval '1 microsecond'
             WHERE id = $1 AND token = $2 AND leased AND NOT dead",
        )
        .bind(id)
        .bind(token)
        .bind(text(error))
        .bind(integer(delay.as_micros()).min(LONGEST_MICROS))
        .execute(self.database.pool())
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(unavailable)
    }

    async fn dead(&self, kind: &str, limit: usize) -> Result<Vec<(Job, String)>, StoreError> {
        let rows: Vec<JobRow> = sqlx::query_as(
            "SELECT id, org_id, project_id, kind, payload, attempt, token, error FROM jobs
             WHERE dead AND kind = $1 ORDER BY id DESC LIMIT $2",
        )
        .bind(text(kind))
        .bind(integer(limit))
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        rows.into_iter().map(JobRow::dead).collect()
    }
}

/// A hundred years: no lease or delay lasts longer, and no time overflows.
const LONGEST_MICROS: i64 = 3_155_760_000_000_000;

fn held(leased: &Leased) -> Option<(i64, i64)> {
    Some((leased.job.id.0.parse().ok()?, i64::try_from(leased.token).ok()?))
}
