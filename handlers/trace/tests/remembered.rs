//! What is remembered, and for how long.

#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use trace::id::OrgId;
use trace::ports::{Revocation, Revocations, StoreError};
use trace::remembered::Remembered;
use trace::testing::{FixedClock, MemoryRevocations};
use uuid::Uuid;

struct Stage {
    clock: Arc<FixedClock>,
    revocations: Arc<MemoryRevocations>,
    memory: Remembered<OrgId, u32>,
    asked: AtomicU32,
}

impl Stage {
    fn new() -> Self {
        let clock = Arc::new(FixedClock::default());
        let revocations = Arc::new(MemoryRevocations::default());
        let concerns = |revocation: &Revocation, org: &OrgId, _: &u32| matches!(revocation, Revocation::Org { id } if id == org);
        let memory = Remembered::new(10, clock.clone(), revocations.clone(), concerns);
        Self { clock, revocations, memory, asked: AtomicU32::new(0) }
    }

    /// Every answer is the number of times somebody had to be asked.
    async fn ask(&self, org: u128) -> u32 {
        let ask = async { Ok::<_, StoreError>(Some(self.asked.fetch_add(1, Ordering::Relaxed) + 1)) };
        self.memory.get_or_ask(&OrgId(Uuid::from_u128(org)), ask).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn an_answer_lives_for_less_than_a_minute() {
    let stage = Stage::new();
    assert_eq!((stage.ask(1).await, stage.ask(1).await), (1, 1));
    stage.clock.advance_secs(59);
    assert_eq!(stage.ask(1).await, 1);
    stage.clock.advance_secs(1);
    assert_eq!(stage.ask(1).await, 2);
}

#[tokio::test]
async fn a_revocation_drops_what_it_concerns_at_once() {
    let stage = Stage::new();
    assert_eq!((stage.ask(1).await, stage.ask(2).await), (1, 2));
    let org = OrgId(Uuid::from_u128(1));
    stage.revocations.publish(Revocation::Org { id: org }).await.unwrap();
    assert_eq!((stage.ask(1).await, stage.ask(2).await), (3, 2));
    stage.revocations.publish(Revocation::All).await.unwrap();
    assert_eq!((stage.ask(1).await, stage.ask(2).await), (4, 5));
}

#[tokio::test]
async fn an_answer_asked_for_before_a_revocation_is_not_kept_after_it() {
    let stage = Stage::new();
    let org = OrgId(Uuid::from_u128(1));
    let ask = async {
        stage.revocations.publish(Revocation::Org { id: org }).await.unwrap();
        Ok::<_, StoreError>(Some(77))
    };
    assert_eq!(stage.memory.get_or_ask(&org, ask).await.unwrap(), Some(77));
    assert_eq!(stage.ask(1).await, 1);
}
