//! Sums stay right when writers race, die or cannot reach Postgres.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::Schema;
use adapter_postgres::{Changes, Database, PostgresRollups, RolledUp};
use async_trait::async_trait;
use futures_util::future::join_all;
use trace::filter::{ListQuery, Page};
use trace::id::{Scope, SpanId, TraceId};
use trace::ports::{
    Batch, Counts, Rollups, SpanStore, SpanWrite, StoreError, Summary, SummaryQuery, Written,
};
use trace::span::{Finish, Span, SpanStatus, Version};
use trace::testing::{MemoryStore, batch, completed, llm_span, new_span, scope, time};
use trace::time::Timestamp;
use trace::trace::{Session, Trace};
use uuid::Uuid;

/// The hour of [`time`]'s start.
const HOUR_0: i32 = 482_136;

struct Stores {
    spans: Arc<Probed>,
    rollups: Arc<PostgresRollups>,
    store: RolledUp,
}

impl Stores {
    fn of(database: &Database) -> Self {
        Self::over(database, Arc::new(Probed::default()))
    }

    /// Returns the stores of one more process over the same spans.
    fn over(database: &Database, spans: Arc<Probed>) -> Self {
        let rollups = Arc::new(PostgresRollups::new(database, spans.clone()));
        Self { store: RolledUp::new(spans.clone(), Arc::clone(&rollups)), spans, rollups }
    }

    async fn summary(&self) -> Summary {
        self.rollups.summary(&scope(1), &SummaryQuery::default()).await.unwrap()
    }

    async fn wanted(&self) -> Summary {
        self.spans.inner.summary(&scope(1), &SummaryQuery::default()).await.unwrap()
    }

    async fn put(&self, spans: Vec<Span>) -> Result<Written, StoreError> {
        let writes = spans.into_iter().map(|span| SpanWrite::Put(new_span(span, None, None))).collect();
        self.store.write(&scope(1), batch(vec![], writes)).await
    }
}

fn call(id: &str, millis: i64) -> Span {
    completed(llm_span("t", id, millis, "m"), 100)
}

fn finish(id: &str, millis: i64) -> SpanWrite {
    SpanWrite::Finish(Finish {
        trace_id: None,
        span_id: SpanId::parse(id).unwrap(),
        status: SpanStatus::Completed,
        ended_at: time(millis),
        output: None,
        kind: None,
        version: Version::new(&SpanStatus::Completed, time(millis)),
    })
}

async fn dirty(schema: &Schema) -> Vec<i32> {
    let mut raw = schema.raw().await;
    let sql = "SELECT hour FROM rollup_dirty ORDER BY hour";
    sqlx::query_scalar(sql).fetch_all(&mut raw).await.unwrap()
}

