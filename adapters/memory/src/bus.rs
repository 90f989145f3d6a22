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

/// Bytes of events the logs of all projects keep.
const LOG_BYTES: usize = 32 << 20;

/// Live events a subscriber may fall behind before its stream ends: those of some large batches, which come at once and
/// are no sign of a slow subscriber.
const QUEUE_LENGTH: usize = 4_096;

/// An event bus for one process: the newest 10 000 events of each project, fewer when they are large, and whoever
/// listens now.
///
/// Sequences start from the clock at construction, so they keep growing over restarts although the log is lost.
#[derive(Debug)]
pub struct MemoryBus {
    first: u64,
    log_bytes: usize,
    projects: Mutex<Channels>,
}

#[derive(Debug, Default)]
struct Channels {
    by_scope: HashMap<Scope, Channel>,
    /// Bytes of all logs.
    bytes: usize,
}

#[derive(Debug)]
struct Channel {
    /// The newest sequence given out.
    last: u64,
    /// Events after this sequence are in the log.
    floor: u64,
    log: VecDeque<Logged>,
    /// Bytes of the log.
    bytes: usize,
    subscribers: Vec<mpsc::Sender<Delivery>>,
}

/// An event in a log.
#[derive(Debug)]
struct Logged {
    sequence: Sequence,
    event: Arc<Event>,
    bytes: usize,
}

impl MemoryBus {
    /// Returns a bus whose sequences start at the clock's microseconds.
    pub fn new(clock: &dyn Clock) -> Self {
        Self::with_log(clock, LOG_BYTES)
    }

    /// Returns a bus whose logs keep at most `log_bytes`.
    pub fn with_log(clock: &dyn Clock, log_bytes: usize) -> Self {
        let first = u64::try_from(clock.now().as_micros()).unwrap_or(0);
        Self { first, log_bytes, projects: Mutex::default() }
    }

    fn with_channel<T>(&self, scope: &Scope, act: impl FnOnce(&mut Channel) -> T) -> T {
        // Each change of a channel is complete before anything can panic, so a poisoned lock is still sound.
        let mut guard = self.projects.lock().unwrap_or_else(PoisonError::into_inner);
        let projects = &mut *guard;
        let channel = projects.by_scope.entry(*scope).or_insert_with(|| Channel::new(self.first));
        let before = channel.bytes;
        let outcome = act(channel);
        projects.bytes = projects.bytes - before + channel.bytes;
        projects.shorten(self.log_bytes);
        outcome
    }
}

impl Channels {
    /// Drops the oldest events of the largest logs until all together hold at most `limit` bytes.
    fn shorten(&mut self, limit: usize) {
        while self.bytes > limit {
            let Some(largest) = self.by_scope.values_mut().max_by_key(|channel| channel.bytes) else {
                return;
            };
            let before = largest.bytes;
            largest.drop_oldest();
            if largest.bytes == before {
                return;
            }
            self.bytes = self.bytes - before + largest.bytes;
        }
    }
}

impl Channel {
    fn new(first: u64) -> Self {
        Self { last: first, floor: first, log: VecDeque::new(), bytes: 0, subscribers: Vec::new() }
    }

    fn publish(&mut self, event: Event) {
        self.last += 1;
        let (sequence, event) = (Sequence(self.last), Arc::new(event));
        // A full queue means a slow subscriber: it is let go, and comes back from the last sequence it saw.
        self.subscribers
            .retain(|subscriber| subscriber.try_send(Delivery::Event(sequence, Arc::clone(&event))).is_ok());
        let bytes = event_bytes(&event);
        self.bytes += bytes;
        self.log.push_back(Logged { sequence, event, bytes });
        if self.log.len() > LOG_LENGTH {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.log.pop_front() {
            self.bytes -= oldest.bytes;
            self.floor = oldest.sequence.0;
        }
    }

    fn replay(&self, since: Sequence) -> Vec<Delivery> {
        if since.0 < self.floor || since.0 > self.last {
            return vec![Delivery::Resync];
        }
        let start = self.log.partition_point(|logged| logged.sequence <= since);
        let missed = self.log.range(start..);
        missed.map(|logged| Delivery::Event(logged.sequence, Arc::clone(&logged.event))).collect()
    }
}

/// What an event costs besides its texts.
const EVENT_BYTES: usize = 512;

/// Returns about how much memory an event takes.
fn event_bytes(event: &Event) -> usize {
    let texts = match event {
        Event::Span { span, .. } => span_bytes(span),
        Event::TraceCreated(trace) | Event::TraceUpdated(trace) => trace_bytes(trace),
        Event::SpanDeleted { .. } | Event::TraceDeleted(_) | Event::Cleared => 0,
    };
    EVENT_BYTES + texts
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

    async fn newest(&self, scope: &Scope) -> Result<Option<Sequence>, StoreError> {
        Ok(self.with_channel(scope, |channel| Some(Sequence(channel.last))))
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
