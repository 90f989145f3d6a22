//! One call's way into the store, off the way of its bytes.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use trace::capture::{CaptureMode, Captured};
use trace::id::{Scope, SpanId, TraceId};
use trace::json::Json;
use trace::kind::{Attributes, LlmCall, SpanKind, UNKNOWN_MODEL};
use trace::nul;
use trace::ports::{Clock, Compute, Inline, SpanWrite, StoreError, chain, computed};
use trace::price::{ANSWERED_MODEL, billed_tier};
use trace::provider::{
    Framing, RequestFacts, ResponseFacts, StreamReader, body_json, body_text, error_message, read_request,
    read_response,
};
use trace::record::Recorder;
use trace::span::{NewSpan, Payload, Span, SpanStatus, Version};
use trace::time::Timestamp;
use trace::trace::{NameRank, NewTrace, OnExisting};

use crate::budget::Share;
use crate::copy::Copy;
use crate::decode::Undecodable;
use crate::download::{Answered, End, GONE, Outcome, STOPPED};
use crate::headers::Wishes;
use crate::spool::{Record, Spool};
use crate::upload::Uploaded;

/// The label of every trace the proxy makes.
const TAG: &str = "proxy";

/// Bodies up to this size are read where other calls go first, in some tenths of a millisecond: a machine that gets
/// busy meanwhile may keep what was begun there waiting for long.
const SMALL: usize = 32 * 1024;

/// Bodies larger than this are read on a thread of their own, so that other calls do not wait for it.
const LARGE: usize = 256 * 1024;

/// What a byte counts of a body with a content encoding: it mostly becomes some four, and that has to be done too.
const ENCODED: usize = 16;

/// How long a call that is cut off may take to say how far it came.
const LAST_WORD: Duration = Duration::from_millis(300);

/// Times between tries while the store is busy.
const RETRIES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_millis(1500),
];

/// What is known of a call when it arrives.
pub(crate) struct Call {
    pub(crate) scope: Scope,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) wishes: Wishes,
    pub(crate) provider: String,
    pub(crate) path: String,
    /// Whether the path alone says that this is a model call.
    pub(crate) known: bool,
    pub(crate) capture: CaptureMode,
    pub(crate) encodings: Vec<String>,
    pub(crate) started_at: Timestamp,
}

/// Records one call.
pub(crate) struct Recording {
    pub(crate) recorder: Recorder,
    pub(crate) spool: Arc<dyn Spool>,
    pub(crate) compute: Arc<dyn Compute>,
    pub(crate) call: Call,
    /// The most a body may hold once it is decoded, in bytes.
    pub(crate) max_decoded: usize,
    pub(crate) clock: Arc<dyn Clock>,
    /// Calls under way end when this is cancelled.
    pub(crate) cut: CancellationToken,
}

/// What a request turned out to be.
#[derive(Default)]
struct Request {
    facts: RequestFacts,
    input: Captured,
}

/// What an answer turned out to be.
struct Reading {
    status: SpanStatus,
    output: Captured,
    facts: ResponseFacts,
    ms_to_first_chunk: Option<u64>,
}

