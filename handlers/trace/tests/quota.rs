//! What of a batch fits into the plan, and what is counted.

#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use trace::event::Event;
use trace::id::Scope;
use trace::identity::{Email, MailJob, Plan};
use trace::ports::{
    Accounts, EventBus, JobQueue, Meter, NewAccount, Orgs, Revocation, Revocations, Sequence, SpanChange,
    SpanStore, SpanWrite, StoreError, Subscription, Usage,
};
use trace::quota::Quota;
use trace::record::Recorder;
use trace::span::{SpanStatus, Version};
use trace::testing::{
    FixedClock, MemoryIdentity, MemoryJobs, MemoryMeter, MemoryRevocations, MemoryStore, completed, new_span,
    new_trace, span, time,
};
use trace::trace::NewTrace;

/// Nobody listens.
struct Silence;

#[async_trait]
impl EventBus for Silence {
    async fn publish(&self, _scope: &Scope, _events: Vec<Event>) -> Result<(), StoreError> {
        Ok(())
    }

    async fn newest(&self, _: &Scope) -> Result<Option<Sequence>, StoreError> {
        Ok(None)
    }

    async fn subscribe(&self, _scope: &Scope, _since: Option<Sequence>) -> Result<Subscription, StoreError> {
        Ok(Box::pin(futures_util::stream::empty()))
    }
}

struct Stage {
    clock: Arc<FixedClock>,
    identity: Arc<MemoryIdentity>,
    meter: Arc<MemoryMeter>,
    jobs: Arc<MemoryJobs>,
    revocations: Arc<dyn Revocations>,
    store: Arc<MemoryStore>,
    quota: Arc<Quota>,
    recorder: Recorder,
    scope: Scope,
}

impl Stage {
    /// An organisation on the free plan (10 000 spans) that has used all but `left`.
    async fn with_left(left: u64) -> Self {
        let clock = Arc::new(FixedClock::default());
        let identity = Arc::new(MemoryIdentity::new(clock.clone()));
        let (meter, jobs) = (Arc::new(MemoryMeter::default()), Arc::new(MemoryJobs::new(clock.clone())));
        let revocations: Arc<dyn Revocations> = Arc::new(MemoryRevocations::default());
        let quota = Quota::new(identity.clone(), meter.clone(), jobs.clone(), clock.clone(), &revocations);
        let (quota, store) = (Arc::new(quota), Arc::new(MemoryStore::default()));
        let recorder = Recorder::new(store.clone(), Arc::new(Silence), Arc::default());
        let account = NewAccount {
            email: Email::parse("a@x.org").unwrap(),
            name: String::new(),
            password_hash: String::new(),
            org_name: "Org".to_owned(),
            org_slug: "org".to_owned(),
        };
        let signed_up = identity.sign_up(account).await.unwrap().unwrap();
        let scope = Scope { org: signed_up.org, project: signed_up.project };
        meter.add(&scope, Usage { spans: 10_000 - left, ..Usage::default() }, time(0)).await.unwrap();
        let recorder = recorder.within(Arc::clone(&quota));
        Self { clock, identity, meter, jobs, revocations, store, quota, recorder, scope }
    }

    async fn record(&self, traces: Vec<NewTrace>, spans: Vec<SpanWrite>) -> Vec<SpanChange> {
        self.recorder.record(&self.scope, traces, spans).await.unwrap().spans
    }

    async fn used(&self) -> u64 {
        self.meter.usage(self.scope.org, time(0)).await.unwrap().spans
    }

    async fn mails(&self) -> Vec<u8> {
        let jobs = self.jobs.lease(&[MailJob::KIND], Duration::from_mins(1), 10).await.unwrap();
        let percent = |job| match MailJob::read(job) {
            Some(MailJob::Usage { percent, limit: 10_000, .. }) => percent,
            other => panic!("{other:?}"),
        };
        for job in &jobs {
            self.jobs.complete(job).await.unwrap();
        }
        jobs.iter().map(|leased| percent(&leased.job)).collect()
    }
}

fn put(trace: &str, id: &str) -> SpanWrite {
    SpanWrite::Put(new_span(span(trace, id, 0), None, None))
}

const OVER: SpanChange = SpanChange::OverLimit { limit: 10_000 };

#[tokio::test]
async fn what_was_not_created_is_given_back() {
    let stage = Stage::with_left(10).await;
    stage.record(Vec::new(), vec![put("t", "a"), put("t", "b")]).await;
    stage.record(Vec::new(), vec![put("t", "a"), put("t", "c")]).await;
    assert_eq!(stage.used().await, 9_993);
    assert!(stage.store.delete(&stage.scope, None, &span("t", "a", 0).id).await.unwrap().is_some());
    assert_eq!(stage.used().await, 9_993, "deleting does not lower the count");
}

