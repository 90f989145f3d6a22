use trace::id::{Scope, TraceId};
use trace::ports::{Batch, SpanWrite};
use trace::size::{kind_bytes, members_bytes, span_bytes};
use trace::trace::NewTrace;

use crate::parts::{Chunk, Cutter, Recent, Side};

/// A batch made ready on its caller's task, so that the writer has as little to do as can be.
pub(crate) struct Prepared {
    pub(crate) scope: Scope,
    pub(crate) batch: Batch,
    /// The payload of each span write.
    pub(crate) payloads: Vec<Sides>,
    /// The parts of payloads that are new.
    pub(crate) chunks: Vec<Chunk>,
    /// About how much it writes.
    pub(crate) bytes: usize,
    /// About how much memory it takes while it waits.
    pub(crate) memory: usize,
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
        let sides: usize = payloads.iter().flat_map(Sides::both).map(Side::bytes).sum();
        let known: usize = payloads.iter().flat_map(Sides::both).map(Side::known_bytes).sum();
        let parts: usize = chunks.iter().map(|chunk| chunk.packed.len()).sum();
        let traces: usize = batch.traces.iter().map(trace_bytes).sum();
        let spans: usize = batch.spans.iter().map(facts_bytes).sum();
        let bytes = sides + parts + traces + spans;
        Self { scope: *scope, batch, payloads, chunks, bytes, memory: bytes + known }
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

    fn both(&self) -> impl Iterator<Item = &Side> {
        self.input.iter().chain(&self.output)
    }
}

/// Returns how many bytes of payloads are to be made ready.
pub(crate) fn payload_bytes(batch: &Batch) -> usize {
    let of_write = |write: &SpanWrite| match write {
        SpanWrite::Create(new) | SpanWrite::Put(new) => {
            let sides = new.payload.input.iter().chain(&new.payload.output);
            sides.map(|json| json.as_str().len()).sum()
        }
        SpanWrite::Finish(finish) => finish.output.as_ref().map_or(0, |json| json.as_str().len()),
    };
    batch.spans.iter().map(of_write).sum()
}

fn trace_bytes(new: &NewTrace) -> usize {
    let name = new.name.as_ref().map_or(0, |(name, _)| name.len());
    let tags: usize = new.tags.iter().map(String::len).sum();
    ROW_BYTES + name + tags + members_bytes(&new.metadata)
}

/// Returns about what a span is besides its payload.
fn facts_bytes(write: &SpanWrite) -> usize {
    let facts = match write {
        SpanWrite::Create(new) | SpanWrite::Put(new) => span_bytes(&new.span),
        SpanWrite::Finish(finish) => {
            let kind = finish.kind.as_ref().and_then(|kind| kind.kind().ok());
            kind.as_ref().map_or(0, kind_bytes) + finish.status.error().map_or(0, str::len)
        }
    };
    ROW_BYTES + facts
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::json;
    use trace::kind::Attributes;
    use trace::testing::{batch, completed, new_span, span};

    use super::*;
    use crate::parts::{Known, Place, Recent};

    fn prepared(recent: &Recent, new: trace::span::NewSpan) -> Prepared {
        Prepared::new(&Scope::LOCAL, batch(vec![], vec![SpanWrite::Put(new)]), recent, Some(1))
    }

    #[test]
    fn attributes_count_as_much_as_payloads() {
        let mut large = span("t", "s", 0);
        large.attributes = Attributes::from_iter([("list".to_owned(), json!(["x".repeat(100_000)]))]);
        let made = prepared(&Recent::default(), new_span(completed(large, 1), None, None));
        assert!((100_000..110_000).contains(&made.bytes), "{}", made.bytes);
    }

    #[test]
    fn of_a_known_part_only_its_text_is_held_and_counted() {
        let (known, new) = ("k".repeat(50_000), "n".repeat(200));
        let input = |texts: &[&str]| {
            let message = |text: &&str| json!({"role": "user", "content": text});
            json!(texts.iter().map(message).collect::<Vec<_>>()).to_string()
        };
        let recent = Recent::default();
        let first = new_span(completed(span("t", "s", 0), 1), Some(&input(&[&known])), None);
        for hash in prepared(&recent, first).chunks.iter().flat_map(|chunk| &chunk.hashes) {
            recent.put(1, *hash, Known { place: Place { chunk: 1, index: 0 }, trace: 1 });
        }
        let both = input(&[&known, &new]);
        let made = prepared(&recent, new_span(completed(span("t", "s", 0), 1), Some(&both), None));
        assert!(made.bytes < 2_000, "{}", made.bytes);
        assert!((50_000..52_000).contains(&made.memory), "{}", made.memory);
        let side = made.payloads[0].input.as_ref().unwrap();
        let mut texts = Vec::new();
        side.number(|wanted| {
            if let crate::parts::Wanted::Known { text, .. } = wanted {
                texts.push(text.to_owned());
            }
            Place { chunk: 1, index: 0 }
        })
        .unwrap();
        assert_eq!(texts, [json!({"role": "user", "content": known}).to_string()]);
    }
}