impl Recording {
    /// Records the call as running once its body has been read, and as ended once its answer has.
    ///
    /// `decided` hears whether this is a model call at all; it hears nothing when not.
    pub(crate) async fn run(
        mut self,
        uploaded: oneshot::Receiver<Uploaded>,
        decided: oneshot::Sender<()>,
        mut end: oneshot::Receiver<End>,
    ) {
        let mut early = None;
        let Ok(Uploaded { copy, complete }) = uploaded.await else { return };
        if !complete && !self.call.known {
            return;
        }
        let (request, mut share) = match self.read_request(copy).await {
            Some((request, share)) => (request, Some(share)),
            // The call is recorded all the same.
            None => (Request::default(), None),
        };
        if !self.call.known && !request.facts.is_call {
            return;
        }
        // An answer that could not wait to be told may have gone out as that of no call.
        if decided.send(()).is_err() && !self.call.known {
            match end.try_recv() {
                Ok(End::Refused) => return,
                Ok(told) => early = Some(told),
                // It goes on, or the client has gone.
                Err(_) => {}
            }
        }
        let mut call = LlmCall {
            model: request.facts.model.unwrap_or_else(|| UNKNOWN_MODEL.to_owned()),
            provider: Some(self.call.provider.clone()),
            input_preview: request.input.preview,
            ..LlmCall::default()
        };
        let mut input = request.input.payload;
        if complete {
            let span = self.span(&call, SpanStatus::Running);
            let payload = Payload { input: input.clone(), output: None };
            match self.store(self.trace(&call.model), span, payload).await {
                Ok(()) => (input, share) = (None, None),
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "a running call could not be recorded yet");
                }
            }
        }
        let told = match early {
            Some(told) => told,
            None => self.ended(end).await,
        };
        let (reading, at) = match told {
            End::Refused => return,
            End::Failed { gone: true, .. } if !complete => return,
            End::Failed { error, at, .. } => (Reading::failed(error), at),
            End::Answered(answered) => {
                let at = answered.ended_at;
                (self.read_answer(*answered).await, at)
            }
        };
        let ResponseFacts { model: answered, usage, service_tier, .. } = reading.facts;
        call.usage = usage;
        call.service_tier = billed_tier(service_tier, request.facts.service_tier);
        call.output_preview = reading.output.preview;
        let mut span = self.span(&call, reading.status);
        if let Some(mut answered) = answered.filter(|answered| *answered != call.model) {
            nul::replace(&mut answered);
            span.attributes.insert(ANSWERED_MODEL.to_owned(), answered.into());
        }
        span.ended_at = Some(at);
        span.ms_to_first_chunk = reading.ms_to_first_chunk;
        let payload = Payload { input, output: reading.output.payload };
        self.finish(&call.model, span, payload).await;
        drop(share);
    }

    /// Waits for the end of the call. One that is cut off says how far it came, unless its client takes nothing.
    async fn ended(&self, end: oneshot::Receiver<End>) -> End {
        let cut = async {
            self.cut.cancelled().await;
            tokio::time::sleep(LAST_WORD).await;
        };
        tokio::select! {
            end = end => end.unwrap_or_else(|_| {
                End::Failed { error: GONE.to_owned(), at: self.call.started_at, gone: true }
            }),
            () = cut => End::Failed { error: STOPPED.to_owned(), at: self.clock.now(), gone: false },
        }
    }

    /// Reads the request and hands back the memory its copy was accounted for, which what was read now holds.
    async fn read_request(&self, copy: Copy) -> Option<(Request, Share)> {
        if copy.is_dropped() {
            return Some((Request::default(), copy.into_share()));
        }
        let (path, capture) = (self.call.path.clone(), self.call.capture);
        let (encodings, limit) = (self.call.encodings.clone(), self.max_decoded);
        let (size, encoded) = (copy.bytes(), !encodings.is_empty());
        // While the client waits to hear whether this is a call, nobody goes first.
        let compute = if self.call.known { &*self.compute } else { &Inline };
        let request = aside(compute, size, encoded, move || {
            let mut copy = copy;
            let body = plain(&mut copy, &encodings, limit);
            let request = body.map(|body| Request {
                facts: read_request(&path, &body),
                input: capture.keep(&body_text(&body), || body_json(&body)),
            });
            (request.unwrap_or_default(), copy.into_share())
        });
        request.await
    }

    async fn read_answer(&self, mut answered: Answered) -> Reading {
        let (capture, limit, started_at) = (self.call.capture, self.max_decoded, self.call.started_at);
        let (size, encoded) = (answered.copy.bytes(), !answered.encodings.is_empty());
        let reading = aside(&*self.compute, size, encoded, move || {
            let mut reading = read_answer(&mut answered, capture, limit);
            if framing(&answered).is_some() {
                let first = answered.first_chunk_at;
                reading.ms_to_first_chunk = first.map(|first| first.millis_since(started_at));
            }
            reading
        });
        reading.await.unwrap_or_else(|| Reading::failed("the answer could not be read".to_owned()))
    }

    fn trace(&self, model: &str) -> NewTrace {
        let wishes = &self.call.wishes;
        let is_attached = wishes.trace_id.is_some() || wishes.parent_id.is_some();
        let rank = if is_attached { NameRank::Fallback } else { NameRank::Root };
        let name = wishes.trace_name.clone().map_or((model.to_owned(), rank), |name| (name, NameRank::Given));
        let mut tags = vec![TAG.to_owned()];
        tags.extend(wishes.tags.iter().cloned());
        let changes = wishes.trace_id.is_some() && wishes.describe_the_trace();
        NewTrace {
            name: Some(name),
            tags,
            session_id: wishes.session_id.clone(),
            metadata: wishes.metadata.clone(),
            on_existing: if changes { OnExisting::Merge } else { OnExisting::Keep },
            ..NewTrace::implicit(self.call.trace_id.clone(), self.call.started_at)
        }
    }

    fn span(&self, call: &LlmCall, status: SpanStatus) -> Span {
        Span {
            id: self.call.span_id.clone(),
            trace_id: self.call.trace_id.clone(),
            parent_id: self.call.wishes.parent_id.clone(),
            name: call.model.clone(),
            kind: SpanKind::LlmCall(call.clone()),
            status,
            started_at: self.call.started_at,
            ended_at: None,
            attributes: Attributes::new(),
            ms_to_first_chunk: None,
            preview: None,
        }
    }

    async fn store(&self, trace: NewTrace, span: Span, payload: Payload) -> Result<(), StoreError> {
        let version = Version::new(&span.status, span.ended_at.unwrap_or(span.started_at));
        let write = SpanWrite::Put(NewSpan { span, payload, version });
        self.recorder.record(&self.call.scope, vec![trace], vec![write]).await.map(|_| ())
    }

    /// Records the ended call: in the store, else in the spool, else only as a number.
    async fn finish(&mut self, model: &str, span: Span, payload: Payload) {
        let mut tries = RETRIES.into_iter();
        let error = loop {
            match self.store(self.trace(model), span.clone(), payload.clone()).await {
                Ok(()) => {
                    metrics::counter!("traceway_proxy_records_total", "to" => "store").increment(1);
                    return;
                }
                Err(StoreError::Busy) => match tries.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => break StoreError::Busy,
                },
                Err(error) => break error,
            }
        };
        let version = Version::new(&span.status, span.ended_at.unwrap_or(span.started_at));
        let record = Record {
            scope: self.call.scope,
            trace: self.trace(model),
            span: NewSpan { span, payload, version },
        };
        match self.spool.keep(&record).await {
            Ok(()) => {
                metrics::counter!("traceway_proxy_records_total", "to" => "spool").increment(1);
                tracing::warn!(error = %chain(&error), span.id = %self.call.span_id, "a call is kept until the store answers");
            }
            Err(spool_error) => {
                metrics::counter!("traceway_proxy_records_total", "to" => "nowhere").increment(1);
                tracing::error!(error = %chain(&error), %spool_error, span.id = %self.call.span_id, "a call is lost");
            }
        }
    }
}

