//! A span store that takes writes and shows them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use trace::filter::{ListQuery, Page};
use trace::id::{Scope, SpanId, TraceId};
use trace::kind::LlmCall;
use trace::ports::{
    Batch, Counts, SpanChange, SpanStore, SpanWrite, StoreError, TraceChange, TraceWritten, Written,
};
use trace::span::{NewSpan, Span, SpanStatus};
use trace::time::Timestamp;
use trace::trace::{NameRank, Session, Trace};

/// A span and its trace as a reader would see them.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub span: Span,
    pub trace: Trace,
    pub input: Option<Value>,
    pub output: Option<Value>,
    /// The states it went through.
    pub states: Vec<SpanStatus>,
}

impl Recorded {
    pub fn call(&self) -> &LlmCall {
        self.span.kind.llm().unwrap()
    }

    pub fn error(&self) -> &str {
        self.span.status.error().unwrap_or("(no error)")
    }
}

#[derive(Default)]
pub struct FakeStore {
    state: Mutex<State>,
    /// Errors the next writes fail with.
    pub failures: Mutex<VecDeque<StoreError>>,
    /// How long each write takes.
    pub delay: Mutex<Duration>,
}

#[derive(Default)]
struct State {
    traces: Vec<(Trace, NameRank)>,
    writes: Vec<NewSpan>,
}

impl FakeStore {
    pub fn recorded(&self) -> Vec<Recorded> {
        let state = self.state.lock().unwrap();
        let mut recorded: Vec<Recorded> = Vec::new();
        let value = |json: &trace::json::Json| serde_json::from_str::<Value>(json.as_str()).unwrap();
        for new in &state.writes {
            let (input, output) =
                (new.payload.input.as_ref().map(value), new.payload.output.as_ref().map(value));
            if let Some(old) = recorded.iter_mut().find(|old| old.span.id == new.span.id) {
                old.states.push(new.span.status.clone());
                old.span = new.span.clone();
                old.input = input.or(old.input.take());
                old.output = output.or(old.output.take());
                continue;
            }
            let (trace, _) = state.traces.iter().find(|(trace, _)| trace.id == new.span.trace_id).unwrap();
            let states = vec![new.span.status.clone()];
            recorded.push(Recorded { span: new.span.clone(), trace: trace.clone(), input, output, states });
        }
        recorded
    }
}

#[async_trait]
impl SpanStore for FakeStore {
    async fn write(&self, _scope: &Scope, batch: Batch) -> Result<Written, StoreError> {
        let delay = *self.delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        if let Some(error) = self.failures.lock().unwrap().pop_front() {
            return Err(error);
        }
        let mut state = self.state.lock().unwrap();
        let mut written = Written::default();
        for new in batch.traces {
            let known = state.traces.iter_mut().find(|(trace, _)| trace.id == new.id);
            let change = if let Some((trace, rank)) = known {
                let changed;
                (*rank, changed) = new.merge_into(trace, *rank);
                let change = if changed { TraceChange::Updated } else { TraceChange::Unchanged };
                TraceWritten { change, trace: Arc::new(trace.clone()) }
            } else {
                let (trace, rank) = new.into_trace();
                state.traces.push((trace.clone(), rank));
                TraceWritten { change: TraceChange::Created, trace: Arc::new(trace) }
            };
            written.traces.push(change);
        }
        for write in batch.spans {
            let SpanWrite::Put(new) = write else { panic!("the proxy writes spans whole") };
            let is_new = state.writes.iter().all(|old| old.span.id != new.span.id);
            let newer =
                state.writes.iter().all(|old| old.span.id != new.span.id || old.version < new.version);
            assert!(newer, "a later write has a higher version");
            let span = Arc::new(new.span.clone());
            written.spans.push(if is_new { SpanChange::Created(span) } else { SpanChange::Updated(span) });
            state.writes.push(new);
        }
        Ok(written)
    }

    async fn find(
        &self,
        _: &Scope,
        trace: Option<&TraceId>,
        id: &SpanId,
    ) -> Result<Option<Span>, StoreError> {
        let state = self.state.lock().unwrap();
        let is_it = |span: &Span| span.id == *id && trace.is_none_or(|trace| span.trace_id == *trace);
        Ok(state.writes.iter().rev().map(|new| &new.span).find(|span| is_it(span)).cloned())
    }

    async fn list(&self, _: &Scope, _: &ListQuery) -> Result<Page<Span>, StoreError> {
        Ok(Page { items: Vec::new(), next: None, total: None })
    }

    async fn list_of_traces(&self, _: &Scope, _: &[TraceId]) -> Result<Vec<Span>, StoreError> {
        Ok(Vec::new())
    }

    async fn find_trace(&self, _: &Scope, _: &TraceId) -> Result<Option<Trace>, StoreError> {
        Ok(None)
    }

    async fn list_traces(&self, _: &Scope, _: &ListQuery) -> Result<Page<Trace>, StoreError> {
        Ok(Page { items: Vec::new(), next: None, total: None })
    }

    async fn list_sessions(&self, _: &Scope, _: &ListQuery) -> Result<Page<Session>, StoreError> {
        Ok(Page { items: Vec::new(), next: None, total: None })
    }

    async fn find_session(&self, _: &Scope, _: &str) -> Result<Option<(Session, Vec<Trace>)>, StoreError> {
        Ok(None)
    }

    async fn delete(
        &self,
        _: &Scope,
        _: Option<&TraceId>,
        _: &SpanId,
    ) -> Result<Option<TraceId>, StoreError> {
        Ok(None)
    }

    async fn delete_trace(&self, _: &Scope, _: &TraceId) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }

    async fn clear(&self, _: &Scope) -> Result<(), StoreError> {
        Ok(())
    }

    async fn sweep(&self, _: &Scope, _: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn counts(&self, _: &Scope) -> Result<Counts, StoreError> {
        Ok(Counts::default())
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
