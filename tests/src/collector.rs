//! An OTLP collector that keeps what real exporters send, over HTTP (protobuf, JSON, gzip) and gRPC on one port.
//!
//! The mapping is tested with such requests, so that it follows what clients do and not what their documents say.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use flate2::read::GzDecoder;
use http::{HeaderMap, StatusCode, header};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use serde_json::{Value, json};
use tonic::codec::CompressionEncoding;

/// Says in a header of an export to which fixture it belongs; exporters take it from `OTEL_EXPORTER_OTLP_HEADERS`.
const FIXTURE: &str = "x-fixture";

type Requests = Arc<Mutex<BTreeMap<String, Vec<Value>>>>;

/// A running collector. It stops when it is dropped.
pub struct Collector {
    base_url: String,
    requests: Requests,
    task: tokio::task::JoinHandle<()>,
}

impl Collector {
    /// Starts a collector on `address`; port 0 takes a free one.
    pub async fn start(address: SocketAddr) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(address).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let requests = Requests::default();
        let grpc = TraceServiceServer::new(Grpc { requests: Arc::clone(&requests) })
            .accept_compressed(CompressionEncoding::Gzip);
        let http = Router::new()
            .route("/v1/traces", post(export))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&requests));
        let router = tonic::service::Routes::new(grpc).into_axum_router().merge(http);
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { base_url, requests, task })
    }

    /// `http://127.0.0.1:<port>`
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns one OTLP JSON request for each fixture: its exports, joined in the order they came.
    pub fn fixtures(&self) -> BTreeMap<String, Value> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let joined = |exports: &Vec<Value>| {
            let spans = exports.iter().filter_map(|export| export["resourceSpans"].as_array()).flatten();
            json!({ "resourceSpans": spans.collect::<Vec<_>>() })
        };
        requests.iter().map(|(name, exports)| (name.clone(), joined(exports))).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn keep(requests: &Requests, fixture: Option<&str>, export: Value) {
    let name = fixture.unwrap_or("unnamed").to_owned();
    requests.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_default().push(export);
}

/// Reads a protobuf request as the JSON that an exporter of JSON would have sent.
fn as_json(request: &ExportTraceServiceRequest) -> Value {
    serde_json::to_value(request).unwrap_or_default()
}

async fn export(State(requests): State<Requests>, headers: HeaderMap, body: Bytes) -> Response {
    let is = |name: header::HeaderName, value: &str| {
        headers.get(name).and_then(|given| given.to_str().ok()).is_some_and(|given| given.starts_with(value))
    };
    let mut bytes = body.to_vec();
    if is(header::CONTENT_ENCODING, "gzip") {
        bytes.clear();
        if GzDecoder::new(body.as_ref()).read_to_end(&mut bytes).is_err() {
            return StatusCode::BAD_REQUEST.into_response();
        }
    }
    let fixture = headers.get(FIXTURE).and_then(|name| name.to_str().ok());
    if is(header::CONTENT_TYPE, "application/json") {
        let Ok(export) = serde_json::from_slice(&bytes) else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        keep(&requests, fixture, export);
        return ([(header::CONTENT_TYPE, "application/json")], "{}").into_response();
    }
    let Ok(request) = ExportTraceServiceRequest::decode(bytes.as_slice()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    keep(&requests, fixture, as_json(&request));
    ([(header::CONTENT_TYPE, "application/x-protobuf")], Bytes::new()).into_response()
}

struct Grpc {
    requests: Requests,
}

#[tonic::async_trait]
impl TraceService for Grpc {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let fixture = request.metadata().get(FIXTURE).and_then(|name| name.to_str().ok()).map(str::to_owned);
        keep(&self.requests, fixture.as_deref(), as_json(request.get_ref()));
        Ok(tonic::Response::new(ExportTraceServiceResponse { partial_success: None }))
    }
}
