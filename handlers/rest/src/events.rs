//! `/api/events`: what happens, as it happens, over server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event as Frame, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, future};
use http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};
use trace::event::Event;
use trace::filter::{Filter, SpanFacts};
use trace::id::{Scope, SpanId, TraceId};
use trace::ports::{Delivery, EventBus, PayloadStore, Sequence, Subscription, chain};
use trace::span::{Payload, SpanStatus};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::{Caller, TracesRead};
use crate::error::{ApiError, ErrorBody};
use crate::extract::Query;
use crate::filters::{self, Payloads};
use crate::router::Deps;
use crate::spans::key_of;
use crate::system::Server;
use crate::view::{SpanView, TraceView};

/// How long a client waits before it reconnects.
const RETRY: Duration = Duration::from_secs(3);
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events whose payloads are read together.
const CHUNK: usize = 64;

/// How long a stream may stay open, where a runtime has to end it. It goes with the request as an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimit(pub Duration);

pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new().routes(routes!(events))
}

/// Which events.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EventParams {
    /// Replay what came after this id, then go on live. `Last-Event-ID` says the same and wins.
    since: Option<String>,
    /// `full` (default), or `none` to leave `input` and `output` out.
    payload: Option<String>,
    /// Only spans of this kind.
    kind: Option<String>,
    /// Only spans of this model.
    model: Option<String>,
    /// Only spans of this provider.
    provider: Option<String>,
    /// Only spans in this state.
    status: Option<String>,
    /// Only spans of this trace.
    trace_id: Option<String>,
    /// Only spans of this session.
    session_id: Option<String>,
    /// Only these event types, separated by commas.
    types: Option<String>,
}

/// What a listener wants to hear.
struct Interest {
    filter: Filter,
    types: Option<Vec<String>>,
    payloads: Payloads,
}

impl EventParams {
    fn interest(self) -> Result<Interest, ApiError> {
        let mut filter = Filter::default();
        filters::kind(&mut filter, self.kind);
        filters::model(&mut filter, self.model);
        filters::provider(&mut filter, self.provider);
        filters::status(&mut filter, self.status.as_deref())?;
        filters::trace(&mut filter, self.trace_id.as_deref())?;
        filters::session(&mut filter, self.session_id);
        let split = |text: String| text.split(',').map(|word| word.trim().to_owned()).collect();
        let types = self.types.filter(|text| !text.is_empty()).map(split);
        Ok(Interest { filter, types, payloads: filters::payloads(self.payload.as_deref())? })
    }
}

impl Interest {
    fn wants(&self, event: &Event) -> bool {
        let listed = |types: &Vec<String>| types.iter().any(|word| word == event.type_word());
        if !self.types.as_ref().is_none_or(listed) {
            return false;
        }
        match event {
            Event::Span { span, session_id } => {
                let facts = SpanFacts { session_id: session_id.as_deref(), tags: &[], payload: None };
                self.filter.matches(span, &facts)
            }
            Event::SpanDeleted { .. } | Event::TraceDeleted(_) | Event::Cleared => true,
            Event::TraceCreated(_) | Event::TraceUpdated(_) => self.filter.is_empty(),
        }
    }
}

/// Streams events of the project until the client leaves.
///
/// Answers a `retry:`, a comment and the place to resume from at once, then one JSON object per frame, and a comment
/// every 15 seconds. A stream that ends is resumed with `Last-Event-ID`, and nothing is missed.
#[utoipa::path(get, path = "/api/events", tag = "events", security(("bearer" = ["traces_read"])),
    params(EventParams, ("token" = Option<String>, Query, description = "The API key or the token of a session, for \
        clients that cannot send a header.")),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = 400, body = ErrorBody)))]
async fn events(
    State(bus): State<Arc<dyn EventBus>>,
    State(payloads): State<Arc<dyn PayloadStore>>,
    State(server): State<Server>,
    caller: Caller<TracesRead>,
    limit: Option<Extension<StreamLimit>>,
    headers: HeaderMap,
    Query(params): Query<EventParams>,
) -> Result<Response, ApiError> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).and_then(sequence);
    let since = last.or_else(|| params.since.as_deref().and_then(sequence));
    let interest = params.interest()?;
    // Where it begins is told at once: a stream that ends before its first event is resumed from there.
    // The place before the first event is 0.
    let newest = bus.newest(&caller.scope).await.ok().map(|newest| newest.unwrap_or(Sequence(0)));
    let start = since.or(newest);
    let subscription = bus.subscribe(&caller.scope, start).await?;
    let frames = frames(subscription, (start, newest), payloads, caller.scope, interest);
    let limit = async move {
        match limit {
            Some(Extension(StreamLimit(limit))) => tokio::time::sleep(limit).await,
            None => future::pending().await,
        }
    };
    let stopped = Box::pin(server.stopping.cancelled_owned());
    let frames = frames.take_until(future::select(stopped, Box::pin(limit)));
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).text("keep-alive");
    let mut response = Sse::new(frames).keep_alive(keep_alive).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn sequence(text: &str) -> Option<Sequence> {
    text.trim().parse().ok().map(Sequence)
}

