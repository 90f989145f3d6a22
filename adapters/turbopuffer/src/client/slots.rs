use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Query slots of a namespace that this process uses; others may want some of the service's 16.
pub(super) const SLOTS: u32 = 12;

/// Namespaces remembered before those at rest are forgotten.
const MANY: usize = 1_024;

/// The query slots of each namespace.
#[derive(Debug, Default)]
pub(super) struct Slots {
    of: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Slots {
    /// Waits until `count` slots are free.
    pub(super) async fn take(&self, namespace: &str, count: u32) -> Option<OwnedSemaphorePermit> {
        let slots = {
            let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
            if of.len() >= MANY {
                of.retain(|_, slots| Arc::strong_count(slots) > 1);
            }
            Arc::clone(
                of.entry(namespace.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(SLOTS as usize))),
            )
        };
        // Never closed, so there is always a permit in the end.
        slots.acquire_many_owned(count.min(SLOTS)).await.ok()
    }
}
