//! What is committed is announced, also when the one who sent it is gone.

#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests may spawn tasks")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use tokio::time::{sleep, timeout};
use trace::event::Event;
use trace::id::{Scope, TraceId};
use trace::ports::{Detach, EventBus, Sequence, SpanStore, SpanWrite, StoreError, Subscription};
use trace::record::Recorder;
use trace::span::{Finish, SpanStatus, Version};
use trace::testing::{MemoryStore, llm_span, new_span, new_trace, scope, span, time};

/// Takes a while to hear of anything, as a bus on another machine does.
#[derive(Default)]
struct SlowBus(Mutex<Vec<Event>>);

impl SlowBus {
    fn heard(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().iter().map(Event::type_word).collect()
    }
}

#[async_trait]
impl EventBus for SlowBus {
    async fn publish(&self, _scope: &Scope, events: Vec<Event>) -> Result<(), StoreError> {
        sleep(Duration::from_millis(50)).await;
        self.0.lock().unwrap().extend(events);
        Ok(())
    }

    async fn newest(&self, _: &Scope) -> Result<Option<Sequence>, StoreError> {
        Ok(None)
    }

    async fn subscribe(&self, _scope: &Scope, _since: Option<Sequence>) -> Result<Subscription, StoreError> {
        Ok(Box::pin(futures_util::stream::empty()))
    }
}

struct Tasks;

#[async_trait]
impl Detach for Tasks {
    async fn run(&self, work: BoxFuture<'static, ()>) {
        tokio::spawn(work).await.unwrap();
    }
}

#[tokio::test]
async fn a_change_is_announced_also_when_its_caller_is_dropped() {
    let (store, bus) = (Arc::new(MemoryStore::default()), Arc::new(SlowBus::default()));
    let recorder = Recorder::new(Arc::clone(&store) as _, Arc::clone(&bus) as _, Arc::default());
    let recorder = recorder.detached_by(Arc::new(Tasks));
    let (own, id) = (scope(1), TraceId::parse("t").unwrap());
    let hang_up = Duration::from_millis(10);

    let write = SpanWrite::Create(new_span(span("t", "a", 0), None, None));
    assert!(timeout(hang_up, recorder.record(&own, Vec::new(), vec![write])).await.is_err());
    assert_eq!(store.counts(&own).await.unwrap().spans, 1);
    sleep(Duration::from_millis(300)).await;
    assert_eq!(bus.heard(), ["trace_created", "span_created"]);

    let span_id = span("t", "a", 0).id;
    assert!(timeout(hang_up, recorder.delete_span(&own, None, &span_id)).await.is_err());
    assert!(timeout(hang_up, recorder.delete_trace(&own, &id)).await.is_err());
    assert!(timeout(hang_up, recorder.clear(&own)).await.is_err());
    sleep(Duration::from_millis(300)).await;
    assert_eq!(bus.heard()[2..], ["span_deleted", "trace_deleted", "cleared"]);
}

#[tokio::test]
async fn what_became_of_a_change_comes_back_to_a_caller_that_waits() {
    for detach in [Arc::new(Tasks) as Arc<dyn Detach>, Arc::new(trace::ports::Inline)] {
        let store = Arc::new(MemoryStore::default());
        let recorder = Recorder::new(store, Arc::new(SlowBus::default()), Arc::default()).detached_by(detach);
        let write = SpanWrite::Create(new_span(span("t", "a", 0), None, None));
        let written = recorder.record(&scope(1), Vec::new(), vec![write]).await.unwrap();
        assert_eq!((written.traces.len(), written.spans.len()), (1, 1));
        assert!(recorder.delete_trace(&scope(1), &TraceId::parse("t").unwrap()).await.unwrap() == Some(1));
        assert!(recorder.delete_trace(&scope(1), &TraceId::parse("t").unwrap()).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn nul_is_replaced_in_everything_that_comes_in() {
    let store = Arc::new(MemoryStore::default());
    let recorder = Recorder::new(Arc::clone(&store) as _, Arc::new(SlowBus::default()), Arc::default());
    let mut trace = new_trace("t", 0, Some("a\0"), &["b\0"], Some("c\0"));
    trace.metadata.insert("d\0".to_owned(), "e\0".into());
    let mut call = llm_span("t", "a", 0, "gpt\0");
    call.name = "f\0".to_owned();
    call.status = SpanStatus::Failed { error: "g\0".to_owned() };
    let running = SpanWrite::Create(new_span(span("t", "b", 0), None, None));
    let writes = vec![SpanWrite::Create(new_span(call, None, None)), running];
    recorder.record(&scope(1), vec![trace], writes).await.unwrap();
    let status = SpanStatus::Failed { error: "h\0".to_owned() };
    let end = Finish {
        trace_id: None,
        span_id: span("t", "b", 0).id,
        version: Version::new(&status, time(1)),
        status,
        ended_at: time(1),
        output: None,
        kind: None,
    };
    recorder.record(&scope(1), Vec::new(), vec![SpanWrite::Finish(end)]).await.unwrap();

    let id = TraceId::parse("t").unwrap();
    let trace = store.find_trace(&scope(1), &id).await.unwrap().unwrap();
    let spans = store.list_of_traces(&scope(1), &[id]).await.unwrap();
    assert_eq!(trace.session_id.as_deref(), Some("c\u{fffd}"));
    for text in [format!("{trace:?}"), format!("{spans:?}")] {
        assert!(text.contains('\u{fffd}') && !text.contains("\\0"), "{text}");
    }
}
