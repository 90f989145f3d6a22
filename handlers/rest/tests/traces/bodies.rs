//! Bodies: their limits, and what many large ones do.

use std::io::Write;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::Request;
use serde_json::json;

use super::support::Api;

fn zipped(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// Returns an OTLP request of so many bytes with one span.
fn otlp(bytes: usize) -> Vec<u8> {
    let span = json!({"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": "x",
        "startTimeUnixNano": "1", "endTimeUnixNano": "2",
        "attributes": [{"key": "pad", "value": {"stringValue": "x".repeat(bytes)}}]});
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string().into_bytes()
}

fn export(body: Vec<u8>) -> Request<Body> {
    let request = Request::post("/v1/traces").header("content-type", "application/json");
    request.header("content-encoding", "gzip").body(Body::from(body)).unwrap()
}

#[tokio::test]
async fn zipped_requests_small_and_large_are_taken() {
    let api = Api::new();
    for bytes in [10, 300 * 1024, 3 * 1024 * 1024] {
        let answer = api.send(export(zipped(&otlp(bytes)))).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({})), "{bytes}");
    }
    assert_eq!(api.get("/api/stats").await.json()["span_count"], 1);
    for body in [b"no gzip".to_vec(), zipped(&otlp(5_000_000))[..2_000].to_vec()] {
        assert_eq!(api.send(export(body)).await.json()["code"], "invalid_request");
    }
    let bomb = zipped(&vec![b' '; 65 * 1024 * 1024]);
    assert_eq!(api.send(export(bomb)).await.json()["code"], "payload_too_large");
}

#[tokio::test]
async fn a_small_zipped_request_that_becomes_large_does_not_hold_up_others() {
    let api = Api::new();
    let body = zipped(&otlp(40 * 1024 * 1024));
    assert!(body.len() < 256 * 1024);
    let (router, request) = (api.router.clone(), export(body));
    let large =
        tokio::spawn(async move { tower::ServiceExt::oneshot(router, request).await.unwrap().status() });
    // The test has one thread: this turn comes only when that one gives it up.
    let started = std::time::Instant::now();
    while !large.is_finished() {
        let before = started.elapsed();
        tokio::time::sleep(Duration::from_millis(1)).await;
        let waited = started.elapsed().saturating_sub(before);
        assert!(waited < Duration::from_millis(500), "{waited:?}");
    }
    assert_eq!(large.await.unwrap(), 200);
}

#[tokio::test]
async fn bodies_that_together_take_too_much_are_refused_until_others_are_done() {
    let api = Api::new();
    let chunk = Bytes::from(vec![b' '; 1024 * 1024]);
    let mut waiting = Vec::new();
    for _ in 0..5 {
        // A body of 60 MiB that never ends.
        let (chunk, endless) =
            (chunk.clone(), futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        let pieces = futures_util::stream::iter((0..60).map(move |_| Ok(chunk.clone())));
        let body = Body::from_stream(futures_util::StreamExt::chain(pieces, endless));
        let request =
            Request::post("/v1/traces").header("content-type", "application/json").body(body).unwrap();
        let router = api.router.clone();
        waiting.push(tokio::spawn(async move { tower::ServiceExt::oneshot(router, request).await.unwrap() }));
    }
    let refused = loop {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if let Some(at) = waiting.iter().position(tokio::task::JoinHandle::is_finished) {
            break waiting.remove(at).await.unwrap();
        }
    };
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    let large = json!({"trace_id": "t", "name": "x", "input": "x".repeat(9 * 1024 * 1024)});
    assert_eq!(api.post("/api/spans", &large).await.status, 201, "there is room for this one");
    for request in &waiting {
        request.abort();
    }
    for request in waiting {
        assert!(request.await.unwrap_err().is_cancelled());
    }
    assert_eq!(api.send(export(zipped(&otlp(50 * 1024 * 1024)))).await.status, 200);
}

#[tokio::test]
async fn json_bodies_of_many_pieces_are_read_whole_up_to_the_limit() {
    let api = Api::new();
    let send = async |bytes: usize| {
        let text = json!({"trace_id": "t", "name": "x", "input": "x".repeat(bytes)}).to_string();
        let pieces: Vec<Result<Bytes, std::io::Error>> =
            text.as_bytes().chunks(100_000).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        let request =
            Request::post("/api/spans").header("content-type", "application/json").body(body).unwrap();
        api.send(request).await
    };
    let id = send(1_000_000).await.json()["id"].as_str().unwrap().to_owned();
    let span = api.get(&format!("/api/spans/{id}")).await.json();
    assert_eq!(span["input"].as_str().unwrap().len(), 1_000_000);
    let refused = send(11 * 1024 * 1024).await;
    assert_eq!((refused.status.as_u16(), refused.json()["limit"].as_u64()), (413, Some(10 * 1024 * 1024)));
}
