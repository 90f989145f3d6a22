//! How many spans an organisation may still create this month.

mod notice;
mod split;

use std::sync::Arc;

use self::notice::Notices;
use self::split::Split;
use crate::id::{OrgId, Scope};
use crate::identity::Plan;
use crate::ports::{
    Batch, Clock, JobQueue, Meter, Orgs, Revocation, Revocations, SpanChange, SpanStore, SpanWrite,
    StoreError, TraceChange, Usage, Written,
};
use crate::remembered::Remembered;
use crate::time::Timestamp;

/// Organisations whose plan is remembered.
const CAPACITY: usize = 10_000;

/// Keeps organisations within the spans of their plan: reserves before a write, gives back what was not created.
pub struct Quota {
    orgs: Arc<dyn Orgs>,
    meter: Arc<dyn Meter>,
    clock: Arc<dyn Clock>,
    plans: Remembered<OrgId, Plan>,
    has_room: Remembered<OrgId, bool>,
    notices: Notices,
}

/// Returns whether a revocation concerns what is remembered of an organisation.
fn concerns<V>(revocation: &Revocation, org: &OrgId, _: &V) -> bool {
    matches!(revocation, Revocation::Org { id } if id == org)
}

impl Quota {
    /// Returns a quota over these ports. `jobs` takes the mails about what has been used.
    pub fn new(
        orgs: Arc<dyn Orgs>,
        meter: Arc<dyn Meter>,
        jobs: Arc<dyn JobQueue>,
        clock: Arc<dyn Clock>,
        revocations: &Arc<dyn Revocations>,
    ) -> Self {
        Self {
            plans: Remembered::new(CAPACITY, Arc::clone(&clock), Arc::clone(revocations), concerns),
            has_room: Remembered::new(CAPACITY, Arc::clone(&clock), Arc::clone(revocations), concerns),
            notices: Notices::new(Arc::clone(&meter), jobs, Arc::clone(&clock), Arc::clone(revocations)),
            orgs,
            meter,
            clock,
        }
    }

    /// Returns how many spans the organisation may create in a month; `None` is unlimited.
    pub async fn limit(&self, org: OrgId) -> Result<Option<u64>, StoreError> {
        let ask = async { Ok(self.orgs.find_org(org).await?.map(|org| org.plan)) };
        let plan = self.plans.get_or_ask(&org, ask).await?;
        Ok(plan.unwrap_or(Plan::Free).limits().spans_per_month)
    }

    /// Returns whether the organisation can create spans, from a count that may be a minute old.
    pub async fn has_room(&self, org: OrgId) -> Result<bool, StoreError> {
        if org == Scope::LOCAL.org {
            return Ok(true);
        }
        let Some(limit) = self.limit(org).await? else { return Ok(true) };
        let ask = async { Ok(Some(self.meter.usage(org, self.clock.now()).await?.spans < limit)) };
        Ok(self.has_room.get_or_ask(&org, ask).await?.unwrap_or(true))
    }

    /// Writes a batch as far as its new spans fit. Those that do not are [`SpanChange::OverLimit`], and traces that
    /// only they mention are left out. Spans that exist already are changed in any case. A batch of which no span
    /// may be written is not written at all.
    ///
    /// Data of the operator's own keys, which belong to no organisation, are not counted.
    pub(crate) async fn write(
        &self,
        spans: &dyn SpanStore,
        scope: &Scope,
        batch: Batch,
    ) -> Result<Written, StoreError> {
        if scope.org == Scope::LOCAL.org {
            return spans.write(scope, batch).await;
        }
        let now = self.clock.now();
        let wanted = count(batch.spans.iter().filter(|write| may_create(write)));
        let limit = if wanted > 0 { self.limit(scope.org).await? } else { None };
        let reserved = if wanted > 0 { self.meter.reserve(scope, wanted, limit, now).await? } else { 0 };
        let written = self.write_reserved(spans, scope, batch, (wanted, reserved, limit)).await;
        let created = written.as_ref().map_or(0, |(written, _)| created(written));
        let bytes = written.as_ref().map_or(0, |(_, bytes)| *bytes);
        let traces = written.as_ref().map_or(0, |(written, _)| created_traces(written));
        self.settle(scope, reserved.saturating_sub(created), traces, bytes, now).await;
        if let Some(limit) = limit {
            self.notices.after(scope, created, reserved < wanted, limit, now).await;
        }
        written.map(|(written, _)| written)
    }

    async fn write_reserved(
        &self,
        spans: &dyn SpanStore,
        scope: &Scope,
        batch: Batch,
        (wanted, reserved, limit): (u64, u64, Option<u64>),
    ) -> Result<(Written, u64), StoreError> {
        let split = match limit {
            Some(limit) if reserved < wanted => Split::new(spans, scope, batch, reserved, limit).await?,
            _ => Split::whole(batch),
        };
        let Some(batch) = split.batch else { return Ok((split.over.into_written(Written::default()), 0)) };
        let sizes: Vec<u64> = batch.spans.iter().map(payload_bytes).collect();
        let written = spans.write(scope, batch).await?;
        let stored = written.spans.iter().zip(sizes);
        let stored = stored.filter(|(c, _)| matches!(c, SpanChange::Created(_) | SpanChange::Updated(_)));
        let bytes = stored.map(|(_, size)| size).sum();
        Ok((split.over.into_written(written), bytes))
    }

    /// Gives back what was not created and adds the other counts. What is committed stays so when this fails.
    async fn settle(&self, scope: &Scope, unused: u64, traces: u64, storage_bytes: u64, now: Timestamp) {
        let more = Usage { traces, storage_bytes, ..Usage::default() };
        let release =
            async { if unused > 0 { self.meter.release(scope, unused, now).await } else { Ok(()) } };
        let add =
            async { if more == Usage::default() { Ok(()) } else { self.meter.add(scope, more, now).await } };
        let (released, added) = futures_util::join!(release, add);
        for error in [released.err(), added.err()].into_iter().flatten() {
            metrics::counter!("traceway_meter_errors_total").increment(1);
            tracing::warn!(%error, "usage could not be counted");
        }
    }
}

fn may_create(write: &SpanWrite) -> bool {
    matches!(write, SpanWrite::Create(_) | SpanWrite::Put(_))
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    u64::try_from(items.count()).unwrap_or(u64::MAX)
}

fn created(written: &Written) -> u64 {
    count(written.spans.iter().filter(|change| matches!(change, SpanChange::Created(_))))
}

fn created_traces(written: &Written) -> u64 {
    count(written.traces.iter().filter(|touched| touched.change == TraceChange::Created))
}

/// Returns how many bytes of JSON a write brings.
fn payload_bytes(write: &SpanWrite) -> u64 {
    let texts = match write {
        SpanWrite::Create(new) | SpanWrite::Put(new) => {
            [new.payload.input.as_ref(), new.payload.output.as_ref()]
        }
        SpanWrite::Finish(finish) => [finish.output.as_ref(), None],
    };
    texts.into_iter().flatten().map(|json| json.as_str().len() as u64).sum()
}
