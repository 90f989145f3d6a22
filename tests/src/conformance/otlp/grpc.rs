//! OTLP over gRPC, on the port of the API.

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tonic::codec::CompressionEncoding;
use tonic::metadata::{AsciiMetadataKey, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::super::case::cases;
use super::super::{Case, Ctx};
use crate::mount::Capability;

pub(super) fn cases() -> Vec<Case> {
    cases!("otlp.grpc", &[Capability::Grpc];
        spans_are_taken,
        gzip_is_taken,
        an_empty_request_is_fine,
        unusable_spans_are_counted,
        many_requests_share_a_connection,
        an_unknown_method_is_unimplemented,
        rest_and_grpc_share_the_port,
    )
}

async fn client(t: &Ctx) -> TraceServiceClient<Channel> {
    TraceServiceClient::connect(t.api().to_owned()).await.expect("the API port speaks HTTP/2")
}

/// Adds what every request to the API carries.
fn dressed(t: &Ctx, request: ExportTraceServiceRequest) -> Request<ExportTraceServiceRequest> {
    let mut request = Request::new(request);
    for (name, value) in t.api_headers() {
        let key: AsciiMetadataKey = name.parse().expect("a header name");
        let value: MetadataValue<_> = value.parse().expect("a header value");
        request.metadata_mut().insert(key, value);
    }
    request
}

async fn export(t: &Ctx, request: ExportTraceServiceRequest) -> Result<ExportTraceServiceResponse, Status> {
    let answer = client(t).await.export(dressed(t, request)).await?;
    t.settle().await;
    Ok(answer.into_inner())
}

async fn spans_are_taken(t: Ctx) {
    let answer = export(&t, t.protobuf(false)).await.expect("it is taken");
    assert_eq!(answer.partial_success, None);
    t.assert_protobuf_arrived().await;
}

async fn gzip_is_taken(t: Ctx) {
    let mut client = client(&t).await.send_compressed(CompressionEncoding::Gzip);
    client.export(dressed(&t, t.protobuf(false))).await.expect("it is taken");
    t.settle().await;
    t.assert_protobuf_arrived().await;
}

async fn an_empty_request_is_fine(t: Ctx) {
    let answer =
        export(&t, ExportTraceServiceRequest::default()).await.expect("nothing is wrong with nothing");
    assert_eq!(answer.partial_success, None);
}

async fn unusable_spans_are_counted(t: Ctx) {
    let answer = export(&t, t.protobuf(true)).await.expect("the others are kept");
    let partial = answer.partial_success.expect("one span has no usable id");
    assert_eq!(partial.rejected_spans, 1);
    assert!(!partial.error_message.is_empty());
    t.assert_protobuf_arrived().await;
}

async fn many_requests_share_a_connection(t: Ctx) {
    let client = client(&t).await;
    let exports = (0..20).map(|_| {
        let mut client = client.clone();
        let request = dressed(&t, t.protobuf(false));
        async move { client.export(request).await }
    });
    for answer in futures_util::future::join_all(exports).await {
        answer.expect("each is taken");
    }
    t.settle().await;
    assert_eq!(t.exported_trace().await["span_count"], 1, "sending again replaces");
}

async fn an_unknown_method_is_unimplemented(t: Ctx) {
    let client = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build().expect("a client");
    let url = format!("{}/opentelemetry.proto.collector.trace.v1.TraceService/Nothing", t.api());
    let mut request = client.post(url).header("content-type", "application/grpc").header("te", "trailers");
    for (name, value) in t.api_headers() {
        request = request.header(name, value);
    }
    // One empty message: no compression, no bytes.
    let answer = request.body(vec![0; 5]).send().await.expect("an answer");
    let status = answer.headers().get("grpc-status").and_then(|value| value.to_str().ok());
    assert_eq!((answer.status().as_u16(), status), (200, Some("12")), "12 is UNIMPLEMENTED");
}

async fn rest_and_grpc_share_the_port(t: Ctx) {
    export(&t, t.protobuf(false)).await.expect("gRPC is served");
    t.get("/api/stats").await.expect(200);
    t.assert_protobuf_arrived().await;
}
