//! Live events over all instances.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use tokio::sync::{broadcast, mpsc, oneshot};
use trace::event::Event;
use trace::id::Scope;
use trace::ports::{Delivery, EventBus, Sequence, SpanStore, StoreError, Subscription};

use crate::channel::Channels;
use crate::link::Link;
use crate::listener::{Listener, Wish};
use crate::revocations::RedisRevocations;
use crate::{event_json, tail};

/// How long a subscriber waits for its channel.
const SUBSCRIBED: Duration = Duration::from_secs(2);

/// What has to run for as long as events are wanted.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An event bus that all instances share: Pub/Sub for live events, a capped stream per project for replay.
pub struct RedisBus {
    link: Arc<Link>,
    channels: Arc<Channels>,
    spans: Arc<dyn SpanStore>,
    instance: Arc<str>,
    wishes: mpsc::Sender<Wish>,
}

impl RedisBus {
    /// Returns the bus, the revocations that come over the same connection, and the work that listens: the runtime
    /// runs it until the process ends. `instance` names this process.
    pub fn new(link: Arc<Link>, spans: Arc<dyn SpanStore>, instance: &str) -> (Self, RedisRevocations, Work) {
        let channels = Arc::new(Channels::default());
        let (wishes, incoming) = mpsc::channel(64);
        let (revocations, _) = broadcast::channel(256);
        let instance: Arc<str> = Arc::from(instance);
        let listener = Listener {
            link: Arc::clone(&link),
            channels: Arc::clone(&channels),
            spans: Arc::clone(&spans),
            instance: Arc::clone(&instance),
            revocations: revocations.clone(),
            wishes: incoming,
        };
        let told = RedisRevocations::new(Arc::clone(&link), revocations);
        (Self { link, channels, spans, instance, wishes }, told, Box::pin(listener.run()))
    }

    async fn hear_of(&self, scope: &Scope) {
        let (done, is_done) = oneshot::channel();
        if self.wishes.send(Wish { scope: *scope, done }).await.is_ok() {
            // Without an answer the subscriber hears this process alone, until the listener has caught up.
            let _ = tokio::time::timeout(SUBSCRIBED, is_done).await;
        }
    }
}

#[async_trait]
impl EventBus for RedisBus {
    async fn publish(&self, scope: &Scope, events: Vec<Event>) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let encoded = event_json::encode_all(&events, self.channels.take_lost(scope))?;
        let floor = self.channels.last(scope);
        if let Err(error) = tail::append(&self.link, scope, &self.instance, floor, &encoded).await {
            // Committed and readable; listeners of other instances are told to reload when Redis is back.
            tracing::debug!(%error, "events are delivered in this process alone");
            metrics::counter!("traceway_events_local_total").increment(events.len() as u64);
            self.channels.deliver_alone(scope, events, now());
        }
        Ok(())
    }

    async fn newest(&self, scope: &Scope) -> Result<Option<Sequence>, StoreError> {
        Ok(tail::newest(&self.link, scope).await?)
    }

    async fn subscribe(&self, scope: &Scope, since: Option<Sequence>) -> Result<Subscription, StoreError> {
        let (mut receiver, is_first) = self.channels.add(scope);
        if is_first {
            self.hear_of(scope).await;
        }
        let (replayed, seen) = match tail::replay(&self.link, &*self.spans, scope, since).await {
            Ok(replay) => {
                self.channels.reached(scope, replay.newest);
                (replay.deliveries, replay.newest)
            }
            // Without the log only a listener that missed nothing may go on.
            Err(_) => match since {
                Some(since) if since.0 != self.channels.last(scope) => (vec![Delivery::Resync], since.0),
                _ => (Vec::new(), 0),
            },
        };
        let mut seen = seen;
        let live = stream::poll_fn(move |context| {
            // What was replayed, here or after a reconnect, comes a second time over the live connection.
            loop {
                match ready!(receiver.poll_recv(context)) {
                    Some(queued) if queued.sequence.0 <= seen => {}
                    Some(queued) => {
                        seen = queued.sequence.0;
                        return Poll::Ready(Some(queued.delivery));
                    }
                    None => return Poll::Ready(None),
                }
            }
        });
        Ok(Box::pin(stream::iter(replayed).chain(live)))
    }
}

/// Returns the sequence of this moment.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(0).saturating_mul(4096)
}