impl Reading {
    fn failed(error: String) -> Self {
        Self {
            status: SpanStatus::Failed { error },
            output: Captured::default(),
            facts: ResponseFacts::default(),
            ms_to_first_chunk: None,
        }
    }
}

/// Runs work on the bytes of a body: by `compute` when they are few, and where it keeps nobody waiting when they are
/// many. `None` when it panicked.
async fn aside<T: Send + 'static>(
    compute: &dyn Compute,
    bytes: usize,
    encoded: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    match if encoded { bytes.saturating_mul(ENCODED) } else { bytes } {
        // What cannot be decoded is counted and logged, for which there are locks.
        ..=SMALL if !encoded => computed(compute, work).await,
        ..=LARGE => computed(&Inline, work).await,
        _ => tokio::task::spawn_blocking(work).await.ok(),
    }
}

/// Returns a body without its content encodings, or as it came where it has none that is known; `None` when it is too
/// large without them.
fn plain(copy: &mut Copy, encodings: &[String], limit: usize) -> Option<Bytes> {
    let error = match copy.decoded(encodings, limit) {
        Ok(decoded) => return Some(decoded),
        Err(error) => error,
    };
    metrics::counter!("traceway_proxy_undecoded_total").increment(1);
    match error {
        Undecodable::Unknown | Undecodable::Mistaken => {
            tracing::warn!(%error, "a body is recorded as it came");
            copy.decoded(&[], limit).ok()
        }
        Undecodable::TooLarge | Undecodable::NoMemory => {
            tracing::warn!(%error, "a body is recorded without its text");
            None
        }
    }
}

fn framing(answered: &Answered) -> Option<Framing> {
    answered
        .content_type
        .as_deref()
        .and_then(Framing::of)
        .filter(|_| !answered.status.is_client_error() && !answered.status.is_server_error())
}

