//! Dirty hours, worked out again from the spans.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use trace::id::{OrgId, ProjectId, Scope};
use trace::ports::StoreError;
use uuid::Uuid;

use super::changes::{Changes, HOUR, hour_of};
use super::ledger::{ALONE, End, add, hours, lock};
use super::{Doubt, PostgresRollups, query, times};
use crate::lost::LOST_AFTER;
use crate::sql::unavailable;

/// Hours read in one go, so that none waits long for the others.
const STRETCH: i32 = 24;

impl PostgresRollups {
    /// Works out the dirty hours of a stretch again. Returns those that were written to meanwhile, and so stay dirty,
    /// with what was found in them.
    pub(super) async fn settle(
        &self,
        scope: &Scope,
        stretch: Range<i32>,
    ) -> Result<BTreeMap<i32, Changes>, StoreError> {
        self.flush(scope).await?;
        self.recover(scope).await?;
        let dirty: Vec<(i32, i64)> = sqlx::query_as(
            "SELECT hour, version FROM rollup_dirty WHERE project_id = $1 AND hour >= $2 AND hour < $3
             ORDER BY hour",
        )
        .bind(scope.project.0)
        .bind(stretch.start)
        .bind(stretch.end)
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        let mut unsettled = BTreeMap::new();
        for run in dirty.chunk_by(|a, b| b.0 - a.0 == 1).flat_map(|run| run.chunks(STRETCH as usize)) {
            let Some(((first, _), (last, _))) = run.first().zip(run.last()) else { continue };
            let found = self.scan(scope, *first, *last).await?;
            let settled = self.replace(scope, run, &found).await.map_err(unavailable)?;
            for (hour, changes) in found {
                if !settled.contains(&hour) {
                    unsettled.insert(hour, changes);
                }
            }
        }
        Ok(unsettled)
    }

    /// Adds up the spans of some hours, both ends included.
    async fn scan(&self, scope: &Scope, first: i32, last: i32) -> Result<BTreeMap<i32, Changes>, StoreError> {
        let mut found: BTreeMap<i32, Changes> =
            (first..=last).map(|hour| (hour, Changes::default())).collect();
        let mut query = query(times(i64::from(first) * HOUR, (i64::from(last) + 1) * HOUR - 1));
        loop {
            let page = self.spans.list(scope, &query).await?;
            for span in &page.items {
                found.entry(hour_of(span)).or_default().add(span);
            }
            query.after = page.next;
            if query.after.is_none() {
                return Ok(found);
            }
        }
    }

    /// Replaces the sums of those hours that nobody wrote to meanwhile, and returns which those are.
    async fn replace(
        &self,
        scope: &Scope,
        run: &[(i32, i64)],
        found: &BTreeMap<i32, Changes>,
    ) -> Result<BTreeSet<i32>, sqlx::Error> {
        let mut transaction = self.database.pool().begin().await?;
        lock(&mut transaction, ALONE, scope).await?;
        let (all, versions): (Vec<i32>, Vec<i64>) = run.iter().copied().unzip();
        let settled: Vec<i32> = sqlx::query_scalar(
            "DELETE FROM rollup_dirty d USING unnest($2::int[], $3::bigint[]) AS seen (hour, version)
             WHERE d.project_id = $1 AND d.hour = seen.hour AND d.version = seen.version RETURNING d.hour",
        )
        .bind(scope.project.0)
        .bind(all)
        .bind(versions)
        .fetch_all(&mut *transaction)
        .await?;
        let settled: BTreeSet<i32> = settled.into_iter().collect();
        if settled.is_empty() {
            return Ok(settled);
        }
        sqlx::query(
            "WITH gone AS (DELETE FROM rollup_latencies WHERE project_id = $1 AND hour = ANY($2))
             DELETE FROM rollups WHERE project_id = $1 AND hour = ANY($2)",
        )
        .bind(scope.project.0)
        .bind(hours(&settled))
        .execute(&mut *transaction)
        .await?;
        for (_, changes) in found.iter().filter(|(hour, _)| settled.contains(hour)) {
            add(&mut transaction, scope, changes).await?;
        }
        // Whether the spans of these writes were among those found, nobody knows.
        sqlx::query("UPDATE rollup_writes SET recomputed = recomputed || $2 WHERE project_id = $1")
            .bind(scope.project.0)
            .bind(hours(&settled))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(settled)
    }

    /// Makes the hours dirty of writes whose writer is gone.
    async fn recover(&self, scope: &Scope) -> Result<(), StoreError> {
        let lost: Vec<(Uuid, Vec<i32>, String)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT batch_id, hours, ends::text FROM rollup_writes
             WHERE project_id = $1 AND begun_at < now() - interval '{LOST_AFTER}' ORDER BY begun_at LIMIT 1000"
        )))
        .bind(scope.project.0)
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        for (batch_id, hours, ends) in lost {
            let ends: Vec<End> =
                serde_json::from_str(&ends).map_err(|error| StoreError::corrupt("note of a write", error))?;
            let mut doubt = Doubt::about(hours);
            for end in ends {
                let span = self.spans.find(scope, end.trace.as_ref(), &end.span).await?;
                doubt.hours.extend(span.as_ref().map(hour_of));
            }
            self.mark_and_forget(scope, Some(batch_id), &doubt).await.map_err(unavailable)?;
        }
        Ok(())
    }

    /// Works out dirty hours of up to `projects` projects again, those that wait longest first, and forgets what is
    /// remembered of batches a day after. For a worker now and then, so that no summary has to. Returns how many
    /// projects it looked after.
    pub async fn tidy(&self, projects: usize) -> Result<usize, StoreError> {
        self.flush_all().await?;
        sqlx::query("DELETE FROM rollup_applied WHERE applied_at < now() - interval '1 day'")
            .execute(self.database.pool())
            .await
            .map_err(unavailable)?;
        let waiting: Vec<(Uuid, Uuid)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
            "SELECT org_id, project_id FROM (
                 SELECT org_id, project_id, since FROM rollup_dirty
                 UNION ALL
                 SELECT org_id, project_id, begun_at FROM rollup_writes
                 WHERE begun_at < now() - interval '{LOST_AFTER}'
             ) AS waiting GROUP BY org_id, project_id ORDER BY min(since) LIMIT $1"
        )))
        .bind(crate::sql::integer(projects))
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        for (org, project) in &waiting {
            let scope = Scope { org: OrgId(*org), project: ProjectId(*project) };
            self.settle(&scope, i32::MIN..i32::MAX).await?;
        }
        Ok(waiting.len())
    }

    /// Forgets everything about a project that was deleted.
    pub async fn forget(&self, scope: &Scope) -> Result<(), StoreError> {
        for sql in [
            "DELETE FROM rollups WHERE project_id = $1",
            "DELETE FROM rollup_latencies WHERE project_id = $1",
            "DELETE FROM rollup_dirty WHERE project_id = $1",
            "DELETE FROM rollup_writes WHERE project_id = $1",
            "DELETE FROM rollup_applied WHERE project_id = $1",
        ] {
            let done = sqlx::query(sql).bind(scope.project.0).execute(self.database.pool()).await;
            done.map_err(unavailable)?;
        }
        Ok(())
    }
}
