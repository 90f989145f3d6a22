//! OTLP over gRPC, byte by byte; real clients are tested elsewhere.

use std::io::Write;

use axum::body::Body;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::Request;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use super::support::{Answer, Api};

fn one_span() -> Vec<u8> {
    let span = Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: "x".repeat(10),
        start_time_unix_nano: 1,
        end_time_unix_nano: 2,
        ..Span::default()
    };
    let spans = ScopeSpans { spans: vec![span, Span::default()], ..ScopeSpans::default() };
    let resource = ResourceSpans { scope_spans: vec![spans], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource] }.encode_to_vec()
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut body = vec![flag];
    body.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    body.extend_from_slice(message);
    body
}

async fn call(api: &Api, method: &str, encoding: Option<&str>, body: Vec<u8>) -> Answer {
    let path = format!("/opentelemetry.proto.collector.trace.v1.TraceService/{method}");
    let mut request = Request::post(path).header("content-type", "application/grpc").header("te", "trailers");
    if let Some(encoding) = encoding {
        request = request.header("grpc-encoding", encoding);
    }
    api.send(request.body(Body::from(body)).unwrap()).await
}

fn status(answer: &Answer) -> &str {
    answer.headers["grpc-status"].to_str().unwrap()
}

#[tokio::test]
async fn messages_are_taken_plain_and_zipped_and_answered_with_a_message_and_a_status() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&one_span()).unwrap();
    let zipped = encoder.finish().unwrap();
    for (encoding, body) in [(None, framed(0, &one_span())), (Some("gzip"), framed(1, &zipped))] {
        let api = Api::new();
        let answer = call(&api, "Export", encoding, body).await;
        assert_eq!((answer.status.as_u16(), status(&answer)), (200, "0"));
        assert_eq!(answer.headers["content-type"], "application/grpc");
        assert_eq!(answer.body[..5], framed(0, &answer.body[5..])[..5]);
        let partial = ExportTraceServiceResponse::decode(&answer.body[5..]).unwrap().partial_success.unwrap();
        assert_eq!(partial.rejected_spans, 1);
        assert_eq!(api.get("/api/stats").await.json()["span_count"], 1);
    }
}

#[tokio::test]
async fn what_is_no_export_has_its_own_status() {
    let api = Api::new();
    let whole = framed(0, &one_span());
    for (method, encoding, body, code) in [
        ("Nothing", None, whole.clone(), "12"),
        ("Export", Some("br"), whole.clone(), "3"),
        ("Export", None, framed(1, &one_span()), "3"),
        ("Export", Some("gzip"), framed(1, b"no gzip"), "3"),
        ("Export", None, whole[..whole.len() - 1].to_vec(), "3"),
        ("Export", None, Vec::new(), "3"),
        ("Export", None, framed(0, b"\xff\xff"), "3"),
    ] {
        let answer = call(&api, method, encoding, body).await;
        assert_eq!((answer.status.as_u16(), status(&answer)), (200, code), "{method} {encoding:?}");
    }
    assert_eq!(api.get("/api/stats").await.json()["span_count"], 0);
}
