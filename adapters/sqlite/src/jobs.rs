use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use trace::id::{OrgId, ProjectId, Scope};
use trace::json::Json;
use trace::ports::{Job, JobId, JobQueue, Leased, NewJob, StoreError};

use crate::session::Session;
use crate::sql::{Insert, Value, column, unavailable};
use crate::store::SqliteStore;

const JOBS: Insert = Insert {
    head: "INSERT INTO jobs (id, org, project, kind, payload, run_at, max_attempts) VALUES",
    columns: 7,
    tail: "",
};

#[async_trait]
impl JobQueue for SqliteStore {
    async fn enqueue(&self, scope: &Scope, jobs: &[NewJob]) -> Result<Vec<JobId>, StoreError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let (scope, jobs) = (*scope, jobs.to_vec());
        self.act(Box::new(move |session| {
            let jobs = jobs.clone();
            Box::pin(async move { session.enqueue(scope, &jobs).await })
        }))
        .await
    }

    async fn lease(&self, kinds: &[&str], lease: Duration, limit: usize) -> Result<Vec<Leased>, StoreError> {
        // Asking costs a read; only a job that is due costs a transaction.
        let kinds = serde_json::to_string(kinds).unwrap_or_default();
        let due: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM jobs WHERE dead = 0 AND kind IN (SELECT value FROM json_each(?1))
             AND ifnull(leased_until, run_at) <= ?2 LIMIT 1",
        )
        .bind(kinds.as_str())
        .bind(now())
        .fetch_optional(self.readers())
        .await
        .map_err(unavailable)?;
        if due.is_none() || limit == 0 {
            return Ok(Vec::new());
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.act(Box::new(move |session| {
            let kinds = kinds.clone();
            Box::pin(async move { session.lease(&kinds, lease, limit).await })
        }))
        .await
    }

    async fn complete(&self, leased: &Leased) -> Result<bool, StoreError> {
        let Some(held) = Held::of(leased) else {
            return Ok(false);
        };
        self.act(Box::new(move |session| Box::pin(held.complete(&mut session.connection)))).await
    }

    async fn fail(&self, leased: &Leased, error: &str, delay: Duration) -> Result<bool, StoreError> {
        let Some(held) = Held::of(leased) else {
            return Ok(false);
        };
        let error = error.to_owned();
        self.act(Box::new(move |session| {
            let error = error.clone();
            Box::pin(async move { held.fail(&mut session.connection, &error, delay).await })
        }))
        .await
    }

    async fn dead(&self, kind: &str, limit: usize) -> Result<Vec<(Job, String)>, StoreError> {
        let rows: Vec<SqliteRow> = sqlx::query(
            "SELECT id, org, project, kind, payload, attempt, token, ifnull(error, '') FROM jobs
             WHERE dead = 1 AND kind = ?1 ORDER BY id DESC LIMIT ?2",
        )
        .bind(kind)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(self.readers())
        .await
        .map_err(unavailable)?;
        rows.iter().map(|row| Ok((decode(row)?.job, column(row, 7)?))).collect()
    }
}

impl Session {
    async fn enqueue(&mut self, scope: Scope, jobs: &[NewJob]) -> Result<Vec<JobId>, StoreError> {
        let last: Option<i64> = sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = 'jobs'")
            .fetch_optional(&mut self.connection)
            .await
            .map_err(unavailable)?;
        let first = last.unwrap_or(0) + 1;
        let ids: Vec<i64> = (first..).take(jobs.len()).collect();
        let mut rows = Vec::new();
        for (id, job) in ids.iter().zip(jobs) {
            rows.extend([
                Value::from(*id),
                scope.org.0.as_bytes().to_vec().into(),
                scope.project.0.as_bytes().to_vec().into(),
                job.kind.as_str().into(),
                job.payload.as_str().into(),
                job.run_at.as_micros().into(),
                i64::from(job.max_attempts.max(1)).into(),
            ]);
        }
        JOBS.run(&mut self.connection, rows).await.map_err(unavailable)?;
        Ok(ids.into_iter().map(|id| JobId(id.to_string())).collect())
    }

