//! A request's way to its provider and back.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{BoxError, Router};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Uri};
use hyper::ext::ReasonPhrase;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use trace::id::{Scope, SpanId, TraceId};
use trace::ports::{Clock, Compute, Ids};
use trace::provider::is_generation_path;
use trace::record::Recorder;

use crate::admission::{Admission, Admitted};
use crate::background::{Background, Hold};
use crate::budget::Budget;
use crate::client::{Answer, HttpClient, TransportError};
use crate::copy::Copy;
use crate::cors::Page;
use crate::download::{Download, Ending, STOPPED};
use crate::error::ProxyError;
use crate::headers::{SPAN_ID, TRACE_ID, Wishes, encodings, for_client, for_provider, text, traceway_key};
use crate::last_bytes::LastBytes;
use crate::recording::{Call, Recording};
use crate::settings::Settings;
use crate::spool::Spool;
use crate::target::{Place, Target};
use crate::upload::{Tee, Unfinished, Upload};

/// How long a client may go on sending a body nobody needs any more.
const DRAIN: Duration = Duration::from_secs(10);

/// How long a body takes at most to come back from a failed call.
const RETURN: Duration = Duration::from_secs(1);

/// How long the answer of an unknown path waits to hear whether it belongs to a model call.
const DECISION: Duration = Duration::from_millis(2);

/// How long a call waits for the trace of its parent to be looked up; a new trace is better than a late call.
const LOOKUP: Duration = Duration::from_millis(25);

/// A decoded body may be this much larger than a request body may.
const DECODED_PER_BODY: usize = 4;

/// What the proxy needs from its runtime.
#[derive(Clone)]
pub struct Deps {
    /// Where calls are recorded.
    pub recorder: Recorder,
    /// Where records go that the store refused.
    pub spool: Arc<dyn Spool>,
    /// Runs recordings.
    pub background: Arc<dyn Background>,
    /// Runs what of a recording only needs a processor.
    pub compute: Arc<dyn Compute>,
    /// Tells who calls.
    pub admission: Arc<dyn Admission>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes ids.
    pub ids: Arc<dyn Ids>,
    /// Talks to providers.
    pub client: HttpClient,
    /// What can be set from outside.
    pub settings: Settings,
    /// Cancelled when the process stops and calls still under way can be waited for no longer: they end as failed,
    /// with what had arrived, so that they are recorded before the process is gone.
    pub cut: CancellationToken,
}

struct Proxy {
    deps: Deps,
    budget: Arc<Budget>,
}

/// Returns the proxy: every method and path is relayed.
pub fn router(deps: Deps) -> Router {
    let budget = Budget::new(deps.settings.max_copies);
    Router::new().fallback(relay).with_state(Arc::new(Proxy { deps, budget }))
}

async fn relay(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    let page = Page::of(request.headers(), &proxy.deps.settings.origins);
    let answer = match proxy.check(&request, page.as_ref()) {
        Ok(Some(response)) => return response,
        Ok(None) => proxy.relay(request).await,
        Err(error) => Err(error),
    };
    let mut response = answer.unwrap_or_else(|error| {
        tracing::debug!(%error, "a request was answered without its provider");
        error.into_response()
    });
    if let Some(page) = page {
        page.mark(response.headers_mut());
    }
    response
}

/// A request ready to be sent.
struct Outgoing {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
}

impl Proxy {
    /// Refuses what a foreign page may have caused, and answers preflights.
    fn check(&self, request: &Request, page: Option<&Page>) -> Result<Option<Response>, ProxyError> {
        if let Some(allowed) = &self.deps.settings.hosts {
            let host = text(request.headers(), &header::HOST);
            let host =
                host.or_else(|| request.uri().authority().map(http::uri::Authority::as_str)).unwrap_or("");
            if !trace::host::is_local_host(host, allowed) {
                return Err(ProxyError::ForbiddenHost(trace::host::refusal(host)));
            }
            // Without credentials to ask for, what a page may not read it must not cause either.
            let is_foreign = page.is_some_and(|page| page.is_foreign(host));
            if is_foreign && !request.method().is_safe() {
                return Err(ProxyError::ForbiddenOrigin);
            }
        }
        page.and_then(|page| page.preflight(request.method(), request.headers())).transpose()
    }

