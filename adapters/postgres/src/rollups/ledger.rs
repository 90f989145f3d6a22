//! What is written down about sums, and the rules of who may write it when.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use trace::id::{Scope, SpanId, TraceId};
use trace::ports::{Batch, SpanWrite, StoreError};
use uuid::Uuid;

use super::changes::{Changes, hour_of};
use super::totals::Group;
use super::{Doubt, PostgresRollups};
use crate::sql::unavailable;

/// What a write of spans may change, as far as it is known before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Intent {
    /// Hours it may touch.
    pub(crate) hours: BTreeSet<i32>,
    /// Spans it ends, whose hours only the span store knows.
    pub(crate) ends: Vec<End>,
}

/// A span that is to be ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct End {
    pub(crate) trace: Option<TraceId>,
    pub(crate) span: SpanId,
}

impl Intent {
    /// Returns what a batch may change.
    pub(crate) fn of(batch: &Batch) -> Self {
        let mut intent = Self::default();
        for write in &batch.spans {
            match write {
                SpanWrite::Create(new) | SpanWrite::Put(new) => {
                    intent.hours.insert(hour_of(&new.span));
                }
                SpanWrite::Finish(finish) => {
                    intent.ends.push(End { trace: finish.trace_id.clone(), span: finish.span_id.clone() });
                }
            }
        }
        intent
    }
}

/// Many may add to the sums of a project at once; who replaces an hour is alone.
const SHARED: &str = "SELECT pg_advisory_xact_lock_shared(hashtextextended('rollups ' || $1::text, 0))";
pub(super) const ALONE: &str = "SELECT pg_advisory_xact_lock(hashtextextended('rollups ' || $1::text, 0))";

pub(super) async fn lock(
    connection: &mut PgConnection,
    sql: &'static str,
    scope: &Scope,
) -> Result<(), sqlx::Error> {
    sqlx::query(sql).bind(scope.project.0).execute(connection).await.map(|_| ())
}

impl PostgresRollups {
    /// Notes that a write of spans is on its way.
    pub(crate) async fn note(
        &self,
        scope: &Scope,
        batch_id: Uuid,
        intent: &Intent,
    ) -> Result<(), StoreError> {
        let ends = serde_json::to_string(&intent.ends).unwrap_or_else(|_| "[]".to_owned());
        sqlx::query(
            "INSERT INTO rollup_writes (project_id, batch_id, org_id, hours, ends)
             VALUES ($1, $2, $3, $4, $5::text::json)",
        )
        .bind(scope.project.0)
        .bind(batch_id)
        .bind(scope.org.0)
        .bind(hours(&intent.hours))
        .bind(ends)
        .execute(self.database.pool())
        .await
        .map(|_| ())
        .map_err(unavailable)
    }

    /// Notes that a write of spans is on its way that may touch these hours.
    pub async fn begin(
        &self,
        scope: &Scope,
        batch_id: Uuid,
        hours: impl IntoIterator<Item = i32>,
    ) -> Result<(), StoreError> {
        let intent = Intent { hours: hours.into_iter().collect(), ends: Vec::new() };
        self.note(scope, batch_id, &intent).await
    }

