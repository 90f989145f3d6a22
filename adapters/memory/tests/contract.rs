//! The in-process ports keep their contracts.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use adapter_memory::{MemoryBus, SystemClock, UlidIds};
use futures_util::{FutureExt, StreamExt};
use trace::event::Event;
use trace::id::{OrgId, ProjectId, Scope};
use trace::kind::Attributes;
use trace::ports::{Delivery, EventBus, Sequence};
use trace::testing::{clock_contract, event_bus_contract, ids_contract, queueing_bus_contract, span};
use uuid::Uuid;

#[tokio::test]
async fn the_memory_bus_keeps_the_event_bus_contract() {
    let bus = MemoryBus::new(&SystemClock);
    // A restart takes longer than the events before it took microseconds.
    let later =
        trace::time::Timestamp::from_micros(trace::ports::Clock::now(&SystemClock).as_micros() + 60_000_000);
    let restarted = MemoryBus::new(&Fixed(later));
    event_bus_contract(&bus, Some(&restarted)).await;
    queueing_bus_contract(&bus).await;
}

struct Fixed(trace::time::Timestamp);

impl trace::ports::Clock for Fixed {
    fn now(&self) -> trace::time::Timestamp {
        self.0
    }
}

#[test]
fn ulids_keep_the_ids_contract() {
    ids_contract(&UlidIds::new());
}

#[test]
fn the_system_clock_keeps_the_clock_contract() {
    clock_contract(&SystemClock);
}

/// Publishes a span with a large attribute and returns the place of its event.
async fn publish_large(bus: &MemoryBus, scope: &Scope, id: &str) -> Sequence {
    let mut live = bus.subscribe(scope, None).await.unwrap();
    let mut large = span("t", id, 0);
    large.attributes = Attributes::from_iter([("blob".to_owned(), "x".repeat(10_000).into())]);
    bus.publish(scope, vec![Event::Span { span: Arc::new(large), session_id: None }]).await.unwrap();
    match live.next().await {
        Some(Delivery::Event(place, _)) => place,
        other => panic!("{other:?}"),
    }
}

/// Returns how many events are replayed after one, or `None` when the log does not reach back to it.
async fn replayed(bus: &MemoryBus, scope: &Scope, since: Sequence) -> Option<usize> {
    let mut missed = bus.subscribe(scope, Some(since)).await.unwrap();
    let mut count = 0;
    while let Some(Some(delivery)) = missed.next().now_or_never() {
        if delivery == Delivery::Resync {
            return None;
        }
        count += 1;
    }
    Some(count)
}

#[tokio::test]
async fn the_log_holds_fewer_events_when_they_are_large() {
    let bus = MemoryBus::with_log(&SystemClock, 55_000);
    let (ours, theirs) =
        (Scope::LOCAL, Scope { org: OrgId(Uuid::from_u128(1)), project: ProjectId(Uuid::from_u128(1)) });
    let mut places = Vec::new();
    for number in 0..8 {
        places.push(publish_large(&bus, &ours, &format!("s{number}")).await);
    }
    // Five of them fit.
    assert_eq!(replayed(&bus, &ours, places[1]).await, None);
    assert_eq!(replayed(&bus, &ours, places[2]).await, Some(5));
    // What another project publishes counts too, and the largest log gives way.
    let first = publish_large(&bus, &theirs, "other").await;
    publish_large(&bus, &theirs, "another").await;
    assert_eq!(replayed(&bus, &theirs, first).await, Some(1));
    assert_eq!(replayed(&bus, &ours, places[2]).await, None);
    assert_eq!(replayed(&bus, &ours, places[4]).await, Some(3));
}
