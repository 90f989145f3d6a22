//! An emulator of model providers: bodies of the shape the real ones send, made from the request, with switches for
//! delays, breaks and encodings. The vendors' own client libraries are run against it.
//!
//! Switches come in a header `x-emulator: delay=200,chunks=50` or a query parameter `emulator` of the same form; see
//! [`Switches`]. The header is passed on by the proxy like any other.

mod answer;
mod anthropic;
mod ollama;
mod openai;
mod responses;
mod switches;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use http::{HeaderMap, Method, StatusCode, Uri};
use http_body_util::BodyExt;
use serde_json::{Value, json};

pub use answer::{answer_text, count_tokens, is_cached};
pub use switches::Switches;

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
    received: Log,
    task: tokio::task::JoinHandle<()>,
}

type Log = Arc<Mutex<Vec<Received>>>;

impl Emulator {
    /// `http://127.0.0.1:<port>`
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns the first requests received, oldest first.
    pub fn requests(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
    let received = Log::default();
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

/// One call: what a provider is asked.
struct Call {
    path: String,
    headers: HeaderMap,
    body: Value,
    raw: Bytes,
    switches: Switches,
}

async fn provide(State(log): State<Log>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(raw) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() < REMEMBERED {
            let (method, uri, headers) = (parts.method.clone(), parts.uri.clone(), parts.headers.clone());
            log.push(Received { method, uri, headers, body: raw.clone() });
        }
    }
    let switches = Switches::of(&parts.headers, parts.uri.query());
    if switches.delay_ms > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(switches.delay_ms)).await;
    }
    let path = parts.uri.path().trim_end_matches('/').to_owned();
    let body = serde_json::from_slice(&raw).unwrap_or(Value::Null);
    let call = Call { path, headers: parts.headers, body, raw, switches };
    route(&parts.method, &parts.uri, &call)
}

fn route(method: &Method, uri: &Uri, call: &Call) -> Response {
    let path = call.path.strip_prefix("/v1").filter(|path| path.starts_with('/')).unwrap_or(&call.path);
    match (method.as_str(), path) {
        ("POST", "/chat/completions") => openai::chat(call),
        ("POST", "/completions") => openai::completion(call),
        ("POST", "/embeddings") => openai::embeddings(call),
        ("POST", "/responses") => responses::create(call),
        ("GET", "/models") => openai::models(call),
        ("POST", "/messages") => anthropic::messages(call),
        ("POST", "/messages/count_tokens") => anthropic::count(call),
        ("POST", "/api/chat") => ollama::chat(call),
        ("POST", "/api/generate") => ollama::generate(call),
        ("POST", "/api/embed") => ollama::embed(call),
        ("POST", "/api/embeddings") => ollama::embeddings(call),
        ("GET", "/api/tags") => ollama::tags(call),
        ("POST", "/api/show") => ollama::show(call),
        ("GET", "/api/version") => answer::json(call, StatusCode::OK, &json!({ "version": "0.9.0" })),
        _ => echo(method, uri, call),
    }
}

/// Unknown paths answer what was asked, so that pass-through can be checked.
fn echo(method: &Method, uri: &Uri, call: &Call) -> Response {
    let headers: Vec<(String, String)> = call
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let echoed = json!({ "method": method.as_str(), "path": uri.path(), "query": uri.query(), "headers": headers,
        "bytes": call.raw.len(), "blake3": blake3::hash(&call.raw).to_hex().as_str() });
    answer::json(call, StatusCode::OK, &echoed)
}
