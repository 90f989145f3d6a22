//! Usage counted in one process.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use async_trait::async_trait;
use uuid::Uuid;

use crate::id::{OrgId, ProjectId, Scope};
use crate::ports::{BatchId, Meter, Reservation, SpanKey, StoreError, Usage};
use crate::time::Timestamp;

/// Counts usage in maps. For tests.
#[derive(Debug, Default)]
pub struct MemoryMeter(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    /// Reservations that are not settled: of whom, when, and how many spans are counted for each.
    open: HashMap<BatchId, (Scope, Timestamp, u64)>,
    made: u128,
    /// Bytes stay in their project, so that they can be forgotten with it.
    usage: HashMap<(OrgId, ProjectId, String), Usage>,
    notices: HashSet<(OrgId, u8, String)>,
}

impl MemoryMeter {
    /// Returns the reservations that nobody settled.
    pub fn open(&self) -> Vec<BatchId> {
        self.0.lock().unwrap().open.keys().copied().collect()
    }
}

/// Returns the calendar month, such as `2025-01`.
fn month(now: Timestamp) -> String {
    now.to_string()[..7].to_owned()
}

impl Counted {
    fn sum(&self, org: OrgId, month: &str) -> Usage {
        let of_org = || self.usage.iter().filter(|((owner, ..), _)| *owner == org);
        // What is stored stays stored when the month ends.
        let storage_bytes = of_org().map(|(_, usage)| usage.storage_bytes).sum();
        let of_month = of_org().filter(|((_, _, at), _)| at == month);
        of_month.fold(Usage { storage_bytes, ..Usage::default() }, |sum, (_, more)| Usage {
            spans: sum.spans + more.spans,
            traces: sum.traces + more.traces,
            eval_runs: sum.eval_runs + more.eval_runs,
            ..sum
        })
    }

    fn of(&mut self, scope: &Scope, now: Timestamp) -> &mut Usage {
        self.usage.entry((scope.org, scope.project, month(now))).or_default()
    }
}

#[async_trait]
impl Meter for MemoryMeter {
    async fn reserve(
        &self,
        scope: &Scope,
        wanted: &[SpanKey],
        limit: Option<u64>,
        now: Timestamp,
    ) -> Result<Reservation, StoreError> {
        let mut counted = self.0.lock().unwrap();
        let used = counted.sum(scope.org, &month(now)).spans;
        let wanted = wanted.len() as u64;
        let fit = limit.map_or(wanted, |limit| wanted.min(limit.saturating_sub(used)));
        counted.of(scope, now).spans += fit;
        counted.made += 1;
        let id = BatchId(Uuid::from_u128(counted.made));
        if fit > 0 {
            counted.open.insert(id, (*scope, now, fit));
        }
        Ok(Reservation { id, spans: fit })
    }

    async fn settle(
        &self,
        scope: &Scope,
        reservation: &Reservation,
        created: Usage,
    ) -> Result<(), StoreError> {
        let mut counted = self.0.lock().unwrap();
        let Some((_, taken, held)) = counted.open.remove(&reservation.id) else { return Ok(()) };
        let used = counted.of(scope, taken);
        used.spans = (used.spans + created.spans).saturating_sub(held);
        used.traces += created.traces;
        used.eval_runs += created.eval_runs;
        used.storage_bytes += created.storage_bytes;
        Ok(())
    }

    async fn release(&self, scope: &Scope, reservation: &Reservation) -> Result<(), StoreError> {
        let mut counted = self.0.lock().unwrap();
        let Some((_, taken, held)) = counted.open.get_mut(&reservation.id) else { return Ok(()) };
        let (taken, held) = (*taken, std::mem::take(held));
        let used = counted.of(scope, taken);
        used.spans = used.spans.saturating_sub(held);
        Ok(())
    }

    async fn add(&self, scope: &Scope, more: Usage, now: Timestamp) -> Result<(), StoreError> {
        let mut counted = self.0.lock().unwrap();
        let used = counted.of(scope, now);
        used.spans += more.spans;
        used.traces += more.traces;
        used.eval_runs += more.eval_runs;
        used.storage_bytes += more.storage_bytes;
        Ok(())
    }

    async fn usage(&self, org: OrgId, now: Timestamp) -> Result<Usage, StoreError> {
        Ok(self.0.lock().unwrap().sum(org, &month(now)))
    }

    async fn first_notice(&self, org: OrgId, percent: u8, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.0.lock().unwrap().notices.insert((org, percent, month(now))))
    }

    async fn forget_project(&self, org: OrgId, project: ProjectId) -> Result<(), StoreError> {
        for ((owner, of, _), usage) in &mut self.0.lock().unwrap().usage {
            if *owner == org && *of == project {
                usage.storage_bytes = 0;
            }
        }
        Ok(())
    }
}
