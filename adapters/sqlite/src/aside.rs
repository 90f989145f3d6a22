//! Work that keeps a processor busy.

use trace::ports::StoreError;

/// Bytes from which work on them goes to a thread of its own, some milliseconds of it.
pub(crate) const LARGE: usize = 256 << 10;

/// Runs work on `bytes`: at once when they are few, else where it keeps no other task waiting.
pub(crate) async fn aside<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    if bytes <= LARGE {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(StoreError::unavailable)
}
