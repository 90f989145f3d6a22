use std::sync::Arc;

use async_trait::async_trait;

use super::{Batch, Clock, Counts, SpanStore, StoreError, Written};
use crate::filter::{ListQuery, Page};
use crate::id::{Scope, SpanId, TraceId};
use crate::span::Span;
use crate::time::Timestamp;
use crate::trace::{Session, Trace};

/// A [`SpanStore`] that counts what another one does: reads, writes, failures, and how long writes take.
pub struct Metered {
    inner: Arc<dyn SpanStore>,
    clock: Arc<dyn Clock>,
}

impl Metered {
    /// Wraps a store.
    pub fn new(inner: Arc<dyn SpanStore>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, clock }
    }
}

/// Counts a failure by its kind and passes it on.
fn counted<T>(outcome: Result<T, StoreError>) -> Result<T, StoreError> {
    outcome.inspect_err(|error| {
        let kind = match error {
            StoreError::Unavailable(_) => "unavailable",
            StoreError::Busy => "busy",
            StoreError::Corrupt { .. } => "corrupt",
        };
        metrics::counter!("traceway_store_errors_total", "kind" => kind).increment(1);
    })
}

fn read<T>(outcome: Result<T, StoreError>) -> Result<T, StoreError> {
    metrics::counter!("traceway_span_reads_total").increment(1);
    counted(outcome)
}

#[async_trait]
impl SpanStore for Metered {
    async fn write(&self, scope: &Scope, batch: Batch) -> Result<Written, StoreError> {
        let started = self.clock.now();
        let (traces, spans) = (batch.traces.len(), batch.spans.len());
        let written = counted(self.inner.write(scope, batch).await)?;
        metrics::counter!("traceway_trace_writes_total").increment(traces as u64);
        metrics::counter!("traceway_span_writes_total").increment(spans as u64);
        #[expect(clippy::cast_precision_loss, reason = "a latency has few digits")]
        let millis = (self.clock.now().as_micros() - started.as_micros()).max(0) as f64 / 1000.0;
        metrics::gauge!("traceway_span_write_latency_ms").set(millis);
        Ok(written)
    }

    async fn find(
        &self,
        scope: &Scope,
        trace: Option<&TraceId>,
        id: &SpanId,
    ) -> Result<Option<Span>, StoreError> {
        read(self.inner.find(scope, trace, id).await)
    }

    async fn list(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Span>, StoreError> {
        read(self.inner.list(scope, query).await)
    }

    async fn list_of_traces(&self, scope: &Scope, traces: &[TraceId]) -> Result<Vec<Span>, StoreError> {
        read(self.inner.list_of_traces(scope, traces).await)
    }

    async fn find_trace(&self, scope: &Scope, id: &TraceId) -> Result<Option<Trace>, StoreError> {
        counted(self.inner.find_trace(scope, id).await)
    }

    async fn list_traces(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Trace>, StoreError> {
        counted(self.inner.list_traces(scope, query).await)
    }

    async fn list_sessions(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Session>, StoreError> {
        counted(self.inner.list_sessions(scope, query).await)
    }

    async fn find_session(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<(Session, Vec<Trace>)>, StoreError> {
        counted(self.inner.find_session(scope, id).await)
    }

    async fn delete(
        &self,
        scope: &Scope,
        trace: Option<&TraceId>,
        id: &SpanId,
    ) -> Result<Option<TraceId>, StoreError> {
        counted(self.inner.delete(scope, trace, id).await)
    }

    async fn delete_trace(&self, scope: &Scope, id: &TraceId) -> Result<Option<u64>, StoreError> {
        counted(self.inner.delete_trace(scope, id).await)
    }

    async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        counted(self.inner.clear(scope).await)
    }

    async fn sweep(&self, scope: &Scope, before: Timestamp) -> Result<u64, StoreError> {
        counted(self.inner.sweep(scope, before).await)
    }

    async fn counts(&self, scope: &Scope) -> Result<Counts, StoreError> {
        counted(self.inner.counts(scope).await)
    }

    async fn check(&self) -> Result<(), StoreError> {
        counted(self.inner.check().await)
    }
}
