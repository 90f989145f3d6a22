//! OTLP over HTTP: encodings, answers, refusals.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use serde_json::{Value, json};

use super::super::case::cases;
use super::super::{Case, Ctx};
use super::made::{START, request};
use crate::mount::Capability;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("otlp.transport", &[];
        json_is_taken,
        numbers_may_be_text_or_numbers,
        protobuf_is_taken_and_answered_in_kind,
        gzip_is_taken_for_both,
        an_empty_request_is_fine,
        unusable_spans_are_counted_and_others_kept,
        unusable_spans_are_counted_in_protobuf,
        undecodable_bodies_are_refused,
        other_types_are_refused,
        other_encodings_are_refused,
        more_than_64_mebibytes_unzipped_are_refused,
        unknown_members_are_ignored,
        every_kind_of_value_is_kept,
    );
    cases.extend(cases!("otlp.transport", &[Capability::LargeBodies]; more_than_ten_mebibytes_are_taken));
    cases
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

async fn json_is_taken(t: Ctx) {
    t.export(&[t.otlp_span(1, &json!({"a": 1}), json!({}))]).await;
    let span = t.exported(1).await;
    assert_eq!((&span["name"], &span["status"]), (&json!("span 1"), &json!("completed")));
}

async fn numbers_may_be_text_or_numbers(t: Ctx) {
    let as_numbers = json!({"startTimeUnixNano": START, "endTimeUnixNano": START + 5_000_000,
        "attributes": [{"key": "n", "value": {"intValue": 7}}]});
    t.export(&[t.otlp_span(1, &json!({}), as_numbers), t.otlp_span(2, &json!({"n": 7}), json!({}))]).await;
    let (first, second) = (t.exported(1).await, t.exported(2).await);
    assert_eq!(
        (&first["kind"]["attributes"]["n"], &second["kind"]["attributes"]["n"]),
        (&json!(7), &json!(7))
    );
    assert_eq!(first["metadata"]["duration_ms"], 5);
}

async fn protobuf_is_taken_and_answered_in_kind(t: Ctx) {
    let body = t.protobuf(false).encode_to_vec();
    let answer = t.call("POST", "/v1/traces").body("application/x-protobuf", body).send().await.expect(200);
    assert_eq!(answer.header("content-type"), "application/x-protobuf");
    let decoded = ExportTraceServiceResponse::decode(answer.body.clone()).expect("protobuf");
    assert_eq!(decoded.partial_success, None);
    t.assert_protobuf_arrived().await;
}

async fn gzip_is_taken_for_both(t: Ctx) {
    let protobuf = gzip(&t.protobuf(false).encode_to_vec());
    let call = t.call("POST", "/v1/traces").header("content-encoding", "gzip");
    call.body("application/x-protobuf", protobuf).send().await.expect(200);
    t.assert_protobuf_arrived().await;
    let body = request(&json!({}), "tests", &[t.otlp_span(2, &json!({}), json!({}))]).to_string();
    let call = t.call("POST", "/v1/traces").header("content-encoding", "gzip");
    assert_eq!(call.body("application/json", gzip(body.as_bytes())).send().await.ok(), json!({}));
    t.exported(2).await;
}

async fn an_empty_request_is_fine(t: Ctx) {
    assert_eq!(t.post("/v1/traces", &json!({})).await.ok(), json!({}));
    assert_eq!(t.post("/v1/traces", &json!({"resourceSpans": []})).await.ok(), json!({}));
    t.call("POST", "/v1/traces").body("application/x-protobuf", "").send().await.expect(200);
}

async fn unusable_spans_are_counted_and_others_kept(t: Ctx) {
    let zero = "0".repeat(32);
    let bad = [
        json!({"traceId": "abc"}),
        json!({"traceId": zero}),
        json!({"spanId": "0".repeat(16)}),
        json!({"spanId": "12345"}),
        json!({"traceId": format!("{}zz", &t.otel_trace(1)[..30])}),
        json!({"spanId": ""}),
    ];
    let mut spans: Vec<Value> = bad.iter().map(|more| t.otlp_span(1, &json!({}), more.clone())).collect();
    spans.insert(2, t.otlp_span(9, &json!({}), json!({})));
    let answer = t.post("/v1/traces", &request(&json!({}), "tests", &spans)).await.ok();
    assert_eq!(answer["partialSuccess"]["rejectedSpans"], "6", "{answer}");
    let message = answer["partialSuccess"]["errorMessage"].as_str().unwrap_or_default();
    assert!(!message.is_empty(), "{answer}");
    t.exported(9).await;
    assert_eq!(t.exported_trace().await["span_count"], 1);
}

