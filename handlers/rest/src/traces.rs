//! `/api/traces`: create, list, read, delete.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use trace::filter::{Filter, SortBy, SortOrder};
use trace::id::TraceId;
use trace::kind::Attributes;
use trace::ports::{Clock, Ids, PayloadStore, SpanStore, TraceChange};
use trace::record::Recorder;
use trace::time::Timestamp;
use trace::trace::{NameRank, NewTrace, OnExisting};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::{Caller, TracesRead, TracesWrite};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Created, Json, OptionalJson, Path, Query};
use crate::filters::{self, PayloadChoice};
use crate::page::List;
use crate::pieces::{Reader, spans_and};
use crate::router::Deps;
use crate::view::{SpanView, TraceView};

pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new()
        .routes(routes!(list_traces, create_trace, clear_traces))
        .routes(routes!(get_trace, delete_trace))
}

/// A trace to be created.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub(crate) struct TraceInput {
    /// Chosen by the client, so that a repeated create changes nothing.
    #[schema(value_type = Option<String>)]
    pub(crate) id: Option<TraceId>,
    name: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    session_id: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Attributes>,
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
}

impl TraceInput {
    /// Returns the trace to be written, with what the client left out filled in.
    pub(crate) fn into_new(self, ids: &dyn Ids, now: Timestamp) -> NewTrace {
        let clean = |text: String| text.replace('\0', "\u{fffd}");
        NewTrace {
            id: self.id.unwrap_or_else(|| ids.trace_id()),
            name: self.name.map(|name| (clean(name), NameRank::Given)),
            tags: self.tags.unwrap_or_default().into_iter().map(clean).collect(),
            session_id: self.session_id.map(clean),
            metadata: self.metadata.unwrap_or_default(),
            machine_id: None,
            started_at: self.started_at.unwrap_or(now),
            on_existing: OnExisting::Keep,
        }
    }
}

/// Creates a trace.
///
/// The body may be absent. An `id` the project already has answers 200 with that trace, unchanged.
#[utoipa::path(post, path = "/api/traces", tag = "traces", security(("bearer" = ["traces_write"])),
    request_body = TraceInput,
    responses((status = 201, body = TraceView), (status = 200, body = TraceView), (status = 400, body = ErrorBody)))]
async fn create_trace(
    State(recorder): State<Recorder>,
    State(ids): State<Arc<dyn Ids>>,
    State(clock): State<Arc<dyn Clock>>,
    caller: Caller<TracesWrite>,
    OptionalJson(input): OptionalJson<TraceInput>,
) -> Result<Response, ApiError> {
    let new = input.into_new(&*ids, clock.now());
    let written = recorder.record(&caller.scope, vec![new], Vec::new()).await?;
    let touched = written.traces.into_iter().next().ok_or(ApiError::Internal)?;
    let view = TraceView::from(Arc::unwrap_or_clone(touched.trace));
    Ok(match touched.change {
        TraceChange::Created => Created(view).into_response(),
        TraceChange::Updated | TraceChange::Unchanged => Json(view).into_response(),
    })
}

/// Which traces, in which order.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TraceParams {
    /// The query language.
    q: Option<String>,
    /// Started at or after: RFC 3339, a date, or `<n>s|m|h|d` ago.
    since: Option<String>,
    /// Started at or before.
    until: Option<String>,
    /// Text in the trace's name or that of any of its spans.
    name_contains: Option<String>,
    /// Part of a tag.
    tag: Option<String>,
    /// `running`, `completed` or `failed`.
    status: Option<String>,
    /// The session, exactly.
    session_id: Option<String>,
    /// `started_at` (default), `duration`, `cost`, `tokens` or `span_count`.
    sort_by: Option<String>,
    /// `asc` or `desc` (default).
    sort_order: Option<String>,
    /// 1 to 1000, 50 by default.
    #[param(value_type = Option<u64>, minimum = 1)]
    limit: Option<String>,
    /// From the page before.
    cursor: Option<String>,
}

/// One page of traces.
#[derive(Serialize, ToSchema)]
pub(crate) struct TracePage {
    traces: Vec<TraceView>,
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

const SORTS: &[SortBy] =
    &[SortBy::StartedAt, SortBy::Duration, SortBy::Cost, SortBy::Tokens, SortBy::SpanCount];

/// Lists traces, the newest first.
#[utoipa::path(get, path = "/api/traces", tag = "traces", security(("bearer" = ["traces_read"])), params(TraceParams),
    responses((status = 200, body = TracePage), (status = 400, body = ErrorBody)))]
