//! What of a batch fits.

use std::collections::HashSet;

use crate::id::{Scope, SpanId, TraceId};
use crate::ports::{Batch, SpanChange, SpanStore, SpanWrite, StoreError, Written};

/// A batch parted into what is written and what is not.
pub(super) struct Split {
    /// What is written; `None` when no span of the batch may be.
    pub(super) batch: Option<Batch>,
    pub(super) over: Over,
}

/// The places of the spans that are not written.
#[derive(Default)]
pub(super) struct Over {
    places: Vec<usize>,
    limit: u64,
}

impl Split {
    /// Everything is written.
    pub(super) fn whole(batch: Batch) -> Self {
        Self { batch: Some(batch), over: Over::default() }
    }

    /// Keeps what ends or changes a span, and the first `room` new spans.
    pub(super) async fn new(
        spans: &dyn SpanStore,
        scope: &Scope,
        batch: Batch,
        mut room: u64,
        limit: u64,
    ) -> Result<Self, StoreError> {
        let mut existing = existing(spans, scope, &batch).await?;
        let (mut kept, mut places) = (Vec::new(), Vec::new());
        let (mut kept_traces, mut over_traces) = (HashSet::new(), HashSet::new());
        for (place, write) in batch.spans.into_iter().enumerate() {
            let (SpanWrite::Create(new) | SpanWrite::Put(new)) = &write else {
                kept.push(write);
                continue;
            };
            let trace = new.span.trace_id.clone();
            let is_new = !existing.contains(&(trace.clone(), new.span.id.clone()));
            if is_new && room == 0 {
                over_traces.insert(trace);
                places.push(place);
                continue;
            }
            if is_new {
                room -= 1;
                existing.insert((trace.clone(), new.span.id.clone()));
            }
            kept_traces.insert(trace);
            kept.push(write);
        }
        let over = Over { places, limit };
        if kept.is_empty() {
            return Ok(Self { batch: None, over });
        }
        let mut traces = batch.traces;
        traces.retain(|new| kept_traces.contains(&new.id) || !over_traces.contains(&new.id));
        Ok(Self { batch: Some(Batch { traces, spans: kept, ..batch }), over })
    }
}

async fn existing(
    spans: &dyn SpanStore,
    scope: &Scope,
    batch: &Batch,
) -> Result<HashSet<(TraceId, SpanId)>, StoreError> {
    let mut traces: Vec<TraceId> = Vec::new();
    let mut seen = HashSet::new();
    for write in &batch.spans {
        if let SpanWrite::Create(new) | SpanWrite::Put(new) = write
            && seen.insert(&new.span.trace_id)
        {
            traces.push(new.span.trace_id.clone());
        }
    }
    let stored = spans.list_of_traces(scope, &traces).await?;
    Ok(stored.into_iter().map(|span| (span.trace_id, span.id)).collect())
}

impl Over {
    /// Puts the spans that were not written back into their places.
    pub(super) fn into_written(self, written: Written) -> Written {
        if self.places.is_empty() {
            return written;
        }
        let total = written.spans.len() + self.places.len();
        let (mut over, mut done) = (self.places.into_iter().peekable(), written.spans.into_iter());
        let spans = (0..total).filter_map(|place| match over.next_if_eq(&place) {
            Some(_) => Some(SpanChange::OverLimit { limit: self.limit }),
            None => done.next(),
        });
        Written { spans: spans.collect(), ..written }
    }
}
