//! Garbage and malice: the contract's error or a faithful record, never a panic, never a hang.

use std::io::Write;
use std::time::Duration;

use conformance::mount::LocalServer;
use conformance::providers;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::server::{assert_no_panic, client, resident, start, status};

struct Case {
    server: LocalServer,
    client: reqwest::Client,
    _folder: tempfile::TempDir,
}

async fn case() -> Case {
    let provider = providers::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), provider.base_url(), &[]);
    // The emulator lives as long as the test's runtime.
    std::mem::forget(provider);
    Case { server, client: client(), _folder: folder }
}

impl Case {
    async fn post(&self, path: &str, content_type: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let url = format!("{}{path}", self.server.api);
        let answer =
            self.client.post(url).header("content-type", content_type).body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    async fn json(&self, path: &str, body: &Value) -> (u16, Value) {
        self.post(path, "application/json", body.to_string()).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.client.get(format!("{}{path}", self.server.api)).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    async fn assert_well(&self) {
        assert_eq!(status(&self.client, &format!("{}/api/health", self.server.api)).await, 200);
        assert_no_panic(&self.server);
    }
}

#[tokio::test]
async fn json_nested_very_deep_is_kept_or_refused() {
    let case = case().await;
    let deep = format!("{}1{}", "[".repeat(200_000), "]".repeat(200_000));
    let body = format!(r#"{{"id":"deep","trace_id":"deep","name":"deep","input":{deep}}}"#);
    let (code, _) = case.post("/api/spans", "application/json", body).await;
    assert_eq!(code, 201, "an input is text and may be as deep as it likes");
    let shown = case.client.get(format!("{}/api/spans/deep", case.server.api)).send().await.unwrap();
    assert!(shown.text().await.unwrap().contains(&deep));
    for body in
        [deep.clone(), format!(r#"{{"name":"x","trace_id":"t","kind":{deep}}}"#), "[".repeat(1_000_000)]
    {
        let (code, answer) = case.post("/api/spans", "application/json", body).await;
        assert_eq!((code, answer["code"].is_string()), (400, true));
    }
    let (code, _) = case.post("/v1/traces", "application/json", "[".repeat(1_000_000)).await;
    assert_eq!(code, 400);
    let nested = format!("{}{}", r#"{"arrayValue":{"values":["#.repeat(5_000), "]}}".repeat(5_000));
    let span = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{}","spanId":"{}","name":"n","attributes":[{{"key":"a","value":{nested}}}]}}]}}]}}]}}"#,
        "a".repeat(32),
        "b".repeat(16),
    );
    let (code, _) = case.post("/v1/traces", "application/json", span).await;
    assert!(code == 200 || code == 400, "status {code}");
    case.assert_well().await;
}

#[tokio::test]
async fn bodies_above_the_limit_are_413() {
    let case = case().await;
    let (code, answer) = case.post("/api/spans", "application/json", vec![b' '; (10 << 20) + 1]).await;
    assert_eq!((code, answer["code"].as_str()), (413, Some("payload_too_large")));
    let (code, answer) = case.post("/v1/traces", "application/x-protobuf", vec![0; (64 << 20) + 1]).await;
    assert_eq!((code, answer["code"].as_str()), (413, Some("payload_too_large")));
    case.assert_well().await;
}

#[tokio::test]
async fn a_gzip_bomb_is_413_and_takes_little_memory() {
    let case = case().await;
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0_u8; 1 << 20];
    for _ in 0..2048 {
        bomb.write_all(&zeros).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    let before = resident(&case.server);
    for _ in 0..4 {
        let url = format!("{}/v1/traces", case.server.api);
        let request = case.client.post(url).header("content-type", "application/x-protobuf");
        let answer = request.header("content-encoding", "gzip").body(bomb.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 413);
    }
    let after = resident(&case.server);
    assert!(after < before + 400, "memory went from {before} to {after} MiB");
    case.assert_well().await;
}

#[tokio::test]
async fn invalid_utf8_and_garbage_are_400() {
    let case = case().await;
    let garbage: [&[u8]; 6] = [b"\xff\xfe\x00", b"{\"name\":\"\xc3\x28\"}", b"null", b"\"x\"", b"{", b"{}{}"];
    for body in garbage {
        for path in ["/api/spans", "/api/ingest", "/v1/traces"] {
            let (code, answer) = case.post(path, "application/json", body.to_vec()).await;
            assert_eq!((code, answer["code"].is_string()), (400, true), "{path} {body:?}");
        }
    }
    for length in [1, 7, 100, 5000] {
        let noise: Vec<u8> = (0..length).map(|n: u32| n.wrapping_mul(7919).to_le_bytes()[0] | 0x80).collect();
        let (code, _) = case.post("/v1/traces", "application/x-protobuf", noise).await;
        assert_eq!(code, 400);
    }
    let url = format!("{}/v1/traces", case.server.api);
    let request =
        case.client.post(url).header("content-type", "application/json").header("content-encoding", "gzip");
    assert_eq!(request.body("not gzip").send().await.unwrap().status(), 400);
    case.assert_well().await;
}

#[tokio::test]
async fn numbers_out_of_range_are_400_or_kept() {
    let case = case().await;
    for kind in [
        json!({"type": "llm_call", "model": "m", "input_tokens": -1}),
        json!({"type": "llm_call", "model": "m", "output_tokens": 1.5}),
        json!({"type": "llm_call", "model": "m", "cost": -0.1}),
        json!({"type": "llm_call", "model": 7}),
        json!({"type": "nonsense"}),
    ] {
        let (code, answer) =
            case.json("/api/spans", &json!({"trace_id": "t", "name": "n", "kind": kind})).await;
        assert_eq!((code, answer["code"].as_str()), (400, Some("invalid_kind")), "{kind}");
    }
    let huge = json!({"id": "huge", "trace_id": "huge", "name": "n", "kind":
        {"type": "llm_call", "model": "gpt-4o", "input_tokens": u64::MAX, "output_tokens": u64::MAX}});
    let (code, _) = case.json("/api/spans", &huge).await;
    assert!(code == 201 || code == 400, "status {code}");
    let input =
        r#"{"id":"big","trace_id":"big","name":"n","input":{"n":123456789012345678901234567890,"e":1e400}}"#;
    assert_eq!(case.post("/api/spans", "application/json", input).await.0, 201);
    let shown = case.client.get(format!("{}/api/spans/big", case.server.api)).send().await.unwrap();
    assert!(shown.text().await.unwrap().contains("123456789012345678901234567890"));
    for path in ["/api/stats", "/api/analytics/summary", "/api/traces", "/api/spans?sort_by=tokens"] {
        assert_eq!(case.get(path).await.0, 200, "{path}");
    }
    case.assert_well().await;
}

#[tokio::test]
async fn ids_above_128_characters_are_400() {
    let case = case().await;
    for (field, bad) in
        [("id", "x".repeat(129)), ("trace_id", "y".repeat(129)), ("parent_id", "a b".to_owned())]
    {
        let mut span = json!({"trace_id": "t", "name": "n"});
        span[field] = json!(bad);
        let (code, answer) = case.json("/api/spans", &span).await;
        assert_eq!((code, answer["field"].as_str()), (400, Some(field)));
    }
    assert_eq!(case.get(&format!("/api/spans/{}", "x".repeat(129))).await.0, 404);
    case.assert_well().await;
}

#[tokio::test]
async fn cycles_of_parents_are_shown() {
    let case = case().await;
    for (id, parent) in [("a", "c"), ("b", "a"), ("c", "b"), ("self", "self"), ("orphan", "nobody")] {
        let span = json!({"id": format!("cy-{id}"), "trace_id": "cycle", "name": id, "parent_id": format!("cy-{parent}")});
        assert_eq!(case.json("/api/spans", &span).await.0, 201);
    }
    let (code, answer) = case.get("/api/traces/cycle").await;
    assert_eq!((code, answer["count"].as_u64()), (200, Some(5)));
    case.assert_well().await;
}

#[tokio::test]
async fn a_span_that_ends_before_it_starts_is_recorded_as_sent() {
    let case = case().await;
    let body = json!({"spans": [{"id": "back", "trace_id": "back", "name": "n", "status": "completed",
        "started_at": "2025-03-01T10:00:05Z", "ended_at": "2025-03-01T10:00:00Z"}]});
    assert_eq!(case.json("/api/ingest", &body).await.0, 200);
    let (_, span) = case.get("/api/spans/back").await;
    assert_eq!(span["started_at"], "2025-03-01T10:00:05Z");
    assert_eq!(span["ended_at"], "2025-03-01T10:00:00Z");
    assert_eq!(span["metadata"]["duration_ms"], 0);
    case.assert_well().await;
}

#[tokio::test]
async fn half_sent_requests_do_not_hold_the_server() {
    use tokio::io::AsyncWriteExt;
    let case = case().await;
    let address = case.server.api.trim_start_matches("http://").to_owned();
    let mut held = Vec::new();
    for _ in 0..200 {
        let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        stream
            .write_all(b"POST /api/spans HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
            .await
            .unwrap();
        held.push(stream);
    }
    let answer = tokio::time::timeout(Duration::from_secs(5), case.get("/api/stats")).await.unwrap();
    assert_eq!(answer.0, 200);
    drop(held);
    case.assert_well().await;
}

#[tokio::test]
async fn queries_of_every_kind_are_answered() {
    let case = case().await;
    for q in [
        "\"",
        "a\"b",
        "cost:>",
        "-",
        "--",
        ":",
        "model:",
        "\\",
        "%",
        "*",
        "a*b",
        "NEAR(a b)",
        "\u{0}",
        "' OR 1=1 --",
        "\u{202e}x",
    ] {
        let url = format!("{}/api/spans", case.server.api);
        let answer = case.client.get(url).query(&[("q", q)]).send().await.unwrap();
        assert!([200, 400].contains(&answer.status().as_u16()), "{q:?}: {}", answer.status());
    }
    let long = "word ".repeat(1_500);
    let url = format!("{}/api/spans", case.server.api);
    let answer = case.client.get(url).query(&[("q", &long)]).send().await.unwrap();
    assert!(!answer.status().is_server_error(), "{}", answer.status());
    case.assert_well().await;
}
