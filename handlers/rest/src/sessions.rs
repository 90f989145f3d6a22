//! `/api/sessions`: conversations, seen through the traces that share a session id.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use trace::filter::{Filter, NumberField, Range, SortBy, SortOrder};
use trace::ports::{Clock, PayloadStore, SpanStore};
use trace::trace::Trace;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::{Caller, TracesRead};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, Path, Query};
use crate::filters;
use crate::page::List;
use crate::pieces::{Reader, body, document, traces_with_spans};
use crate::router::Deps;
use crate::view::{SessionView, SpanView, TraceView};

pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new().routes(routes!(list_sessions)).routes(routes!(get_session))
}

/// Which sessions.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SessionParams {
    /// The query language; `cost`, `tokens` and `duration` test the session, `session` part of its id. `sort` and
    /// `order` are refused: sessions have one order.
    q: Option<String>,
    /// Active at or after: RFC 3339, a date, or `<n>s|m|h|d` ago.
    since: Option<String>,
    /// Active at or before.
    until: Option<String>,
    /// `running`, `completed` or `failed`; failed means any failed span.
    status: Option<String>,
    /// US dollars, inclusive.
    #[param(value_type = Option<f64>)]
    cost_min: Option<String>,
    /// Part of a tag.
    tag: Option<String>,
    /// 1 to 1000, 50 by default.
    #[param(value_type = Option<u64>, minimum = 1)]
    limit: Option<String>,
    /// From the page before.
    cursor: Option<String>,
}

/// One page of sessions.
#[derive(Serialize, ToSchema)]
struct SessionPage {
    sessions: Vec<SessionView>,
    /// Rows on this page.
    count: usize,
    #[schema(required)]
    cursor: Option<String>,
    /// The same as `cursor`.
    #[schema(required)]
    next_cursor: Option<String>,
    has_more: bool,
    /// Rows on all pages, where that is cheap to know.
    #[schema(required)]
    total: Option<u64>,
}

/// Lists sessions, the most recently active first.
#[utoipa::path(get, path = "/api/sessions", tag = "sessions", security(("bearer" = ["traces_read"])),
    params(SessionParams),
    responses((status = 200, body = SessionPage), (status = 400, body = ErrorBody)))]
async fn list_sessions(
    State(spans): State<Arc<dyn SpanStore>>,
    State(clock): State<Arc<dyn Clock>>,
    caller: Caller<TracesRead>,
    Query(params): Query<SessionParams>,
) -> Result<Json<SessionPage>, ApiError> {
    let now = clock.now();
    let mut filter = Filter::default();
    filters::since_until(&mut filter, params.since.as_deref(), params.until.as_deref(), now)?;
    filters::status(&mut filter, params.status.as_deref())?;
    let cost_min = params.cost_min.as_deref();
    filters::bound(&mut filter, NumberField::Cost, "cost_min", cost_min, Range::at_least)?;
    filters::tag(&mut filter, params.tag);
    let language = filters::language(&mut filter, params.q.as_deref(), now)?;
    filters::unsorted(&language, "sessions are always listed by when they were last active")?;
    let (limit, cursor) = (params.limit.as_deref(), params.cursor.as_deref());
    let query = List::Sessions.query(filter, SortBy::StartedAt, SortOrder::Desc, limit, cursor)?;
    let found = spans.list_sessions(&caller.scope, &query).await?;
    let cursor = found.next.as_ref().map(|position| List::Sessions.cursor(position, &query));
    Ok(Json(SessionPage {
        count: found.items.len(),
        sessions: found.items.into_iter().map(SessionView::from).collect(),
        has_more: cursor.is_some(),
        next_cursor: cursor.clone(),
        cursor,
        total: found.total,
    }))
}

/// What is shown of a session besides itself.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SessionDetailParams {
    /// `spans` adds the spans of each trace.
    include: Option<String>,
    /// With `include=spans`: `full` (default), or `none` to leave `input` and `output` out.
    payload: Option<String>,
}

/// A session with its traces.
#[derive(Serialize, ToSchema)]
struct SessionDetail {
    #[serde(flatten)]
    session: SessionView,
    /// By start.
    traces: Vec<TraceWithSpans>,
}

/// A trace, with its spans where they were asked for.
#[derive(Serialize, ToSchema)]
struct TraceWithSpans {
    #[serde(flatten)]
    trace: TraceView,
    #[serde(skip_serializing_if = "Option::is_none")]
    spans: Option<Vec<SpanView>>,
}

/// Returns one session with its traces.
#[utoipa::path(get, path = "/api/sessions/{session_id}", tag = "sessions", security(("bearer" = ["traces_read"])),
    params(("session_id" = String, Path, description = "Percent-encoded."), SessionDetailParams),
    responses((status = 200, body = SessionDetail), (status = 404, body = ErrorBody)))]
async fn get_session(
    State(spans): State<Arc<dyn SpanStore>>,
    State(payloads): State<Arc<dyn PayloadStore>>,
    caller: Caller<TracesRead>,
    Path(id): Path<String>,
    Query(params): Query<SessionDetailParams>,
) -> Result<Response, ApiError> {
    let choice = filters::payloads(params.payload.as_deref())?;
    let with_spans = match params.include.as_deref() {
        None | Some("") => false,
        Some("spans") => true,
        Some(_) => return Err(ApiError::field("include", "include must be spans")),
    };
    let (session, traces) =
        spans.find_session(&caller.scope, &id).await?.ok_or(ApiError::NotFound("session"))?;
    let session = SessionView::from(session);
    if !with_spans {
        let view = |trace| TraceWithSpans { trace: TraceView::from(trace), spans: None };
        let traces = traces.into_iter().map(view).collect();
        return Ok(Json(SessionDetail { session, traces }).into_response());
    }
    let mut head = object(&session)?;
    head.extend_from_slice(b",\"traces\":[");
    let open = |trace: &Trace| {
        let mut piece = object(&TraceView::from(trace.clone()))?;
        piece.extend_from_slice(b",\"spans\":[");
        Ok(piece)
    };
    let reader = Reader { spans, payloads, scope: caller.scope };
    let traces = traces_with_spans(reader, traces, choice, open, b"]}");
    let one = |piece: Vec<u8>| stream::iter([Ok(Bytes::from(piece))]);
    Ok(document(body(one(head).chain(traces).chain(one(b"]}".to_vec())))))
}

/// Returns a value as a JSON object whose end is still to come.
fn object<T: Serialize>(value: &T) -> Result<Vec<u8>, ApiError> {
    let mut object = serde_json::to_vec(value).map_err(|_| ApiError::Internal)?;
    object.pop();
    Ok(object)
}
