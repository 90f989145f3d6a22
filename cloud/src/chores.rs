//! Work that has to be done now and then, by one process of all. Who calls decides when.

use std::sync::Arc;
use std::time::Duration;

use adapter_postgres::{LostWrites, PostgresIdentity, PostgresMeter, PostgresRollups};
use trace::id::Scope;
use trace::ports::{Clock, EventBus, Meter, Orgs, Projects, SpanStore, StoreError};
use trace::quota::Quota;

use crate::stores::CloudStores;

/// How many projects' sums are put right at a time.
const SUMS_AT_ONCE: usize = 100;

/// How many lost writes are settled at a time.
const LOST_AT_ONCE: usize = 100;

/// How long after the deletion of a project a late write may still come.
const LATE_WRITES: Duration = Duration::from_mins(5);

/// Organisations, and deleted projects, read at once.
const AT_ONCE: usize = 200;

/// A day, in microseconds.
pub(crate) const DAY_MICROS: i64 = 86_400_000_000;

/// What the chores work with. Each may be cut off at any moment, and done again.
#[derive(Clone)]
pub struct Chores {
    identity: Arc<PostgresIdentity>,
    meter: Arc<PostgresMeter>,
    rollups: Arc<PostgresRollups>,
    lost: Arc<LostWrites>,
    spans: Arc<dyn SpanStore>,
    events: Arc<dyn EventBus>,
    quota: Arc<Quota>,
    clock: Arc<dyn Clock>,
}

impl Chores {
    /// Returns the chores of a deployment. Spans are deleted through `spans`.
    pub fn new(stores: &CloudStores, spans: Arc<dyn SpanStore>, clock: Arc<dyn Clock>) -> Self {
        Self {
            identity: Arc::clone(&stores.identity),
            meter: Arc::clone(&stores.meter),
            rollups: Arc::clone(&stores.rollups),
            lost: Arc::clone(&stores.lost),
            spans,
            events: Arc::clone(&stores.events),
            quota: Arc::clone(&stores.quota),
            clock,
        }
    }

    /// Deletes traces beyond their retention (auth-cloud §7).
    pub async fn sweep(&self) -> Result<(), StoreError> {
        self.identity.purge(self.clock.now()).await?;
        let mut after = None;
        loop {
            let orgs = self.identity.list_orgs(after, AT_ONCE).await?;
            let Some(last) = orgs.last() else { return Ok(()) };
            after = Some(last.id);
            for org in orgs {
                let most = org.plan.limits().retention_days;
                for project in self.identity.list_projects(org.id).await? {
                    let days = project.settings.retention_days.map_or(most, |days| days.min(most));
                    let before = self.clock.now().minus_micros(i64::from(days) * DAY_MICROS);
                    let scope = Scope { org: org.id, project: project.id };
                    // One project that cannot be swept keeps none of the others.
                    match self.spans.sweep(&scope, before).await {
                        Ok(0) => {}
                        Ok(traces) => {
                            tracing::info!(project.id = %project.id.0, traces, days, "old traces are deleted");
                        }
                        Err(error) => {
                            tracing::warn!(%error, project.id = %project.id.0, "old traces cannot be deleted");
                        }
                    }
                }
            }
        }
    }

    /// Puts sums and usage right that writes cut short left wrong, and announces their spans.
    pub async fn put_sums_right(&self) -> Result<(), StoreError> {
        // One that fails keeps the other from nothing.
        let settled = loop {
            match self.lost.settle(LOST_AT_ONCE, &*self.spans, &*self.events).await {
                Ok(settled) if settled == LOST_AT_ONCE => {}
                outcome => break outcome,
            }
        };
        self.rollups.tidy(SUMS_AT_ONCE).await?;
        settled.map(|_| ())
    }

    /// Sends the mails about usage that are due and were not sent when the spans came.
    pub async fn mail_usage(&self) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let orgs = self.identity.list_orgs(after, AT_ONCE).await?;
            let Some(last) = orgs.last() else { return Ok(()) };
            after = Some(last.id);
            for org in orgs {
                let Some(limit) = org.plan.limits().spans_per_month else { continue };
                self.quota.mail_usage(&Scope { org: org.id, project: Scope::LOCAL.project }, limit).await?;
            }
        }
    }

    /// Deletes the data of deleted projects, again and again until no late write can come any more.
    pub async fn empty_deleted(&self) -> Result<(), StoreError> {
        let late = i64::try_from(LATE_WRITES.as_micros()).unwrap_or(i64::MAX);
        let before = self.clock.now().minus_micros(late);
        for scope in self.identity.list_deleted(AT_ONCE).await? {
            self.spans.clear(&scope).await?;
            self.rollups.forget(&scope).await?;
            self.meter.forget_project(scope.org, scope.project).await?;
            self.identity.forget_deleted(&scope, before).await?;
        }
        Ok(())
    }
}
