use async_trait::async_trait;

use super::StoreError;
use crate::id::{Scope, SpanId, TraceId};
use crate::span::Payload;

/// Names one span of a project.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SpanKey {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
}

/// Keeps inputs and outputs, apart from the rows that lists read. Written with their span by
/// [`SpanStore::write`](super::SpanStore::write).
#[async_trait]
pub trait PayloadStore: Send + Sync {
    /// Returns the payload of each span, in the order asked; a span that is missing has an empty one.
    async fn load(&self, scope: &Scope, spans: &[SpanKey]) -> Result<Vec<Payload>, StoreError>;
}