#[tokio::test]
async fn the_first_new_spans_fit_and_the_rest_are_over() {
    let stage = Stage::with_left(1).await;
    let traces = vec![new_trace("t", 0, None, &[], None), new_trace("u", 0, None, &[], None)];
    let changes = stage.record(traces, vec![put("t", "a"), put("t", "b"), put("u", "c")]).await;
    assert!(matches!(changes[0], SpanChange::Created(_)));
    assert_eq!(changes[1..], [OVER, OVER]);
    let counts = stage.store.counts(&stage.scope).await.unwrap();
    assert_eq!((counts.traces, counts.spans), (1, 1), "a trace of which nothing fits is left out");
    assert_eq!(stage.used().await, 10_000);
}

#[tokio::test]
async fn spans_that_exist_can_end_at_the_quota() {
    let stage = Stage::with_left(1).await;
    stage.record(Vec::new(), vec![put("t", "a")]).await;
    let mut ended = new_span(completed(span("t", "a", 0), 5), None, None);
    ended.version = Version::new(&SpanStatus::Completed, time(5));
    let changes = stage.record(Vec::new(), vec![put("t", "b"), SpanWrite::Put(ended)]).await;
    assert_eq!(changes[0], OVER);
    assert!(matches!(changes[1], SpanChange::Updated(_)));
}

#[tokio::test]
async fn nothing_is_written_when_no_span_fits() {
    let stage = Stage::with_left(0).await;
    let traces = vec![new_trace("t", 0, None, &[], None), new_trace("other", 0, None, &[], None)];
    assert_eq!(stage.record(traces, vec![put("t", "a")]).await, [OVER]);
    assert_eq!(stage.store.counts(&stage.scope).await.unwrap().traces, 0);
}

#[tokio::test]
async fn a_new_plan_counts_at_once_and_a_new_month_begins_at_zero() {
    let stage = Stage::with_left(0).await;
    assert!(!stage.quota.has_room(stage.scope.org).await.unwrap());
    stage.identity.set_plan(stage.scope.org, Plan::Pro).await.unwrap();
    stage.revocations.publish(Revocation::Org { id: stage.scope.org }).await.unwrap();
    assert!(stage.quota.has_room(stage.scope.org).await.unwrap());
    stage.identity.set_plan(stage.scope.org, Plan::Free).await.unwrap();
    stage.clock.advance_secs(31 * 24 * 3600);
    assert!(stage.quota.has_room(stage.scope.org).await.unwrap());
    assert!(matches!(stage.record(Vec::new(), vec![put("t", "a")]).await[0], SpanChange::Created(_)));
}

#[tokio::test]
async fn mails_go_out_once_when_80_and_100_percent_are_crossed() {
    let stage = Stage::with_left(2_002).await;
    stage.record(Vec::new(), vec![put("t", "a")]).await;
    assert_eq!(stage.mails().await, [0_u8; 0]);
    stage.record(Vec::new(), vec![put("t", "b")]).await;
    assert_eq!(stage.mails().await, [80]);
    let rest: Vec<SpanWrite> = (0..2_000).map(|n| put("t", &n.to_string())).collect();
    stage.record(Vec::new(), rest).await;
    assert_eq!(stage.mails().await, [100]);
    stage.record(Vec::new(), vec![put("t", "c")]).await;
    stage.clock.advance_secs(61);
    stage.record(Vec::new(), vec![put("t", "d")]).await;
    assert_eq!(stage.mails().await, [0_u8; 0]);
}

#[tokio::test]
async fn the_last_mail_goes_out_at_the_first_refusal_when_other_processes_used_the_rest() {
    let stage = Stage::with_left(2_000).await;
    stage.record(Vec::new(), vec![put("t", "a")]).await;
    assert_eq!(stage.mails().await, [80]);
    stage.meter.add(&stage.scope, Usage { spans: 1_999, ..Usage::default() }, time(0)).await.unwrap();
    assert_eq!(stage.record(Vec::new(), vec![put("t", "b")]).await, [OVER]);
    assert_eq!(stage.mails().await, [100]);
    assert_eq!(stage.record(Vec::new(), vec![put("t", "c")]).await, [OVER]);
    assert_eq!(stage.mails().await, [0_u8; 0]);
}

#[tokio::test]
async fn traces_and_bytes_of_json_are_counted() {
    let stage = Stage::with_left(10).await;
    let new = new_span(span("t", "a", 0), Some("\"1234\""), Some("[1]"));
    stage.record(Vec::new(), vec![SpanWrite::Create(new)]).await;
    let usage = stage.meter.usage(stage.scope.org, time(0)).await.unwrap();
    let expected = Usage { spans: 9_991, traces: 1, storage_bytes: 9, ..Usage::default() };
    assert_eq!(usage, expected);
}

#[tokio::test]
async fn the_operators_own_keys_are_not_counted() {
    let stage = Stage::with_left(0).await;
    let written = stage.recorder.record(&Scope::LOCAL, Vec::new(), vec![put("t", "a")]).await.unwrap();
    assert!(matches!(written.spans[0], SpanChange::Created(_)));
    assert!(stage.quota.has_room(Scope::LOCAL.org).await.unwrap());
}
