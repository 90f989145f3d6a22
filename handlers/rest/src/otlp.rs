//! `/v1/traces`: OpenTelemetry over HTTP as protobuf or JSON; the same service over gRPC in `grpc`.

mod grpc;

use std::io::Read;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use serde::Serialize;
use trace::id::Scope;
use trace::otlp::{self, Mapped};
use trace::ports::{Clock, SpanChange};
use trace::record::Recorder;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use self::grpc::service;
use crate::caller::{Caller, TracesWrite};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, content_type, read_body};
use crate::router::Deps;

/// Largest request in bytes, after decompression.
pub(crate) const LIMIT: usize = 64 * 1024 * 1024;

/// Requests above this size are decoded off the async threads, which they would hold up.
const LARGE: usize = 512 * 1024;

pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new().routes(routes!(export_traces)).layer(DefaultBodyLimit::max(LIMIT))
}

/// What an export answers: nothing, or how many spans could not be used.
#[derive(Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ExportAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    partial_success: Option<PartialSuccess>,
}

/// How many spans could not be used, and why.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PartialSuccess {
    /// A 64-bit integer, which OTLP writes as a string.
    rejected_spans: String,
    error_message: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Json,
    Protobuf,
}

/// Takes OpenTelemetry spans: protobuf or JSON, plain or gzip.
#[utoipa::path(post, path = "/v1/traces", tag = "otlp", security(("bearer" = ["traces_write"])),
    request_body(content((Object = "application/json"), (Vec<u8> = "application/x-protobuf"))),
    responses((status = 200, body = ExportAnswer), (status = 400, body = ErrorBody), (status = 413, body = ErrorBody),
        (status = 415, body = ErrorBody)))]
async fn export_traces(
    State(recorder): State<Recorder>,
    State(clock): State<Arc<dyn Clock>>,
    caller: Caller<TracesWrite>,
    request: Request,
) -> Result<Response, ApiError> {
    let encoding = encoding(request.headers())?;
    let zipped = is_gzip(request.headers())?;
    let body = read_body(request, &(), LIMIT).await?;
    let now = clock.now();
    let mapped = off_thread(body.len(), move || {
        let body = if zipped { unzip(&body)? } else { body };
        Ok(otlp::map(decode(encoding, &body)?, now))
    })
    .await?;
    let (rejected, message) = store(&recorder, &caller.scope, mapped).await?;
    Ok(answer(encoding, rejected, message))
}

/// Records what was mapped and returns how many spans could not be, and why.
async fn store(recorder: &Recorder, scope: &Scope, mapped: Mapped) -> Result<(u64, String), ApiError> {
    let written = recorder.record(scope, mapped.traces, mapped.spans).await?;
    let over = written.spans.iter().filter_map(|change| match change {
        SpanChange::OverLimit { limit } => Some(*limit),
        _ => None,
    });
    let Some(limit) = over.clone().next() else { return Ok((mapped.rejected, mapped.message)) };
    let (over, error) = (over.count(), ApiError::PlanLimitExceeded { limit });
    if over == written.spans.len() {
        return Err(error);
    }
    let reasons = [mapped.message, error.to_string()];
    let reasons: Vec<String> = reasons.into_iter().filter(|reason| !reason.is_empty()).collect();
    Ok((mapped.rejected + over as u64, reasons.join("; ")))
}

async fn off_thread<T: Send + 'static>(
    size: usize,
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    if size < LARGE {
        return work();
    }
    tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::Internal)?
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, ApiError> {
    match content_type(headers).as_deref() {
        Some("application/json") => Ok(Encoding::Json),
        Some("application/x-protobuf" | "application/protobuf") => Ok(Encoding::Protobuf),
        _ => Err(ApiError::UnsupportedMediaType(
            "the content type must be application/x-protobuf or application/json".to_owned(),
        )),
    }
}

fn is_gzip(headers: &HeaderMap) -> Result<bool, ApiError> {
    match headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").trim()) {
        None | Some("" | "identity") => Ok(false),
        Some("gzip") => Ok(true),
        Some(_) => {
            Err(ApiError::UnsupportedMediaType("the content encoding must be gzip or none".to_owned()))
        }
    }
}

/// Decompresses at most [`LIMIT`] bytes, so that a small bomb stays small.
fn unzip(body: &[u8]) -> Result<Bytes, ApiError> {
    let mut out = Vec::with_capacity((body.len() * 4).min(LIMIT));
    let limit = LIMIT as u64 + 1;
    flate2::read::MultiGzDecoder::new(body).take(limit).read_to_end(&mut out).map_err(|error| {
        ApiError::InvalidRequest { field: None, message: format!("the body is not valid gzip: {error}") }
    })?;
    if out.len() > LIMIT { Err(ApiError::PayloadTooLarge { limit: LIMIT }) } else { Ok(out.into()) }
}

fn decode(encoding: Encoding, body: &[u8]) -> Result<ExportTraceServiceRequest, ApiError> {
    match encoding {
        Encoding::Json => otlp::decode_json(body).map_err(|error| ApiError::InvalidJson(error.to_string())),
        Encoding::Protobuf => otlp::decode_protobuf(body).map_err(|error| ApiError::InvalidRequest {
            field: None,
            message: format!("the body is not an OTLP export request: {error}"),
        }),
    }
}

/// Returns the protobuf answer of an export.
fn response(rejected: u64, message: String) -> ExportTraceServiceResponse {
    let partial = ExportTracePartialSuccess {
        rejected_spans: i64::try_from(rejected).unwrap_or(i64::MAX),
        error_message: message,
    };
    ExportTraceServiceResponse { partial_success: (rejected > 0).then_some(partial) }
}

fn answer(encoding: Encoding, rejected: u64, message: String) -> Response {
    match encoding {
        Encoding::Json => {
            let partial = PartialSuccess { rejected_spans: rejected.to_string(), error_message: message };
            Json(ExportAnswer { partial_success: (rejected > 0).then_some(partial) }).into_response()
        }
        Encoding::Protobuf => {
            let body = response(rejected, message).encode_to_vec();
            ([(header::CONTENT_TYPE, "application/x-protobuf")], body).into_response()
        }
    }
}
