//! How many spans an organisation may still create this month.

mod notice;
mod split;

use std::collections::HashSet;
use std::sync::Arc;

use self::notice::Notices;
use self::split::Split;
use crate::id::{OrgId, Scope};
use crate::identity::Plan;
use crate::ports::{
    Batch, Clock, JobQueue, Meter, Orgs, Reservation, Revocation, Revocations, SpanChange, SpanKey,
    SpanStore, SpanWrite, StoreError, TraceChange, Usage, Written,
};
use crate::remembered::Remembered;
use crate::time::Timestamp;

/// Organisations whose plan is remembered.
const CAPACITY: usize = 10_000;

/// Keeps organisations within the spans of their plan: reserves before a write, counts what was created after.
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

    /// Enqueues the mails about usage that are due to the organisation of `scope` and were not sent this month.
    pub async fn mail_usage(&self, scope: &Scope, limit: u64) -> Result<(), StoreError> {
        self.notices.check(scope, limit, self.clock.now()).await.map(|_| ())
    }

    /// Writes a batch as far as its new spans fit. Those that do not are [`SpanChange::OverLimit`], and traces that
    /// only they mention are left out. Spans that exist already are changed in any case. A batch of which no span
    /// may be written is not written at all.
    ///
    /// What comes back beside is to be given to [`Quota::settle`] once everybody knows of the write: as long as it is
    /// not, a process that dies leaves a trace of what it was about to do.
    ///
    /// Data of the operator's own keys, which belong to no organisation, are not counted.
    pub(crate) async fn write(
        &self,
        spans: &dyn SpanStore,
        scope: &Scope,
        batch: Batch,
    ) -> Result<(Written, Option<Settlement>), StoreError> {
        if scope.org == Scope::LOCAL.org {
            return Ok((spans.write(scope, batch).await?, None));
        }
        let now = self.clock.now();
        let wanted = new_spans(&batch);
        let limit = if wanted.is_empty() { None } else { self.limit(scope.org).await? };
        let reservation = match &wanted[..] {
            [] => None,
            wanted => Some(self.meter.reserve(scope, wanted, limit, now).await?),
        };
        let wanted = count(wanted.iter());
        let reserved = reservation.map_or(0, |reservation| reservation.spans);
        let batch = Batch { id: reservation.map(|reservation| reservation.id), ..batch };
        let split = match limit {
            Some(limit) if reserved < wanted => Split::new(spans, scope, batch, reserved, limit).await,
            _ => Ok(Split::whole(batch)),
        };
        let mut settlement =
            Settlement { reservation, is_full: reserved < wanted, used: Usage::default(), limit, now };
        let split = match split {
            Ok(split) => split,
            Err(error) => {
                self.settle(scope, settlement).await;
                return Err(error);
            }
        };
        let Some(batch) = split.batch else {
            return Ok((split.over.into_written(Written::default()), Some(settlement)));
        };
        let sizes: Vec<u64> = batch.spans.iter().map(payload_bytes).collect();
        match spans.write(scope, batch).await {
            Ok(written) => {
                settlement.used = used(&written, &sizes);
                Ok((split.over.into_written(written), Some(settlement)))
            }
            // Nothing was written.
            Err(StoreError::Busy) => {
                self.settle(scope, settlement).await;
                Err(StoreError::Busy)
            }
            // It may have been written. What is kept tells, later, how many spans there were.
            Err(error) => {
                if let Some(reservation) = settlement.reservation.filter(|kept| kept.spans > 0) {
                    note(self.meter.release(scope, &reservation).await);
                }
                Err(error)
            }
        }
    }

    /// Counts what a write did, and looks whether mails about that are due. What is committed stays so when this
    /// fails: a reservation that is not settled now is settled later.
    pub(crate) async fn settle(&self, scope: &Scope, settlement: Settlement) {
        let Settlement { reservation, is_full, used, limit, now } = settlement;
        match reservation.filter(|reservation| reservation.spans > 0) {
            Some(reservation) => note(self.meter.settle(scope, &reservation, used).await),
            None if used == Usage::default() => {}
            None => note(self.meter.add(scope, used, now).await),
        }
        if let Some(limit) = limit {
            self.notices.after(scope, used.spans, is_full, limit, now).await;
        }
    }
}

/// What a write did, to be counted.
#[derive(Debug)]
pub(crate) struct Settlement {
    reservation: Option<Reservation>,
    /// Whether not all new spans fit.
    is_full: bool,
    used: Usage,
    limit: Option<u64>,
    now: Timestamp,
}

/// Notes that the meter failed.
fn note(outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        metrics::counter!("traceway_meter_errors_total").increment(1);
        tracing::warn!(%error, "usage could not be counted");
    }
}

/// Returns what a write adds to the counts.
fn used(written: &Written, sizes: &[u64]) -> Usage {
    let stored = written.spans.iter().zip(sizes);
    let stored = stored.filter(|(c, _)| matches!(c, SpanChange::Created(_) | SpanChange::Updated(_)));
    let created = |change: &&SpanChange| matches!(change, SpanChange::Created(_));
    Usage {
        spans: count(written.spans.iter().filter(created)),
        traces: count(written.traces.iter().filter(|touched| touched.change == TraceChange::Created)),
        storage_bytes: stored.map(|(_, size)| size).sum(),
        ..Usage::default()
    }
}

/// Returns the spans that a batch may create, each once.
fn new_spans(batch: &Batch) -> Vec<SpanKey> {
    let mut seen = HashSet::new();
    let mut keys = Vec::new();
    for write in &batch.spans {
        if let SpanWrite::Create(new) | SpanWrite::Put(new) = write
            && seen.insert((&new.span.trace_id, &new.span.id))
        {
            keys.push(SpanKey { trace_id: new.span.trace_id.clone(), span_id: new.span.id.clone() });
        }
    }
    keys
}

fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    u64::try_from(items.count()).unwrap_or(u64::MAX)
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
