//! Who listens in this process, by project.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use trace::event::Event;
use trace::id::Scope;
use trace::ports::{Delivery, Sequence};

/// Live events a subscriber may fall behind before its stream ends: those of some large batches, which come at once and
/// are no sign of a slow subscriber.
const QUEUE_LENGTH: usize = 4_096;

/// What a subscriber's queue holds.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    /// The place of what is delivered, also of a resync.
    pub(crate) sequence: Sequence,
    /// What is delivered.
    pub(crate) delivery: Delivery,
}

#[derive(Debug, Default)]
struct Channel {
    /// The newest sequence delivered here.
    last: u64,
    subscribers: Vec<mpsc::Sender<Queued>>,
    /// Whether events were delivered here that Redis does not have.
    lost: bool,
}

/// The subscribers of a process.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    by_scope: Mutex<HashMap<Scope, Channel>>,
}

impl Channels {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<Scope, Channel>) -> T) -> T {
        // Each change is complete before anything can panic, so a poisoned lock is still sound.
        act(&mut self.by_scope.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a subscriber. The second value tells whether it is the first of its project.
    pub(crate) fn add(&self, scope: &Scope) -> (mpsc::Receiver<Queued>, bool) {
        let (sender, receiver) = mpsc::channel(QUEUE_LENGTH);
        let is_first = self.with(|channels| {
            let channel = channels.entry(*scope).or_default();
            channel.subscribers.retain(|subscriber| !subscriber.is_closed());
            channel.subscribers.push(sender);
            channel.subscribers.len() == 1
        });
        (receiver, is_first)
    }

    /// Returns the projects somebody listens to, and forgets those nobody listens to any more.
    pub(crate) fn scopes(&self) -> Vec<Scope> {
        self.with(|channels| {
            for channel in channels.values_mut() {
                channel.subscribers.retain(|subscriber| !subscriber.is_closed());
            }
            channels.retain(|_, channel| !channel.subscribers.is_empty() || channel.lost);
            channels.keys().copied().collect()
        })
    }

    /// Returns the newest sequence delivered to a project's listeners; 0 when there was none.
    pub(crate) fn last(&self, scope: &Scope) -> u64 {
        self.with(|channels| channels.get(scope).map_or(0, |channel| channel.last))
    }

    /// Notes the newest sequence there is, so that a later catching up starts there.
    pub(crate) fn reached(&self, scope: &Scope, sequence: u64) {
        self.with(|channels| {
            if let Some(channel) = channels.get_mut(scope) {
                channel.last = channel.last.max(sequence);
            }
        });
    }

    /// Delivers what came from Redis. Subscribers pass over what they have seen.
    pub(crate) fn deliver(&self, scope: &Scope, sequence: Sequence, delivery: &Delivery) {
        self.with(|channels| {
            if let Some(channel) = channels.get_mut(scope) {
                channel.send(sequence, delivery);
            }
        });
    }

    /// Delivers events while Redis is away, with sequences of this process that go on from `at_least`.
    pub(crate) fn deliver_alone(&self, scope: &Scope, events: Vec<Event>, at_least: u64) {
        self.with(|channels| {
            let channel = channels.entry(*scope).or_default();
            channel.last = channel.last.max(at_least);
            channel.lost = true;
            for event in events {
                let sequence = Sequence(channel.last + 1);
                channel.send(sequence, &Delivery::Event(sequence, Arc::new(event)));
            }
        });
    }

    /// Takes the mark that events were lost to Redis.
    pub(crate) fn take_lost(&self, scope: &Scope) -> bool {
        self.with(|channels| channels.get_mut(scope).is_some_and(|channel| std::mem::take(&mut channel.lost)))
    }

    /// Returns the projects whose events were lost to Redis.
    pub(crate) fn lost(&self) -> Vec<Scope> {
        self.with(|channels| {
            channels.iter().filter(|(_, channel)| channel.lost).map(|(scope, _)| *scope).collect()
        })
    }

    /// Marks a project's events as lost to Redis.
    pub(crate) fn mark_lost(&self, scope: &Scope) {
        self.with(|channels| channels.entry(*scope).or_default().lost = true);
    }
}

impl Channel {
    fn send(&mut self, sequence: Sequence, delivery: &Delivery) {
        self.last = self.last.max(sequence.0);
        let queued = Queued { sequence, delivery: delivery.clone() };
        // A full queue means a slow subscriber: it is let go, and comes back from the last sequence it saw.
        self.subscribers.retain(|subscriber| subscriber.try_send(queued.clone()).is_ok());
    }
}
