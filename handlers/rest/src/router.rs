//! The routes, the layers around them, and what handlers may ask of the world.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use trace::ports::{Clock, EventBus, Ids, PayloadStore, Rollups, SpanStore};
use trace::record::Recorder;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::caller::{Authenticator, identify};
use crate::cloud::Cloud;
use crate::description::{self, ApiDoc};
use crate::error::ApiError;
use crate::extract::{BodyLimit, JSON_LIMIT};
use crate::host::{Access, cors, guard};
use crate::system::Server;
use crate::traffic::{self, Traffic};
use crate::{
    analytics, auth, billing, dashboard, events, export, ingest, keys, org, otlp, projects, rate, sessions,
    spans, stats, system, traces, usage,
};

/// Most bytes of a body from somebody who is not known yet.
const OPEN_LIMIT: usize = 256 * 1024;

/// What handlers may ask of the world. A handler's signature names the parts it uses.
#[derive(Clone, FromRef)]
pub struct Deps {
    /// The way in.
    pub recorder: Recorder,
    /// Traces and spans.
    pub spans: Arc<dyn SpanStore>,
    /// Inputs and outputs.
    pub payloads: Arc<dyn PayloadStore>,
    /// Sums.
    pub rollups: Arc<dyn Rollups>,
    /// Live events.
    pub events: Arc<dyn EventBus>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// New ids.
    pub ids: Arc<dyn Ids>,
    /// Who calls.
    pub authenticator: Arc<dyn Authenticator>,
    /// Users, organisations and what belongs to them; `None` in local mode, where nobody is anybody.
    pub cloud: Option<Arc<Cloud>>,
    /// The server itself.
    pub server: Server,
    /// Hosts and origins.
    pub access: Access,
}

fn described() -> (OpenApiRouter<Deps>, OpenApiRouter<Deps>) {
    let guarded = OpenApiRouter::with_openapi(ApiDoc::openapi())
        .merge(traces::routes())
        .merge(spans::routes())
        .merge(ingest::routes())
        .merge(otlp::routes())
        .merge(sessions::routes())
        .merge(analytics::routes())
        .merge(stats::routes())
        .merge(export::routes())
        .merge(events::routes())
        .merge(auth::routes())
        .merge(org::routes())
        .merge(keys::routes())
        .merge(projects::routes())
        .merge(usage::routes())
        .merge(billing::routes())
        .merge(system::routes());
    let open = system::open_routes()
        .merge(description::routes())
        .merge(auth::open_routes())
        .merge(billing::open_routes());
    (guarded, open)
}

/// Returns the description of the API, made from the routes themselves.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let (guarded, open) = described();
    let mut api = guarded.merge(open).into_openapi();
    description::add_common(&mut api);
    env!("CARGO_PKG_VERSION").clone_into(&mut api.info.version);
    api
}

/// Returns everything port 3000 serves, as one tower service.
pub fn router(deps: Deps) -> Router {
    let (guarded, open) = described();
    let guarded = guarded
        .split_for_parts()
        .0
        .merge(grpc(&deps))
        .layer(from_fn_with_state(deps.cloud.clone(), rate::per_org))
        .layer(from_fn_with_state(Arc::clone(&deps.authenticator), identify));
    let open = open
        .split_for_parts()
        .0
        .layer(Extension(BodyLimit(OPEN_LIMIT)))
        .layer(Extension(Arc::new(openapi())));
    let compressed = DefaultPredicate::new().and(NotForContentType::const_new("text/event-stream"));
    guarded
        .merge(open)
        .fallback(dashboard::serve)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(JSON_LIMIT))
        .layer(CompressionLayer::new().compress_when(compressed))
        .layer(cors(deps.access.origins.clone()))
        .layer(from_fn_with_state(deps.access.clone(), guard))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::new(Traffic::default()), traffic::count))
        .with_state(deps)
}

/// Returns OTLP over gRPC alone, for a port of its own.
pub fn grpc_router(deps: Deps) -> Router {
    grpc(&deps)
        .layer(from_fn_with_state(deps.cloud.clone(), rate::per_org))
        .layer(from_fn_with_state(Arc::clone(&deps.authenticator), identify))
        .layer(from_fn_with_state(deps.access.clone(), guard))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::new(Traffic::default()), traffic::count))
        .with_state(deps)
}

fn grpc(deps: &Deps) -> Router<Deps> {
    let service = otlp::service(deps.recorder.clone(), Arc::clone(&deps.clock));
    Router::new().route_service("/opentelemetry.proto.collector.trace.v1.TraceService/{method}", service)
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over by value")]
fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response {
    let said = cause.downcast_ref::<String>().map(String::as_str).or(cause.downcast_ref::<&str>().copied());
    tracing::error!(panic = said.unwrap_or("unknown"), "a handler panicked");
    ApiError::Internal.into_response()
}
