//! Waking the worker of a deployment whose processes do not last.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use trace::id::Scope;
use trace::ports::{Job, JobId, JobQueue, Leased, NewJob, StoreError};

/// Tells a worker that there is a job.
#[async_trait]
pub trait Nudge: Send + Sync {
    /// Tells it. A nudge may be lost: the job is in the queue, and the worker looks there by the clock, too.
    async fn nudge(&self) -> Result<(), StoreError>;
}

/// A [`JobQueue`] that wakes the worker when a job is added.
pub struct Nudged {
    jobs: Arc<dyn JobQueue>,
    nudge: Arc<dyn Nudge>,
}

impl Nudged {
    /// Returns the queue.
    pub fn new(jobs: Arc<dyn JobQueue>, nudge: Arc<dyn Nudge>) -> Self {
        Self { jobs, nudge }
    }
}

#[async_trait]
impl JobQueue for Nudged {
    async fn enqueue(&self, scope: &Scope, jobs: &[NewJob]) -> Result<Vec<JobId>, StoreError> {
        let ids = self.jobs.enqueue(scope, jobs).await?;
        if !ids.is_empty()
            && let Err(error) = self.nudge.nudge().await
        {
            metrics::counter!("traceway_nudges_lost_total").increment(1);
            tracing::warn!(%error, "the worker could not be nudged and will find the job by the clock");
        }
        Ok(ids)
    }

    async fn lease(&self, kinds: &[&str], lease: Duration, limit: usize) -> Result<Vec<Leased>, StoreError> {
        self.jobs.lease(kinds, lease, limit).await
    }

    async fn complete(&self, leased: &Leased) -> Result<bool, StoreError> {
        self.jobs.complete(leased).await
    }

    async fn fail(&self, leased: &Leased, error: &str, delay: Duration) -> Result<bool, StoreError> {
        self.jobs.fail(leased, error, delay).await
    }

    async fn dead(&self, kind: &str, limit: usize) -> Result<Vec<(Job, String)>, StoreError> {
        self.jobs.dead(kind, limit).await
    }
}
