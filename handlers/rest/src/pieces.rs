//! JSON documents sent piece by piece, so that no answer is in memory as a whole.

use std::collections::VecDeque;
use std::sync::Arc;

use async_stream::try_stream;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use http::header;
use serde::Serialize;
use trace::id::{Scope, TraceId};
use trace::json::Json;
use trace::ports::{PayloadStore, SpanKey, SpanStore, chain};
use trace::span::{Payload, Span};
use trace::trace::Trace;

use crate::error::ApiError;
use crate::filters::Payloads;
use crate::spans::key_of;
use crate::view::SpanView;

/// Bytes of payloads that are in memory at a time, as far as the spans before allow a guess.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// Spans of the first chunk, of which nothing is known.
const FIRST: usize = 16;
/// Most spans of a chunk.
const MOST: usize = 500;
/// Rows that are in memory at a time where spans of many traces are read, unless one trace has more.
const ROWS: u64 = 2_000;
/// A piece that is this long is sent.
const PIECE: usize = 64 * 1024;

/// The stores a document is read from, for one project.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) spans: Arc<dyn SpanStore>,
    pub(crate) payloads: Arc<dyn PayloadStore>,
    pub(crate) scope: Scope,
}

/// Spans whose payloads are read a chunk at a time.
struct Chunks {
    rest: std::vec::IntoIter<Span>,
    choice: Payloads,
    size: usize,
}

impl Chunks {
    fn new(spans: Vec<Span>, choice: Payloads) -> Self {
        let size = if choice == Payloads::Full { FIRST } else { MOST };
        Self { rest: spans.into_iter(), choice, size }
    }

    fn is_empty(&self) -> bool {
        self.rest.len() == 0
    }

    /// Returns the next spans, with their payloads where they are wanted; none when all were returned.
    async fn next(&mut self, payloads: &dyn PayloadStore, scope: &Scope) -> Result<Vec<SpanView>, ApiError> {
        let chunk: Vec<Span> = self.rest.by_ref().take(self.size).collect();
        if self.choice == Payloads::None || chunk.is_empty() {
            return Ok(chunk.into_iter().map(|span| SpanView::new(span, Payload::default())).collect());
        }
        let keys: Vec<SpanKey> = chunk.iter().map(key_of).collect();
        let loaded = payloads.load(scope, &keys).await?;
        let bytes: usize = loaded.iter().map(length).sum();
        self.size = (CHUNK_BYTES / (bytes / keys.len()).max(1)).clamp(1, MOST);
        Ok(chunk.into_iter().zip(loaded).map(|(span, payload)| SpanView::new(span, payload)).collect())
    }
}

fn length(payload: &Payload) -> usize {
    let side = |side: &Option<Json>| side.as_ref().map_or(0, |json| json.as_str().len());
    side(&payload.input) + side(&payload.output)
}

/// Answers `{"spans": […], …}`: spans, then the members of `rest`.
///
/// What cannot be read at first is an error; later the connection breaks off.
pub(crate) async fn spans_and<T: Serialize>(
    reader: Reader,
    spans: Vec<Span>,
    choice: Payloads,
    rest: &T,
) -> Result<Response, ApiError> {
    let mut chunks = Chunks::new(spans, choice);
    let mut piece = b"{\"spans\":[".to_vec();
    let mut first = true;
    join(&mut piece, &chunks.next(&*reader.payloads, &reader.scope).await?, &mut first)?;
    let mut end = b"],".to_vec();
    end.extend_from_slice(members(&serde_json::to_vec(rest).map_err(|_| ApiError::Internal)?));
    if chunks.is_empty() {
        piece.extend(end);
        return Ok(document(Body::from(piece)));
    }
    Ok(document(body(try_stream! {
        yield Bytes::from(piece);
        while !chunks.is_empty() {
            let mut piece = Vec::new();
            join(&mut piece, &chunks.next(&*reader.payloads, &reader.scope).await?, &mut first)?;
            yield Bytes::from(piece);
        }
        yield Bytes::from(end);
    })))
}

