//! The one way a span gets in.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use crate::event::Event;
use crate::id::{Scope, SpanId, TraceId};
use crate::nul;
use crate::ports::{
    Batch, Detach, EventBus, Inline, SpanChange, SpanKey, SpanStore, SpanWrite, StoreError, TraceChange,
    Written,
};
use crate::preview;
use crate::price::Prices;
use crate::quota::Quota;
use crate::trace::{NewTrace, Totals, Trace};

/// Records batches: prices them, writes them, tells listeners. REST, OTLP, the proxy and evaluations all call it.
///
/// A change and its announcement are one piece of work for [`Detach`]: a caller that goes away between the two
/// cannot keep what was committed from those who listen.
#[derive(Clone)]
pub struct Recorder {
    spans: Arc<dyn SpanStore>,
    events: Arc<dyn EventBus>,
    prices: Arc<Prices>,
    detach: Arc<dyn Detach>,
    quota: Option<Arc<Quota>>,
    can_wait: bool,
}

impl Recorder {
    /// Returns a recorder that writes to `spans` and tells `events`, as part of its caller.
    pub fn new(spans: Arc<dyn SpanStore>, events: Arc<dyn EventBus>, prices: Arc<Prices>) -> Self {
        Self { spans, events, prices, detach: Arc::new(Inline), quota: None, can_wait: false }
    }

    /// Returns the recorder with its changes run by `detach`, for runtimes that drop the work of clients that left.
    #[must_use]
    pub fn detached_by(self, detach: Arc<dyn Detach>) -> Self {
        Self { detach, ..self }
    }

    /// Returns the recorder for one whose answers nobody waits for ([`Batch::can_wait`]).
    #[must_use]
    pub fn unhurried(self) -> Self {
        Self { can_wait: true, ..self }
    }

    /// Returns the recorder with new spans kept within what plans allow.
    #[must_use]
    pub fn within(self, quota: Arc<Quota>) -> Self {
        Self { quota: Some(quota), ..self }
    }

    /// Returns the price table calls are priced with.
    pub fn prices(&self) -> &Arc<Prices> {
        &self.prices
    }

    /// Returns the trace of the newest span with this id.
    pub async fn trace_of(&self, scope: &Scope, span: &SpanId) -> Result<Option<TraceId>, StoreError> {
        let found = self.spans.find(scope, None, span).await?;
        Ok(found.map(|span| span.trace_id))
    }

    /// Records traces and spans. Returns when they are durable: an answer of 2xx means committed.
    ///
    /// Listeners that cannot be told are not an error; the change is committed all the same.
    pub async fn record(
        &self,
        scope: &Scope,
        mut traces: Vec<NewTrace>,
        mut spans: Vec<SpanWrite>,
    ) -> Result<Written, StoreError> {
        if traces.is_empty() && spans.is_empty() {
            return Ok(Written::default());
        }
        for write in &mut spans {
            match write {
                SpanWrite::Create(new) | SpanWrite::Put(new) => {
                    nul::replace_in_span(&mut new.span);
                    new.span.estimate_cost(&self.prices);
                    if let Some(input) = &new.payload.input {
                        let is_call = new.span.kind.llm().is_some();
                        new.span.preview = preview::first_user_message(input, is_call);
                    }
                }
                SpanWrite::Finish(finish) => nul::replace_in_status(&mut finish.status),
            }
        }
        traces.iter_mut().for_each(nul::replace_in_trace);
        let batch =
            Batch { traces, spans, prices: Arc::clone(&self.prices), id: None, can_wait: self.can_wait };
        let (recorder, scope) = (self.clone(), *scope);
        let work = async move {
            let Some(quota) = &recorder.quota else {
                let written = recorder.spans.write(&scope, batch).await?;
                recorder.tell(&scope, events_of(&written)).await;
                return Ok(written);
            };
            let (written, settlement) = quota.write(&*recorder.spans, &scope, batch).await?;
            // In this order: who dies before the last step leaves a note that lets others do both.
            recorder.tell(&scope, events_of(&written)).await;
            if let Some(settlement) = settlement {
                quota.settle(&scope, settlement).await;
            }
            Ok(written)
        };
        self.complete(work).await
    }

