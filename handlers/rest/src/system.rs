//! Health, readiness, metrics, the API description, the config file and shutdown.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use trace::id::Scope;
use trace::ports::{Clock, Counts, SpanStore, StoreError, chain};
use trace::time::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::{Admin, Caller};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, aside};
use crate::router::Deps;
use crate::traffic;

/// What the runtime says of itself and lets callers do.
#[derive(Clone)]
pub struct Server {
    /// `local` or `cloud`.
    pub mode: &'static str,
    /// `sqlite` or `turbopuffer`.
    pub backend: &'static str,
    /// Tells instances apart.
    pub instance_id: String,
    /// The version of the binary.
    pub version: &'static str,
    /// Where it runs.
    pub region: Option<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// Renders all metrics as Prometheus text; `None` when they are switched off.
    pub metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
    /// Begins a graceful stop; `None` where that is not for callers to do.
    pub shutdown: Option<Arc<dyn Fn() + Send + Sync>>,
    /// Whether requests should come here: not while it warms up, and no more once it was told to stop.
    pub is_open: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Cancelled when the server begins to stop, so that streams without an end can end.
    pub stopping: CancellationToken,
    /// The config file; `None` where there is none.
    pub config: Option<Arc<dyn ConfigFile>>,
    /// The proxy of the same process; `None` where that is not for everybody to know.
    pub proxy: Option<ProxyFacts>,
}

/// How the recording proxy is set, whatever said so.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Proxy)]
pub struct ProxyFacts {
    /// The port it listens on.
    pub port: u16,
    /// Where calls go that name no other target; `null` when their path decides.
    #[schema(required)]
    pub target: Option<String>,
    /// How much of prompts and answers is kept: `off`, `preview:N` or `full`.
    pub capture_mode: String,
}

/// The file settings are read from at start.
pub trait ConfigFile: Send + Sync {
    /// Returns its content; a missing file is an empty object.
    fn read(&self) -> Result<serde_json::Value, ConfigFileError>;

    /// Checks `content`, writes it and returns what was written.
    fn write(&self, content: serde_json::Value) -> Result<serde_json::Value, ConfigFileError>;
}

/// The config file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFileError {
    /// The content is not a configuration.
    #[error("{0}")]
    Invalid(String),
    /// The file system refused.
    #[error("the config file is unavailable")]
    Unavailable(#[source] std::io::Error),
}

impl From<ConfigFileError> for ApiError {
    fn from(error: ConfigFileError) -> Self {
        match error {
            ConfigFileError::Invalid(message) => Self::InvalidRequest { field: None, message },
            ConfigFileError::Unavailable(source) => Self::Store(StoreError::unavailable(source)),
        }
    }
}

/// Routes that need no credentials.
pub(crate) fn open_routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(ready))
        .routes(routes!(live))
        .routes(routes!(metrics))
}

/// Routes for administrators.
pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new()
        .routes(routes!(get_config, put_config))
        .routes(routes!(get_proxy))
        .routes(routes!(shutdown))
}

/// How the server is.
#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok` or `error`.
    status: &'static str,
    instance_id: String,
    /// Whole seconds since start.
    uptime: u64,
    /// The same as `uptime`.
    uptime_secs: u64,
    version: &'static str,
    #[schema(required)]
    region: Option<String>,
    storage: Storage,
}

/// How the store is.
#[derive(Serialize, ToSchema)]
struct Storage {
    backend: &'static str,
    /// Local mode only.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_count: Option<u64>,
    /// Local mode only.
    #[serde(skip_serializing_if = "Option::is_none")]
    span_count: Option<u64>,
}

async fn checked(spans: &dyn SpanStore, server: &Server) -> Result<Option<Counts>, StoreError> {
    spans.check().await?;
    match server.mode {
        "local" => spans.counts(&Scope::LOCAL).await.map(Some),
        _ => Ok(None),
    }
}

/// Returns how the server is; 503 when the store cannot answer or cannot write.
#[utoipa::path(get, path = "/api/health", tag = "system",
    responses((status = 200, body = Health), (status = 503, body = Health)))]
async fn health(
    State(spans): State<Arc<dyn SpanStore>>,
    State(server): State<Server>,
    State(clock): State<Arc<dyn Clock>>,
) -> Response {
    let checked = checked(&*spans, &server).await;
    let (code, status) = match &checked {
        Ok(_) => (StatusCode::OK, "ok"),
        Err(error) => {
            tracing::warn!(error = %chain(&error), "the store failed its health check");
            (StatusCode::SERVICE_UNAVAILABLE, "error")
        }
    };
    let counts = checked.ok().flatten();
    let uptime = clock.now().millis_since(server.started_at) / 1000;
    let health = Health {
        status,
        instance_id: server.instance_id,
        uptime,
        uptime_secs: uptime,
        version: server.version,
        region: server.region,
        storage: Storage {
            backend: server.backend,
            trace_count: counts.map(|counts| counts.traces),
            span_count: counts.map(|counts| counts.spans),
        },
    };
    (code, Json(health)).into_response()
}

