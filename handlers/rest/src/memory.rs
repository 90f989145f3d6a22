//! How much memory the requests in flight may hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Extensions;

use crate::error::ApiError;

/// Bytes that all bodies, and what is read from them, may take together: room for the largest OTLP request, zipped,
/// unzipped and decoded, beside others.
const LIMIT: usize = 256 * 1024 * 1024;

/// The memory that all requests of a router may hold for their bodies.
#[derive(Clone)]
pub(crate) struct Budget {
    limit: usize,
    used: Arc<AtomicUsize>,
}

/// What one request holds of a budget; given back when its last clone is dropped.
#[derive(Clone)]
pub(crate) struct Share(Arc<Held>);

struct Held {
    budget: Budget,
    bytes: AtomicUsize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { limit: LIMIT, used: Arc::default() }
    }
}

impl Budget {
    /// Returns a share that holds nothing yet.
    pub(crate) fn share(&self) -> Share {
        Share(Arc::new(Held { budget: self.clone(), bytes: AtomicUsize::new(0) }))
    }
}

impl Share {
    /// Returns the share of the request with these extensions. One outside the router has a budget to itself.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_else(|| Budget::default().share())
    }

    /// Takes `more` bytes; fails when the budget has not got them.
    pub(crate) fn take(&self, more: usize) -> Result<(), ApiError> {
        let Held { budget, bytes } = &*self.0;
        let before = budget.used.fetch_add(more, Ordering::Relaxed);
        if before.saturating_add(more) > budget.limit {
            budget.used.fetch_sub(more, Ordering::Relaxed);
            return Err(ApiError::Overloaded);
        }
        bytes.fetch_add(more, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(*self.bytes.get_mut(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_together_stay_within_the_budget_and_give_back_what_they_held() {
        let budget = Budget { limit: 10, used: Arc::default() };
        let (first, second) = (budget.share(), budget.share());
        assert!(first.take(6).is_ok() && second.take(4).is_ok());
        assert!(matches!(second.take(1), Err(ApiError::Overloaded)));
        let clone = first.clone();
        drop(first);
        assert!(second.take(6).is_err(), "the request goes on");
        drop(clone);
        assert!(second.take(6).is_ok());
        drop(second);
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
    }
}
