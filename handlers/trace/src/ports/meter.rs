use async_trait::async_trait;

use super::StoreError;
use crate::id::{OrgId, ProjectId, Scope};
use crate::time::Timestamp;

/// What an organisation has used in one month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Spans created, also those deleted since.
    pub spans: u64,
    /// Traces created.
    pub traces: u64,
    /// Evaluations started.
    pub eval_runs: u64,
    /// Bytes of JSON stored, whatever the month.
    pub storage_bytes: u64,
}

/// Counts what an organisation uses in a calendar month (UTC), exactly, over any number of processes.
#[async_trait]
pub trait Meter: Send + Sync {
    /// Reserves up to `wanted` spans of the month of `now` and returns how many fit below `limit`; `None` is
    /// unlimited. Reservations by many callers together never pass the limit.
    async fn reserve(
        &self,
        scope: &Scope,
        wanted: u64,
        limit: Option<u64>,
        now: Timestamp,
    ) -> Result<u64, StoreError>;

    /// Gives reserved spans back that were not created after all, such as repeats or when the store failed.
    async fn release(&self, scope: &Scope, spans: u64, now: Timestamp) -> Result<(), StoreError>;

    /// Adds to the counts: those of the month, and what the project stores.
    async fn add(&self, scope: &Scope, more: Usage, now: Timestamp) -> Result<(), StoreError>;

    /// Returns what the organisation has used in the month of `now`.
    async fn usage(&self, org: OrgId, now: Timestamp) -> Result<Usage, StoreError>;

    /// Notes that the mail for this percentage of the quota is due. Returns true for the first caller in the month.
    async fn first_notice(&self, org: OrgId, percent: u8, now: Timestamp) -> Result<bool, StoreError>;

    /// Forgets a project's part in the counts of storage; spans stay counted.
    async fn forget_project(&self, org: OrgId, project: ProjectId) -> Result<(), StoreError>;
}
