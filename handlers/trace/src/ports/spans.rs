use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::StoreError;
use crate::filter::{ListQuery, Page};
use crate::id::{Scope, SpanId, TraceId};
use crate::price::Prices;
use crate::span::{Finish, NewSpan, Span};
use crate::time::Timestamp;
use crate::trace::{NewTrace, Session, Trace};

/// Names one write among all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId(pub Uuid);

/// Traces and spans to be written in one step: traces first, then spans, each in order.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Traces to be written. A span's trace that is neither here nor stored is created, unnamed.
    pub traces: Vec<NewTrace>,
    /// Spans to be written.
    pub spans: Vec<SpanWrite>,
    /// Price the model calls whose counts become known when a span ends.
    pub prices: Arc<Prices>,
    /// The name of this write, which stores that keep [`Creators`](super::Creators) put on every span it creates.
    pub id: Option<BatchId>,
    /// Whether nobody waits for the answer. A store may then gather it with others for some milliseconds.
    pub can_wait: bool,
}

/// One write of a span.
#[derive(Clone, Debug)]
pub enum SpanWrite {
    /// Creates a span. One with this id in the same trace stays as it is ([`SpanChange::Existing`]);
    /// one in another trace is a [`SpanChange::Conflict`].
    Create(NewSpan),
    /// Writes a span whole. The higher version wins, so repeats and late starts converge.
    Put(NewSpan),
    /// Ends a running span.
    Finish(Finish),
}

/// What a write did to a span.
#[derive(Clone, Debug, PartialEq)]
pub enum SpanChange {
    /// The span is new, as given.
    Created(Arc<Span>),
    /// The span was there and is now as given.
    Updated(Arc<Span>),
    /// The span was there already and stays as it was.
    Existing,
    /// What is stored is newer; the write was dropped.
    Stale,
    /// The span to be ended had already ended.
    Terminal,
    /// The span to be ended does not exist.
    Missing,
    /// The id belongs to a span of another trace.
    Conflict,
    /// The span is new and does not fit into the month of the plan; nothing was written. No store says this: the
    /// recorder does, which has not asked it.
    OverLimit {
        /// Spans the plan allows in a month.
        limit: u64,
    },
}

/// What a write did to a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceChange {
    /// The trace is new.
    Created,
    /// The trace was there, and its name, tags, session, metadata or start changed.
    Updated,
    /// The trace was there; only its totals may have changed.
    Unchanged,
}

/// A trace a batch touched, as it is after the batch.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceWritten {
    /// What happened to it.
    pub change: TraceChange,
    /// The trace after the batch.
    pub trace: Arc<Trace>,
}

/// What a batch did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// Each trace the batch touched, once: those given first and in their order, then implicit ones.
    pub traces: Vec<TraceWritten>,
    /// One entry per span write, in order.
    pub spans: Vec<SpanChange>,
    /// What each [`SpanChange::Updated`] replaced, in their order, for those who keep sums. Empty when the store
    /// does not say.
    pub replaced: Vec<Arc<Span>>,
}

/// How much a project holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Number of traces.
    pub traces: u64,
    /// Number of spans.
    pub spans: u64,
}

/// Keeps traces and spans, each visible to one project only.
///
/// A method returns after its effect is durable and visible to every later call. List rows never carry payloads.
#[async_trait]
pub trait SpanStore: Send + Sync {
    /// Writes a whole batch or nothing. Returns when it is durable.
    ///
    /// Fails with [`StoreError::Busy`] when too much is waiting, and then nothing was written. After any other error it
    /// may have been written all the same, as when the answer of a service was lost.
    async fn write(&self, scope: &Scope, batch: Batch) -> Result<Written, StoreError>;

    /// Returns the span of that trace, or without a trace the newest with this id.
    async fn find(
        &self,
        scope: &Scope,
        trace: Option<&TraceId>,
        id: &SpanId,
    ) -> Result<Option<Span>, StoreError>;

    /// Returns one page of spans.
    async fn list(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Span>, StoreError>;

    /// Returns all spans of the given traces, by start then id, traces in the order asked.
    async fn list_of_traces(&self, scope: &Scope, traces: &[TraceId]) -> Result<Vec<Span>, StoreError>;

    /// Returns one trace.
    async fn find_trace(&self, scope: &Scope, id: &TraceId) -> Result<Option<Trace>, StoreError>;

    /// Returns one page of traces. Keys about spans must be met together by at least one span of the trace.
    async fn list_traces(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Trace>, StoreError>;

    /// Returns one page of sessions, the most recently active first; sort and order are ignored.
    ///
    /// Status, cost, tokens and duration are those of the session, the session id matches in part, and a session
    /// lies in a time when it was active after `since` and began before `until`. All other keys must be met
    /// together by at least one of its traces, as [`SpanStore::list_traces`] would.
    async fn list_sessions(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Session>, StoreError>;

    /// Returns one session and its traces by start, or `None` when no trace carries the id.
    async fn find_session(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<(Session, Vec<Trace>)>, StoreError>;

    /// Deletes one span and returns the trace it was in. Its children stay.
    async fn delete(
        &self,
        scope: &Scope,
        trace: Option<&TraceId>,
        id: &SpanId,
    ) -> Result<Option<TraceId>, StoreError>;

    /// Deletes a trace with its spans and returns how many those were, or `None` when there is no such trace.
    async fn delete_trace(&self, scope: &Scope, id: &TraceId) -> Result<Option<u64>, StoreError>;

    /// Deletes every trace and span of the project.
    async fn clear(&self, scope: &Scope) -> Result<(), StoreError>;

    /// Deletes traces that started before `before`, with their spans, and returns how many traces went.
    async fn sweep(&self, scope: &Scope, before: Timestamp) -> Result<u64, StoreError>;

    /// Returns how much the project holds.
    async fn counts(&self, scope: &Scope) -> Result<Counts, StoreError>;

    /// Returns when the store can answer a query and accept a write.
    async fn check(&self) -> Result<(), StoreError>;
}
