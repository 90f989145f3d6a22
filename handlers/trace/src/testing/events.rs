//! What every [`EventBus`] promises.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{join, join_all};

use super::fixtures::scope;
use crate::event::Event;
use crate::id::{Scope, TraceId};
use crate::ports::{Delivery, EventBus, Sequence, Subscription};

/// How long an event may take, and how long silence is watched.
const SOON: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(100);

/// The log keeps the newest events up to this many.
const LOG: usize = 10_000;

/// What every [`EventBus`] promises. `bus` is empty; `restarted` is the same after a restart, with an empty log.
pub async fn event_bus_contract(bus: &dyn EventBus, restarted: Option<&dyn EventBus>) {
    live_events_come_in_order(bus, &scope(401), &scope(402)).await;
    a_subscriber_catches_up_without_a_gap(bus, &scope(403)).await;
    no_event_falls_between_replay_and_live(bus, &scope(404)).await;
    what_the_log_lost_is_told(bus, &scope(405)).await;
    a_slow_subscriber_misses_nothing(bus, &scope(406)).await;
    a_log_trims_its_oldest(bus, &scope(407)).await;
    if let Some(restarted) = restarted {
        sequences_grow_over_restarts(bus, restarted, &scope(408)).await;
    }
}

fn event(number: usize) -> Event {
    Event::TraceDeleted(TraceId::parse(&number.to_string()).unwrap())
}

async fn publish(bus: &dyn EventBus, scope: &Scope, numbers: std::ops::Range<usize>) {
    bus.publish(scope, numbers.map(event).collect()).await.unwrap();
}

async fn next(stream: &mut Subscription) -> Delivery {
    let next = tokio::time::timeout(SOON, stream.next()).await;
    next.expect("an event comes soon").expect("the stream goes on")
}

/// Returns the next events, which must be these in order, and the sequence of the last.
async fn expect(stream: &mut Subscription, numbers: std::ops::Range<usize>) -> Sequence {
    let mut last = None;
    for number in numbers {
        match next(stream).await {
            Delivery::Event(sequence, got) => {
                assert_eq!(*got, event(number));
                assert!(last < Some(sequence), "sequences grow");
                last = Some(sequence);
            }
            Delivery::Resync => panic!("resync instead of event {number}"),
        }
    }
    last.unwrap()
}

async fn expect_silence(stream: &mut Subscription) {
    let next = tokio::time::timeout(SILENCE, stream.next()).await;
    assert!(next.is_err(), "unexpected: {next:?}");
}

async fn live_events_come_in_order(bus: &dyn EventBus, ours: &Scope, theirs: &Scope) {
    publish(bus, ours, 0..3).await;
    let mut one = bus.subscribe(ours, None).await.unwrap();
    let mut two = bus.subscribe(ours, None).await.unwrap();
    let mut stranger = bus.subscribe(theirs, None).await.unwrap();
    publish(bus, ours, 3..50).await;
    publish(bus, ours, 50..60).await;
    let last = expect(&mut one, 3..60).await;
    assert_eq!(expect(&mut two, 3..60).await, last, "all subscribers see the same sequences");
    assert_eq!(bus.newest(ours).await.unwrap(), Some(last));
    expect_silence(&mut one).await;
    expect_silence(&mut stranger).await;
    drop(two);
    publish(bus, ours, 60..61).await;
    expect(&mut one, 60..61).await;
}

async fn a_subscriber_catches_up_without_a_gap(bus: &dyn EventBus, scope: &Scope) {
    let mut live = bus.subscribe(scope, None).await.unwrap();
    publish(bus, scope, 0..100).await;
    let seen = expect(&mut live, 0..40).await;
    drop(live);
    let mut back = bus.subscribe(scope, Some(seen)).await.unwrap();
    publish(bus, scope, 100..120).await;
    let last = expect(&mut back, 40..120).await;
    let mut idle = bus.subscribe(scope, Some(last)).await.unwrap();
    expect_silence(&mut idle).await;
    publish(bus, scope, 120..121).await;
    expect(&mut idle, 120..121).await;
}

