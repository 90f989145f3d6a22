//! A span store whose sums are kept up to date in Postgres.

use std::sync::Arc;

use async_trait::async_trait;
use trace::filter::{ListQuery, Page};
use trace::id::{Scope, SpanId, TraceId};
use trace::ports::{Batch, Counts, SpanChange, SpanStore, StoreError, Written};
use trace::span::Span;
use trace::time::Timestamp;
use trace::trace::{Session, Trace};
use uuid::Uuid;

use crate::LostWrites;
use crate::rollups::{Changes, Doubt, Intent, PostgresRollups, hour_at, hour_of, query, times};

/// A [`SpanStore`] that tells [`PostgresRollups`] what another one did.
///
/// It stands right before the store that writes, since that one says what a write replaced
/// ([`Written::replaced`]). The sums can never fail a write: where they cannot follow, their hours become dirty, now
/// or when Postgres is back.
pub struct RolledUp {
    inner: Arc<dyn SpanStore>,
    rollups: Arc<PostgresRollups>,
    lost: Option<Arc<LostWrites>>,
}

impl RolledUp {
    /// Wraps a store.
    pub fn new(inner: Arc<dyn SpanStore>, rollups: Arc<PostgresRollups>) -> Self {
        Self { inner, rollups, lost: None }
    }

    /// Returns the store with what lost writes created noted before it is deleted.
    #[must_use]
    pub fn remembering(self, lost: Arc<LostWrites>) -> Self {
        Self { lost: Some(lost), ..self }
    }

    /// Looks for spans of lost writes, before some may be deleted.
    async fn look(&self, scope: &Scope) {
        if let Some(lost) = &self.lost {
            self.rollups.try_step("look", lost.see(scope)).await;
        }
    }

    async fn begin(&self, scope: &Scope, intent: &Intent) -> Uuid {
        self.begin_as(scope, Uuid::now_v7(), intent).await
    }

    async fn begin_as(&self, scope: &Scope, batch_id: Uuid, intent: &Intent) -> Uuid {
        if self.rollups.has_pending() {
            self.rollups.try_step("flush", self.rollups.flush_all()).await;
        }
        self.rollups.try_step("begin", self.rollups.note(scope, batch_id, intent)).await;
        batch_id
    }

    async fn apply(&self, scope: &Scope, batch_id: Uuid, changes: &Changes) {
        if changes.is_empty() {
            return self.abandon(scope, batch_id).await;
        }
        let applied = self.rollups.try_step("apply", self.rollups.apply(scope, batch_id, changes)).await;
        if applied.is_none() {
            self.rollups.remember(scope, Doubt::about(changes.hours()));
        }
    }

    async fn doubt(&self, scope: &Scope, batch_id: Uuid, doubt: Doubt) {
        let marking = async {
            let marked = self.rollups.mark_and_forget(scope, Some(batch_id), &doubt).await;
            marked.map_err(crate::sql::unavailable)
        };
        if self.rollups.try_step("mark", marking).await.is_none() {
            self.rollups.remember(scope, doubt);
        }
    }

    async fn abandon(&self, scope: &Scope, batch_id: Uuid) {
        // A note that stays only makes work: its hours are looked at once more.
        self.rollups.try_step("abandon", self.rollups.abandon(scope, batch_id)).await;
    }

    /// Returns the hours beyond `last` of spans whose traces are about to be swept.
    async fn hours_beyond(
        &self,
        scope: &Scope,
        before: Timestamp,
        last: i32,
    ) -> Result<Option<Vec<i32>>, StoreError> {
        let mut query = query(times(i64::MIN, before.as_micros().saturating_sub(1)));
        let (mut is_empty, mut hours) = (true, Vec::new());
        loop {
            let page = self.inner.list_traces(scope, &query).await?;
            is_empty &= page.items.is_empty();
            let is_long = |trace: &&Trace| trace.totals.running > 0 || ends_beyond(trace, last);
            let long: Vec<TraceId> =
                page.items.iter().filter(is_long).map(|trace| trace.id.clone()).collect();
            for ids in long.chunks(100) {
                hours.extend(self.inner.list_of_traces(scope, ids).await?.iter().map(hour_of));
            }
            query.after = page.next;
            if query.after.is_none() {
                return Ok((!is_empty).then_some(hours));
            }
        }
    }
}

