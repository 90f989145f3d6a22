use trace::id::{Scope, TraceId};
use trace::ports::{Batch, SpanWrite};

use crate::parts::{Chunk, Cutter, Recent, Side};

/// A batch made ready on its caller's task, so that the writer has as little to do as can be.
pub(crate) struct Prepared {
    pub(crate) scope: Scope,
    pub(crate) batch: Batch,
    /// The payload of each span write.
    pub(crate) payloads: Vec<Sides>,
    /// The parts of payloads that are new.
    pub(crate) chunks: Vec<Chunk>,
    /// About how much memory it takes.
    pub(crate) bytes: usize,
}

/// The payload of one span write; a `None` side leaves what is stored.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sides {
    pub(crate) input: Option<Side>,
    pub(crate) output: Option<Side>,
}

/// What a row costs besides its payload.
const ROW_BYTES: usize = 512;

impl Prepared {
    /// Cuts the payloads of a batch into parts; `project` is the scope's number, where it has one already.
    pub(crate) fn new(scope: &Scope, mut batch: Batch, recent: &Recent, project: Option<i64>) -> Self {
        let mut cutter = Cutter::new(recent, project);
        let payloads: Vec<Sides> =
            batch.spans.iter_mut().map(|write| Sides::take(write, &mut cutter)).collect();
        let chunks = cutter.finish();
        let sides: usize = payloads.iter().map(Sides::bytes).sum();
        let parts: usize = chunks.iter().map(|chunk| chunk.packed.len()).sum();
        let rows = batch.traces.len() + batch.spans.len();
        Self { scope: *scope, batch, payloads, chunks, bytes: sides + parts + rows * ROW_BYTES }
    }

    /// Returns how many rows it writes.
    pub(crate) fn rows(&self) -> usize {
        self.batch.traces.len() + self.batch.spans.len()
    }
}

impl Sides {
    /// Takes the payload out of a write.
    fn take(write: &mut SpanWrite, cutter: &mut Cutter<'_>) -> Self {
        let (input, output, trace) = match write {
            SpanWrite::Create(new) | SpanWrite::Put(new) => {
                (new.payload.input.take(), new.payload.output.take(), Some(&new.span.trace_id))
            }
            SpanWrite::Finish(finish) => (None, finish.output.take(), finish.trace_id.as_ref()),
        };
        let trace: Option<&TraceId> = trace;
        let input = input.map(|json| cutter.cut(&json, trace));
        Self { input, output: output.map(|json| cutter.cut(&json, trace)) }
    }

    fn bytes(&self) -> usize {
        self.input.iter().chain(&self.output).map(Side::bytes).sum()
    }
}