async fn unusable_spans_are_counted_in_protobuf(t: Ctx) {
    let body = t.protobuf(true).encode_to_vec();
    let answer = t.call("POST", "/v1/traces").body("application/x-protobuf", body).send().await.expect(200);
    let partial = ExportTraceServiceResponse::decode(answer.body.clone()).expect("protobuf").partial_success;
    let partial = partial.expect("one span has no usable id");
    assert_eq!(partial.rejected_spans, 1);
    assert!(!partial.error_message.is_empty());
    t.assert_protobuf_arrived().await;
}

async fn undecodable_bodies_are_refused(t: Ctx) {
    for body in ["{", "nonsense", "[", "{\"resourceSpans\": 5}"] {
        let answer = t.call("POST", "/v1/traces").body("application/json", body).send().await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        let code = answer.json()["code"].clone();
        assert!(code == "invalid_json" || code == "invalid_request", "{body}: {code}");
    }
    let answer =
        t.call("POST", "/v1/traces").body("application/x-protobuf", "this is not protobuf").send().await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    let call = t.call("POST", "/v1/traces").header("content-encoding", "gzip");
    let answer = call.body("application/json", "this is not gzip").send().await;
    assert_eq!(answer.status, 400, "{}", answer.text());
}

async fn other_types_are_refused(t: Ctx) {
    for kind in ["text/plain", "application/xml", "application/x-www-form-urlencoded"] {
        let answer = t.call("POST", "/v1/traces").body(kind, "{}").send().await;
        answer.error(415, "unsupported_media_type");
    }
}

async fn other_encodings_are_refused(t: Ctx) {
    for encoding in ["zstd", "deflate", "br"] {
        let call = t.call("POST", "/v1/traces").header("content-encoding", encoding);
        call.body("application/json", "{}").send().await.error(415, "unsupported_media_type");
    }
    let call = t.call("POST", "/v1/traces").header("content-encoding", "identity");
    call.body("application/json", "{}").send().await.ok();
}

async fn more_than_64_mebibytes_unzipped_are_refused(t: Ctx) {
    let mut body = vec![b' '; 64 * 1024 * 1024];
    body.extend_from_slice(b"{}");
    let call = t.call("POST", "/v1/traces").header("content-encoding", "gzip");
    call.body("application/json", gzip(&body)).send().await.error(413, "payload_too_large");
}

async fn more_than_ten_mebibytes_are_taken(t: Ctx) {
    let text = "x".repeat(11 * 1024 * 1024);
    t.export(&[t.otlp_span(1, &json!({"gen_ai.request.model": "m", "gen_ai.prompt": text}), json!({}))])
        .await;
    let span = t.exported(1).await;
    assert_eq!(span["input"].as_str().map(str::len), Some(text.len()));
}

async fn unknown_members_are_ignored(t: Ctx) {
    let span = t.otlp_span(
        1,
        &json!({}),
        json!({"flags": 257, "droppedAttributesCount": 3, "newMember": {"a": [1]}, "links": []}),
    );
    t.export(&[span]).await;
    t.exported(1).await;
}

async fn every_kind_of_value_is_kept(t: Ctx) {
    let members = json!({"text": "naïve 🚀", "int": -7, "large": 9_007_199_254_740_993_i64, "double": 0.25, "yes": true,
        "list": ["a", "b"], "numbers": [1, 2], "object": {"a": 1, "b": ["c"]}});
    t.export(&[t.otlp_span(1, &members, json!({}))]).await;
    let kept = t.exported(1).await["kind"]["attributes"].clone();
    for (name, value) in members.as_object().expect("an object") {
        assert_eq!(kept.get(name), Some(value), "{name} of {kept}");
    }
}
