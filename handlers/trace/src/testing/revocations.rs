//! Revocations of one process.

use async_trait::async_trait;
use futures_util::stream::{BoxStream, unfold};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::ports::{Revocation, Revocations, StoreError};

/// Revocations that every subscriber of the process hears at once. For tests.
#[derive(Debug)]
pub struct MemoryRevocations(broadcast::Sender<Revocation>);

impl Default for MemoryRevocations {
    fn default() -> Self {
        Self(broadcast::channel(64).0)
    }
}

#[async_trait]
impl Revocations for MemoryRevocations {
    async fn publish(&self, revocation: Revocation) -> Result<(), StoreError> {
        // Nobody listening is no failure.
        let _ = self.0.send(revocation);
        Ok(())
    }

    fn subscribe(&self) -> BoxStream<'static, Revocation> {
        let next = |mut receiver: broadcast::Receiver<Revocation>| async move {
            match receiver.recv().await {
                Ok(revocation) => Some((revocation, receiver)),
                Err(RecvError::Lagged(_)) => Some((Revocation::All, receiver)),
                Err(RecvError::Closed) => None,
            }
        };
        Box::pin(unfold(self.0.subscribe(), next))
    }
}
