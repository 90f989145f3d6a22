use async_trait::async_trait;

use super::{BatchId, SpanKey, StoreError};
use crate::id::Scope;

/// Says which write created a span, so that it can be found out later what a write did whose answer nobody heard.
#[async_trait]
pub trait Creators: Send + Sync {
    /// Returns the [`Batch::id`](super::Batch::id) of the write that created each span, in the order asked, however
    /// often the span was changed since. `None` where there is no such span, or its write had no id.
    async fn creators(&self, scope: &Scope, spans: &[SpanKey]) -> Result<Vec<Option<BatchId>>, StoreError>;
}
