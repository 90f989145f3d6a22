//! An emulator of model providers: bodies of the shape the real ones send, made from the request, with switches for
//! delays, breaks and encodings. The vendors' own client libraries are run against it.
//!
//! Switches come in a header `x-emulator: delay=200,chunks=50` or a query parameter `emulator` of the same form; see
//! [`Switches`]. The header is passed on by the proxy like any other.

mod answer;
mod anthropic;
mod call;
mod ollama;
mod openai;
mod send;
mod switches;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use http::{HeaderMap, Method, StatusCode, Uri};
use http_body_util::BodyExt;

pub use answer::{answer_text, count_tokens, is_cached};
pub use switches::Switches;

use self::call::{Call, Known};

/// How many requests are remembered; a benchmark sends more than anyone wants to look at.
const REMEMBERED: usize = 1000;

/// What was received.
#[derive(Clone, Debug)]
pub struct Received {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// All headers, repeated ones too.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// A running emulator. It stops when it is dropped.
pub struct Emulator {
    base_url: String,
    received: Arc<Log>,
    task: tokio::task::JoinHandle<()>,
}

/// The requests received, and the answers already made.
#[derive(Default)]
struct Log {
    requests: Mutex<Vec<Received>>,
    is_full: AtomicBool,
    known: Known,
}

impl Log {
    fn add(&self, request: impl FnOnce() -> Received) {
        if self.is_full.load(Ordering::Relaxed) {
            return;
        }
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push(request());
        self.is_full.store(requests.len() >= REMEMBERED, Ordering::Relaxed);
    }
}

impl Emulator {
    /// `http://127.0.0.1:<port>`
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns the first requests received, oldest first.
    pub fn requests(&self) -> Vec<Received> {
        self.received.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts an emulator on a free port.
pub async fn start() -> std::io::Result<Emulator> {
    start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
}

/// Starts an emulator on `address`.
pub async fn start_at(address: SocketAddr) -> std::io::Result<Emulator> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    let base_url = format!("http://{}", listener.local_addr()?);
    let received = Arc::new(Log::default());
    let router =
        Router::new().fallback(provide).layer(DefaultBodyLimit::disable()).with_state(Arc::clone(&received));
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let task = tokio::spawn(async move {
        let _ = axum::serve(listener, router).await;
    });
    Ok(Emulator { base_url, received, task })
}

async fn provide(State(log): State<Arc<Log>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    log.add(|| {
        let (method, uri, headers) = (parts.method.clone(), parts.uri.clone(), parts.headers.clone());
        Received { method, uri, headers, body: body.clone() }
    });
    let switches = Switches::of(&parts.headers, parts.uri.query());
    if switches.delay_ms > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(switches.delay_ms)).await;
    }
    let answer = Call::answer(&log.known, &parts, &body, &switches);
    send::send(answer, &switches, &parts.headers)
}
