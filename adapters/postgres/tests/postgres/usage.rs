//! Usage is what was created, whatever died and whichever answer was lost.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use adapter_postgres::{Database, LostWrites, PostgresMeter, PostgresRollups, RolledUp};
use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::sync::Notify;
use trace::event::Event;
use trace::filter::{ListQuery, Page};
use trace::id::{Scope, SpanId, TraceId};
use trace::identity::{Email, Plan};
use trace::ports::{
    Accounts, Batch, Counts, EventBus, Meter, NewAccount, Revocations, Sequence, SpanChange, SpanStore,
    SpanWrite, StoreError, Subscription, Written,
};
use trace::quota::Quota;
use trace::record::Recorder;
use trace::span::{Span, SpanStatus, Version};
use trace::testing::{
    FixedClock, MemoryIdentity, MemoryJobs, MemoryRevocations, MemoryStore, completed, new_span, span,
    span_keys, time,
};
use trace::time::Timestamp;
use trace::trace::{Session, Trace};

use crate::support::Schema;

/// Processes over one database and one span store.
struct Stage {
    schema: Schema,
    database: Database,
    meter: Arc<PostgresMeter>,
    identity: Arc<MemoryIdentity>,
    clock: Arc<FixedClock>,
    spans: Arc<Flaky>,
    events: Arc<Heard>,
    lost: Arc<LostWrites>,
    scope: Scope,
}

impl Stage {
    async fn new() -> Self {
        let (schema, database) = Schema::migrated().await;
        let clock = Arc::new(FixedClock::default());
        let identity = Arc::new(MemoryIdentity::new(clock.clone()));
        let account = NewAccount {
            email: Email::parse("a@x.org").unwrap(),
            name: String::new(),
            password_hash: String::new(),
            org_name: "Org".to_owned(),
            org_slug: "org".to_owned(),
        };
        let signed_up = identity.sign_up(account).await.unwrap().unwrap();
        let spans = Arc::new(Flaky::default());
        Self {
            meter: Arc::new(PostgresMeter::new(&database)),
            lost: Arc::new(LostWrites::new(&database, Arc::clone(&spans.inner) as _)),
            scope: Scope { org: signed_up.org, project: signed_up.project },
            events: Arc::default(),
            schema,
            database,
            identity,
            clock,
            spans,
        }
    }

    /// Returns the way in of one process.
    fn process(&self) -> Recorder {
        let revocations: Arc<dyn Revocations> = Arc::new(MemoryRevocations::default());
        let jobs = Arc::new(MemoryJobs::new(self.clock.clone()));
        let (identity, meter) = (self.identity.clone(), self.meter.clone());
        let quota = Quota::new(identity, meter, jobs, self.clock.clone(), &revocations);
        let recorder = Recorder::new(self.store(), self.events.clone(), Arc::default());
        recorder.within(Arc::new(quota))
    }

    fn store(&self) -> Arc<RolledUp> {
        let rollups = Arc::new(PostgresRollups::new(&self.database, self.spans.clone()));
        Arc::new(RolledUp::new(self.spans.clone(), rollups).remembering(Arc::clone(&self.lost)))
    }

    async fn write(&self, writes: Vec<SpanWrite>) -> Result<Written, StoreError> {
        self.process().record(&self.scope, Vec::new(), writes).await
    }

    async fn used(&self) -> u64 {
        self.meter.usage(self.scope.org, time(0)).await.unwrap().spans
    }

    async fn rows(&self) -> i64 {
        let mut raw = self.schema.raw().await;
        sqlx::query_scalar("SELECT count(*) FROM usage_reservations").fetch_one(&mut raw).await.unwrap()
    }

    /// Lets everything become due that waits for time to pass, and settles what is lost.
    async fn settle(&self) -> usize {
        let mut raw = self.schema.raw().await;
        let age = "UPDATE usage_reservations SET due_at = due_at - interval '2 days'";
        sqlx::query(age).execute(&mut raw).await.unwrap();
        self.lost.settle(100, &*self.spans, &*self.events).await.unwrap()
    }

    async fn end(self) {
        self.database.close().await;
        self.schema.drop().await;
    }
}

/// What the next write does.
enum Fate {
    /// It is done and nobody hears of it, as when the process dies.
    DieAfter,
    /// The process dies before it.
    DieBefore,
    /// It is done, and the answer is lost.
    LoseAnswer,
    /// It is not done, and nobody knows.
    Fail,
    /// It is refused.
    Refuse,
}

/// A store whose writes can go wrong.
#[derive(Default)]
struct Flaky {
    inner: Arc<MemoryStore>,
    fates: Mutex<VecDeque<Fate>>,
    hangs: Notify,
}

impl Flaky {
    fn next(&self, fate: Fate) {
        self.fates.lock().unwrap().push_back(fate);
    }

    async fn hang(&self) -> ! {
        self.hangs.notify_one();
        std::future::pending().await
    }
}

/// What was announced.
#[derive(Default)]
struct Heard(Mutex<Vec<Event>>);