    /// Takes the note of a write away that changed nothing.
    pub async fn abandon(&self, scope: &Scope, batch_id: Uuid) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM rollup_writes WHERE project_id = $1 AND batch_id = $2")
            .bind(scope.project.0)
            .bind(batch_id)
            .execute(self.database.pool())
            .await
            .map(|_| ())
            .map_err(unavailable)
    }

    /// Adds what a write changed, once: a repeat returns false and does nothing.
    ///
    /// Hours that are dirty, or were replaced while the write was on its way, become dirtier instead; so do all when
    /// the write was never noted.
    pub async fn apply(&self, scope: &Scope, batch_id: Uuid, changes: &Changes) -> Result<bool, StoreError> {
        self.apply_once(scope, batch_id, changes).await.map_err(unavailable)
    }

    async fn apply_once(
        &self,
        scope: &Scope,
        batch_id: Uuid,
        changes: &Changes,
    ) -> Result<bool, sqlx::Error> {
        let mut transaction = self.database.pool().begin().await?;
        lock(&mut transaction, SHARED, scope).await?;
        let (is_new, replaced): (bool, Option<Vec<i32>>) = sqlx::query_as(
            "WITH new AS (
                 INSERT INTO rollup_applied (project_id, batch_id) VALUES ($1, $2)
                 ON CONFLICT (project_id, batch_id) DO NOTHING RETURNING batch_id
             ), noted AS (
                 DELETE FROM rollup_writes WHERE project_id = $1 AND batch_id = $2 RETURNING recomputed
             )
             SELECT EXISTS (SELECT FROM new), (SELECT recomputed FROM noted)",
        )
        .bind(scope.project.0)
        .bind(batch_id)
        .fetch_one(&mut *transaction)
        .await?;
        if !is_new {
            transaction.commit().await?;
            return Ok(false);
        }
        let touched = changes.hours();
        let replaced: BTreeSet<i32> = match replaced {
            Some(replaced) => replaced.into_iter().filter(|hour| touched.contains(hour)).collect(),
            None => touched.clone(),
        };
        let mut doubted: BTreeSet<i32> = sqlx::query_scalar(
            "SELECT hour FROM rollup_dirty WHERE project_id = $1 AND hour = ANY($2) ORDER BY hour FOR UPDATE",
        )
        .bind(scope.project.0)
        .bind(hours(&touched))
        .fetch_all(&mut *transaction)
        .await?
        .into_iter()
        .collect();
        doubted.extend(replaced);
        mark(&mut transaction, scope, &doubted).await?;
        add(&mut transaction, scope, &changes.clone().without(&doubted)).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Makes an hour dirty: it is worked out again from the spans before anybody sees it.
    pub async fn mark_dirty(&self, scope: &Scope, hour: i32) -> Result<(), StoreError> {
        self.mark(scope, &Doubt::about([hour])).await
    }

    /// Makes hours dirty.
    pub(crate) async fn mark(&self, scope: &Scope, doubt: &Doubt) -> Result<(), StoreError> {
        self.mark_and_forget(scope, None, doubt).await.map_err(unavailable)
    }

    /// Makes hours dirty and takes the note of the write away that is the reason.
    pub(crate) async fn mark_and_forget(
        &self,
        scope: &Scope,
        batch_id: Option<Uuid>,
        doubt: &Doubt,
    ) -> Result<(), sqlx::Error> {
        let mut transaction = self.database.pool().begin().await?;
        lock(&mut transaction, SHARED, scope).await?;
        let mut marked = doubt.hours.clone();
        if doubt.all {
            marked.extend(stored_hours(&mut transaction, scope, i32::MAX).await?);
        }
        mark(&mut transaction, scope, &marked).await?;
        if let Some(batch_id) = batch_id {
            sqlx::query("DELETE FROM rollup_writes WHERE project_id = $1 AND batch_id = $2")
                .bind(scope.project.0)
                .bind(batch_id)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    }

    /// Returns the hours up to `last` that have sums.
    pub(crate) async fn stored_hours(&self, scope: &Scope, last: i32) -> Result<BTreeSet<i32>, StoreError> {
        let mut connection = self.database.pool().acquire().await.map_err(unavailable)?;
        stored_hours(&mut connection, scope, last).await.map_err(unavailable)
    }

    /// Returns the sums of a stretch of hours, without some of them.
    pub(super) async fn sums(
        &self,
        scope: &Scope,
        stretch: Range<i32>,
        without: BTreeSet<i32>,
    ) -> Result<Vec<Group>, StoreError> {
        #[derive(sqlx::FromRow)]
        struct Row {
            llm: bool,
            label: String,
            provider: Option<String>,
            failed: bool,
            spans: i64,
            ended: i64,
            duration_ms: String,
            cost: String,
            input_tokens: String,
            output_tokens: String,
        }
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT kind = 0 AS llm, CASE WHEN kind = 0 THEN label ELSE '' END AS label,
                    CASE WHEN kind = 0 THEN provider END AS provider, status = 2 AS failed,
                    sum(spans)::bigint AS spans, sum(ended)::bigint AS ended,
                    sum(duration_ms)::text AS duration_ms, sum(cost)::text AS cost,
                    sum(input_tokens)::text AS input_tokens, sum(output_tokens)::text AS output_tokens
             FROM rollups WHERE project_id = $1 AND hour >= $2 AND hour < $3 AND hour <> ALL($4)
             GROUP BY 1, 2, 3, 4",
        )
        .bind(scope.project.0)
        .bind(stretch.start)
        .bind(stretch.end)
        .bind(hours(&without))
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        let number = |text: String| text.parse::<i128>().map_err(|error| StoreError::corrupt("sum", error));
        let group = |row: Row| {
            Ok(Group {
                llm: row.llm,
                label: row.label,
                provider: row.provider,
                failed: row.failed,
                spans: row.spans,
                ended: row.ended,
                duration_ms: number(row.duration_ms)?,
                cost: number(row.cost)?,
                input_tokens: number(row.input_tokens)?,
                output_tokens: number(row.output_tokens)?,
                durations: BTreeMap::new(),
            })
        };
        rows.into_iter().map(group).collect()
    }

    /// Returns how durations of a stretch of hours are spread, without some of the hours.
    pub(super) async fn latency_sums(
        &self,
        scope: &Scope,
        stretch: Range<i32>,
        without: BTreeSet<i32>,
    ) -> Result<Vec<Group>, StoreError> {
        type Row = (bool, String, Option<String>, i16, i64);
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT kind = 0, CASE WHEN kind = 0 THEN label ELSE '' END,
                    CASE WHEN kind = 0 THEN provider END, bucket, sum(l.spans)::bigint
             FROM rollups JOIN rollup_latencies AS l USING (project_id, hour, key)
             WHERE project_id = $1 AND hour >= $2 AND hour < $3 AND hour <> ALL($4)
             GROUP BY 1, 2, 3, 4",
        )
        .bind(scope.project.0)
        .bind(stretch.start)
        .bind(stretch.end)
        .bind(hours(&without))
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        let group = |(llm, label, provider, bucket, spans): Row| {
            let bucket = u16::try_from(bucket).map_err(|error| StoreError::corrupt("bucket", error))?;
            Ok(Group { llm, label, provider, durations: [(bucket, spans)].into(), ..Group::default() })
        };
        rows.into_iter().map(group).collect()
    }

    /// Returns the hours of a stretch in which not every ended span has its duration in a bucket: sums from before
    /// there were any, and those that an older version of this program wrote since.
    pub(super) async fn without_latencies(
        &self,
        scope: &Scope,
        stretch: Range<i32>,
    ) -> Result<BTreeSet<i32>, StoreError> {
        let found: Vec<i32> = sqlx::query_scalar(
            "SELECT DISTINCT r.hour FROM rollups AS r LEFT JOIN (
                 SELECT hour, key, sum(spans) AS spans FROM rollup_latencies
                 WHERE project_id = $1 AND hour >= $2 AND hour < $3 GROUP BY hour, key
             ) AS l USING (hour, key)
             WHERE r.project_id = $1 AND r.hour >= $2 AND r.hour < $3 AND r.ended <> coalesce(l.spans, 0)",
        )
        .bind(scope.project.0)
        .bind(stretch.start)
        .bind(stretch.end)
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        Ok(found.into_iter().collect())
    }
}

