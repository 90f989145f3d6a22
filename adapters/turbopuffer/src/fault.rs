//! Failures of the client as failures of a store.

use std::sync::Arc;

use trace::ports::StoreError;

use crate::client::{Error, ErrorKind};

/// Returns what a failed request means for a caller.
pub(crate) fn unavailable(error: Error) -> StoreError {
    match error.kind() {
        // It has more waiting than it may hold; those who come back in a moment are served.
        ErrorKind::Throttled => StoreError::Busy,
        _ => StoreError::unavailable(error),
    }
}

/// Returns whether the service refused what was asked: asking less may help.
pub(crate) fn is_refusal(error: &StoreError) -> bool {
    match error {
        StoreError::Unavailable(source) => {
            source.downcast_ref::<Error>().is_some_and(|error| error.kind() == ErrorKind::Invalid)
        }
        StoreError::Busy | StoreError::Corrupt { .. } => false,
    }
}

/// One failure of several callers.
#[derive(Clone, Debug, thiserror::Error)]
#[error("a write of several callers failed")]
struct Shared(#[source] Arc<StoreError>);

/// Returns the failure for one more of those it concerns.
pub(crate) fn shared(error: &Arc<StoreError>) -> StoreError {
    let shared = Shared(Arc::clone(error));
    match &**error {
        StoreError::Busy => StoreError::Busy,
        StoreError::Unavailable(_) => StoreError::unavailable(shared),
        StoreError::Corrupt { what, .. } => StoreError::corrupt(what, shared),
    }
}
