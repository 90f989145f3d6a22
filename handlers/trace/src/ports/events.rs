use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::Stream;

use super::StoreError;
use crate::event::Event;
use crate::id::Scope;

/// The place of an event in its project's order; grows over restarts, with gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u64);

/// One item of a subscription.
#[derive(Clone, Debug, PartialEq)]
pub enum Delivery {
    /// An event with its place.
    Event(Sequence, Arc<Event>),
    /// Events were missed that the log no longer has: reload.
    Resync,
}

/// Events in order, each at most once. Ends when the subscriber is too slow; it may subscribe again from the
/// last sequence it saw.
pub type Subscription = Pin<Box<dyn Stream<Item = Delivery> + Send>>;

/// Carries committed changes to whoever listens in the same project.
#[async_trait]
pub trait EventBus: Send + Sync {
    /// Publishes events in order. Called after their change is readable.
    async fn publish(&self, scope: &Scope, events: Vec<Event>) -> Result<(), StoreError>;

    /// Returns the sequence of the newest event of the project, `None` when the log has none. A reader that has seen
    /// it has seen every change acknowledged before this call.
    async fn newest(&self, scope: &Scope) -> Result<Option<Sequence>, StoreError>;

    /// Subscribes before it replays: events after `since` still in the log, then live ones, with no gap between.
    /// When the log does not reach back to `since`, or `since` is ahead of it, [`Delivery::Resync`] comes first; 0 is
    /// the place before the first event of all.
    async fn subscribe(&self, scope: &Scope, since: Option<Sequence>) -> Result<Subscription, StoreError>;
}
