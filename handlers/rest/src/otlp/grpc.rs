//! The OTLP trace service over gRPC: one unary method, whose body takes the same way as the HTTP endpoint's.

use std::sync::Arc;

use axum::body::Body as AnswerBody;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{MethodRouter, any};
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body_util::{BodyExt, Full};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tonic::{Code, Status};
use trace::ports::{Clock, chain};
use trace::record::Recorder;

use super::{Body, Encoding, LIMIT, response, store};
use crate::caller::{Identity, TracesWrite};
use crate::error::ApiError;
use crate::extract::{content_type, read_body};
use crate::memory::Share;

/// Bytes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// What the service records with.
#[derive(Clone)]
struct Traces {
    recorder: Recorder,
    clock: Arc<dyn Clock>,
}

/// Returns the gRPC service, to be routed by its path beside the REST routes.
pub(crate) fn service(recorder: Recorder, clock: Arc<dyn Clock>) -> MethodRouter {
    any(call).with_state(Traces { recorder, clock })
}

async fn call(State(traces): State<Traces>, request: Request) -> Response {
    match traces.export(request).await {
        Ok(answer) => framed(&answer),
        Err(status) => status.into_http(),
    }
}

impl Traces {
    async fn export(&self, request: Request) -> Result<ExportTraceServiceResponse, Status> {
        if !request.uri().path().ends_with("/Export") {
            return Err(Status::unimplemented("this service has the method Export only"));
        }
        self.record(request).await.map_err(|error| status(&error))
    }

    async fn record(&self, request: Request) -> Result<ExportTraceServiceResponse, ApiError> {
        let identity = request.extensions().get::<Identity>().ok_or(ApiError::MissingAuth)?;
        let caller = identity.caller::<TracesWrite>()?;
        if !content_type(request.headers()).is_some_and(|kind| kind.starts_with("application/grpc")) {
            return Err(unsupported("the content type must be application/grpc"));
        }
        let unzips = accepts_gzip(request.headers())?;
        let share = Share::of(request.extensions());
        let body = read_body(request, LIMIT + PREFIX).await?;
        let (bytes, zipped) = message(&body)?;
        if zipped && !unzips {
            return Err(unsupported("a compressed message needs the header grpc-encoding"));
        }
        let body = Body { encoding: Encoding::Protobuf, bytes, zipped };
        let mapped = body.map(share, self.clock.now()).await?;
        let (rejected, message) = store(&self.recorder, &caller.scope, mapped).await?;
        Ok(response(rejected, message))
    }
}

fn unsupported(message: &str) -> ApiError {
    ApiError::UnsupportedMediaType(message.to_owned())
}

/// Returns whether messages that are marked as compressed are gzip.
fn accepts_gzip(headers: &HeaderMap) -> Result<bool, ApiError> {
    match headers.get("grpc-encoding").map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(false),
        Some(b"gzip") => Ok(true),
        Some(_) => Err(unsupported("the grpc-encoding must be gzip or identity")),
    }
}

/// Returns the one message of a request, and whether it is compressed.
fn message(body: &Bytes) -> Result<(Bytes, bool), ApiError> {
    let whole = match **body {
        [flag @ (0 | 1), a, b, c, d, ref message @ ..] => {
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            (message.len() == length).then(|| (body.slice(PREFIX..), flag == 1))
        }
        _ => None,
    };
    whole.ok_or_else(|| ApiError::InvalidRequest {
        field: None,
        message: "the body is not one gRPC message".to_owned(),
    })
}

/// Returns an answer that went well: one message, then the status.
fn framed(answer: &ExportTraceServiceResponse) -> Response {
    let length = answer.encoded_len();
    let mut body = BytesMut::with_capacity(PREFIX + length);
    body.put_u8(0);
    body.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    body.put_slice(&answer.encode_to_vec());
    let status =
        HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))]);
    let body = Full::new(body.freeze()).with_trailers(std::future::ready(Some(Ok(status))));
    let mut response = Response::new(AnswerBody::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// Returns the gRPC status of an error; the codes exporters retry are those HTTP clients retry.
fn status(error: &ApiError) -> Status {
    let (http, _) = error.answer();
    let code = match http.as_u16() {
        400 | 413 | 415 => Code::InvalidArgument,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        402 | 429 => Code::ResourceExhausted,
        503 => Code::Unavailable,
        _ => Code::Internal,
    };
    if http.is_server_error() {
        tracing::error!(error = %chain(&error), "a gRPC export failed");
    }
    Status::new(code, error.to_string())
}
