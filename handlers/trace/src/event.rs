//! What happened, as clients of the live stream hear of it.

use std::sync::Arc;

use crate::id::{SpanId, TraceId};
use crate::span::{Span, StatusWord};
use crate::trace::Trace;

/// A change that is committed and readable.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A span started, completed or failed, by its status. Its payload is read from the store when needed.
    Span {
        /// The span after the change.
        span: Arc<Span>,
        /// The session of its trace.
        session_id: Option<String>,
    },
    /// A single span was deleted.
    SpanDeleted {
        /// The span.
        span_id: SpanId,
        /// Its trace.
        trace_id: TraceId,
    },
    /// A trace came into being; its totals are still zero.
    TraceCreated(Arc<Trace>),
    /// A trace's name, tags or metadata changed.
    TraceUpdated(Arc<Trace>),
    /// A trace and all its spans were deleted.
    TraceDeleted(TraceId),
    /// All traces of the project were deleted.
    Cleared,
}

impl Event {
    /// Returns the event type clients match on.
    pub fn type_word(&self) -> &'static str {
        match self {
            Self::Span { span, .. } => match span.status.word() {
                StatusWord::Running => "span_created",
                StatusWord::Completed => "span_completed",
                StatusWord::Failed => "span_failed",
            },
            Self::SpanDeleted { .. } => "span_deleted",
            Self::TraceCreated(_) => "trace_created",
            Self::TraceUpdated(_) => "trace_updated",
            Self::TraceDeleted(_) => "trace_deleted",
            Self::Cleared => "cleared",
        }
    }
}
