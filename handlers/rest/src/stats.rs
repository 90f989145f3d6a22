//! `/api/stats`: how much the project holds.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use trace::ports::SpanStore;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::{Caller, TracesRead};
use crate::error::ApiError;
use crate::extract::Json;
use crate::router::Deps;

pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new().routes(routes!(stats))
}

/// How much the project holds.
#[derive(Serialize, ToSchema)]
struct Stats {
    trace_count: u64,
    span_count: u64,
}

/// Returns how much the project holds.
#[utoipa::path(get, path = "/api/stats", tag = "system", security(("bearer" = ["traces_read"])),
    responses((status = 200, body = Stats)))]
async fn stats(
    State(spans): State<Arc<dyn SpanStore>>,
    caller: Caller<TracesRead>,
) -> Result<Json<Stats>, ApiError> {
    let counts = spans.counts(&caller.scope).await?;
    Ok(Json(Stats { trace_count: counts.traces, span_count: counts.spans }))
}
