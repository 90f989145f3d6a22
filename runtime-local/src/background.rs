//! Work that outlives the request it belongs to.

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use proxy::{Background, Hold, Work};
use tokio_util::task::TaskTracker;
use trace::ports::Detach;

/// Runs work in tasks that are awaited when the process stops.
pub(crate) struct Tracked(pub(crate) TaskTracker);

impl Background for Tracked {
    fn start(&self, work: Work) -> Option<Hold> {
        self.0.spawn(work);
        None
    }
}

#[async_trait]
impl Detach for Tracked {
    async fn run(&self, work: BoxFuture<'static, ()>) {
        if let Err(error) = self.0.spawn(work).await
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn work_goes_on_without_its_caller_and_is_awaited_at_the_end() {
        let tracker = TaskTracker::new();
        let (go, wait) = oneshot::channel::<()>();
        let (done, outcome) = oneshot::channel();
        let work = Box::pin(async move {
            let _ = wait.await;
            let _ = done.send(());
        });
        let detach = Tracked(tracker.clone());
        assert!(tokio::time::timeout(Duration::from_millis(10), detach.run(work)).await.is_err());
        drop(go);
        tracker.close();
        tracker.wait().await;
        assert_eq!(outcome.await, Ok(()));
    }
}