impl Heard {
    fn spans(&self) -> Vec<String> {
        let heard = self.0.lock().unwrap();
        let ids = heard.iter().filter_map(|event| match event {
            Event::Span { span, .. } => Some(span.id.to_string()),
            _ => None,
        });
        ids.collect()
    }
}

fn put(id: &str) -> SpanWrite {
    SpanWrite::Put(new_span(span("t", id, 0), None, None))
}

fn end(id: &str) -> SpanWrite {
    let mut new = new_span(completed(span("t", id, 0), 5), None, None);
    new.version = Version::new(&SpanStatus::Completed, time(5));
    SpanWrite::Put(new)
}

/// Lets a process write and die before it hears of it.
async fn die(stage: &Stage, fate: Fate, writes: Vec<SpanWrite>) {
    stage.spans.next(fate);
    let process = stage.process();
    tokio::select! {
        outcome = process.record(&stage.scope, Vec::new(), writes) => panic!("{outcome:?}"),
        () = stage.spans.hangs.notified() => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_done_leaves_nothing_to_settle() {
    let stage = Stage::new().await;
    stage.write(vec![put("a"), put("b"), put("a")]).await.unwrap();
    stage.write(vec![put("b"), put("c")]).await.unwrap();
    assert_eq!((stage.used().await, stage.rows().await), (3, 0));
    assert_eq!(stage.settle().await, 0);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_a_process_that_dies_before_its_write_are_not_counted() {
    let stage = Stage::new().await;
    stage.write(vec![put("old")]).await.unwrap();
    die(&stage, Fate::DieBefore, vec![put("a"), put("b")]).await;
    assert_eq!(stage.used().await, 3, "reserved");
    // The client tries again elsewhere: of these spans the dead process has none.
    stage.write(vec![put("a")]).await.unwrap();
    assert_eq!(stage.settle().await, 1);
    assert_eq!(stage.used().await, 2);
    assert_eq!(stage.events.spans(), ["old", "a"], "each is announced once");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_a_process_that_dies_after_its_write_are_counted_once_and_announced() {
    let stage = Stage::new().await;
    stage.write(vec![put("old")]).await.unwrap();
    // One is new and one was there before.
    die(&stage, Fate::DieAfter, vec![end("old"), put("a"), put("b")]).await;
    let again = stage.write(vec![end("old"), put("a"), put("b"), put("c")]).await.unwrap();
    assert!(matches!(again.spans[..3], [SpanChange::Stale, SpanChange::Stale, SpanChange::Stale]));
    assert_eq!(stage.events.spans(), ["old", "c"], "nobody heard of what the dead process wrote");
    assert_eq!(stage.settle().await, 1);
    assert_eq!(stage.used().await, 4);
    assert_eq!(stage.events.spans(), ["old", "c", "a", "b"]);
    // It waits a day for its writer, which does not come, and is forgotten.
    assert_eq!((stage.rows().await, stage.settle().await, stage.rows().await), (1, 0, 0));
    assert_eq!(stage.used().await, 4);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_a_write_whose_answer_is_lost_are_counted_once_and_announced() {
    let stage = Stage::new().await;
    stage.spans.next(Fate::LoseAnswer);
    stage.write(vec![put("a"), put("b")]).await.unwrap_err();
    assert_eq!(
        stage.used().await,
        0,
        "given back until somebody knows, so that failures do not use up a plan"
    );
    stage.write(vec![put("a"), put("b"), put("c")]).await.unwrap();
    assert_eq!(stage.used().await, 1);
    assert_eq!(stage.settle().await, 1);
    assert_eq!((stage.used().await, stage.rows().await), (3, 0));
    assert_eq!(stage.events.spans(), ["c", "a", "b"]);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_failed_or_were_refused_count_nothing() {
    let stage = Stage::new().await;
    stage.spans.next(Fate::Fail);
    stage.write(vec![put("a")]).await.unwrap_err();
    stage.spans.next(Fate::Refuse);
    stage.write(vec![put("a")]).await.unwrap_err();
    assert_eq!((stage.used().await, stage.rows().await), (0, 1), "what was refused is known");
    assert_eq!(stage.settle().await, 1);
    assert_eq!((stage.used().await, stage.rows().await), (0, 0));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_is_only_slow_has_the_last_word() {
    let stage = Stage::new().await;
    let slow = stage.meter.reserve(&stage.scope, &span_keys(5), Some(10), time(0)).await.unwrap();
    assert_eq!(stage.settle().await, 1);
    assert_eq!(stage.used().await, 0);
    // It is given up, and fails to say that it does not know.
    stage.meter.release(&stage.scope, &slow).await.unwrap();
    assert_eq!(stage.used().await, 0);
    let created = trace::ports::Usage { spans: 4, ..Default::default() };
    stage.meter.settle(&stage.scope, &slow, created).await.unwrap();
    assert_eq!((stage.used().await, stage.rows().await), (4, 0));
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_of_lost_writes_stay_counted_when_they_are_deleted_before() {
    let stage = Stage::new().await;
    die(&stage, Fate::DieAfter, vec![put("a"), put("b")]).await;
    stage.spans.next(Fate::LoseAnswer);
    stage.write(vec![put("c"), put("d")]).await.unwrap_err();
    let store = stage.store();
    store.delete(&stage.scope, None, &SpanId::parse("a").unwrap()).await.unwrap();
    store.delete(&stage.scope, None, &SpanId::parse("c").unwrap()).await.unwrap();
    // It comes again, by another write.
    stage.write(vec![put("a")]).await.unwrap();
    store.delete_trace(&stage.scope, &TraceId::parse("t").unwrap()).await.unwrap();
    die(&stage, Fate::DieAfter, vec![put("e")]).await;
    store.sweep(&stage.scope, time(1_000)).await.unwrap();
    assert_eq!(stage.spans.counts(&stage.scope).await.unwrap().spans, 0);
    die(&stage, Fate::DieAfter, vec![put("f")]).await;
    store.clear(&stage.scope).await.unwrap();
    assert_eq!(stage.settle().await, 4);
    assert_eq!(stage.used().await, 7, "a, b, c, d, a again, e, f");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_plan_has_room_again_once_what_died_is_settled() {
    let stage = Stage::new().await;
    let limit = Plan::Free.limits().spans_per_month.unwrap();
    let used = trace::ports::Usage { spans: limit - 2, ..Default::default() };
    stage.meter.add(&stage.scope, used, time(0)).await.unwrap();
    die(&stage, Fate::DieBefore, vec![put("a"), put("b")]).await;
    let refused = stage.write(vec![put("a")]).await.unwrap();
    assert_eq!(refused.spans, [SpanChange::OverLimit { limit }]);
    assert_eq!(stage.settle().await, 1);
    assert!(matches!(stage.write(vec![put("a")]).await.unwrap().spans[0], SpanChange::Created(_)));
    assert_eq!(stage.used().await, limit - 1);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_settle_at_once_settle_each_write_once() {
    let stage = Stage::new().await;
    for number in 0..30 {
        stage.spans.next(Fate::LoseAnswer);
        stage.write(vec![put(&format!("s{number}")), put("common")]).await.unwrap_err();
    }
    let mut raw = stage.schema.raw().await;
    let age = "UPDATE usage_reservations SET due_at = due_at - interval '16 minutes'";
    sqlx::query(age).execute(&mut raw).await.unwrap();
    let settling = (0..8).map(|_| stage.lost.settle(10, &*stage.spans, &*stage.events));
    let settled: usize = join_all(settling).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(settled, 30);
    assert_eq!((stage.used().await, stage.rows().await), (31, 0));
    assert_eq!(stage.events.spans().len(), 31);
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_what_was_created_however_writes_end() {
    let stage = Stage::new().await;
    let mut tried = 0;
    for round in 0..60 {
        let writes = || vec![put(&format!("s{round}")), put(&format!("s{}", round / 2)), put("common")];
        match round % 6 {
            0 => stage.spans.next(Fate::LoseAnswer),
            1 => stage.spans.next(Fate::Fail),
            2 => stage.spans.next(Fate::Refuse),
            _ => {}
        }
        // Clients repeat what failed.
        while stage.write(writes()).await.is_err() {
            tried += 1;
        }
        if round % 20 == 7 {
            die(&stage, Fate::DieAfter, vec![put(&format!("late{round}"))]).await;
            die(&stage, Fate::DieBefore, vec![put(&format!("never{round}"))]).await;
        }
    }
    assert_eq!(tried, 30);
    stage.settle().await;
    let created = stage.spans.counts(&stage.scope).await.unwrap().spans;
    assert_eq!((created, stage.used().await), (64, 64));
    stage.end().await;
}

#[async_trait]
impl SpanStore for Flaky {
    async fn write(&self, scope: &Scope, batch: Batch) -> Result<Written, StoreError> {
        let fate = self.fates.lock().unwrap().pop_front();
        match fate {
            None => self.inner.write(scope, batch).await,
            Some(Fate::DieBefore) => self.hang().await,
            Some(Fate::DieAfter) => {
                self.inner.write(scope, batch).await?;
                self.hang().await
            }
            Some(Fate::LoseAnswer) => {
                self.inner.write(scope, batch).await?;
                Err(StoreError::unavailable("the answer was lost"))
            }
            Some(Fate::Fail) => Err(StoreError::unavailable("no answer")),
            Some(Fate::Refuse) => Err(StoreError::Busy),
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

#[async_trait]
impl EventBus for Heard {
    async fn publish(&self, _scope: &Scope, events: Vec<Event>) -> Result<(), StoreError> {
        self.0.lock().unwrap().extend(events);
        Ok(())
    }

    async fn newest(&self, _scope: &Scope) -> Result<Option<Sequence>, StoreError> {
        Ok(None)
    }

    async fn subscribe(&self, _scope: &Scope, _since: Option<Sequence>) -> Result<Subscription, StoreError> {
        Ok(Box::pin(futures_util::stream::empty()))
    }
}