/// One word on how the server is.
#[derive(Serialize, ToSchema)]
struct Condition {
    status: &'static str,
}

/// Answers 200 when requests should come here; 503 while the server starts or stops, and when the store cannot answer
/// or cannot write.
#[utoipa::path(get, path = "/api/ready", tag = "system",
    responses((status = 200, body = Condition), (status = 503, body = ErrorBody)))]
async fn ready(
    State(spans): State<Arc<dyn SpanStore>>,
    State(server): State<Server>,
) -> Result<Json<Condition>, ApiError> {
    if !(server.is_open)() {
        return Err(ApiError::Unavailable("the server is starting or stopping"));
    }
    spans.check().await?;
    Ok(Json(Condition { status: "ready" }))
}

/// Answers 200 while the process runs.
#[utoipa::path(get, path = "/api/live", tag = "system", responses((status = 200, body = Condition)))]
async fn live() -> Json<Condition> {
    Json(Condition { status: "live" })
}

/// Returns all metrics as Prometheus text; 404 when they are switched off.
#[utoipa::path(get, path = "/api/metrics", tag = "system",
    responses((status = 200, content_type = "text/plain", body = String), (status = 404, body = ErrorBody)))]
async fn metrics(
    State(spans): State<Arc<dyn SpanStore>>,
    State(server): State<Server>,
) -> Result<Response, ApiError> {
    let render = server.metrics.as_ref().ok_or(ApiError::NotFound("metrics"))?;
    traffic::register();
    if let Ok(Some(counts)) = checked(&*spans, &server).await {
        ::metrics::gauge!("traceway_trace_count").set(as_f64(counts.traces));
        ::metrics::gauge!("traceway_span_count").set(as_f64(counts.spans));
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], render()).into_response())
}

#[expect(clippy::cast_precision_loss, reason = "a gauge of more than 2^52 spans may be off by one")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

/// Returns the config file.
#[utoipa::path(get, path = "/api/config", tag = "system", security(("bearer" = ["admin"])),
    responses((status = 200, body = Object), (status = 503, body = ErrorBody)))]
async fn get_config(
    State(server): State<Server>,
    _caller: Caller<Admin>,
) -> Result<Json<serde_json::Value>, ApiError> {
    let file = server.config.ok_or(ApiError::Unavailable("this server has no config file"))?;
    aside(usize::MAX, move || Ok(file.read()?)).await.map(Json)
}

/// Returns how the recording proxy is set, by whatever said so: a flag, a variable, the config file or nothing.
#[utoipa::path(get, path = "/api/config/proxy", tag = "system", security(("bearer" = ["admin"])),
    responses((status = 200, body = ProxyFacts), (status = 503, body = ErrorBody)))]
async fn get_proxy(
    State(server): State<Server>,
    _caller: Caller<Admin>,
) -> Result<Json<ProxyFacts>, ApiError> {
    server.proxy.map(Json).ok_or(ApiError::Unavailable("this server does not tell how its proxy is set"))
}

/// Checks and writes the config file. It takes effect at the next start.
#[utoipa::path(put, path = "/api/config", tag = "system", security(("bearer" = ["admin"])), request_body = Object,
    responses((status = 200, body = Object), (status = 400, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn put_config(
    State(server): State<Server>,
    _caller: Caller<Admin>,
    Json(content): Json<serde_json::Value>,
) -> Result<Json<serde_json::Value>, ApiError> {
    let file = server.config.ok_or(ApiError::Unavailable("this server has no config file"))?;
    aside(usize::MAX, move || Ok(file.write(content)?)).await.map(Json)
}

/// Stops the server after the requests in flight.
#[utoipa::path(post, path = "/api/shutdown", tag = "system", security(("bearer" = ["admin"])),
    responses((status = 202, body = Condition), (status = 503, body = ErrorBody)))]
async fn shutdown(State(server): State<Server>, _caller: Caller<Admin>) -> Result<Response, ApiError> {
    let stop = server.shutdown.ok_or(ApiError::Unavailable("this server cannot be stopped by a request"))?;
    stop();
    Ok((StatusCode::ACCEPTED, Json(Condition { status: "stopping" })).into_response())
}
