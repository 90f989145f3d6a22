//! `/api/spans`: create, complete, fail, list, read, delete.

mod input;
mod list;

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use trace::id::{Scope, SpanId, TraceId};
use trace::json::Json as Raw;
use trace::kind::KindInput;
use trace::ports::{Clock, Ids, PayloadStore, SpanChange, SpanKey, SpanStore, SpanWrite};
use trace::record::Recorder;
use trace::span::{Finish, Span, SpanStatus, Version};
use trace::time::Timestamp;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use self::input::{SpanInput, any_json, raw_kind};
use crate::caller::{Caller, TracesRead, TracesWrite};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Created, Json, OptionalJson, Path, Query};
use crate::router::Deps;
use crate::view::SpanView;

pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new()
        .routes(routes!(list::list_spans, create_span))
        .routes(routes!(get_span, delete_span))
        .routes(routes!(complete_span))
        .routes(routes!(fail_span))
}

/// Returns the key a span's payload is kept under.
pub(crate) fn key_of(span: &Span) -> SpanKey {
    SpanKey { trace_id: span.trace_id.clone(), span_id: span.id.clone() }
}

/// What creating a span answers.
#[derive(Serialize, ToSchema)]
struct CreatedSpan {
    #[schema(value_type = String)]
    id: SpanId,
    #[schema(value_type = String)]
    trace_id: TraceId,
}

/// Starts a span.
///
/// An unknown trace is created on the way. A repeated `id` of the same trace answers 200 and changes nothing.
#[utoipa::path(post, path = "/api/spans", tag = "spans", security(("bearer" = ["traces_write"])),
    request_body = SpanInput,
    responses((status = 201, body = CreatedSpan), (status = 200, body = CreatedSpan),
        (status = 400, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn create_span(
    State(recorder): State<Recorder>,
    State(ids): State<Arc<dyn Ids>>,
    State(clock): State<Arc<dyn Clock>>,
    caller: Caller<TracesWrite>,
    Json(input): Json<SpanInput>,
) -> Result<Response, ApiError> {
    let new = input.into_new(&*ids, clock.now())?;
    let view = CreatedSpan { id: new.span.id.clone(), trace_id: new.span.trace_id.clone() };
    let written = recorder.record(&caller.scope, Vec::new(), vec![SpanWrite::Create(new)]).await?;
    match written.spans.first().ok_or(ApiError::Internal)? {
        SpanChange::Created(_) => Ok(Created(view).into_response()),
        SpanChange::Conflict => Err(ApiError::Conflict("a span of another trace has this id")),
        SpanChange::OverLimit { limit } => Err(ApiError::PlanLimitExceeded { limit: *limit }),
        _ => Ok(Json(view).into_response()),
    }
}

/// Names the trace of a span, since span ids are unique only inside one.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TraceChoice {
    /// The trace; without it the newest span with the id is meant.
    #[param(value_type = Option<String>)]
    trace_id: Option<String>,
}

impl TraceChoice {
    fn parse(&self) -> Result<Option<TraceId>, ApiError> {
        let parse = |text: &str| TraceId::parse(text).map_err(|e| ApiError::field("trace_id", e.to_string()));
        self.trace_id.as_deref().filter(|text| !text.is_empty()).map(parse).transpose()
    }
}

/// Returns one span with its input and output.
///
/// A span of another project is reported as missing, so ids cannot be probed.
#[utoipa::path(get, path = "/api/spans/{span_id}", tag = "spans", security(("bearer" = ["traces_read"])),
    params(("span_id" = String, Path), TraceChoice),
    responses((status = 200, body = SpanView), (status = 404, body = ErrorBody)))]
async fn get_span(
    State(spans): State<Arc<dyn SpanStore>>,
    State(payloads): State<Arc<dyn PayloadStore>>,
    State(recorder): State<Recorder>,
    caller: Caller<TracesRead>,
    Path(id): Path<SpanId>,
    Query(choice): Query<TraceChoice>,
) -> Result<Json<SpanView>, ApiError> {
    let trace = choice.parse()?;
    let span = spans.find(&caller.scope, trace.as_ref(), &id).await?.ok_or(ApiError::NotFound("span"))?;
    let loaded = payloads.load(&caller.scope, &[key_of(&span)]).await?;
    let payload = loaded.into_iter().next().unwrap_or_default();
    Ok(Json(SpanView::new(span, payload).with_breakdown(recorder.prices())))
}

/// What there is to say when all went well.
#[derive(Serialize, ToSchema)]
pub(crate) struct Done {
    ok: bool,
}

/// `{"ok": true}`
pub(crate) const DONE: Json<Done> = Json(Done { ok: true });

