//! The OTLP trace service over gRPC.

use std::sync::Arc;

use async_trait::async_trait;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tonic::codec::CompressionEncoding;
use tonic::{Code, Request, Response, Status};
use trace::otlp;
use trace::ports::Clock;
use trace::record::Recorder;

use super::{LIMIT, response, store};
use crate::caller::{Identity, TracesWrite};
use crate::error::ApiError;

/// Takes spans over gRPC and records them as the HTTP endpoint does.
pub(crate) struct Traces {
    recorder: Recorder,
    clock: Arc<dyn Clock>,
}

/// Returns the gRPC service, to be routed by its path beside the REST routes.
pub(crate) fn service(recorder: Recorder, clock: Arc<dyn Clock>) -> TraceServiceServer<Traces> {
    TraceServiceServer::new(Traces { recorder, clock })
        .accept_compressed(CompressionEncoding::Gzip)
        .send_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(LIMIT)
}

#[async_trait]
impl TraceService for Traces {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let identity = request.extensions().get::<Identity>().cloned();
        let identity = identity.ok_or_else(|| status(&ApiError::MissingAuth))?;
        let caller = identity.caller::<TracesWrite>().map_err(|error| status(&error))?;
        let mapped = otlp::map(request.into_inner(), self.clock.now());
        let (rejected, message) =
            store(&self.recorder, &caller.scope, mapped).await.map_err(|error| status(&error))?;
        Ok(Response::new(response(rejected, message)))
    }
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
        tracing::error!(%error, "a gRPC export failed");
    }
    Status::new(code, error.to_string())
}
