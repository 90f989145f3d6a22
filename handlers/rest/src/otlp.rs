//! `/v1/traces`: OpenTelemetry over HTTP as protobuf or JSON; the same service over gRPC in `grpc`.

mod grpc;

use std::io::Read;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
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
use trace::time::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use self::grpc::service;
use crate::caller::{Caller, TracesWrite};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, LARGE, aside, content_type, read_body};
use crate::memory::Share;
use crate::router::Deps;

/// Largest request in bytes, after decompression.
pub(crate) const LIMIT: usize = 64 * 1024 * 1024;

/// Most bytes that what a request holds may take besides its texts: about 59 000 spans of ten attributes.
const MOST_WEIGHT: usize = 160 * 1024 * 1024;

/// A request of so few bytes is not weighed: what it holds takes less than a megabyte.
const LIGHT: usize = 1024;

/// Bytes that are decompressed before more memory is asked for.
const STEP: usize = 1024 * 1024;

pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new().routes(routes!(export_traces))
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
    let share = Share::of(request.extensions());
    let body = read_body(request, LIMIT).await?;
    let body = Body { encoding, bytes: body, zipped };
    let mapped = body.map(share, clock.now()).await?;
    let (rejected, message) = store(&recorder, &caller.scope, mapped).await?;
    Ok(answer(encoding, rejected, message))
}

/// An export request as it came.
struct Body {
    encoding: Encoding,
    bytes: Bytes,
    zipped: bool,
}

impl Body {
    /// Decodes the request and maps its spans; where that takes long, on a thread of its own.
    ///
    /// The share answers for the plain bytes, and once more for what they become.
    async fn map(self, share: Share, now: Timestamp) -> Result<Mapped, ApiError> {
        let Self { encoding, bytes, zipped } = self;
        let plain = match zipped {
            false => Some(bytes.clone()),
            // Whether a zipped body is small only shows while it is unzipped.
            true if bytes.len() <= LARGE => unzip(&bytes, LARGE)?,
            true => None,
        };
        let size = plain.as_ref().map_or(usize::MAX, Bytes::len);
        let work = move || {
            let plain = match plain {
                Some(plain) => {
                    share.take(if zipped { plain.len() } else { 0 })?;
                    plain
                }
                None => unzip_large(&bytes, &share)?,
            };
            share.take(weigh(encoding, &plain)?.max(plain.len()))?;
            Ok(otlp::map(decode(encoding, &plain)?, now))
        };
        aside(size, work).await
    }
}

/// Returns about how many bytes what a request holds takes besides its texts.
fn weigh(encoding: Encoding, plain: &[u8]) -> Result<usize, ApiError> {
    let weight = match encoding {
        _ if plain.len() <= LIGHT => 0,
        Encoding::Protobuf => otlp::weigh_protobuf(plain),
        // What is no text is no request either, as decoding will tell.
        Encoding::Json => std::str::from_utf8(plain).map_or(0, otlp::weigh_json),
    };
    if weight > MOST_WEIGHT { Err(ApiError::TooMany("spans or attributes")) } else { Ok(weight) }
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
    let encoding = headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().unwrap_or("?").trim());
    match encoding.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "identity") => Ok(false),
        Some("gzip") => Ok(true),
        Some(_) => {
            Err(ApiError::UnsupportedMediaType("the content encoding must be gzip or none".to_owned()))
        }
    }
}

/// Decompresses a body, or returns `None` when it holds more than `most` bytes.
fn unzip(body: &[u8], most: usize) -> Result<Option<Bytes>, ApiError> {
    let mut out = Vec::with_capacity((body.len() * 4).min(most + 1));
    flate2::read::MultiGzDecoder::new(body)
        .take(most as u64 + 1)
        .read_to_end(&mut out)
        .map_err(|error| invalid_gzip(&error))?;
    Ok((out.len() <= most).then(|| out.into()))
}

/// Decompresses at most [`LIMIT`] bytes, and only while there is memory for them, so that a small bomb stays small.
fn unzip_large(body: &[u8], share: &Share) -> Result<Bytes, ApiError> {
    let announced = match announced(body) {
        // Too much, or a body that was cut off or is no gzip at all.
        size if size > LIMIT => counted(body)?,
        size => size,
    };
    let mut reader = flate2::read::MultiGzDecoder::new(body);
    let mut out = Vec::with_capacity(announced);
    loop {
        if out.len() == out.capacity() {
            let mut next = [0];
            if reader.read(&mut next).map_err(|error| invalid_gzip(&error))? == 0 {
                return Ok(out.into());
            }
            // What was not announced is held twice for a moment when it grows, so it does not double.
            out.reserve_exact(STEP.max(out.len() / 4));
            share.take(1)?;
            out.extend(next);
        }
        let room = STEP.min(out.capacity() - out.len());
        let step = reader.by_ref().take(room as u64).read_to_end(&mut out);
        let read = step.map_err(|error| invalid_gzip(&error))?;
        if out.len() > LIMIT {
            return Err(ApiError::PayloadTooLarge { limit: LIMIT });
        }
        share.take(read)?;
        if read == 0 {
            return Ok(out.into());
        }
    }
}

/// Returns how many bytes a gzip body says its last member holds, of which there mostly is one (RFC 1952 §2.3.1).
fn announced(body: &[u8]) -> usize {
    body.last_chunk().map_or(0, |size| u32::from_le_bytes(*size)) as usize
}

/// Returns how many bytes a body holds, without holding them.
fn counted(body: &[u8]) -> Result<usize, ApiError> {
    let mut reader = flate2::read::MultiGzDecoder::new(body).take(LIMIT as u64 + 1);
    let size = std::io::copy(&mut reader, &mut std::io::sink()).map_err(|error| invalid_gzip(&error))?;
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    if size > LIMIT { Err(ApiError::PayloadTooLarge { limit: LIMIT }) } else { Ok(size) }
}

fn invalid_gzip(error: &std::io::Error) -> ApiError {
    ApiError::InvalidRequest { field: None, message: format!("the body is not valid gzip: {error}") }
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::io::Write;

    use super::*;
    use crate::memory::Budget;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn unzipped(body: &[u8]) -> Result<Bytes, ApiError> {
        unzip_large(body, &Budget::default().share())
    }

    #[test]
    fn bodies_come_out_whole_whatever_they_announce() {
        let plain: Vec<u8> = (0..5 * STEP + 3).map(|n| n.to_le_bytes()[0]).collect();
        assert_eq!(unzipped(&gzip(&plain)).unwrap(), plain);
        // Of several members only the last one's size is announced.
        let members = [gzip(&plain), gzip(b"end")].concat();
        assert_eq!(unzipped(&members).unwrap(), [plain.as_slice(), b"end"].concat());
        assert!(unzipped(&gzip(b"")).unwrap().is_empty());
    }

    #[test]
    fn what_is_too_large_is_refused_whether_announced_or_not() {
        let large = gzip(&vec![b' '; LIMIT + 1]);
        for body in [large.clone(), [large, gzip(b"end")].concat()] {
            assert!(matches!(unzipped(&body), Err(ApiError::PayloadTooLarge { limit: LIMIT })));
        }
    }
}
