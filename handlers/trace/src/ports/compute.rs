use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;

use super::detach::Inline;

/// Work that needs nothing but a processor.
pub type Computation = Box<dyn FnOnce() + Send>;

/// Runs work that keeps a processor busy and that nobody waits for, such as reading a call to record it.
///
/// Where calls are relayed, it would take the processor from them.
pub trait Compute: Debug + Send + Sync {
    /// Returns when `work`, which does not panic, has been run. It takes no lock that others may want: the thread that runs it may
    /// have to wait long for a processor.
    fn run(&self, work: Computation) -> BoxFuture<'static, ()>;
}

impl Compute for Inline {
    fn run(&self, work: Computation) -> BoxFuture<'static, ()> {
        Box::pin(async { work() })
    }
}

/// Runs `work` and returns what came of it, or `None` when it panicked.
pub async fn computed<T: Send + 'static>(
    compute: &dyn Compute,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let outcome = Arc::new(Mutex::new(None));
    let slot = Arc::clone(&outcome);
    let work = move || {
        let result = catch_unwind(AssertUnwindSafe(work)).ok();
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = result;
    };
    compute.run(Box::new(work)).await;
    outcome.lock().unwrap_or_else(PoisonError::into_inner).take()
}