    async fn relay(&self, request: Request) -> Result<Response, ProxyError> {
        let started_at = self.deps.clock.now();
        let (parts, body) = request.into_parts();
        let place = Place::of(&parts.uri);
        let target = Target::of(&place, &parts.headers, self.deps.settings.target.as_ref())?;
        let key = traceway_key(&parts.headers).or(place.key.as_deref());
        let Admitted { scope, recorded } = self.deps.admission.admit(key).await?;
        let body = self.within_limit(&parts.headers, body).await?;
        let known = is_generation_path(&place.path);
        if !recorded || parts.method != Method::POST || !(known || may_be_json(&parts.headers)) {
            let headers = for_provider(parts.headers);
            return self.pass(Outgoing { method: parts.method, uri: target.uri, headers, body }).await;
        }
        let wishes = Wishes::of(&parts.headers);
        let call = Call {
            scope,
            trace_id: self.trace_of(&scope, &wishes).await,
            span_id: self.deps.ids.span_id(),
            capture: wishes.capture.unwrap_or(self.deps.settings.capture),
            wishes,
            provider: target.provider,
            path: place.path,
            known,
            encodings: encodings(&parts.headers),
            started_at,
        };
        let headers = for_provider(parts.headers);
        self.record(call, Outgoing { method: parts.method, uri: target.uri, headers, body }).await
    }

    /// Returns the trace a call asks for, else that of its parent, else a new one.
    async fn trace_of(&self, scope: &Scope, wishes: &Wishes) -> TraceId {
        let of_parent = async {
            let parent = wishes.parent_id.as_ref()?;
            let found = tokio::time::timeout(LOOKUP, self.deps.recorder.trace_of(scope, parent)).await;
            found.ok()?.ok()?
        };
        match &wishes.trace_id {
            Some(id) => id.clone(),
            None => of_parent.await.unwrap_or_else(|| self.deps.ids.trace_id()),
        }
    }

