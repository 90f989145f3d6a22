//! A router over stores in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use adapter_memory::{MemoryBus, SystemClock, UlidIds};
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use rest::{Access, Deps, Everyone, Server};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use trace::host::Origins;
use trace::id::Scope;
use trace::ports::{Clock, PayloadStore, SpanKey, StoreError};
use trace::record::Recorder;
use trace::span::Payload;
use trace::testing::MemoryStore;

/// A router, and the stores behind it.
pub(super) struct Api {
    pub(super) router: Router,
    pub(super) loads: Arc<Loads>,
}

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Payloads of a store, with how many spans were read together at most, and how often.
pub(super) struct Loads {
    store: Arc<MemoryStore>,
    most: AtomicUsize,
    calls: AtomicUsize,
}

impl Loads {
    /// Returns the most spans whose payloads were in memory together, and the number of reads.
    pub(super) fn seen(&self) -> (usize, usize) {
        (self.most.load(Ordering::Relaxed), self.calls.load(Ordering::Relaxed))
    }
}

#[async_trait]
impl PayloadStore for Loads {
    async fn load(&self, scope: &Scope, spans: &[SpanKey]) -> Result<Vec<Payload>, StoreError> {
        self.most.fetch_max(spans.len(), Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.store.load(scope, spans).await
    }
}

impl Api {
    pub(super) fn new() -> Self {
        Self::with(None)
    }

    /// Returns an API that has metrics to show.
    pub(super) fn with_metrics() -> Self {
        Self::with(Some(Arc::new(String::new)))
    }

    fn with(metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>) -> Self {
        let store = Arc::new(MemoryStore::default());
        let loads = Arc::new(Loads {
            store: Arc::clone(&store),
            most: AtomicUsize::default(),
            calls: AtomicUsize::default(),
        });
        let events = Arc::new(MemoryBus::new(&SystemClock));
        let recorder = Recorder::new(Arc::clone(&store) as _, Arc::clone(&events) as _, Arc::default());
        let server = Server {
            mode: "local",
            backend: "memory",
            instance_id: "test".to_owned(),
            version: "0",
            region: None,
            started_at: SystemClock.now(),
            metrics,
            shutdown: None,
            is_open: Arc::new(|| true),
            stopping: CancellationToken::new(),
            config: None,
            proxy: None,
        };
        let deps = Deps {
            recorder,
            spans: Arc::clone(&store) as _,
            payloads: Arc::clone(&loads) as _,
            rollups: store,
            events,
            cloud: None,
            clock: Arc::new(SystemClock),
            ids: Arc::new(UlidIds::new()),
            authenticator: Arc::new(Everyone),
            server,
            access: Access { origins: Origins::Loopback, hosts: None },
        };
        Self { router: rest::router(deps), loads }
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap();
        let mut headers = parts.headers;
        headers.extend(body.trailers().cloned().unwrap_or_default());
        Answer { status: parts.status, headers, body: body.to_bytes() }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = Request::post(path).header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }
}