async fn notes(schema: &Schema) -> i64 {
    let mut raw = schema.raw().await;
    sqlx::query_scalar("SELECT count(*) FROM rollup_writes").fetch_one(&mut raw).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_added_once_however_often_it_is_applied() {
    let (schema, database) = Schema::migrated().await;
    let stores = Stores::of(&database);
    let mut changes = Changes::default();
    changes.add(&call("a", 0));
    let (tenant, id) = (scope(1), Uuid::now_v7());
    stores.rollups.begin(&tenant, id, [HOUR_0]).await.unwrap();
    let applied = join_all((0..50).map(|_| stores.rollups.apply(&tenant, id, &changes))).await;
    assert_eq!(applied.into_iter().filter(|outcome| *outcome.as_ref().unwrap()).count(), 1);
    let summary = stores.summary().await;
    assert_eq!((summary.spans, summary.cost), (1, 0.25));
    assert_eq!(dirty(&schema).await, Vec::<i32>::new());
    database.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_and_ends_need_no_scan_of_spans() {
    let (schema, database) = Schema::migrated().await;
    let stores = Stores::of(&database);
    stores.put(vec![call("a", 0), call("b", 3_600_000), llm_span("t", "c", 0, "n")]).await.unwrap();
    stores.store.write(&scope(1), batch(vec![], vec![finish("c", 50)])).await.unwrap();
    stores.put(vec![call("a", 7_200_000)]).await.unwrap();
    stores.store.delete(&scope(1), None, &SpanId::parse("b").unwrap()).await.unwrap();
    assert_eq!(dirty(&schema).await, Vec::<i32>::new());
    assert_eq!(notes(&schema).await, 0);
    let lists = stores.spans.lists.load(Ordering::SeqCst);
    assert_eq!(stores.summary().await, stores.wanted().await);
    assert_eq!(stores.spans.lists.load(Ordering::SeqCst), lists, "sums answered");
    database.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_write_at_once_add_up() {
    let (schema, database) = Schema::migrated().await;
    let other = schema.connect(10).await;
    let one = Stores::of(&database);
    let two = Stores::over(&other, Arc::clone(&one.spans));
    let work = (0..200).map(|number| {
        let stores = if number % 2 == 0 { &one } else { &two };
        async move {
            let id = format!("s{number}");
            stores.put(vec![llm_span("t", &id, i64::from(number) * 60_000, "m")]).await.unwrap();
            let end = finish(&id, i64::from(number) * 60_000 + 5);
            stores.store.write(&scope(1), batch(vec![], vec![end])).await.unwrap();
            if number % 10 == 0 {
                stores.store.delete(&scope(1), None, &SpanId::parse(&id).unwrap()).await.unwrap();
            }
            if number % 25 == 0 {
                stores.rollups.mark_dirty(&scope(1), HOUR_0 + number / 60).await.unwrap();
                stores.rollups.summary(&scope(1), &SummaryQuery::default()).await.unwrap();
            }
        }
    });
    join_all(work).await;
    let wanted = one.wanted().await;
    assert_eq!(wanted.spans, 180);
    assert_eq!(one.summary().await, wanted);
    assert_eq!(two.summary().await, wanted);
    assert_eq!(dirty(&schema).await, Vec::<i32>::new(), "nothing is in doubt once all is quiet");
    one.rollups.repair(&scope(1)).await.unwrap();
    assert_eq!(one.summary().await, wanted);
    database.close().await;
    other.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_a_recount_overtakes_counts_once() {
    let (schema, database) = Schema::migrated().await;
    let stores = Stores::of(&database);
    stores.put(vec![call("a", 0)]).await.unwrap();
    // The span is stored and its sums are not added yet, when the hour is worked out again.
    let id = Uuid::now_v7();
    stores.rollups.begin(&scope(1), id, [HOUR_0]).await.unwrap();
    let late = call("late", 1);
    let write = SpanWrite::Put(new_span(late.clone(), None, None));
    stores.spans.write(&scope(1), batch(vec![], vec![write])).await.unwrap();
    stores.rollups.mark_dirty(&scope(1), HOUR_0).await.unwrap();
    assert_eq!(stores.summary().await.spans, 2);
    assert_eq!(dirty(&schema).await, Vec::<i32>::new());
    let mut changes = Changes::default();
    changes.add(&late);
    assert!(stores.rollups.apply(&scope(1), id, &changes).await.unwrap());
    assert_eq!(dirty(&schema).await, [HOUR_0], "whether it was counted, nobody knows");
    assert_eq!(stores.summary().await, stores.wanted().await);
    database.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recount_that_a_write_overtakes_is_not_kept() {
    let (schema, database) = Schema::migrated().await;
    let stores = Stores::of(&database);
    stores.put(vec![call("a", 0)]).await.unwrap();
    stores.rollups.mark_dirty(&scope(1), HOUR_0).await.unwrap();
    let during = stores.spans.during_next_list(Stores::over(&database, Arc::clone(&stores.spans)).store);
    assert_eq!(stores.summary().await.spans, 1, "what was found before the write");
    assert!(during.load(Ordering::SeqCst) > 0, "a span was written while the hour was read");
    assert_eq!(dirty(&schema).await, [HOUR_0]);
    assert_eq!(stores.summary().await, stores.wanted().await);
    assert_eq!(dirty(&schema).await, Vec::<i32>::new());
    database.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_dies_leaves_its_hours_to_be_worked_out() {
    let (schema, database) = Schema::migrated().await;
    let stores = Stores::of(&database);
    stores.put(vec![llm_span("t", "open", 7_200_000, "m")]).await.unwrap();
    // A process stores spans, ends one of another hour, and dies before it tells anybody.
    stores.spans.hang_after_write();
    let dying = Stores::over(&database, Arc::clone(&stores.spans));
    let writes = vec![SpanWrite::Put(new_span(call("a", 0), None, None)), finish("open", 7_200_050)];
    let tenant = scope(1);
    let write = dying.store.write(&tenant, batch(vec![], writes));
    assert!(tokio::time::timeout(Duration::from_millis(500), write).await.is_err());
    drop(dying);
    assert_eq!(notes(&schema).await, 1);
    let mut raw = schema.raw().await;
    let age = "UPDATE rollup_writes SET begun_at = begun_at - interval '16 minutes'";
    sqlx::query(age).execute(&mut raw).await.unwrap();
    assert_eq!(stores.summary().await, stores.wanted().await);
    assert_eq!(stores.wanted().await.avg_latency_ms, Some(75.0));
    assert_eq!(notes(&schema).await, 0);
    database.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn latencies_of_sums_from_before_there_were_any_are_found_when_asked_for() {
    let (schema, database) = Schema::migrated().await;
    let stores = Stores::of(&database);
    stores.put(vec![call("a", 0), call("b", 3_600_000), call("c", 7_200_000)]).await.unwrap();
    let latencies = || async { stores.rollups.latencies(&scope(1), &SummaryQuery::default()).await.unwrap() };
    let wanted = stores.spans.inner.latencies(&scope(1), &SummaryQuery::default()).await.unwrap();
    assert_eq!(wanted.all.count(), 3);
    let lists = stores.spans.lists.load(Ordering::SeqCst);
    assert_eq!(latencies().await, wanted);
    assert_eq!(stores.spans.lists.load(Ordering::SeqCst), lists, "sums answered");
    let mut raw = schema.raw().await;
    let forget = format!("DELETE FROM rollup_latencies WHERE hour <> {HOUR_0}");
    sqlx::query(sqlx::AssertSqlSafe(forget)).execute(&mut raw).await.unwrap();
    assert_eq!(latencies().await, wanted);
    let lists = stores.spans.lists.load(Ordering::SeqCst);
    assert_eq!(latencies().await, wanted);
    assert_eq!(stores.spans.lists.load(Ordering::SeqCst), lists, "only once");
    sqlx::query("DELETE FROM rollup_latencies").execute(&mut raw).await.unwrap();
    stores.rollups.repair(&scope(1)).await.unwrap();
    let kept: i64 = sqlx::query_scalar("SELECT sum(spans)::bigint FROM rollup_latencies")
        .fetch_one(&mut raw)
        .await
        .unwrap();
    assert_eq!(kept, 3, "repair fills them, too");
    database.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_succeeds_while_postgres_is_away_and_is_counted_when_it_is_back() {
    let (schema, database) = Schema::migrated().await;
    let stores = Stores::of(&database);
    let mut raw = schema.raw().await;
    for table in ["rollup_writes", "rollups"] {
        let sql = sqlx::AssertSqlSafe(format!("ALTER TABLE {table} RENAME TO {table}_away"));
        sqlx::query(sql).execute(&mut raw).await.unwrap();
    }
    let started = Instant::now();
    for number in 0..20 {
        stores.put(vec![call(&format!("s{number}"), 0)]).await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(5), "a store that is away is not asked every time");
    assert!(stores.rollups.summary(&scope(1), &SummaryQuery::default()).await.is_err());
    for table in ["rollup_writes", "rollups"] {
        let sql = sqlx::AssertSqlSafe(format!("ALTER TABLE {table}_away RENAME TO {table}"));
        sqlx::query(sql).execute(&mut raw).await.unwrap();
    }
    assert_eq!(stores.summary().await, stores.wanted().await);
    assert_eq!(stores.summary().await.spans, 20);
    database.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_say_what_it_replaced_is_counted_all_the_same() {
    let (schema, database) = Schema::migrated().await;
    let stores = Stores::of(&database);
    stores.put(vec![call("a", 0), call("b", 7_200_000)]).await.unwrap();
    stores.spans.say_nothing();
    stores.put(vec![call("a", 10_800_000)]).await.unwrap();
    assert_eq!(stores.summary().await, stores.wanted().await);
    let first = trace::testing::time(0);
    let mut query = SummaryQuery::default();
    query.filter.and(trace::filter::Test::Until(Timestamp::from_micros(first.as_micros() + 3_599_999_999)));
    assert_eq!(stores.rollups.summary(&scope(1), &query).await.unwrap().spans, 0, "it left its hour");
    database.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_settles_what_is_dirty_and_a_deleted_project_leaves_nothing() {
    let (schema, database) = Schema::migrated().await;
    let stores = Stores::of(&database);
    stores.put(vec![call("a", 0), call("b", 7_200_000)]).await.unwrap();
    stores.rollups.mark_dirty(&scope(1), HOUR_0).await.unwrap();
    stores.rollups.mark_dirty(&scope(1), HOUR_0 + 2).await.unwrap();
    assert_eq!(stores.rollups.tidy(10).await.unwrap(), 1);
    assert_eq!(dirty(&schema).await, Vec::<i32>::new());
    assert_eq!(stores.rollups.tidy(10).await.unwrap(), 0);
    assert_eq!(stores.summary().await, stores.wanted().await);
    stores.rollups.forget(&scope(1)).await.unwrap();
    let mut raw = schema.raw().await;
    let left = "SELECT (SELECT count(*) FROM rollups) + (SELECT count(*) FROM rollup_latencies)";
    let left: i64 = sqlx::query_scalar(left).fetch_one(&mut raw).await.unwrap();
    assert_eq!(left, 0);
    database.close().await;
    schema.drop().await;
}

/// A plain store that can be told to misbehave.
#[derive(Default)]
struct Probed {
    inner: MemoryStore,
    lists: AtomicUsize,
    hangs: std::sync::atomic::AtomicBool,
    is_silent: std::sync::atomic::AtomicBool,
    during_list: std::sync::Mutex<Option<(RolledUp, Arc<AtomicUsize>)>>,
}

impl Probed {
    /// Makes the next write never return, though it is done.
    fn hang_after_write(&self) {
        self.hangs.store(true, Ordering::SeqCst);
    }

    /// Makes writes not say what they replaced.
    fn say_nothing(&self) {
        self.is_silent.store(true, Ordering::SeqCst);
    }

    /// Writes a span right after the next list was read, and counts that.
    fn during_next_list(&self, store: RolledUp) -> Arc<AtomicUsize> {
        let count = Arc::new(AtomicUsize::new(0));
        *self.during_list.lock().unwrap() = Some((store, Arc::clone(&count)));
        count
    }
}

#[async_trait]
impl SpanStore for Probed {
    async fn write(&self, scope: &Scope, batch: Batch) -> Result<Written, StoreError> {
        let mut written = self.inner.write(scope, batch).await?;
        if self.hangs.swap(false, Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.is_silent.load(Ordering::SeqCst) {
            written.replaced.clear();
        }
        Ok(written)
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
        self.lists.fetch_add(1, Ordering::SeqCst);
        let page = self.inner.list(scope, query).await?;
        let during = self.during_list.lock().unwrap().take();
        if let Some((store, count)) = during {
            let write = SpanWrite::Put(new_span(call("during", 2), None, None));
            store.write(scope, batch(vec![], vec![write])).await?;
            count.fetch_add(1, Ordering::SeqCst);
        }
        Ok(page)
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
        self.inner.delete(scope, trace, id).await
    }

    async fn delete_trace(&self, scope: &Scope, id: &TraceId) -> Result<Option<u64>, StoreError> {
        self.inner.delete_trace(scope, id).await
    }

    async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        self.inner.clear(scope).await
    }

    async fn sweep(&self, scope: &Scope, before: Timestamp) -> Result<u64, StoreError> {
        self.inner.sweep(scope, before).await
    }

    async fn counts(&self, scope: &Scope) -> Result<Counts, StoreError> {
        self.inner.counts(scope).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check().await
    }
}
