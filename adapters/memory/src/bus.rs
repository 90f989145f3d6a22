use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use tokio::sync::mpsc;
use trace::event::Event;
use trace::id::Scope;
use trace::ports::{Clock, Delivery, EventBus, Sequence, StoreError, Subscription};
use trace::size::{span_bytes, trace_bytes};

/// Events a project's log keeps for replay.
const LOG_LENGTH: usize = 10_000;

/// Live events a subscriber may fall behind before its stream ends.
const QUEUE_LENGTH: usize = 1_024;

/// An event bus for one process: the newest 10 000 events of each project, and whoever listens now.
///
/// Sequences start from the clock at construction, so they keep growing over restarts although the log is lost.
#[derive(Debug)]
pub struct MemoryBus {
    first: u64,
    projects: Mutex<HashMap<Scope, Channel>>,
}

#[derive(Debug)]
struct Channel {
    /// The newest sequence given out.
    last: u64,
    /// Events after this sequence are in the log.
    floor: u64,
    log: VecDeque<(Sequence, Arc<Event>)>,
    subscribers: Vec<mpsc::Sender<Delivery>>,
}

impl MemoryBus {
    /// Returns a bus whose sequences start at the clock's microseconds.
    pub fn new(clock: &dyn Clock) -> Self {
        let first = u64::try_from(clock.now().as_micros()).unwrap_or(0);
        Self { first, projects: Mutex::new(HashMap::new()) }
    }

    fn with_channel<T>(&self, scope: &Scope, act: impl FnOnce(&mut Channel) -> T) -> T {
        // Each change of a channel is complete before anything can panic, so a poisoned lock is still sound.
        let mut projects = self.projects.lock().unwrap_or_else(PoisonError::into_inner);
        act(projects.entry(*scope).or_insert_with(|| Channel::new(self.first)))
    }
}

impl Channel {
    fn new(first: u64) -> Self {
        Self { last: first, floor: first, log: VecDeque::new(), subscribers: Vec::new() }
    }

    fn publish(&mut self, event: Event) {
        self.last += 1;
        let (sequence, event) = (Sequence(self.last), Arc::new(event));
        // A full queue means a slow subscriber: it is let go, and comes back from the last sequence it saw.
        self.subscribers
            .retain(|subscriber| subscriber.try_send(Delivery::Event(sequence, Arc::clone(&event))).is_ok());
        self.log.push_back((sequence, event));
        if self.log.len() > LOG_LENGTH
            && let Some((trimmed, _)) = self.log.pop_front()
        {
            self.floor = trimmed.0;
        }
    }

    fn replay(&self, since: Sequence) -> Vec<Delivery> {
        if since.0 < self.floor || since.0 > self.last {
            return vec![Delivery::Resync];
        }
        let start = self.log.partition_point(|(sequence, _)| *sequence <= since);
        let missed = self.log.range(start..);
        missed.map(|(sequence, event)| Delivery::Event(*sequence, Arc::clone(event))).collect()
    }
}

#[async_trait]
impl EventBus for MemoryBus {
    async fn publish(&self, scope: &Scope, events: Vec<Event>) -> Result<(), StoreError> {
        self.with_channel(scope, |channel| {
            for event in events {
                channel.publish(event);
            }
        });
        Ok(())
    }

    async fn subscribe(&self, scope: &Scope, since: Option<Sequence>) -> Result<Subscription, StoreError> {
        let (sender, mut receiver) = mpsc::channel(QUEUE_LENGTH);
        // One lock for both, so that no event falls between the replay and the live ones.
        let replay = self.with_channel(scope, |channel| {
            channel.subscribers.retain(|subscriber| !subscriber.is_closed());
            channel.subscribers.push(sender);
            since.map(|since| channel.replay(since)).unwrap_or_default()
        });
        let live = stream::poll_fn(move |context| receiver.poll_recv(context));
        Ok(Box::pin(stream::iter(replay).chain(live)))
    }
}