async fn no_event_falls_between_replay_and_live(bus: &dyn EventBus, scope: &Scope) {
    let mut first = bus.subscribe(scope, None).await.unwrap();
    publish(bus, scope, 0..1).await;
    let start = expect(&mut first, 0..1).await;
    drop(first);
    let writer = async {
        for number in 1..400 {
            publish(bus, scope, number..number + 1).await;
            tokio::task::yield_now().await;
        }
    };
    let readers = (0..10).map(|reader| async move {
        for _ in 0..reader * 30 {
            tokio::task::yield_now().await;
        }
        let mut stream = bus.subscribe(scope, Some(start)).await.unwrap();
        expect(&mut stream, 1..400).await;
    });
    join(writer, join_all(readers)).await;
}

async fn what_the_log_lost_is_told(bus: &dyn EventBus, scope: &Scope) {
    let mut live = bus.subscribe(scope, None).await.unwrap();
    publish(bus, scope, 0..2).await;
    let newest = expect(&mut live, 0..2).await;
    for unknown in [Sequence(0), Sequence(newest.0 + 1), Sequence(u64::MAX)] {
        let mut stream = bus.subscribe(scope, Some(unknown)).await.unwrap();
        assert_eq!(next(&mut stream).await, Delivery::Resync, "{unknown:?}");
        expect_silence(&mut stream).await;
    }
    let mut stream = bus.subscribe(scope, Some(Sequence(0))).await.unwrap();
    publish(bus, scope, 2..3).await;
    assert_eq!(next(&mut stream).await, Delivery::Resync);
    expect(&mut stream, 2..3).await;
}

/// Publishes 9 000 events past a subscriber that takes none, then lets it take what it gets and come back for the rest.
/// Returns how many it got before its stream ended, if it did.
async fn a_slow_subscriber_misses_nothing(bus: &dyn EventBus, scope: &Scope) -> usize {
    let mut slow = bus.subscribe(scope, None).await.unwrap();
    let mut patient = bus.subscribe(scope, None).await.unwrap();
    publish(bus, scope, 0..256).await;
    expect(&mut patient, 0..256).await;
    for start in (256..9_000).step_by(200) {
        publish(bus, scope, start..(start + 200).min(9_000)).await;
        expect(&mut patient, start..(start + 200).min(9_000)).await;
    }
    let (mut seen, mut last) = (0, None);
    while seen < 9_000
        && let Some(delivery) = tokio::time::timeout(SOON, slow.next()).await.expect("it ends or goes on")
    {
        let Delivery::Event(sequence, got) = delivery else { panic!("resync") };
        assert_eq!(*got, event(seen), "what it got is whole up to where it ends");
        last = Some(sequence);
        seen += 1;
    }
    assert!(seen >= 256, "{seen} events");
    if seen < 9_000 {
        let mut back = bus.subscribe(scope, last).await.unwrap();
        expect(&mut back, seen..9_000).await;
    }
    seen
}

/// What a bus promises besides that keeps a queue for each subscriber: one that does not read it is let go.
pub async fn queueing_bus_contract(bus: &dyn EventBus) {
    let got = a_slow_subscriber_misses_nothing(bus, &scope(409)).await;
    assert!(got < 9_000, "the queue has no end");
}

async fn a_log_trims_its_oldest(bus: &dyn EventBus, scope: &Scope) {
    let mut live = bus.subscribe(scope, None).await.unwrap();
    publish(bus, scope, 0..2).await;
    let (first, second) = (expect(&mut live, 0..1).await, expect(&mut live, 1..2).await);
    drop(live);
    for start in (2..LOG + 2).step_by(500) {
        publish(bus, scope, start..(start + 500).min(LOG + 2)).await;
    }
    let mut whole = bus.subscribe(scope, Some(second)).await.unwrap();
    expect(&mut whole, 2..LOG + 2).await;
    let mut short = bus.subscribe(scope, Some(first)).await.unwrap();
    assert_eq!(next(&mut short).await, Delivery::Resync);
}

async fn sequences_grow_over_restarts(bus: &dyn EventBus, restarted: &dyn EventBus, scope: &Scope) {
    let mut before = bus.subscribe(scope, None).await.unwrap();
    publish(bus, scope, 0..10).await;
    let old = expect(&mut before, 0..10).await;
    let mut after = restarted.subscribe(scope, None).await.unwrap();
    publish(restarted, scope, 0..1).await;
    assert!(expect(&mut after, 0..1).await > old);
    let mut back = restarted.subscribe(scope, Some(old)).await.unwrap();
    assert_eq!(next(&mut back).await, Delivery::Resync);
}
