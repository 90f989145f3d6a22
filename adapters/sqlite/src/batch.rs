use trace::id::Scope;
use trace::json::Json;
use trace::ports::{Batch, SpanWrite};

use crate::parts::{Recent, Side};

/// A batch made ready on its caller's task, so that the writer has as little to do as can be.
pub(crate) struct Prepared {
    pub(crate) scope: Scope,
    pub(crate) batch: Batch,
    /// The payload of each span write.
    pub(crate) payloads: Vec<Sides>,
    /// About how much memory it takes.
    pub(crate) bytes: usize,
}

/// The payload of one span write, encoded; a `None` side leaves what is stored.
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
        let take = |write| Sides::take(write, recent, project);
        let payloads: Vec<Sides> = batch.spans.iter_mut().map(take).collect();
        let stored: usize = payloads.iter().map(Sides::bytes).sum();
        let rows = batch.traces.len() + batch.spans.len();
        Self { scope: *scope, batch, payloads, bytes: stored + rows * ROW_BYTES }
    }

    /// Returns how many rows it writes.
    pub(crate) fn rows(&self) -> usize {
        self.batch.traces.len() + self.batch.spans.len()
    }
}

impl Sides {
    /// Takes the payload out of a write.
    fn take(write: &mut SpanWrite, recent: &Recent, project: Option<i64>) -> Self {
        let (input, output) = match write {
            SpanWrite::Create(new) | SpanWrite::Put(new) => {
                (new.payload.input.take(), new.payload.output.take())
            }
            SpanWrite::Finish(finish) => (None, finish.output.take()),
        };
        let cut = |json: &Json| Side::cut(json, recent, project);
        Self { input: input.as_ref().map(cut), output: output.as_ref().map(cut) }
    }

    /// Puts what `newer` has over what is here.
    pub(crate) fn lay_over(&mut self, newer: &Self) {
        if newer.input.is_some() {
            self.input.clone_from(&newer.input);
        }
        if newer.output.is_some() {
            self.output.clone_from(&newer.output);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.input.is_none() && self.output.is_none()
    }

    fn bytes(&self) -> usize {
        self.input.iter().chain(&self.output).map(Side::bytes).sum()
    }
}
