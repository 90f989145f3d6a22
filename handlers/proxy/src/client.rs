//! The HTTP client that talks to providers.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tower_service::Service;

use crate::reach::{PrivateTarget, Reach, Resolver};

/// Connections are kept in several pools: an HTTP/2 pool has one connection per host, which carries about a
/// hundred calls at a time. Model calls are long, and the next one would wait until another ends.
const LANES: usize = 16;

/// Calls per pool before the next pool is used.
const CALLS_PER_LANE: usize = 64;

/// How long a new connection may take, its TLS handshake included.
const CONNECT: Duration = Duration::from_secs(30);

/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_mins(1);

/// The client could not be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// TLS could not be set up.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
}

/// A call got no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    /// The target may not be called.
    #[error(transparent)]
    Forbidden(PrivateTarget),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

impl TransportError {
    fn of(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(private) = error.downcast_ref::<PrivateTarget>() {
                return Self::Forbidden(*private);
            }
            cause = error.source();
        }
        Self::Failed(told(error))
    }
}

/// A pooled HTTP client for HTTP/1.1 and HTTP/2 that sends and hands back exactly what it is given: no header
/// is added but `Host`, no redirect followed, nothing decompressed, no path rewritten. One per process.
#[derive(Clone)]
pub struct HttpClient {
    lanes: Arc<[Lane]>,
}

struct Lane {
    client: Client<Connector, Body>,
    calls: Arc<AtomicUsize>,
}

/// Opens connections, TLS included, within [`CONNECT`].
#[derive(Clone)]
struct Connector {
    https: Https,
    reach: Reach,
}

type Https = HttpsConnector<HttpConnector<Resolver>>;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = <Https as Service<Uri>>::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.https.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        // An address is not resolved, so it is checked here.
        if let Err(private) = self.reach.check(uri.host().unwrap_or_default()) {
            return Box::pin(std::future::ready(Err(private.into())));
        }
        let opened = tokio::time::timeout(CONNECT, self.https.call(uri));
        Box::pin(async { opened.await.map_err(|_| "the connection took too long to open")? })
    }
}

/// Returns the client of a proxy that may call everything.
pub fn http_client() -> Result<HttpClient, ClientError> {
    http_client_within(Reach::Everything)
}

/// Returns the client of a proxy that may call what `reach` says.
///
/// Certificates are checked as the operating system does, or against Mozilla's roots where it has none.
pub fn http_client_within(reach: Reach) -> Result<HttpClient, ClientError> {
    let mut tcp = HttpConnector::new_with_resolver(Resolver::new(reach.clone()));
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_keepalive(Some(Duration::from_secs(30)));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let with_tls = match HttpsConnectorBuilder::new()
        .with_provider_and_platform_verifier(Arc::clone(&provider))
    {
        Ok(builder) => builder,
        Err(error) => {
            tracing::warn!(%error, "the system's certificates cannot be used; Mozilla's are used instead");
            HttpsConnectorBuilder::new().with_provider_and_webpki_roots(provider).map_err(ClientError::Tls)?
        }
    };
    let connector = with_tls.https_or_http().enable_http1().enable_http2().wrap_connector(tcp);
    let connector = Connector { https: connector, reach };
    let lane = |_| Lane { client: client(connector.clone()), calls: Arc::default() };
    Ok(HttpClient { lanes: (0..LANES).map(lane).collect() })
}

fn client(connector: Connector) -> Client<Connector, Body> {
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .http2_initial_stream_window_size(1024 * 1024)
        .http2_initial_connection_window_size(8 * 1024 * 1024)
        // A connection that died in silence would otherwise hold its calls until the header timeout.
        .http2_keep_alive_interval(Duration::from_secs(30))
        .http2_keep_alive_timeout(Duration::from_secs(20))
        .build(connector)
}

impl HttpClient {
    /// Sends a request and returns the head of its answer, whose body is still on its way.
    pub(crate) async fn send(&self, request: Request<Body>) -> Result<Response<Answer>, TransportError> {
        let lane = self.lane();
        let ticket = Ticket::take(&lane.calls);
        let response = lane.client.request(request).await.map_err(|error| TransportError::of(&error))?;
        Ok(response.map(|body| Answer { body, _ticket: ticket }))
    }

    /// Returns the first pool with room, or the emptiest one. Pools fill one after another, so that few calls
    /// share warm connections.
    fn lane(&self) -> &Lane {
        let calls = |lane: &Lane| lane.calls.load(Ordering::Relaxed);
        let with_room = self.lanes.iter().find(|lane| calls(lane) < CALLS_PER_LANE);
        let emptiest = || self.lanes.iter().min_by_key(|lane| calls(lane));
        with_room.or_else(emptiest).expect("there is at least one pool")
    }
}

/// Returns an error with its causes, each said once.
pub(crate) fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// Counts a call for as long as it lives.
struct Ticket(Arc<AtomicUsize>);

impl Ticket {
    fn take(calls: &Arc<AtomicUsize>) -> Self {
        calls.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(calls))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer, as it arrives.
pub(crate) struct Answer {
    body: Incoming,
    _ticket: Ticket,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