/// Deletes one span. Its children stay and are shown as roots.
#[utoipa::path(delete, path = "/api/spans/{span_id}", tag = "spans", security(("bearer" = ["traces_write"])),
    params(("span_id" = String, Path), TraceChoice),
    responses((status = 200, body = Done), (status = 404, body = ErrorBody)))]
async fn delete_span(
    State(recorder): State<Recorder>,
    caller: Caller<TracesWrite>,
    Path(id): Path<SpanId>,
    Query(choice): Query<TraceChoice>,
) -> Result<Json<Done>, ApiError> {
    let trace = choice.parse()?;
    let deleted = recorder.delete_span(&caller.scope, trace.as_ref(), &id).await?;
    if deleted { Ok(DONE) } else { Err(ApiError::NotFound("span")) }
}

/// The end of a span that went well.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct Completion {
    /// Any JSON.
    #[serde(default, deserialize_with = "any_json")]
    #[schema(value_type = Option<serde_json::Value>)]
    output: Option<Raw>,
    /// Members known only at the end; laid over those given at the start.
    #[schema(value_type = Option<Object>)]
    kind: Option<serde_json::Value>,
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

/// The end of a span that failed.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct Failure {
    /// What went wrong; `Unknown error` when absent.
    error: Option<String>,
    #[serde(default, deserialize_with = "any_json")]
    #[schema(value_type = Option<serde_json::Value>)]
    output: Option<Raw>,
    #[schema(value_type = Option<Object>)]
    kind: Option<serde_json::Value>,
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

/// The error of a failed span whose sender gave none.
pub(crate) const UNKNOWN_ERROR: &str = "Unknown error";

/// Completes a running span. The body may be absent.
#[utoipa::path(post, path = "/api/spans/{span_id}/complete", tag = "spans", security(("bearer" = ["traces_write"])),
    params(("span_id" = String, Path), TraceChoice), request_body = Completion,
    responses((status = 200, body = Done), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn complete_span(
    State(recorder): State<Recorder>,
    State(clock): State<Arc<dyn Clock>>,
    caller: Caller<TracesWrite>,
    Path(id): Path<SpanId>,
    Query(choice): Query<TraceChoice>,
    OptionalJson(body): OptionalJson<Completion>,
) -> Result<Json<Done>, ApiError> {
    let end = End { output: body.output, kind: raw_kind(body.kind)?, ended_at: body.ended_at };
    finish(&recorder, &*clock, &caller.scope, choice.parse()?, id, SpanStatus::Completed, end).await
}

/// Fails a running span. The body may be absent.
#[utoipa::path(post, path = "/api/spans/{span_id}/fail", tag = "spans", security(("bearer" = ["traces_write"])),
    params(("span_id" = String, Path), TraceChoice), request_body = Failure,
    responses((status = 200, body = Done), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn fail_span(
    State(recorder): State<Recorder>,
    State(clock): State<Arc<dyn Clock>>,
    caller: Caller<TracesWrite>,
    Path(id): Path<SpanId>,
    Query(choice): Query<TraceChoice>,
    OptionalJson(body): OptionalJson<Failure>,
) -> Result<Json<Done>, ApiError> {
    let error = body.error.unwrap_or_else(|| UNKNOWN_ERROR.to_owned()).replace('\0', "\u{fffd}");
    let end = End { output: body.output, kind: raw_kind(body.kind)?, ended_at: body.ended_at };
    finish(&recorder, &*clock, &caller.scope, choice.parse()?, id, SpanStatus::Failed { error }, end).await
}

/// What both ways of ending a span carry.
struct End {
    output: Option<Raw>,
    kind: Option<KindInput>,
    ended_at: Option<Timestamp>,
}

async fn finish(
    recorder: &Recorder,
    clock: &dyn Clock,
    scope: &Scope,
    trace_id: Option<TraceId>,
    span_id: SpanId,
    status: SpanStatus,
    end: End,
) -> Result<Json<Done>, ApiError> {
    let now = clock.now();
    let finish = Finish {
        trace_id,
        span_id,
        version: Version::new(&status, now),
        status,
        ended_at: end.ended_at.unwrap_or(now),
        output: end.output,
        kind: end.kind,
    };
    let written = recorder.record(scope, Vec::new(), vec![SpanWrite::Finish(finish)]).await?;
    match written.spans.first().ok_or(ApiError::Internal)? {
        SpanChange::Missing => Err(ApiError::NotFound("span")),
        SpanChange::Terminal | SpanChange::Stale => Err(ApiError::SpanTerminal),
        _ => Ok(DONE),
    }
}
