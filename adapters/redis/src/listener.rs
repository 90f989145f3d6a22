//! The connection that hears what instances tell each other.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{PubSubSink, PubSubStream};
use redis::{Msg, RedisResult};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{broadcast, mpsc, oneshot};
use trace::id::Scope;
use trace::ports::{Revocation, Sequence, SpanStore};

use crate::channel::Channels;
use crate::link::Link;
use crate::{event_json, names, tail};

/// The first and longest pause before a new connection is tried (auth-cloud §11).
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How often a silent connection is asked whether it lives, and how long it may take to answer.
const PING: Duration = Duration::from_secs(5);
const PONG: Duration = Duration::from_secs(3);

/// A wish to hear of a project; answered once its channel is subscribed, or when that cannot be done now.
pub(crate) struct Wish {
    pub(crate) scope: Scope,
    pub(crate) done: oneshot::Sender<()>,
}

/// What a listener works with.
pub(crate) struct Listener {
    pub(crate) link: Arc<Link>,
    pub(crate) channels: Arc<Channels>,
    pub(crate) spans: Arc<dyn SpanStore>,
    pub(crate) instance: Arc<str>,
    pub(crate) revocations: broadcast::Sender<Revocation>,
    pub(crate) wishes: mpsc::Receiver<Wish>,
}

#[derive(Deserialize)]
struct Published<'a> {
    sequence: u64,
    #[serde(borrow)]
    event: &'a RawValue,
}

impl Listener {
    /// Listens until nobody can wish any more. Reconnects for ever, and catches up after each reconnect.
    pub(crate) async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let connected = tokio::time::timeout(PONG, self.link.client().get_async_pubsub()).await;
            match connected {
                Ok(Ok(pubsub)) => {
                    metrics::gauge!("traceway_redis_connected").set(1.0);
                    pause = FIRST_PAUSE;
                    let (sink, stream) = pubsub.split();
                    match self.listen(sink, stream).await {
                        Ok(()) => return,
                        Err(error) => tracing::warn!(%error, "the connection to Redis is lost"),
                    }
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, retry_s = pause.as_secs(), "Redis cannot be reached");
                }
                Err(_) => tracing::warn!(retry_s = pause.as_secs(), "Redis does not answer"),
            }
            metrics::gauge!("traceway_redis_connected").set(0.0);
            if !self.wait(pause).await {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Waits, letting nobody else wait. False when nobody can wish any more.
    async fn wait(&mut self, pause: Duration) -> bool {
        let until = tokio::time::sleep(pause);
        tokio::pin!(until);
        loop {
            tokio::select! {
                () = &mut until => return true,
                wish = self.wishes.recv() => match wish {
                    // The subscriber hears what this process does, and all the rest after the reconnect.
                    Some(wish) => drop(wish.done.send(())),
                    None => return false,
                },
            }
        }
    }

    async fn listen(&mut self, mut sink: PubSubSink, mut stream: PubSubStream) -> RedisResult<()> {
        sink.subscribe(names::AUTH).await?;
        for scope in self.channels.scopes() {
            sink.subscribe(names::events(&scope)).await?;
        }
        self.link.resume();
        // Revocations may have been missed while nobody listened.
        let _ = self.revocations.send(Revocation::All);
        self.catch_up().await;
        let mut alive = tokio::time::interval(PING);
        loop {
            tokio::select! {
                message = stream.next() => match message {
                    Some(message) => self.take(&message).await,
                    None => return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()),
                },
                wish = self.wishes.recv() => {
                    let Some(Wish { scope, done }) = wish else { return Ok(()) };
                    sink.subscribe(names::events(&scope)).await?;
                    // Whoever wished may have gone meanwhile.
                    let _ = done.send(());
                }
                _ = alive.tick() => {
                    let pong = tokio::time::timeout(PONG, sink.ping::<redis::Value>()).await;
                    pong.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
                }
            }
        }
    }

    /// Delivers what the logs got while nobody listened, and tells others where this process was alone.
    async fn catch_up(&self) {
        for scope in self.channels.lost() {
            if self.channels.take_lost(&scope) && !self.tell_lost(&scope).await {
                self.channels.mark_lost(&scope);
            }
        }
        for scope in self.channels.scopes() {
            let last = self.channels.last(&scope);
            let since = (last > 0).then_some(Sequence(last));
            let Ok(replay) = tail::replay(&self.link, &*self.spans, &scope, since).await else { continue };
            for delivery in replay.deliveries {
                let sequence = match &delivery {
                    trace::ports::Delivery::Event(sequence, _) => *sequence,
                    trace::ports::Delivery::Resync => Sequence(replay.newest.max(last + 1)),
                };
                self.channels.deliver(&scope, sequence, &delivery);
            }
        }
    }

    async fn tell_lost(&self, scope: &Scope) -> bool {
        let Ok(resync) = event_json::resync() else { return true };
        let floor = self.channels.last(scope);
        tail::append(&self.link, scope, &self.instance, floor, &[resync]).await.is_ok()
    }

    async fn take(&self, message: &Msg) {
        let channel = message.get_channel_name();
        let Ok(text) = std::str::from_utf8(message.get_payload_bytes()) else { return };
        if channel == names::AUTH {
            match serde_json::from_str(text) {
                // Nobody may be interested.
                Ok(revocation) => drop(self.revocations.send(revocation)),
                Err(error) => {
                    tracing::warn!(%error, "a revocation cannot be read: everything cached is dropped");
                    drop(self.revocations.send(Revocation::All));
                }
            }
            return;
        }
        let Some(scope) = scope_of(channel) else { return };
        let Ok(published) = serde_json::from_str::<Published<'_>>(text) else { return };
        let sequence = Sequence(published.sequence);
        if let Some(delivery) = tail::delivery(&*self.spans, &scope, sequence, published.event.get()).await {
            self.channels.deliver(&scope, sequence, &delivery);
        }
    }
}

/// Reads the project out of a channel's name.
fn scope_of(channel: &str) -> Option<Scope> {
    let mut parts = channel.strip_prefix("traceway:")?.split(':');
    let org = parts.next()?.parse().ok()?;
    let project = parts.next()?.parse().ok()?;
    Some(Scope { org: trace::id::OrgId(org), project: trace::id::ProjectId(project) })
}
