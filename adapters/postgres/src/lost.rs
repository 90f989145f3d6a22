//! Writes of which nobody heard what came of them: their process died, or the answer of the span store was lost.
//!
//! Every write that may create spans has a reservation ([`PostgresMeter`](crate::PostgresMeter)) whose id it puts on
//! the spans it creates. So what a lost write did can be asked of the span store at any time: its spans are those that
//! carry its id. Those that were there before, or that the client's repeat created, do not.
//!
//! A reservation that is still there [`LOST_AFTER`] later is given up: its spans are looked for, counted and announced.
//! One whose writer died is kept for a day after that, as the writer may only have been slow: then it settles it,
//! exactly, whatever was found here. Deletions look first, so that a span that is deleted stays counted.

use std::collections::HashMap;
use std::sync::Arc;

use trace::id::{OrgId, ProjectId, Scope, SpanId, TraceId};
use trace::ports::{BatchId, Creators, EventBus, SpanKey, SpanStore, StoreError};
use trace::record::announce;
use uuid::Uuid;

use crate::Database;
use crate::sql::{integer, unavailable};

/// A write that takes longer than this has died.
pub(crate) const LOST_AFTER: &str = "15 minutes";

/// Settles writes of which nobody heard what came of them.
pub struct LostWrites {
    database: Database,
    creators: Arc<dyn Creators>,
}

/// A reservation that nobody settled.
#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    org_id: Uuid,
    project_id: Uuid,
    traces: Vec<String>,
    spans: Vec<String>,
}

/// A write, and the spans it created, with their places in its reservation.
struct Found {
    id: Uuid,
    places: Vec<i32>,
    spans: Vec<SpanKey>,
}

impl LostWrites {
    /// Returns the lost writes noted in `database`, whose spans `creators` knows.
    pub fn new(database: &Database, creators: Arc<dyn Creators>) -> Self {
        Self { database: database.clone(), creators }
    }

    /// Settles up to `limit` lost writes and tells `events` of their spans, which `spans` has. Returns how many there
    /// were. Any number of processes may call this: each write is taken by one at a time.
    pub async fn settle(
        &self,
        limit: usize,
        spans: &dyn SpanStore,
        events: &dyn EventBus,
    ) -> Result<usize, StoreError> {
        sqlx::query("DELETE FROM usage_reservations WHERE looked AND due_at <= now()")
            .execute(self.database.pool())
            .await
            .map_err(unavailable)?;
        // Whoever takes them and dies leaves them to the next after a while.
        let rows: Vec<Row> = sqlx::query_as(
            "UPDATE usage_reservations SET due_at = now() + interval '5 minutes' WHERE id IN (
                 SELECT id FROM usage_reservations WHERE due_at <= now() AND NOT looked
                 ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
             ) RETURNING id, org_id, project_id, traces, spans",
        )
        .bind(integer(limit))
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        let (count, mut failed) = (rows.len(), None);
        for (scope, rows) in by_project(rows) {
            // One project whose spans cannot be read keeps none of the others.
            if let Err(error) = self.settle_some(&scope, &rows, spans, events).await {
                failed = Some(error);
            }
        }
        failed.map_or(Ok(count), Err)
    }

    async fn settle_some(
        &self,
        scope: &Scope,
        rows: &[Row],
        spans: &dyn SpanStore,
        events: &dyn EventBus,
    ) -> Result<(), StoreError> {
        for found in self.look(scope, rows).await? {
            // Announced first: an announcement too many does no harm, one too few does.
            if let Err(error) = announce(spans, events, scope, &found.spans).await {
                tracing::warn!(%error, "written and counted, but listeners could not be told");
            }
            self.close(&found).await.map_err(unavailable)?;
        }
        Ok(())
    }

    /// Notes which spans of unsettled writes exist in a project, before spans are deleted there.
    pub(crate) async fn see(&self, scope: &Scope) -> Result<(), StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, org_id, project_id, traces, spans FROM usage_reservations
             WHERE project_id = $1 AND NOT looked",
        )
        .bind(scope.project.0)
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        for found in self.look(scope, &rows).await? {
            if found.places.is_empty() {
                continue;
            }
            sqlx::query("UPDATE usage_reservations SET seen = seen || $2 WHERE id = $1")
                .bind(found.id)
                .bind(found.places)
                .execute(self.database.pool())
                .await
                .map_err(unavailable)?;
        }
        Ok(())
    }

    /// Looks for the spans of some writes of a project.
    async fn look(&self, scope: &Scope, rows: &[Row]) -> Result<Vec<Found>, StoreError> {
        let keys: Vec<Vec<SpanKey>> = rows.iter().map(Row::keys).collect::<Result<_, _>>()?;
        let all = keys.concat();
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let mut creators = self.creators.creators(scope, &all).await?.into_iter();
        let found = rows.iter().zip(keys).map(|(row, keys)| {
            let mut found = Found { id: row.id, places: Vec::new(), spans: Vec::new() };
            for (place, (key, creator)) in (0..).zip(keys.into_iter().zip(creators.by_ref())) {
                if creator == Some(BatchId(row.id)) {
                    found.places.push(place);
                    found.spans.push(key);
                }
            }
            found
        });
        Ok(found.collect())
    }

    /// Counts what a write did in place of what is counted for it, once.
    async fn close(&self, found: &Found) -> Result<(), sqlx::Error> {
        sqlx::query(
            "WITH old AS (
                 SELECT id, org_id, month, counted, released,
                        (SELECT count(DISTINCT place) FROM unnest(seen || $2::int[]) AS p (place)) AS created
                 FROM usage_reservations WHERE id = $1 AND NOT looked FOR UPDATE
             ), kept AS (
                 UPDATE usage_reservations AS r
                 SET counted = old.created, looked = true, due_at = r.taken_at + interval '1 day'
                 FROM old WHERE r.id = old.id AND NOT old.released
             ), gone AS (
                 DELETE FROM usage_reservations AS r USING old WHERE r.id = old.id AND old.released
             )
             UPDATE usage_months AS u SET spans = greatest(u.spans + old.created - old.counted, 0)
             FROM old WHERE u.org_id = old.org_id AND u.month = old.month AND old.created <> old.counted",
        )
        .bind(found.id)
        .bind(&found.places)
        .execute(self.database.pool())
        .await
        .map(|_| ())
    }
}

impl Row {
    fn keys(&self) -> Result<Vec<SpanKey>, StoreError> {
        let key = |(trace, span): (&String, &String)| {
            let ids = TraceId::parse(trace).and_then(|trace| Ok((trace, SpanId::parse(span)?)));
            let (trace_id, span_id) = ids.map_err(|error| StoreError::corrupt("reservation", error))?;
            Ok(SpanKey { trace_id, span_id })
        };
        self.traces.iter().zip(&self.spans).map(key).collect()
    }
}

fn by_project(rows: Vec<Row>) -> HashMap<Scope, Vec<Row>> {
    let mut projects: HashMap<Scope, Vec<Row>> = HashMap::new();
    for row in rows {
        let scope = Scope { org: OrgId(row.org_id), project: ProjectId(row.project_id) };
        projects.entry(scope).or_default().push(row);
    }
    projects
}
