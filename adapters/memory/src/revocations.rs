use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use trace::ports::{Revocation, Revocations, StoreError};

/// Revocations inside one process. Other processes' caches run out by themselves.
#[derive(Debug)]
pub struct MemoryRevocations {
    heard: broadcast::Sender<Revocation>,
}

impl Default for MemoryRevocations {
    fn default() -> Self {
        Self { heard: broadcast::channel(256).0 }
    }
}

#[async_trait]
impl Revocations for MemoryRevocations {
    async fn publish(&self, revocation: Revocation) -> Result<(), StoreError> {
        // Nobody may be listening.
        let _ = self.heard.send(revocation);
        Ok(())
    }

    fn subscribe(&self) -> BoxStream<'static, Revocation> {
        stream::unfold(self.heard.subscribe(), async |mut receiver| match receiver.recv().await {
            Ok(revocation) => Some((revocation, receiver)),
            Err(RecvError::Lagged(_)) => Some((Revocation::All, receiver)),
            Err(RecvError::Closed) => None,
        })
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn subscribers_hear_revocations_and_that_they_missed_some() {
        let revocations = MemoryRevocations::default();
        let mut heard = revocations.subscribe();
        revocations.publish(Revocation::All).await.unwrap();
        assert_eq!(heard.next().await, Some(Revocation::All));
        let id = trace::identity::UserId(uuid::Uuid::nil());
        for _ in 0..1_000 {
            revocations.publish(Revocation::User { id }).await.unwrap();
        }
        assert_eq!(heard.next().await, Some(Revocation::All));
    }
}
