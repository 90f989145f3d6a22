//! Events and revocations for processes that are frozen between requests, where nothing can listen.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use redis::streams::StreamReadReply;
use tokio::sync::broadcast;
use trace::event::Event;
use trace::id::Scope;
use trace::ports::{
    Delivery, EventBus, Revocation, Revocations, Sequence, SpanStore, StoreError, Subscription,
};

use crate::link::Link;
use crate::revocations::heard;
use crate::{event_json, names, tail};

/// How long Redis keeps a reader waiting for something new before it answers that there is nothing.
const BLOCK: Duration = Duration::from_secs(5);

/// How long the connection of a reader may take beyond that.
const GRACE: Duration = Duration::from_secs(3);

/// Events read at once.
const AT_ONCE: usize = 256;

/// An event bus on the streams of projects alone: a subscription reads them while it is polled, and nothing runs
/// beside it.
pub struct PolledBus {
    link: Arc<Link>,
    spans: Arc<dyn SpanStore>,
    instance: Arc<str>,
    /// Projects whose events Redis did not take.
    lost: Mutex<HashSet<Scope>>,
}

impl PolledBus {
    /// Returns the bus. `instance` names this process.
    pub fn new(link: Arc<Link>, spans: Arc<dyn SpanStore>, instance: &str) -> Self {
        Self { link, spans, instance: Arc::from(instance), lost: Mutex::default() }
    }

    fn lost(&self) -> std::sync::MutexGuard<'_, HashSet<Scope>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EventBus for PolledBus {
    async fn publish(&self, scope: &Scope, events: Vec<Event>) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let was_lost = self.lost().contains(scope);
        let encoded = event_json::encode_all(&events, was_lost)?;
        match tail::append(&self.link, scope, &self.instance, 0, &encoded).await {
            Ok(()) => {
                self.lost().remove(scope);
                Ok(())
            }
            Err(error) => {
                // Committed and readable; listeners are told to reload once Redis is back.
                self.lost().insert(*scope);
                Err(error.into())
            }
        }
    }

    async fn newest(&self, scope: &Scope) -> Result<Option<Sequence>, StoreError> {
        Ok(tail::newest(&self.link, scope).await?)
    }

    async fn subscribe(&self, scope: &Scope, since: Option<Sequence>) -> Result<Subscription, StoreError> {
        let replay = tail::replay(&self.link, &*self.spans, scope, since).await?;
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(BLOCK + GRACE));
        let connect = self.link.client().get_multiplexed_async_connection_with_config(&config);
        let connection = connect.await.map_err(StoreError::unavailable)?;
        let (spans, scope) = (Arc::clone(&self.spans), *scope);
        let reader = Reader { connection, spans, scope, last: replay.newest };
        let live = stream::unfold(reader, async |mut reader| match reader.read().await {
            Ok(deliveries) => Some((stream::iter(deliveries), reader)),
            Err(error) => {
                // The client comes back from the last event it saw.
                tracing::warn!(%error, "a live stream ends as Redis cannot be read");
                None
            }
        });
        Ok(Box::pin(stream::iter(replay.deliveries).chain(live.flatten())))
    }
}

/// Reads a project's stream from a place on.
struct Reader {
    connection: MultiplexedConnection,
    spans: Arc<dyn SpanStore>,
    scope: Scope,
    last: u64,
}

impl Reader {
    /// Returns what is new; nothing when there was nothing for a while.
    async fn read(&mut self) -> Result<Vec<Delivery>, StoreError> {
        let key = names::events(&self.scope);
        let block = u64::try_from(BLOCK.as_millis()).unwrap_or(u64::MAX);
        let mut read = redis::cmd("XREAD");
        read.arg("COUNT").arg(AT_ONCE).arg("BLOCK").arg(block);
        read.arg("STREAMS").arg(&key).arg(format!("{}-0", self.last));
        let answer: Option<StreamReadReply> =
            read.query_async(&mut self.connection).await.map_err(StoreError::unavailable)?;
        let Some(answer) = answer else { return Ok(Vec::new()) };
        let entries = answer.keys.into_iter().flat_map(|key| key.ids).collect::<Vec<_>>();
        let mut deliveries = Vec::with_capacity(entries.len());
        // A gap between the last event seen and the first one read was trimmed away.
        if let Some(first) = entries.first()
            && first.get::<u64>("p").is_some_and(|before| before > self.last && self.last > 0)
        {
            deliveries.push(Delivery::Resync);
        }
        for entry in &entries {
            let (Some(sequence), Some(text)) = (tail::sequence_of(entry), entry.get::<String>("e")) else {
                continue;
            };
            deliveries.extend(tail::delivery(&*self.spans, &self.scope, Sequence(sequence), &text).await);
            self.last = self.last.max(sequence);
        }
        Ok(deliveries)
    }
}

/// Revocations for processes that cannot listen: each request asks whether there were any since the last. Clones
/// share what they heard.
#[derive(Clone)]
pub struct PolledRevocations {
    link: Arc<Link>,
    heard: broadcast::Sender<Revocation>,
    /// The count of revocations when it was last asked for.
    count: Arc<AtomicU64>,
}

/// What the count is before it was asked for, and when it cannot be.
const UNKNOWN: u64 = u64::MAX;

impl PolledRevocations {
    /// Returns the revocations over `link`.
    pub fn new(link: Arc<Link>) -> Self {
        Self { link, heard: broadcast::channel(256).0, count: Arc::new(AtomicU64::new(UNKNOWN)) }
    }

    /// Asks whether there were revocations since the last time, and drops all cached answers if so, and also when
    /// Redis cannot say.
    pub async fn refresh(&self) {
        let asked = self.link.ask(async |mut connection| {
            redis::cmd("GET").arg(names::AUTH_COUNT).query_async::<Option<u64>>(&mut connection).await
        });
        let count = asked.await.map_or(UNKNOWN, Option::unwrap_or_default);
        if self.count.swap(count, Ordering::Relaxed) != count || count == UNKNOWN {
            // Nobody may remember anything yet.
            drop(self.heard.send(Revocation::All));
        }
    }
}

#[async_trait]
impl Revocations for PolledRevocations {
    async fn publish(&self, revocation: Revocation) -> Result<(), StoreError> {
        drop(self.heard.send(revocation.clone()));
        crate::revocations::tell(&self.link, &revocation).await
    }

    fn subscribe(&self) -> BoxStream<'static, Revocation> {
        heard(self.heard.subscribe())
    }
}