pub(super) fn hours(set: &BTreeSet<i32>) -> Vec<i32> {
    set.iter().copied().collect()
}

async fn stored_hours(
    connection: &mut PgConnection,
    scope: &Scope,
    last: i32,
) -> Result<BTreeSet<i32>, sqlx::Error> {
    let found: Vec<i32> =
        sqlx::query_scalar("SELECT DISTINCT hour FROM rollups WHERE project_id = $1 AND hour <= $2")
            .bind(scope.project.0)
            .bind(last)
            .fetch_all(connection)
            .await?;
    Ok(found.into_iter().collect())
}

/// Makes hours dirty, or dirtier.
pub(super) async fn mark(
    connection: &mut PgConnection,
    scope: &Scope,
    marked: &BTreeSet<i32>,
) -> Result<(), sqlx::Error> {
    if marked.is_empty() {
        return Ok(());
    }
    metrics::counter!("traceway_rollup_dirty_hours_total").increment(marked.len() as u64);
    sqlx::query(
        "INSERT INTO rollup_dirty AS d (project_id, org_id, hour)
         SELECT $1, $2, hour FROM unnest($3::int[]) AS marked (hour) ORDER BY hour
         ON CONFLICT (project_id, hour) DO UPDATE SET version = d.version + 1",
    )
    .bind(scope.project.0)
    .bind(scope.org.0)
    .bind(hours(marked))
    .execute(connection)
    .await
    .map(|_| ())
}

