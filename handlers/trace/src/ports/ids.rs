use crate::id::{SpanId, TraceId};

/// Makes ids: ULIDs that grow, also within a millisecond.
pub trait Ids: Send + Sync {
    /// Returns a new trace id.
    fn trace_id(&self) -> TraceId;

    /// Returns a new span id.
    fn span_id(&self) -> SpanId;

    /// Returns a new id for anything else.
    fn ulid(&self) -> String;
}
