//! The read cache never hides a change.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use trace::event::Event;
use trace::filter::{Filter, ListQuery, SortBy, SortOrder, Test};
use trace::id::Scope;
use trace::ports::{Cached, Clock, EventBus, Sequence, SpanStore, SpanWrite, StoreError, Subscription};
use trace::testing::{MemoryStore, batch, new_span, scope, span, time};
use trace::time::Timestamp;

/// Counts events, and can be away.
#[derive(Default)]
struct Counter {
    newest: AtomicU64,
    away: AtomicBool,
}

#[async_trait]
impl EventBus for Counter {
    async fn publish(&self, _: &Scope, events: Vec<Event>) -> Result<(), StoreError> {
        self.newest.fetch_add(events.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    async fn newest(&self, _: &Scope) -> Result<Option<Sequence>, StoreError> {
        if self.away.load(Ordering::Relaxed) {
            return Err(StoreError::Busy);
        }
        Ok(Some(Sequence(self.newest.load(Ordering::Relaxed))))
    }

    async fn subscribe(&self, _: &Scope, _: Option<Sequence>) -> Result<Subscription, StoreError> {
        Ok(Box::pin(futures_util::stream::empty()))
    }
}

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        time(0)
    }
}

struct Setup {
    store: Arc<MemoryStore>,
    bus: Arc<Counter>,
    cached: Cached,
}

fn setup() -> Setup {
    let (store, bus) = (Arc::new(MemoryStore::default()), Arc::new(Counter::default()));
    let cached = Cached::new(Arc::clone(&store) as _, Arc::clone(&bus) as _, Arc::new(Noon));
    Setup { store, bus, cached }
}

impl Setup {
    /// Writes a span behind the cache's back, without an event.
    async fn write(&self, trace: &str, millis: i64) {
        let new = new_span(span(trace, "s", millis), None, None);
        self.store.write(&scope(1), batch(Vec::new(), vec![SpanWrite::Put(new)])).await.unwrap();
    }

    async fn announce(&self) {
        self.bus.publish(&scope(1), vec![Event::Cleared]).await.unwrap();
    }

    async fn listed(&self, query: &ListQuery) -> Vec<String> {
        let page = self.cached.list_traces(&scope(1), query).await.unwrap();
        page.items.iter().map(|trace| trace.id.to_string()).collect()
    }
}

fn newest(limit: usize) -> ListQuery {
    let (sort_by, sort_order) = (SortBy::StartedAt, SortOrder::Desc);
    ListQuery { filter: Filter::default(), sort_by, sort_order, after: None, limit }
}

fn since(limit: usize, millis: i64) -> ListQuery {
    let mut query = newest(limit);
    query.filter.and(Test::Since(time(millis)));
    query
}

#[tokio::test]
async fn a_page_is_kept_until_something_happens() {
    let setup = setup();
    setup.write("a", 1).await;
    assert_eq!(setup.listed(&newest(10)).await, ["a"]);
    setup.write("b", 2).await;
    assert_eq!(setup.listed(&newest(10)).await, ["a"], "nothing was announced, so nothing was acknowledged");
    setup.announce().await;
    assert_eq!(setup.listed(&newest(10)).await, ["b", "a"]);
}

#[tokio::test]
async fn without_the_events_nothing_is_kept() {
    let setup = setup();
    setup.write("a", 1).await;
    assert_eq!(setup.listed(&newest(10)).await, ["a"]);
    setup.bus.away.store(true, Ordering::Relaxed);
    setup.write("b", 2).await;
    assert_eq!(setup.listed(&newest(10)).await, ["b", "a"]);
}

#[tokio::test]
async fn one_page_serves_every_since() {
    let setup = setup();
    for (id, millis) in [("a", 10), ("b", 20), ("c", 30)] {
        setup.write(id, millis).await;
    }
    assert_eq!(setup.listed(&since(2, 0)).await, ["c", "b"]);
    setup.write("d", 40).await;
    assert_eq!(setup.listed(&since(2, 25)).await, ["c"], "from memory, cut");
    setup.announce().await;
    for query in [since(10, 20), since(10, 25), since(10, 90), since(2, 0)] {
        let fresh = setup.store.list_traces(&scope(1), &query).await.unwrap();
        let kept = setup.cached.list_traces(&scope(1), &query).await.unwrap();
        assert_eq!((kept.items, kept.next.is_some()), (fresh.items, fresh.next.is_some()), "{query:?}");
    }
}

#[tokio::test]
async fn a_warm_project_is_read_from_memory() {
    let setup = setup();
    setup.write("a", 1).await;
    setup.cached.warm(&scope(1)).await.unwrap();
    setup.write("b", 2).await;
    assert_eq!(setup.listed(&newest(50)).await, ["a"]);
    assert_eq!(setup.listed(&newest(49)).await, ["b", "a"], "another page is another read");
}