fn read_answer(answered: &mut Answered, capture: CaptureMode, limit: usize) -> Reading {
    if answered.copy.is_dropped() {
        return Reading { status: status_without_body(answered), ..Reading::failed(String::new()) };
    }
    if let Some(framing) = framing(answered) {
        return read_stream(answered, framing, capture, limit);
    }
    let Some(body) = plain(&mut answered.copy, &answered.encodings, limit) else {
        return Reading { status: status_without_body(answered), ..Reading::failed(String::new()) };
    };
    let text = shown(&body, answered.content_type.as_deref());
    let output = capture.keep(&text, || match text {
        Cow::Borrowed(_) => body_json(&body),
        Cow::Owned(ref text) => Json::string(text),
    });
    if answered.status.is_client_error() || answered.status.is_server_error() {
        let status = SpanStatus::Failed { error: http_error(answered, &error_message(&text)) };
        return Reading { status, output, ..Reading::failed(String::new()) };
    }
    let facts = read_response(&body);
    let status = match &facts.error {
        Some(error) => SpanStatus::Failed { error: error.clone() },
        None => status_without_body(answered),
    };
    Reading { status, output, facts, ms_to_first_chunk: None }
}

fn read_stream(answered: &mut Answered, framing: Framing, capture: CaptureMode, limit: usize) -> Reading {
    let mut reader = StreamReader::new(framing);
    let decoded = if answered.encodings.is_empty() {
        answered.copy.chunks().iter().for_each(|chunk| reader.push(chunk));
        None
    } else {
        let Some(decoded) = plain(&mut answered.copy, &answered.encodings, limit) else {
            return Reading { status: status_without_body(answered), ..Reading::failed(String::new()) };
        };
        reader.push(&decoded);
        Some(decoded)
    };
    let stream = reader.finish();
    let is_known = stream.output.is_some();
    let status = match (&stream.error, &answered.outcome) {
        (Some(error), _) => SpanStatus::Failed { error: error.clone() },
        // Many clients hang up as soon as they have seen the last event.
        (None, Outcome::Gone | Outcome::Stopped) if is_known && stream.ended => SpanStatus::Completed,
        (None, Outcome::Complete) if is_known && !stream.ended => {
            SpanStatus::Failed { error: "the stream ended before its last event".to_owned() }
        }
        (None, _) => status_without_body(answered),
    };
    let output = if let Some(output) = stream.output {
        capture.keep(output.as_str(), || output.clone())
    } else {
        let body = decoded.or_else(|| plain(&mut answered.copy, &[], limit)).unwrap_or_default();
        let text = body_text(&body);
        capture.keep(&text, || Json::string(&text))
    };
    Reading { status, output, facts: stream.facts, ms_to_first_chunk: None }
}

/// Returns the status of an answer whose text says nothing about it.
fn status_without_body(answered: &Answered) -> SpanStatus {
    if answered.status.is_client_error() || answered.status.is_server_error() {
        return SpanStatus::Failed { error: http_error(answered, "") };
    }
    match &answered.outcome {
        Outcome::Complete => SpanStatus::Completed,
        Outcome::Broken(error) => SpanStatus::Failed { error: format!("the answer broke off: {error}") },
        Outcome::Gone => SpanStatus::Failed { error: GONE.to_owned() },
        Outcome::Stopped => SpanStatus::Failed { error: STOPPED.to_owned() },
    }
}

fn http_error(answered: &Answered, message: &str) -> String {
    let status = answered.status.as_u16();
    if message.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {message}") }
}

/// Returns how a body reads: its text, or, for sounds, pictures and other bytes, what and how large it is.
fn shown<'a>(body: &'a Bytes, content_type: Option<&str>) -> Cow<'a, str> {
    match std::str::from_utf8(body) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => match content_type.filter(|kind| is_binary(kind)) {
            Some(kind) => Cow::Owned(format!("<{kind}, {} bytes>", body.len())),
            None => Cow::Owned(body_text(body).into_owned()),
        },
    }
}

fn is_binary(content_type: &str) -> bool {
    ["audio/", "image/", "video/", "application/octet-stream", "application/zip", "application/pdf"]
        .iter()
        .any(|start| content_type.starts_with(start))
}
