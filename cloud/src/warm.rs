//! Filling the memory of pages before the first request.

use futures_util::stream::{self, StreamExt};
use trace::ports::{Clock, StoreError};

use crate::chores::DAY_MICROS;
use crate::stores::CloudStores;

/// Projects used in this time are warmed at start, how many at most, and how many at a time.
const DAYS: i64 = 7;
const PROJECTS: usize = 200;
const AT_ONCE: usize = 8;

/// Fills the read cache, if there is one, with the first page of each project in use, and returns of how many. A
/// project that cannot be read stays cold.
pub async fn warm(stores: &CloudStores, clock: &dyn Clock) -> Result<usize, StoreError> {
    let Some(cached) = &stores.cached else { return Ok(0) };
    let since = clock.now().minus_micros(DAYS * DAY_MICROS);
    let scopes = stores.rollups.active_since(since, PROJECTS).await?;
    let warming = scopes.iter().map(|scope| cached.warm(scope));
    let warmed: Vec<Result<(), StoreError>> = stream::iter(warming).buffer_unordered(AT_ONCE).collect().await;
    Ok(warmed.iter().filter(|warm| warm.is_ok()).count())
}
