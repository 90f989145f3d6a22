use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sqlx::SqlitePool;
use trace::filter::{ListQuery, Page};
use trace::id::{Scope, SpanId, TraceId};
use trace::ports::{
    Batch, Counts, Latencies, PayloadStore, Rollups, SpanKey, SpanStore, StoreError, Summary, SummaryQuery,
    Written,
};
use trace::span::{Payload, Span};
use trace::time::Timestamp;
use trace::trace::{Session as SessionView, Trace};

use crate::aside::aside;
use crate::batch::{Prepared, payload_bytes};
use crate::indexer::Indexer;
use crate::open::{OpenError, Options, open};
use crate::parts::Recent;
use crate::session::{Numbers, Session};
use crate::sql::{unavailable, unsigned};
use crate::writer::{Act, Writer};
use crate::{payloads, sessions, spans, summary, traces};

/// How long a write that worked stands for the next ones.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// How long a stop waits for the text index.
const INDEXER_STOP: Duration = Duration::from_millis(400);

/// How long a refused write speaks against the store, when nothing is written after it.
const REFUSED: Duration = Duration::from_secs(5);

/// The stores of one SQLite file. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    writer: Arc<Writer>,
    indexer: Indexer,
    recent: Recent,
    readers: SqlitePool,
    /// The numbers of projects that were written, which never change.
    projects: RwLock<HashMap<Scope, i64>>,
    /// When a write was last seen to work.
    probed: Mutex<Option<Instant>>,
    /// When a write was last refused, unless one was taken since.
    refused: Mutex<Option<Instant>>,
    /// Held for as long as the store is open.
    _lock: File,
}

impl Inner {
    fn note_refused(&self, at: Option<Instant>) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

impl SqliteStore {
    /// Opens the file at `path`, creating it and its directory when missing and bringing its schema up to date.
    pub async fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        let mut opened = open(path, &options).await?;
        let numbers = Numbers::read(&mut opened.writer, opened.indexed).await;
        let numbers = numbers.map_err(|source| OpenError::Database { path: path.to_owned(), source })?;
        let session = Session::new(opened.writer, numbers);
        let recent = session.recent.clone();
        let writer = Arc::new(Writer::start(session, opened.path.clone(), &options));
        let indexer = Indexer::start(Arc::clone(&writer), opened.path).map_err(OpenError::Index)?;
        let projects = RwLock::default();
        let readers = opened.readers;
        let inner = Inner {
            writer,
            indexer,
            recent,
            readers,
            projects,
            probed: Mutex::default(),
            refused: Mutex::default(),
            _lock: opened.lock,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Commits what is waiting, writes the log back into the file and closes it. Later calls fail.
    pub async fn close(&self) {
        self.inner.readers.close().await;
        // It gets the processor last; what it leaves undone it does after the next start.
        let _ = tokio::time::timeout(INDEXER_STOP, self.inner.indexer.stop()).await;
        self.inner.writer.stop().await;
    }

    /// Returns how many spans and changes the text index has yet to take in. Searches find them all the same, only slower.
    pub async fn unindexed(&self) -> Result<u64, StoreError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM spans WHERE row > (SELECT span FROM text_progress))
             + (SELECT count(*) FROM text_changed) + (SELECT count(*) FROM text_chunks)
             + (SELECT p.epoch <> s.epoch FROM text_progress p, text_state s)",
        )
        .fetch_one(self.readers())
        .await
        .map_err(unavailable)?;
        unsigned(count)
    }

    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.inner.readers
    }

    /// Returns the number of a project, or `None` while nothing of it was written.
    async fn project(&self, scope: &Scope) -> Result<Option<i64>, StoreError> {
        let known = self.inner.projects.read().unwrap_or_else(PoisonError::into_inner).get(scope).copied();
        if known.is_some() {
            return Ok(known);
        }
        let found: Option<i64> =
            sqlx::query_scalar("SELECT id FROM projects WHERE org = ?1 AND project = ?2")
                .bind(scope.org.0.as_bytes().as_slice())
                .bind(scope.project.0.as_bytes().as_slice())
                .fetch_optional(self.readers())
                .await
                .map_err(unavailable)?;
        if let Some(id) = found {
            self.inner.projects.write().unwrap_or_else(PoisonError::into_inner).insert(*scope, id);
        }
        Ok(found)
    }

    pub(crate) async fn act<T: Send + 'static>(&self, act: Act<T>) -> Result<T, StoreError> {
        self.inner.writer.act(act).await
    }

    /// Runs `act` inside a transaction, after which the text index has something to let go of.
    async fn delete_by<T: Send + 'static>(&self, act: Act<T>) -> Result<T, StoreError> {
        let deleted = self.act(act).await;
        self.inner.indexer.wake();
        deleted
    }
}

