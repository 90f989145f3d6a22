//! What cached answers all instances drop.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use trace::ports::{Revocation, Revocations, StoreError};

use crate::link::Link;
use crate::names;

/// Revocations over Redis Pub/Sub, heard on the connection of the event bus.
pub struct RedisRevocations {
    link: Arc<Link>,
    heard: broadcast::Sender<Revocation>,
}

impl RedisRevocations {
    pub(crate) fn new(link: Arc<Link>, heard: broadcast::Sender<Revocation>) -> Self {
        Self { link, heard }
    }
}

#[async_trait]
impl Revocations for RedisRevocations {
    async fn publish(&self, revocation: Revocation) -> Result<(), StoreError> {
        // This process at once, and again when its own message comes back.
        let _ = self.heard.send(revocation.clone());
        tell(&self.link, &revocation).await
    }

    fn subscribe(&self) -> BoxStream<'static, Revocation> {
        heard(self.heard.subscribe())
    }
}

/// Tells who listens, and counts for those who ask.
pub(crate) async fn tell(link: &Link, revocation: &Revocation) -> Result<(), StoreError> {
    let text = serde_json::to_string(revocation).map_err(|error| StoreError::corrupt("revocation", error))?;
    let told = link.ask(async |mut connection| {
        let mut tell = redis::pipe();
        tell.atomic().cmd("INCR").arg(names::AUTH_COUNT).ignore();
        tell.cmd("PUBLISH").arg(names::AUTH).arg(text).ignore();
        tell.query_async::<()>(&mut connection).await
    });
    Ok(told.await?)
}

/// Returns what was heard as a stream.
pub(crate) fn heard(receiver: broadcast::Receiver<Revocation>) -> BoxStream<'static, Revocation> {
    stream::unfold(receiver, async |mut receiver| match receiver.recv().await {
        Ok(revocation) => Some((revocation, receiver)),
        Err(RecvError::Lagged(_)) => Some((Revocation::All, receiver)),
        Err(RecvError::Closed) => None,
    })
    .boxed()
}