    /// Refuses a body that says it is too large, after the client had a chance to notice.
    async fn within_limit(&self, headers: &HeaderMap, body: Body) -> Result<Body, ProxyError> {
        let limit = self.deps.settings.max_body;
        let length = text(headers, &header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        if length.is_none_or(|length| length <= limit as u64) {
            return Ok(body);
        }
        // Whoever asks first sees the refusal without having sent anything.
        if !headers.contains_key(header::EXPECT) {
            let mut upload = self.upload(body, oneshot::channel().0);
            upload.forget();
            upload.drain(DRAIN).await;
        }
        Err(ProxyError::BodyTooLarge { limit })
    }

    fn upload(&self, body: Body, done: oneshot::Sender<crate::upload::Uploaded>) -> Upload {
        Upload::new(body, Copy::new(self.budget.share()), done, self.deps.settings.max_body)
    }

    /// Relays a request that is not recorded.
    async fn pass(&self, outgoing: Outgoing) -> Result<Response, ProxyError> {
        metrics::counter!("traceway_proxy_requests_total", "recorded" => "no").increment(1);
        let mut upload = self.upload(outgoing.body, oneshot::channel().0);
        upload.forget();
        let (tee, mut returned) = Tee::new(upload);
        let sent = self.send(outgoing.method, outgoing.uri, outgoing.headers, Body::new(tee)).await;
        match sent {
            Ok(answer) => Ok(respond(answer, |body| body)),
            Err(error) => Err(self.unanswered(error, &mut returned).await),
        }
    }

    /// Relays a request and records it if it turns out to be a model call.
    async fn record(&self, call: Call, outgoing: Outgoing) -> Result<Response, ProxyError> {
        let (done, uploaded) = oneshot::channel();
        let (tell, end) = oneshot::channel();
        let (decided, mut is_call) = oneshot::channel();
        let upload = self.upload(outgoing.body, done);
        let known = call.known;
        let ids = (call.trace_id.clone(), call.span_id.clone());
        let recording = Recording {
            recorder: self.deps.recorder.clone(),
            spool: Arc::clone(&self.deps.spool),
            compute: Arc::clone(&self.deps.compute),
            call,
            max_decoded: self.deps.settings.max_body.saturating_mul(DECODED_PER_BODY),
            clock: Arc::clone(&self.deps.clock),
            cut: self.deps.cut.clone(),
        };
        let ending = Ending::new(Arc::clone(&self.deps.clock), tell);
        let hold = self.deps.background.start(Box::pin(recording.run(uploaded, decided, end)));
        let (tee, mut returned) = Tee::new(upload);
        let sent = self.send(outgoing.method, outgoing.uri, outgoing.headers, Body::new(tee)).await;
        let answer = match sent {
            Ok(answer) => answer,
            Err(failure) => {
                let (told, at) = (failure.told(), self.deps.clock.now());
                let error = self.unanswered(failure, &mut returned).await;
                let is_recorded = matches!(
                    error,
                    ProxyError::Unreachable(_) | ProxyError::Timeout(_) | ProxyError::Stopping
                );
                if is_recorded {
                    ending.failed(told, at);
                } else {
                    ending.refused();
                }
                finished(hold).await;
                if !is_recorded || !(known || is_call.try_recv().is_ok()) {
                    return Err(error);
                }
                tracing::debug!(%error, "a call was answered without its provider");
                let mut response = error.into_response();
                mark(&mut response, ids);
                return Ok(response);
            }
        };
        // Whether an unknown path was a model call is known as soon as its body has been read. An answer that
        // comes before that is not kept waiting: sent whole, the body decides a little later whether there is a span.
        let is_sending = matches!(returned.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        let decision = match known {
            true => Some(true),
            false if is_sending => Some(false),
            false => tokio::time::timeout(DECISION, &mut is_call).await.ok().map(|is_call| is_call.is_ok()),
        };
        if decision == Some(false) {
            ending.refused();
            metrics::counter!("traceway_proxy_requests_total", "recorded" => "no").increment(1);
            return Ok(respond(answer, |body| body));
        }
        metrics::counter!("traceway_proxy_requests_total", "recorded" => "yes").increment(1);
        let (status, copy) = (answer.status(), Copy::new(self.budget.share()));
        let headers = answer.headers().clone();
        let cut = self.deps.cut.clone();
        let download = |body| Download::new(status, &headers, body, copy, ending, hold, cut);
        let mut response = respond(answer, download);
        if decision == Some(true) {
            mark(&mut response, ids);
        }
        Ok(response)
    }

    async fn send(
        &self,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Body,
    ) -> Result<Response<Answer>, Failure> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let limit = self.deps.settings.header_timeout;
        let answer = tokio::time::timeout(limit, self.deps.client.send(request));
        match self.deps.cut.run_until_cancelled(answer).await {
            Some(Ok(answer)) => answer.map_err(Failure::Transport),
            Some(Err(_)) => Err(Failure::Timeout(limit.as_secs())),
            None => Err(Failure::Stopped),
        }
    }

    /// Returns what the client of a call without an answer is told.
    async fn unanswered(&self, failure: Failure, returned: &mut oneshot::Receiver<Unfinished>) -> ProxyError {
        if matches!(failure, Failure::Stopped) {
            return ProxyError::Stopping;
        }
        // What is still to be sent is read first: the recording wants it, and the client looks for an answer
        // only when it has sent everything.
        match tokio::time::timeout(RETURN, returned).await {
            Ok(Ok(Unfinished::Unreadable(error))) => return ProxyError::UnreadableBody(error),
            Ok(Ok(Unfinished::TooLarge(upload))) => {
                upload.drain(DRAIN).await;
                return ProxyError::BodyTooLarge { limit: self.deps.settings.max_body };
            }
            Ok(Ok(Unfinished::Abandoned(upload))) => upload.drain(DRAIN).await,
            Ok(Err(_)) | Err(_) => {}
        }
        match failure {
            Failure::Transport(TransportError::Forbidden(error)) => ProxyError::ForbiddenTarget(error),
            Failure::Transport(error) => ProxyError::Unreachable(error.to_string()),
            Failure::Timeout(seconds) => ProxyError::Timeout(seconds),
            Failure::Stopped => ProxyError::Stopping,
        }
    }
}

/// Why there is no answer.
enum Failure {
    Transport(TransportError),
    Timeout(u64),
    Stopped,
}

impl Failure {
    /// Returns the error of the span.
    fn told(&self) -> String {
        match self {
            Self::Transport(error) => error.to_string(),
            Self::Timeout(_) => "timeout".to_owned(),
            Self::Stopped => STOPPED.to_owned(),
        }
    }
}

/// Waits for the recording where nothing runs after an answer.
async fn finished(hold: Option<Hold>) {
    if let Some(hold) = hold {
        hold.await;
    }
}

/// Says in an answer which span the call is.
fn mark(response: &mut Response, (trace, span): (TraceId, SpanId)) {
    for (name, id) in [(TRACE_ID, trace.as_str()), (SPAN_ID, span.as_str())] {
        if let Ok(value) = HeaderValue::from_str(id) {
            response.headers_mut().insert(name, value);
        }
    }
}

/// Returns a provider's answer as the client gets it, its body wrapped.
fn respond<B>(answer: Response<Answer>, wrap: impl FnOnce(Answer) -> B) -> Response
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError> + Send + Unpin> + Send + Unpin + 'static,
{
    let (mut parts, body) = answer.into_parts();
    let mut response = Response::new(Body::new(LastBytes::of(wrap(body))));
    *response.status_mut() = parts.status;
    *response.headers_mut() = for_client(parts.headers);
    if let Some(reason) = parts.extensions.remove::<ReasonPhrase>() {
        response.extensions_mut().insert(reason);
    }
    response
}

/// Returns whether a body may be JSON: forms and media are not read, and some clients say nothing.
fn may_be_json(headers: &HeaderMap) -> bool {
    let kind = text(headers, &header::CONTENT_TYPE).unwrap_or_default();
    !["multipart/", "audio/", "image/", "video/"].iter().any(|start| kind.starts_with(start))
}