fn empty<T>() -> Page<T> {
    Page { items: Vec::new(), next: None, total: Some(0) }
}

#[async_trait]
impl SpanStore for SqliteStore {
    async fn write(&self, scope: &Scope, batch: Batch) -> Result<Written, StoreError> {
        let project = self.project(scope).await?;
        let bytes = payload_bytes(&batch);
        let (scope, recent) = (*scope, self.inner.recent.clone());
        let prepare = move || Prepared::new(&scope, batch, &recent, project);
        let prepared = aside(bytes, prepare).await?;
        let written = self.inner.writer.write(prepared).await;
        match &written {
            Ok(_) => self.inner.note_refused(None),
            Err(StoreError::Unavailable(_)) => self.inner.note_refused(Some(Instant::now())),
            Err(StoreError::Busy | StoreError::Corrupt { .. }) => {}
        }
        self.inner.indexer.wake();
        written
    }

    async fn find(
        &self,
        scope: &Scope,
        trace: Option<&TraceId>,
        id: &SpanId,
    ) -> Result<Option<Span>, StoreError> {
        let Some(project) = self.project(scope).await? else {
            return Ok(None);
        };
        Ok(spans::find(self.readers(), project, trace, id).await?.map(|found| found.span))
    }

    async fn list(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Span>, StoreError> {
        let Some(project) = self.project(scope).await? else {
            return Ok(empty());
        };
        let mut page = spans::list(self.readers(), project, query).await?;
        if query.filter.is_empty() {
            page.total = Some(self.counts(scope).await?.spans);
        }
        Ok(page)
    }

    async fn list_of_traces(&self, scope: &Scope, traces: &[TraceId]) -> Result<Vec<Span>, StoreError> {
        let Some(project) = self.project(scope).await? else {
            return Ok(Vec::new());
        };
        spans::of_traces(self.readers(), project, traces).await
    }

    async fn find_trace(&self, scope: &Scope, id: &TraceId) -> Result<Option<Trace>, StoreError> {
        let Some(project) = self.project(scope).await? else {
            return Ok(None);
        };
        traces::find(self.readers(), project, id).await
    }

    async fn list_traces(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Trace>, StoreError> {
        let Some(project) = self.project(scope).await? else {
            return Ok(empty());
        };
        let mut page = traces::list(self.readers(), project, query).await?;
        if query.filter.is_empty() {
            page.total = Some(self.counts(scope).await?.traces);
        }
        Ok(page)
    }

    async fn list_sessions(&self, scope: &Scope, query: &ListQuery) -> Result<Page<SessionView>, StoreError> {
        let Some(project) = self.project(scope).await? else {
            return Ok(empty());
        };
        sessions::list(self.readers(), project, query).await
    }

    async fn find_session(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<(SessionView, Vec<Trace>)>, StoreError> {
        let Some(project) = self.project(scope).await? else {
            return Ok(None);
        };
        let Some(session) = sessions::find(self.readers(), project, id).await? else {
            return Ok(None);
        };
        Ok(Some((session, traces::of_session(self.readers(), project, id).await?)))
    }

    async fn delete(
        &self,
        scope: &Scope,
        trace: Option<&TraceId>,
        id: &SpanId,
    ) -> Result<Option<TraceId>, StoreError> {
        let Some(project) = self.project(scope).await? else {
            return Ok(None);
        };
        let (trace, id) = (trace.cloned(), id.clone());
        self.delete_by(Box::new(move |session| {
            let (trace, id) = (trace.clone(), id.clone());
            Box::pin(async move { session.delete_span(project, trace.as_ref(), &id).await })
        }))
        .await
    }

    async fn delete_trace(&self, scope: &Scope, id: &TraceId) -> Result<Option<u64>, StoreError> {
        let Some(project) = self.project(scope).await? else {
            return Ok(None);
        };
        let id = id.clone();
        self.delete_by(Box::new(move |session| {
            let id = id.clone();
            Box::pin(async move { session.delete_trace(project, &id).await })
        }))
        .await
    }

    async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        let Some(project) = self.project(scope).await? else {
            return Ok(());
        };
        self.delete_by(Box::new(move |session| Box::pin(session.clear(project)))).await
    }

    async fn sweep(&self, scope: &Scope, before: Timestamp) -> Result<u64, StoreError> {
        let Some(project) = self.project(scope).await? else {
            return Ok(0);
        };
        let mut swept = 0;
        loop {
            let step =
                self.delete_by(Box::new(move |session| Box::pin(session.sweep(project, before)))).await?;
            swept += step;
            if step == 0 {
                return Ok(swept);
            }
        }
    }

    async fn counts(&self, scope: &Scope) -> Result<Counts, StoreError> {
        let Some(project) = self.project(scope).await? else {
            return Ok(Counts::default());
        };
        let (traces, spans): (i64, i64) = sqlx::query_as("SELECT traces, spans FROM projects WHERE id = ?1")
            .bind(project)
            .fetch_one(self.readers())
            .await
            .map_err(unavailable)?;
        Ok(Counts { traces: unsigned(traces)?, spans: unsigned(spans)? })
    }

    async fn check(&self) -> Result<(), StoreError> {
        let _: i64 = sqlx::query_scalar("SELECT count(*) FROM projects")
            .fetch_one(self.readers())
            .await
            .map_err(unavailable)?;
        // The last page of a full disk may take a probe where it no longer takes a span.
        let refused = *self.inner.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.is_some_and(|refused| refused.elapsed() < REFUSED) {
            return Err(StoreError::unavailable("a write was refused a moment ago"));
        }
        let lately = |last: Instant| last.elapsed() < PROBE_EVERY;
        if self.inner.probed.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(lately) {
            return Ok(());
        }
        self.act(Box::new(|session| Box::pin(session.probe()))).await?;
        *self.inner.probed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }
}

#[async_trait]
impl PayloadStore for SqliteStore {
    async fn load(&self, scope: &Scope, spans: &[SpanKey]) -> Result<Vec<Payload>, StoreError> {
        let Some(project) = self.project(scope).await? else {
            return Ok(vec![Payload::default(); spans.len()]);
        };
        payloads::of_keys(self.readers(), project, spans).await
    }
}

#[async_trait]
impl Rollups for SqliteStore {
    async fn summary(&self, scope: &Scope, query: &SummaryQuery) -> Result<Summary, StoreError> {
        let Some(project) = self.project(scope).await? else {
            return Ok(Summary::default());
        };
        summary::of(self.readers(), project, &query.filter).await
    }

    async fn latencies(&self, scope: &Scope, query: &SummaryQuery) -> Result<Latencies, StoreError> {
        let Some(project) = self.project(scope).await? else {
            return Ok(Latencies::default());
        };
        summary::latencies(self.readers(), project, &query.filter).await
    }

    async fn repair(&self, scope: &Scope) -> Result<(), StoreError> {
        let Some(project) = self.project(scope).await? else {
            return Ok(());
        };
        self.act(Box::new(move |session| Box::pin(session.repair(project)))).await
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use trace::ports::SpanWrite;
    use trace::testing::{batch, new_span, span};

    use super::*;

    #[tokio::test]
    async fn a_writer_that_panics_goes_on_without_what_was_not_committed() {
        let directory = tempfile::tempdir().unwrap();
        let store =
            SqliteStore::open(&directory.path().join("traceway.db"), Options::default()).await.unwrap();
        let input = r#"[{"role":"user","content":"A message that is long enough to be a part of its own, with words"}]"#;
        let write = |id: &str| {
            let new = SpanWrite::Put(new_span(span("t", id, 0), Some(input), None));
            batch(vec![], vec![new])
        };
        store.write(&Scope::LOCAL, write("before")).await.unwrap();
        let panics = store.act::<()>(Box::new(|session| {
            Box::pin(async move {
                session.run("DELETE FROM spans", &[]).await?;
                panic!("a bug")
            })
        }));
        assert!(matches!(panics.await, Err(StoreError::Unavailable(_))));
        store.write(&Scope::LOCAL, write("after")).await.unwrap();
        let spans = store.list_of_traces(&Scope::LOCAL, &[TraceId::parse("t").unwrap()]).await.unwrap();
        let ids: Vec<&str> = spans.iter().map(|span| span.id.as_str()).collect();
        assert_eq!(ids, ["after", "before"]);
        store.close().await;
    }
}
