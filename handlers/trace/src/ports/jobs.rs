use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;
use crate::id::Scope;
use crate::json::Json;
use crate::time::Timestamp;

/// Names a job.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JobId(pub String);

/// Work to be done after the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct NewJob {
    /// What to do; the worker that knows the word takes it.
    pub kind: String,
    /// What to do it with.
    pub payload: Json,
    /// Not before this time.
    pub run_at: Timestamp,
    /// Tries before the job is dead, at least 1.
    pub max_attempts: u32,
}

/// Work that a worker holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The id.
    pub id: JobId,
    /// The tenant it was enqueued for.
    pub scope: Scope,
    /// What to do.
    pub kind: String,
    /// What to do it with.
    pub payload: Json,
    /// Which try this is, from 1.
    pub attempt: u32,
}

/// Proof that a worker holds a job; a stale one is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Leased {
    /// The job.
    pub job: Job,
    /// Changes with every lease.
    pub token: u64,
}

/// A durable queue: a job is done at least once, by one worker at a time.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// Adds jobs. Returns when they are durable.
    async fn enqueue(&self, scope: &Scope, jobs: &[NewJob]) -> Result<Vec<JobId>, StoreError>;

    /// Takes up to `limit` due jobs of the given kinds, oldest first, for `lease`. Expired leases are due again.
    async fn lease(&self, kinds: &[&str], lease: Duration, limit: usize) -> Result<Vec<Leased>, StoreError>;

    /// Marks a job as done and forgets it. Returns whether the lease still held.
    async fn complete(&self, leased: &Leased) -> Result<bool, StoreError>;

    /// Gives a job back to be tried after `delay`, or to the dead when it has no tries left.
    /// Returns whether the lease still held.
    async fn fail(&self, leased: &Leased, error: &str, delay: Duration) -> Result<bool, StoreError>;

    /// Returns the dead jobs of a kind with their last error, newest first.
    async fn dead(&self, kind: &str, limit: usize) -> Result<Vec<(Job, String)>, StoreError>;
}