/// Returns whether a trace may have spans in hours after `last`.
fn ends_beyond(trace: &Trace, last: i32) -> bool {
    let times = [trace.totals.first_start, trace.totals.last_end];
    times.into_iter().flatten().any(|time| hour_at(time) > last)
}

/// Returns what a batch changed, or `None` when the store does not say what it replaced.
fn changes_of(written: &Written) -> Option<Changes> {
    let mut changes = Changes::default();
    let mut replaced = written.replaced.iter();
    for change in &written.spans {
        match change {
            SpanChange::Created(span) => changes.add(span),
            SpanChange::Updated(span) => {
                changes.remove(replaced.next()?);
                changes.add(span);
            }
            SpanChange::Existing
            | SpanChange::Stale
            | SpanChange::Terminal
            | SpanChange::Missing
            | SpanChange::Conflict
            | SpanChange::OverLimit { .. } => {}
        }
    }
    Some(changes)
}

/// Returns the hours of the spans a batch wrote.
fn hours_of(written: &Written) -> impl Iterator<Item = i32> {
    written.spans.iter().filter_map(|change| match change {
        SpanChange::Created(span) | SpanChange::Updated(span) => Some(hour_of(span)),
        _ => None,
    })
}

#[async_trait]
impl SpanStore for RolledUp {
    async fn write(&self, scope: &Scope, batch: Batch) -> Result<Written, StoreError> {
        if batch.spans.is_empty() {
            return self.inner.write(scope, batch).await;
        }
        let intent = Intent::of(&batch);
        let batch_id = batch.id.map_or_else(Uuid::now_v7, |id| id.0);
        self.begin_as(scope, batch_id, &intent).await;
        match self.inner.write(scope, batch).await {
            Ok(written) => {
                if let Some(changes) = changes_of(&written) {
                    self.apply(scope, batch_id, &changes).await;
                } else {
                    // What was replaced may have been in any hour.
                    let doubt = Doubt { all: true, ..Doubt::about(hours_of(&written)) };
                    self.doubt(scope, batch_id, doubt).await;
                }
                Ok(written)
            }
            Err(StoreError::Busy) => {
                self.abandon(scope, batch_id).await;
                Err(StoreError::Busy)
            }
            // It may have been written all the same. Whoever asks next looks at its hours; the note stays, since it may
            // also be written later.
            Err(error) => {
                let doubt = Doubt::about(intent.hours);
                if self.rollups.try_step("mark", self.rollups.mark(scope, &doubt)).await.is_none() {
                    self.rollups.remember(scope, doubt);
                }
                Err(error)
            }
        }
    }

    async fn find(
        &self,
        scope: &Scope,
        trace: Option<&TraceId>,
        id: &SpanId,
    ) -> Result<Option<Span>, StoreError> {
        self.inner.find(scope, trace, id).await
    }