/// Returns what follows the opening brace of a JSON object.
pub(crate) fn members(object: &[u8]) -> &[u8] {
    object.strip_prefix(b"{").unwrap_or(object)
}

/// Returns an answer of JSON.
pub(crate) fn document(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], body).into_response()
}

/// Returns a body that sends pieces, and breaks off where one cannot be had.
pub(crate) fn body(pieces: impl Stream<Item = Result<Bytes, ApiError>> + Send + 'static) -> Body {
    Body::from_stream(
        pieces.inspect_err(|error| tracing::error!(error = %chain(&error), "an answer broke off")),
    )
}

/// Streams traces with their spans by start, in the order given: what `open` says, the spans separated by commas, and
/// `close`, with commas between traces.
///
/// Rows and payloads of many traces are read together, and only so many at a time.
pub(crate) fn traces_with_spans(
    reader: Reader,
    traces: Vec<Trace>,
    choice: Payloads,
    open: impl Fn(&Trace) -> Result<Vec<u8>, ApiError> + Send + 'static,
    close: &'static [u8],
) -> impl Stream<Item = Result<Bytes, ApiError>> + Send + 'static {
    try_stream! {
        let mut piece = Vec::new();
        let mut first_trace = true;
        for group in groups(traces) {
            let ids: Vec<TraceId> = group.iter().map(|trace| trace.id.clone()).collect();
            let found = reader.spans.list_of_traces(&reader.scope, &ids).await?;
            let mut chunks = Chunks::new(found, choice);
            let mut ready = VecDeque::new();
            for trace in &group {
                if !std::mem::take(&mut first_trace) {
                    piece.push(b',');
                }
                piece.extend(open(trace)?);
                let mut first = true;
                loop {
                    if ready.is_empty() {
                        ready.extend(chunks.next(&*reader.payloads, &reader.scope).await?);
                    }
                    let Some(view) = ready.pop_front_if(|view: &mut SpanView| view.trace_id == trace.id) else {
                        break;
                    };
                    join(&mut piece, std::slice::from_ref(&view), &mut first)?;
                    if piece.len() >= PIECE {
                        yield Bytes::from(std::mem::take(&mut piece));
                    }
                }
                piece.extend_from_slice(close);
            }
        }
        yield Bytes::from(piece);
    }
}

/// Parts traces into runs whose spans are read together.
fn groups(traces: Vec<Trace>) -> Vec<Vec<Trace>> {
    let mut groups: Vec<Vec<Trace>> = Vec::new();
    let mut rows = 0_u64;
    for trace in traces {
        rows = rows.saturating_add(trace.totals.spans);
        match groups.last_mut() {
            Some(group) if rows <= ROWS => group.push(trace),
            _ => {
                rows = trace.totals.spans;
                groups.push(vec![trace]);
            }
        }
    }
    groups
}

/// Adds values separated by commas, with one in front unless they are the `first` of their list.
pub(crate) fn join<T: Serialize>(out: &mut Vec<u8>, values: &[T], first: &mut bool) -> Result<(), ApiError> {
    for value in values {
        if !std::mem::take(first) {
            out.push(b',');
        }
        serde_json::to_writer(&mut *out, value).map_err(|_| ApiError::Internal)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use trace::time::Timestamp;
    use trace::trace::{NewTrace, Totals};

    use super::*;

    #[test]
    fn traces_are_read_together_up_to_so_many_spans() {
        let trace = |spans| Trace {
            totals: Totals { spans, ..Totals::default() },
            ..NewTrace::implicit(TraceId::parse("t").unwrap(), Timestamp::from_micros(0)).into_trace().0
        };
        let sizes = |spans: &[u64]| -> Vec<usize> {
            groups(spans.iter().map(|spans| trace(*spans)).collect()).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(&[]), [0_usize; 0]);
        assert_eq!(sizes(&[0, 1_000, 1_000, 1, 5_000, 0, 3]), [3, 1, 1, 2]);
    }
}