    async fn lease(&mut self, kinds: &str, lease: Duration, limit: i64) -> Result<Vec<Leased>, StoreError> {
        let now = now();
        // A lease that ran out on the last try leaves nobody to say so.
        sqlx::query(
            "UPDATE jobs SET dead = 1, leased_until = NULL, error = coalesce(error, 'the worker did not answer')
             WHERE dead = 0 AND kind IN (SELECT value FROM json_each(?1)) AND attempt >= max_attempts
             AND ifnull(leased_until, run_at) <= ?2",
        )
        .bind(kinds)
        .bind(now)
        .execute(&mut self.connection)
        .await
        .map_err(unavailable)?;
        let until = now.saturating_add(i64::try_from(lease.as_micros()).unwrap_or(i64::MAX));
        let rows: Vec<SqliteRow> = sqlx::query(
            "UPDATE jobs SET attempt = attempt + 1, token = token + 1, leased_until = ?3 WHERE id IN
             (SELECT id FROM jobs WHERE dead = 0 AND kind IN (SELECT value FROM json_each(?1))
              AND ifnull(leased_until, run_at) <= ?2 ORDER BY run_at, id LIMIT ?4)
             RETURNING id, org, project, kind, payload, attempt, token, run_at",
        )
        .bind(kinds)
        .bind(now)
        .bind(until)
        .bind(limit)
        .fetch_all(&mut self.connection)
        .await
        .map_err(unavailable)?;
        let mut leased = Vec::with_capacity(rows.len());
        for row in &rows {
            let place: (i64, i64) = (column(row, 7)?, column(row, 0)?);
            leased.push((place, decode(row)?));
        }
        // What an update returns has no order.
        leased.sort_by_key(|(place, _)| *place);
        Ok(leased.into_iter().map(|(_, leased)| leased).collect())
    }
}

/// A lease as the file knows it.
#[derive(Clone, Copy)]
struct Held {
    id: i64,
    token: i64,
}

impl Held {
    fn of(leased: &Leased) -> Option<Self> {
        Some(Self { id: leased.job.id.0.parse().ok()?, token: i64::try_from(leased.token).ok()? })
    }

    async fn complete(self, connection: &mut SqliteConnection) -> Result<bool, StoreError> {
        let sql = "DELETE FROM jobs WHERE id = ?1 AND token = ?2 AND leased_until IS NOT NULL";
        let done = sqlx::query(sql).bind(self.id).bind(self.token).execute(connection).await;
        done.map(|done| done.rows_affected() > 0).map_err(unavailable)
    }

    async fn fail(
        self,
        connection: &mut SqliteConnection,
        error: &str,
        delay: Duration,
    ) -> Result<bool, StoreError> {
        let delay = i64::try_from(delay.as_micros()).unwrap_or(i64::MAX);
        let done = sqlx::query(
            "UPDATE jobs SET leased_until = NULL, error = ?3, run_at = ?4, dead = attempt >= max_attempts
             WHERE id = ?1 AND token = ?2 AND leased_until IS NOT NULL",
        )
        .bind(self.id)
        .bind(self.token)
        .bind(error)
        .bind(now().saturating_add(delay))
        .execute(connection)
        .await;
        done.map(|done| done.rows_affected() > 0).map_err(unavailable)
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn decode(row: &SqliteRow) -> Result<Leased, StoreError> {
    let uuid = |index| -> Result<uuid::Uuid, StoreError> {
        let bytes: &[u8] = column(row, index)?;
        uuid::Uuid::from_slice(bytes).map_err(|error| StoreError::corrupt("job", error))
    };
    let payload: String = column(row, 4)?;
    let attempt: i64 = column(row, 5)?;
    let job = Job {
        id: JobId(column::<i64>(row, 0)?.to_string()),
        scope: Scope { org: OrgId(uuid(1)?), project: ProjectId(uuid(2)?) },
        kind: column(row, 3)?,
        payload: Json::from_compact(payload).map_err(|error| StoreError::corrupt("job", error))?,
        attempt: u32::try_from(attempt).map_err(|error| StoreError::corrupt("job", error))?,
    };
    let token = u64::try_from(column::<i64>(row, 6)?).map_err(|error| StoreError::corrupt("job", error))?;
    Ok(Leased { job, token })
}