    /// Deletes one span and returns whether it was there. Its children stay and become roots.
    pub async fn delete_span(
        &self,
        scope: &Scope,
        trace: Option<&TraceId>,
        id: &SpanId,
    ) -> Result<bool, StoreError> {
        let (recorder, scope, trace, id) = (self.clone(), *scope, trace.cloned(), id.clone());
        let work = async move {
            let Some(trace_id) = recorder.spans.delete(&scope, trace.as_ref(), &id).await? else {
                return Ok(false);
            };
            recorder.tell(&scope, vec![Event::SpanDeleted { span_id: id, trace_id }]).await;
            Ok(true)
        };
        self.complete(work).await
    }

    /// Deletes a trace and returns how many spans went with it, or `None` when there is no such trace.
    pub async fn delete_trace(&self, scope: &Scope, id: &TraceId) -> Result<Option<u64>, StoreError> {
        let (recorder, scope, id) = (self.clone(), *scope, id.clone());
        let work = async move {
            let deleted = recorder.spans.delete_trace(&scope, &id).await?;
            if deleted.is_some() {
                recorder.tell(&scope, vec![Event::TraceDeleted(id)]).await;
            }
            Ok(deleted)
        };
        self.complete(work).await
    }

    /// Deletes every trace and span of the project.
    pub async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        let (recorder, scope) = (self.clone(), *scope);
        let work = async move {
            recorder.spans.clear(&scope).await?;
            recorder.tell(&scope, vec![Event::Cleared]).await;
            Ok(())
        };
        self.complete(work).await
    }

    /// Runs a change with its announcement, which the caller cannot cut short, and returns what came of it.
    async fn complete<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let outcome = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&outcome);
        let work = async move {
            let result = work.await;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        };
        self.detach.run(Box::pin(work)).await;
        let result = outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        result.unwrap_or_else(|| Err(StoreError::unavailable("the change was cut off")))
    }

    async fn tell(&self, scope: &Scope, events: Vec<Event>) {
        if let Err(error) = self.events.publish(scope, events).await {
            tracing::warn!(%error, "committed, but listeners could not be told");
        }
    }
}

/// Tells listeners of spans that were written by a process which could not tell them any more, as they are now.
pub async fn announce(
    spans: &dyn SpanStore,
    events: &dyn EventBus,
    scope: &Scope,
    lost: &[SpanKey],
) -> Result<(), StoreError> {
    let mut traces: Vec<TraceId> = Vec::new();
    for key in lost {
        if !traces.contains(&key.trace_id) {
            traces.push(key.trace_id.clone());
        }
    }
    let lost: HashSet<&SpanKey> = lost.iter().collect();
    let mut news = Vec::new();
    let mut sessions: HashMap<&TraceId, Option<String>> = HashMap::new();
    for id in &traces {
        let Some(trace) = spans.find_trace(scope, id).await? else { continue };
        sessions.insert(id, trace.session_id.clone());
        // Whether it was new then, nobody knows; who does not have it takes it from here.
        news.push(Event::TraceUpdated(Arc::new(trace)));
    }
    for span in spans.list_of_traces(scope, &traces).await? {
        let key = SpanKey { trace_id: span.trace_id.clone(), span_id: span.id.clone() };
        if let Some(session_id) = sessions.get(&span.trace_id).filter(|_| lost.contains(&key)).cloned() {
            news.push(Event::Span { span: Arc::new(span), session_id });
        }
    }
    if news.is_empty() { Ok(()) } else { events.publish(scope, news).await }
}

/// Returns what listeners hear of a batch: new traces, changed traces, then spans in order.
fn events_of(written: &Written) -> Vec<Event> {
    let mut events = Vec::new();
    let mut sessions: HashMap<&TraceId, &Option<String>> = HashMap::new();
    for touched in &written.traces {
        sessions.insert(&touched.trace.id, &touched.trace.session_id);
        match touched.change {
            TraceChange::Created => {
                let empty = Trace { totals: Totals::default(), ..Trace::clone(&touched.trace) };
                events.push(Event::TraceCreated(Arc::new(empty)));
            }
            TraceChange::Updated => events.push(Event::TraceUpdated(Arc::clone(&touched.trace))),
            TraceChange::Unchanged => {}
        }
    }
    for change in &written.spans {
        if let SpanChange::Created(span) | SpanChange::Updated(span) = change {
            let session_id = sessions.get(&span.trace_id).and_then(|session| (*session).clone());
            events.push(Event::Span { span: Arc::clone(span), session_id });
        }
    }
    events
}
