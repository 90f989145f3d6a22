//! Batches made ready on their callers' tasks, so that a lane has as little to do as can be.

use std::sync::Arc;

use trace::json::Json;
use trace::ports::{Batch, SpanWrite, StoreError};

use crate::clock;
use crate::lanes::Size;
use crate::parts::{NewParts, PartsWrite};
use crate::side::Side;

/// What a row costs besides its payload.
const ROW_BYTES: usize = 1_024;

/// A batch whose payloads are apart.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) batch: Batch,
    /// The payload of each span write.
    pub(crate) payloads: Vec<Sides>,
}

/// The payload of one span write; a `None` side leaves what is stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sides {
    pub(crate) input: Option<Arc<Side>>,
    pub(crate) output: Option<Arc<Side>>,
}

/// Payloads from this length on, in bytes, take long enough to be prepared on a thread of their own.
const LONG: usize = 256 << 10;

impl Prepared {
    /// Takes the payloads of a batch apart without holding up other calls.
    pub(crate) async fn beside(batch: Batch) -> Result<(Self, PartsWrite), StoreError> {
        if batch.spans.iter().map(payload_bytes).sum::<usize>() < LONG {
            return Ok(Self::new(batch));
        }
        tokio::task::spawn_blocking(move || Self::new(batch)).await.map_err(StoreError::unavailable)
    }

    /// Takes the payloads of a batch apart.
    pub(crate) fn new(mut batch: Batch) -> (Self, PartsWrite) {
        let mut parts = NewParts::default();
        let mut day = clock::day_of(i64::try_from(clock::micros()).unwrap_or(i64::MAX));
        let mut payloads = Vec::with_capacity(batch.spans.len());
        for write in &mut batch.spans {
            let (input, output) = match write {
                SpanWrite::Create(new) | SpanWrite::Put(new) => {
                    // A clock that goes ahead must not make parts go before their span.
                    day = day.max(clock::day_of(new.span.started_at.as_micros()));
                    (new.payload.input.take(), new.payload.output.take())
                }
                SpanWrite::Finish(finish) => (None, finish.output.take()),
            };
            let mut side = |json: Option<_>| json.map(|json| Arc::new(Side::of(&json, &mut parts)));
            payloads.push(Sides { input: side(input), output: side(output) });
        }
        (Self { batch, payloads }, PartsWrite { parts, day })
    }

    /// Returns about how large it is.
    pub(crate) fn size(&self) -> Size {
        let sides = self.payloads.iter().flat_map(|sides| [&sides.input, &sides.output]).flatten();
        let rows = self.batch.traces.len() + self.batch.spans.len();
        Size { rows, bytes: sides.map(|side| side.bytes()).sum::<usize>() + rows * ROW_BYTES }
    }
}

fn payload_bytes(write: &SpanWrite) -> usize {
    let (input, output) = match write {
        SpanWrite::Create(new) | SpanWrite::Put(new) => (&new.payload.input, &new.payload.output),
        SpanWrite::Finish(finish) => (&None, &finish.output),
    };
    [input, output].into_iter().flatten().map(|json: &Json| json.as_str().len()).sum()
}