async fn list_traces(
    State(spans): State<Arc<dyn SpanStore>>,
    State(clock): State<Arc<dyn Clock>>,
    caller: Caller<TracesRead>,
    Query(params): Query<TraceParams>,
) -> Result<Json<TracePage>, ApiError> {
    let now = clock.now();
    let mut filter = Filter::default();
    filters::since_until(&mut filter, params.since.as_deref(), params.until.as_deref(), now)?;
    filters::name(&mut filter, params.name_contains);
    filters::tag(&mut filter, params.tag);
    filters::status(&mut filter, params.status.as_deref())?;
    filters::session(&mut filter, params.session_id);
    let language = filters::language(&mut filter, params.q.as_deref(), now)?;
    let sort_by = filters::sort_by(params.sort_by.as_deref(), language.sort_by, SORTS)?;
    let sort_order =
        filters::sort_order(params.sort_order.as_deref())?.or(language.sort_order).unwrap_or(SortOrder::Desc);
    let query =
        List::Traces.query(filter, sort_by, sort_order, params.limit.as_deref(), params.cursor.as_deref())?;
    let found = spans.list_traces(&caller.scope, &query).await?;
    let cursor = found.next.as_ref().map(|position| List::Traces.cursor(position, &query));
    Ok(Json(TracePage {
        count: found.items.len(),
        traces: found.items.into_iter().map(TraceView::from).collect(),
        has_more: cursor.is_some(),
        next_cursor: cursor.clone(),
        cursor,
        total: found.total,
    }))
}

/// A trace with its spans.
#[derive(Serialize, ToSchema)]
pub(crate) struct TraceDetail {
    /// By start, then id.
    // Empty here: they are sent ahead of the other members, piece by piece.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required)]
    spans: Vec<SpanView>,
    count: usize,
    trace: TraceView,
}

/// Returns one trace with all its spans.
#[utoipa::path(get, path = "/api/traces/{trace_id}", tag = "traces", security(("bearer" = ["traces_read"])),
    params(("trace_id" = String, Path), PayloadChoice),
    responses((status = 200, body = TraceDetail), (status = 404, body = ErrorBody)))]
async fn get_trace(
    State(spans): State<Arc<dyn SpanStore>>,
    State(payloads): State<Arc<dyn PayloadStore>>,
    caller: Caller<TracesRead>,
    Path(id): Path<TraceId>,
    Query(choice): Query<PayloadChoice>,
) -> Result<Response, ApiError> {
    let choice = choice.parse()?;
    let trace = spans.find_trace(&caller.scope, &id).await?.ok_or(ApiError::NotFound("trace"))?;
    let found = spans.list_of_traces(&caller.scope, std::slice::from_ref(&id)).await?;
    let rest = TraceDetail { spans: Vec::new(), count: found.len(), trace: trace.into() };
    spans_and(Reader { spans, payloads, scope: caller.scope }, found, choice, &rest).await
}

/// What deleting a trace answers.
#[derive(Serialize, ToSchema)]
struct TraceDeleted {
    #[schema(value_type = String)]
    trace_id: TraceId,
    spans_deleted: u64,
}

/// Deletes a trace and its spans. Datapoints made from them stay.
#[utoipa::path(delete, path = "/api/traces/{trace_id}", tag = "traces", security(("bearer" = ["traces_write"])),
    params(("trace_id" = String, Path)),
    responses((status = 200, body = TraceDeleted), (status = 404, body = ErrorBody)))]
async fn delete_trace(
    State(recorder): State<Recorder>,
    caller: Caller<TracesWrite>,
    Path(trace_id): Path<TraceId>,
) -> Result<Json<TraceDeleted>, ApiError> {
    let spans_deleted =
        recorder.delete_trace(&caller.scope, &trace_id).await?.ok_or(ApiError::NotFound("trace"))?;
    Ok(Json(TraceDeleted { trace_id, spans_deleted }))
}

/// What clearing answers.
#[derive(Serialize, ToSchema)]
struct Cleared {
    message: &'static str,
}

/// Deletes every trace and span of the project, and nothing else.
#[utoipa::path(delete, path = "/api/traces", tag = "traces", security(("bearer" = ["traces_write"])),
    responses((status = 200, body = Cleared)))]
async fn clear_traces(
    State(recorder): State<Recorder>,
    caller: Caller<TracesWrite>,
) -> Result<Json<Cleared>, ApiError> {
    recorder.clear(&caller.scope).await?;
    Ok(Json(Cleared { message: "All traces cleared" }))
}