/// Counts a connection for as long as its stream lives.
struct Connection;

impl Connection {
    fn open() -> Self {
        metrics::counter!("traceway_sse_connections_total").increment(1);
        metrics::gauge!("traceway_sse_connections_active").increment(1.0);
        Self
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        metrics::gauge!("traceway_sse_connections_active").decrement(1.0);
    }
}

fn frames(
    subscription: Subscription,
    (start, newest): (Option<Sequence>, Option<Sequence>),
    payloads: Arc<dyn PayloadStore>,
    scope: Scope,
    interest: Interest,
) -> impl Stream<Item = Result<Frame, Infallible>> {
    async_stream::stream! {
        let _connection = Connection::open();
        let hello = Frame::default().retry(RETRY).comment("connected");
        yield Ok(match start {
            Some(start) => hello.id(start.0.to_string()),
            None => hello,
        });
        let mut chunks = subscription.ready_chunks(CHUNK);
        // A client that was told to reload need not be told again when it comes back.
        let mut resume = newest;
        while let Some(chunk) = chunks.next().await {
            // Only the first delivery can stand for all that came before.
            let before = resume.take();
            if let (Some(Delivery::Resync), Some(newest)) = (chunk.first(), before) {
                yield Ok(Frame::default().id(newest.0.to_string()).comment("reload"));
            }
            let Some(frames) = chunk_frames(chunk, &*payloads, &scope, &interest).await else {
                // The store cannot give what the events need. The client reconnects and replays from its last id.
                break;
            };
            for frame in frames {
                yield Ok(frame);
            }
        }
    }
}

/// Returns the frames of some deliveries, with the payloads of all their spans read together.
async fn chunk_frames(
    chunk: Vec<Delivery>,
    payloads: &dyn PayloadStore,
    scope: &Scope,
    interest: &Interest,
) -> Option<Vec<Frame>> {
    let wanted: Vec<Delivery> = chunk
        .into_iter()
        .filter(|delivery| match delivery {
            Delivery::Event(_, event) => interest.wants(event),
            Delivery::Resync => true,
        })
        .collect();
    let spans = wanted.iter().filter_map(|delivery| match delivery {
        Delivery::Event(_, event) => match &**event {
            Event::Span { span, .. } => Some(key_of(span)),
            _ => None,
        },
        Delivery::Resync => None,
    });
    let keys: Vec<_> = if interest.payloads == Payloads::Full { spans.collect() } else { Vec::new() };
    let mut loaded = if keys.is_empty() {
        Vec::new().into_iter()
    } else {
        match payloads.load(scope, &keys).await {
            Ok(loaded) => loaded.into_iter(),
            Err(error) => {
                tracing::warn!(error = %chain(&error), "payloads of live events could not be read");
                return None;
            }
        }
    };
    Some(wanted.into_iter().filter_map(|delivery| frame(delivery, &mut loaded)).collect())
}

/// An event as clients read it.
#[derive(Serialize)]
#[serde(untagged)]
enum Body {
    Span { span: Box<SpanView> },
    SpanDeleted { span_id: SpanId, trace_id: TraceId },
    Trace { trace: Box<TraceView> },
    TraceDeleted { trace_id: TraceId },
    Bare {},
}

#[derive(Serialize)]
struct Message {
    r#type: &'static str,
    #[serde(flatten)]
    body: Body,
}

fn frame(delivery: Delivery, payloads: &mut impl Iterator<Item = Payload>) -> Option<Frame> {
    let (sequence, event) = match delivery {
        Delivery::Event(sequence, event) => (sequence, event),
        Delivery::Resync => {
            let message = Message { r#type: "resync", body: Body::Bare {} };
            return Some(Frame::default().event("message").data(serde_json::to_string(&message).ok()?));
        }
    };
    let body = match &*event {
        Event::Span { span, .. } => {
            let mut payload = payloads.next().unwrap_or_default();
            if span.status == SpanStatus::Running {
                // The store may already hold what a later event will tell.
                payload.output = None;
            }
            Body::Span { span: Box::new(SpanView::new(span.as_ref().clone(), payload)) }
        }
        Event::SpanDeleted { span_id, trace_id } => {
            Body::SpanDeleted { span_id: span_id.clone(), trace_id: trace_id.clone() }
        }
        Event::TraceCreated(trace) | Event::TraceUpdated(trace) => {
            Body::Trace { trace: Box::new(TraceView::from(trace.as_ref().clone())) }
        }
        Event::TraceDeleted(trace_id) => Body::TraceDeleted { trace_id: trace_id.clone() },
        Event::Cleared => Body::Bare {},
    };
    let message = Message { r#type: event.type_word(), body };
    let data = serde_json::to_string(&message).ok()?;
    Some(Frame::default().id(sequence.0.to_string()).event("message").data(data))
}
