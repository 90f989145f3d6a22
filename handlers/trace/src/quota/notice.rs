//! The mails about what has been used.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{CAPACITY, concerns};
use crate::id::{OrgId, Scope};
use crate::identity::MailJob;
use crate::ports::{Clock, JobQueue, Meter, Revocations, StoreError};
use crate::remembered::Remembered;
use crate::time::Timestamp;

/// The parts of a quota at which a mail goes out, in percent.
const PARTS: [u8; 2] = [80, 100];

/// What is left when no part is to come any more.
const NO_MORE: u64 = u64::MAX;

/// Sends each mail once a month, soon after its part of the quota has been used.
pub(super) struct Notices {
    meter: Arc<dyn Meter>,
    jobs: Arc<dyn JobQueue>,
    /// How many more spans may come before the count has to be looked at again.
    left: Remembered<OrgId, Arc<AtomicU64>>,
}

impl Notices {
    pub(super) fn new(
        meter: Arc<dyn Meter>,
        jobs: Arc<dyn JobQueue>,
        clock: Arc<dyn Clock>,
        revocations: Arc<dyn Revocations>,
    ) -> Self {
        Self { meter, jobs, left: Remembered::new(CAPACITY, clock, revocations, concerns) }
    }

    /// Looks at the count when spans were created that may have crossed a part, or when some did not fit.
    pub(super) async fn after(&self, scope: &Scope, created: u64, is_full: bool, limit: u64, now: Timestamp) {
        if created == 0 && !is_full {
            return;
        }
        if let Err(error) = self.look(scope, created, is_full, limit, now).await {
            tracing::warn!(%error, "whether a mail about usage is due could not be found out");
        }
    }

    async fn look(
        &self,
        scope: &Scope,
        created: u64,
        is_full: bool,
        limit: u64,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut is_fresh = false;
        let ask = async {
            is_fresh = true;
            self.check(scope, limit, now).await.map(Some)
        };
        let Some(left) = self.left.get_or_ask(&scope.org, ask).await? else { return Ok(()) };
        if is_fresh {
            return Ok(());
        }
        // Past the last part nothing is counted down, and a refusal is no news.
        let take = |left: u64| (left != NO_MORE).then(|| left.saturating_sub(created));
        let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).unwrap_or(NO_MORE);
        let is_crossed = created > 0 && before <= created;
        // Spans that do not fit were created through other processes.
        let was_crossed = is_full && before != NO_MORE;
        if !is_crossed && !was_crossed {
            return Ok(());
        }
        self.left.forget(&scope.org);
        self.left.get_or_ask(&scope.org, async { self.check(scope, limit, now).await.map(Some) }).await?;
        Ok(())
    }

    /// Enqueues the mails that are due and returns how many spans are left until the next one.
    pub(super) async fn check(
        &self,
        scope: &Scope,
        limit: u64,
        now: Timestamp,
    ) -> Result<Arc<AtomicU64>, StoreError> {
        let used = self.meter.usage(scope.org, now).await?.spans;
        for percent in PARTS.into_iter().filter(|percent| used >= part(limit, *percent)) {
            if self.meter.first_notice(scope.org, percent, now).await? {
                let mail = MailJob::Usage { org: scope.org, percent, used, limit };
                self.jobs.enqueue(scope, &[mail.due(now)]).await?;
            }
        }
        let next = PARTS.into_iter().map(|percent| part(limit, percent)).find(|part| *part > used);
        Ok(Arc::new(AtomicU64::new(next.map_or(NO_MORE, |next| next - used))))
    }
}

/// Returns how many spans this percentage of the limit is, rounded up.
fn part(limit: u64, percent: u8) -> u64 {
    (u128::from(limit) * u128::from(percent)).div_ceil(100).try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_rounded_up() {
        assert_eq!([part(10_000, 80), part(10_000, 100), part(3, 80), part(0, 80)], [8_000, 10_000, 3, 0]);
    }
}