/// Adds changes to the sums.
pub(super) async fn add(
    connection: &mut PgConnection,
    scope: &Scope,
    changes: &Changes,
) -> Result<(), sqlx::Error> {
    if changes.is_empty() {
        return Ok(());
    }
    macro_rules! column {
        (|$key:ident, $change:ident| $value:expr) => {
            changes.iter().map(|($key, $change)| $value).collect::<Vec<_>>()
        };
    }
    let durations = changes.iter().flat_map(|(key, change)| change.durations.iter().map(move |of| (key, of)));
    let (mut lasted_hours, mut lasted_keys, mut buckets, mut lasted) = (vec![], vec![], vec![], vec![]);
    for (key, (bucket, spans)) in durations {
        lasted_hours.push(key.hour);
        lasted_keys.push(key.hash());
        buckets.push(i16::try_from(*bucket).unwrap_or(i16::MAX));
        lasted.push(*spans);
    }
    // In the order of keys, so that two who add to the same sums do not wait for each other; whoever has the sums of
    // an hour has what is in its buckets. Both in one round trip.
    sqlx::query(
        "WITH sums AS (
         INSERT INTO rollups AS r (project_id, hour, key, kind, label, provider, status, spans, ended, duration_ms,
                                   cost, input_tokens, output_tokens)
         SELECT $1, hour, key, kind, label, provider, status, spans, ended, duration_ms::numeric, cost::numeric,
                input_tokens::numeric, output_tokens::numeric
         FROM unnest($2::int[], $3::bytea[], $4::smallint[], $5::text[], $6::text[], $7::smallint[], $8::bigint[],
                     $9::bigint[], $10::text[], $11::text[], $12::text[], $13::text[])
             AS new (hour, key, kind, label, provider, status, spans, ended, duration_ms, cost, input_tokens,
                     output_tokens)
         ORDER BY hour, key
         ON CONFLICT (project_id, hour, key) DO UPDATE SET spans = r.spans + excluded.spans,
             ended = r.ended + excluded.ended, duration_ms = r.duration_ms + excluded.duration_ms,
             cost = r.cost + excluded.cost, input_tokens = r.input_tokens + excluded.input_tokens,
             output_tokens = r.output_tokens + excluded.output_tokens
         RETURNING 1)
         INSERT INTO rollup_latencies AS l (project_id, hour, key, bucket, spans)
         SELECT $1, hour, key, bucket, spans
         FROM unnest($14::int[], $15::bytea[], $16::smallint[], $17::bigint[]) AS new (hour, key, bucket, spans)
         -- Not before all sums are written.
         WHERE (SELECT count(*) FROM sums) > 0
         ORDER BY hour, key, bucket
         ON CONFLICT (project_id, hour, key, bucket) DO UPDATE SET spans = l.spans + excluded.spans",
    )
    .bind(scope.project.0)
    .bind(column!(|key, _change| key.hour))
    .bind(column!(|key, _change| key.hash()))
    .bind(column!(|key, _change| key.kind))
    .bind(column!(|key, _change| key.label.as_str()))
    .bind(column!(|key, _change| key.provider.as_deref()))
    .bind(column!(|key, _change| key.status))
    .bind(column!(|_key, change| change.spans))
    .bind(column!(|_key, change| change.ended))
    .bind(column!(|_key, change| change.duration_ms.to_string()))
    .bind(column!(|_key, change| change.cost.to_string()))
    .bind(column!(|_key, change| change.input_tokens.to_string()))
    .bind(column!(|_key, change| change.output_tokens.to_string()))
    .bind(lasted_hours)
    .bind(lasted_keys)
    .bind(buckets)
    .bind(lasted)
    .execute(&mut *connection)
    .await?;
    if changes.iter().all(|(_, change)| change.spans >= 0) {
        return Ok(());
    }
    // With its last span a sum goes.
    sqlx::query(
        "WITH emptied AS (
             DELETE FROM rollup_latencies WHERE project_id = $1 AND hour = ANY($2) AND spans = 0
         )
         DELETE FROM rollups WHERE project_id = $1 AND hour = ANY($2) AND spans = 0 AND ended = 0
             AND duration_ms = 0 AND cost = 0 AND input_tokens = 0 AND output_tokens = 0",
    )
    .bind(scope.project.0)
    .bind(hours(&changes.hours()))
    .execute(connection)
    .await
    .map(|_| ())
}