    async fn list(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Span>, StoreError> {
        self.inner.list(scope, query).await
    }

    async fn list_of_traces(&self, scope: &Scope, traces: &[TraceId]) -> Result<Vec<Span>, StoreError> {
        self.inner.list_of_traces(scope, traces).await
    }

    async fn find_trace(&self, scope: &Scope, id: &TraceId) -> Result<Option<Trace>, StoreError> {
        self.inner.find_trace(scope, id).await
    }

    async fn list_traces(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Trace>, StoreError> {
        self.inner.list_traces(scope, query).await
    }

    async fn list_sessions(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Session>, StoreError> {
        self.inner.list_sessions(scope, query).await
    }

    async fn find_session(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<(Session, Vec<Trace>)>, StoreError> {
        self.inner.find_session(scope, id).await
    }

    async fn delete(
        &self,
        scope: &Scope,
        trace: Option<&TraceId>,
        id: &SpanId,
    ) -> Result<Option<TraceId>, StoreError> {
        let Some(found) = self.inner.find(scope, trace, id).await? else {
            return Ok(None);
        };
        let hour = hour_of(&found);
        self.look(scope).await;
        let batch_id = self.begin(scope, &Intent { hours: [hour].into(), ends: Vec::new() }).await;
        let deleted = self.inner.delete(scope, trace, id).await?;
        match &deleted {
            None => self.abandon(scope, batch_id).await,
            // A span that has ended is as it was found; one that runs may have ended meanwhile.
            Some(trace_id) if *trace_id == found.trace_id && found.status.is_terminal() => {
                let mut changes = Changes::default();
                changes.remove(&found);
                self.apply(scope, batch_id, &changes).await;
            }
            Some(trace_id) => {
                let doubt = Doubt { all: *trace_id != found.trace_id, ..Doubt::about([hour]) };
                self.doubt(scope, batch_id, doubt).await;
            }
        }
        Ok(deleted)
    }

    async fn delete_trace(&self, scope: &Scope, id: &TraceId) -> Result<Option<u64>, StoreError> {
        self.look(scope).await;
        let found = self.inner.list_of_traces(scope, std::slice::from_ref(id)).await?;
        let hours = || found.iter().map(hour_of);
        let batch_id = self.begin(scope, &Intent { hours: hours().collect(), ends: Vec::new() }).await;
        let deleted = self.inner.delete_trace(scope, id).await?;
        let is_as_found = deleted == Some(found.len() as u64);
        if deleted.is_none() {
            self.abandon(scope, batch_id).await;
        } else if is_as_found && found.iter().all(|span| span.status.is_terminal()) {
            let mut changes = Changes::default();
            for span in &found {
                changes.remove(span);
            }
            self.apply(scope, batch_id, &changes).await;
        } else {
            // Spans that came meanwhile may be of any hour.
            self.doubt(scope, batch_id, Doubt { all: !is_as_found, ..Doubt::about(hours()) }).await;
        }
        Ok(deleted)
    }

    async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        self.look(scope).await;
        let stored = self.rollups.try_step("hours", self.rollups.stored_hours(scope, i32::MAX)).await;
        let intent = Intent { hours: stored.unwrap_or_default(), ends: Vec::new() };
        let batch_id = self.begin(scope, &intent).await;
        self.inner.clear(scope).await?;
        self.doubt(scope, batch_id, Doubt { all: true, ..Doubt::default() }).await;
        Ok(())
    }

    async fn sweep(&self, scope: &Scope, before: Timestamp) -> Result<u64, StoreError> {
        // Spans start with their trace or later: what goes was counted up to this hour, or is named.
        let last = hour_at(before);
        let beyond = self.hours_beyond(scope, before, last).await?;
        let stored = self.rollups.try_step("hours", self.rollups.stored_hours(scope, last)).await;
        let mut doubt = Doubt { all: stored.is_none(), ..Doubt::default() };
        doubt.hours.extend(stored.into_iter().flatten().chain(beyond.iter().flatten().copied()));
        let mut noted = None;
        if beyond.is_some() {
            self.look(scope).await;
            let intent = Intent { hours: doubt.hours.clone(), ends: Vec::new() };
            noted = Some(self.begin(scope, &intent).await);
        }
        let swept = self.inner.sweep(scope, before).await?;
        match noted {
            Some(batch_id) if swept == 0 => self.abandon(scope, batch_id).await,
            Some(batch_id) => self.doubt(scope, batch_id, doubt).await,
            // A trace that came between the look and the sweep.
            None if swept > 0 => self.doubt(scope, Uuid::now_v7(), Doubt { all: true, ..doubt }).await,
            None => {}
        }
        Ok(swept)
    }

    async fn counts(&self, scope: &Scope) -> Result<Counts, StoreError> {
        self.inner.counts(scope).await
    }

    /// Sums, users and keys lie in the same database: without it the store is of no use.
    async fn check(&self) -> Result<(), StoreError> {
        self.rollups.check().await?;
        self.inner.check().await
    }
}
