//! Answers kept for a moment, and dropped at once when a revocation concerns them.

use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use quick_cache::sync::Cache;

use crate::ports::{Clock, Revocation, Revocations};
use crate::time::Timestamp;

/// How long an answer is kept when no revocation comes: the contract's minute.
const LIFE_MICROS: i64 = 60_000_000;

/// Keeps answers for at most a minute, a bounded number of them.
///
/// Nobody has to run a task for it: what was revoked is read from the stream before each answer is used.
pub struct Remembered<K, V> {
    answers: Cache<K, (V, Timestamp)>,
    clock: Arc<dyn Clock>,
    revocations: Arc<dyn Revocations>,
    heard: Mutex<Heard>,
    concerns: fn(&Revocation, &K, &V) -> bool,
}

struct Heard {
    stream: BoxStream<'static, Revocation>,
    /// How many revocations have come, so that an answer asked for before one is not kept after it.
    count: u64,
}

impl<K: Clone + Eq + Hash, V: Clone> Remembered<K, V> {
    /// Returns an empty memory of `capacity` answers. `concerns` says which answers a revocation drops;
    /// [`Revocation::All`] drops all without asking.
    pub fn new(
        capacity: usize,
        clock: Arc<dyn Clock>,
        revocations: Arc<dyn Revocations>,
        concerns: fn(&Revocation, &K, &V) -> bool,
    ) -> Self {
        let heard = Mutex::new(Heard { stream: revocations.subscribe(), count: 0 });
        Self { answers: Cache::new(capacity), clock, revocations, heard, concerns }
    }

    /// Returns the answer that is kept, or asks. Failures and absences are not kept.
    pub async fn get_or_ask<E>(
        &self,
        key: &K,
        ask: impl Future<Output = Result<Option<V>, E>>,
    ) -> Result<Option<V>, E> {
        let count = self.listen().count;
        let now = self.clock.now();
        if let Some((answer, at)) = self.answers.get(key)
            && (0..LIFE_MICROS).contains(&(now.as_micros() - at.as_micros()))
        {
            return Ok(Some(answer));
        }
        let answer = ask.await?;
        let heard = self.listen();
        if let Some(answer) = &answer
            && heard.count == count
        {
            self.answers.insert(key.clone(), (answer.clone(), now));
        }
        drop(heard);
        Ok(answer)
    }

    /// Drops one answer.
    pub fn forget(&self, key: &K) {
        self.answers.remove(key);
    }

    /// Reads what was revoked since the last time, and drops what it concerns.
    fn listen(&self) -> MutexGuard<'_, Heard> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        // A task that has used up its share of time would otherwise be told that nothing has come.
        while let Some(next) = tokio::task::unconstrained(heard.stream.next()).now_or_never() {
            heard.count += 1;
            match next {
                None => {
                    heard.stream = self.revocations.subscribe();
                    self.answers.clear();
                    break;
                }
                Some(Revocation::All) => self.answers.clear(),
                Some(revocation) => {
                    self.answers.retain(|key, (answer, _)| !(self.concerns)(&revocation, key, answer));
                }
            }
        }
        heard
    }
}
