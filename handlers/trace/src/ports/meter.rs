use async_trait::async_trait;

use super::{BatchId, SpanKey, StoreError};
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

/// Spans that a write may create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reservation {
    /// Names the reservation, and the write it is for.
    pub id: BatchId,
    /// How many spans fit. Of one for no spans nothing is kept.
    pub spans: u64,
}

/// Counts what an organisation uses in a calendar month (UTC), exactly, over any number of processes.
///
/// A reservation counts until it is settled. One whose write has an unknown outcome, or whose process died, is kept
/// with the spans it is for, so that whoever knows their [`Creators`](super::Creators) can settle it later.
#[async_trait]
pub trait Meter: Send + Sync {
    /// Reserves as many of the `wanted` spans in the month of `now` as fit below `limit`; `None` is unlimited.
    /// Reservations by many callers together never pass the limit.
    async fn reserve(
        &self,
        scope: &Scope,
        wanted: &[SpanKey],
        limit: Option<u64>,
        now: Timestamp,
    ) -> Result<Reservation, StoreError>;

    /// Ends a reservation once its write is done: counts the spans it created in place of those reserved, in the month
    /// they were reserved in, and adds the other counts. A repeat does nothing.
    async fn settle(
        &self,
        scope: &Scope,
        reservation: &Reservation,
        created: Usage,
    ) -> Result<(), StoreError>;

    /// Gives back what is reserved for a write of which nobody knows whether it happened. The reservation is kept.
    async fn release(&self, scope: &Scope, reservation: &Reservation) -> Result<(), StoreError>;

    /// Adds to the counts: those of the month, and what the project stores.
    async fn add(&self, scope: &Scope, more: Usage, now: Timestamp) -> Result<(), StoreError>;

    /// Returns what the organisation has used in the month of `now`.
    async fn usage(&self, org: OrgId, now: Timestamp) -> Result<Usage, StoreError>;

    /// Notes that the mail for this percentage of the quota is due. Returns true for the first caller in the month.
    async fn first_notice(&self, org: OrgId, percent: u8, now: Timestamp) -> Result<bool, StoreError>;

    /// Forgets a project's part in the counts of storage; spans stay counted.
    async fn forget_project(&self, org: OrgId, project: ProjectId) -> Result<(), StoreError>;
}
