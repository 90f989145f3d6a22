//! Bytes pass unchanged in both directions.

use std::io::Read;

use serde_json::json;

use super::super::case::cases;
use super::super::upstream::{Step, chunk};
use super::super::upstream::{Upstream, head, last_chunk};
use super::super::{Case, Ctx};
use super::{CHAT, asked, said};
use crate::mount::Capability;
use crate::providers;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("proxy.relay", &[Capability::Proxy];
        request_bodies_pass_byte_for_byte,
        bodies_without_a_length_pass,
        answers_pass_byte_for_byte,
        binary_bodies_pass_both_ways,
        every_status_passes,
        every_method_passes,
        paths_and_queries_pass_as_they_are,
        redirects_are_relayed_not_followed,
        large_bodies_pass,
        compressed_answers_pass_as_they_are,
        the_emulator_answers_the_same_directly,
        calls_go_out_once,
        pieces_are_relayed_as_they_come,
        calls_run_side_by_side,
    );
    cases.extend(cases!("proxy.relay", &[Capability::Proxy, Capability::Listener];
        answers_without_a_body_pass,
        an_empty_query_passes,
        the_length_of_an_answer_passes,
    ));
    cases
}

async fn request_bodies_pass_byte_for_byte(t: Ctx) {
    for body in [
        "{\"model\":\"m\",\"messages\":[]}",
        "{ \"b\" : 1.0, \"a\":1e3,\n\t\"model\":\"m\\u00e9\", \"model\": \"again\" }",
        "{\"model\":\"m\",\"n\":12345678901234567890,\"f\":0.10000000000000000001}",
        " \r\n {\"model\":\"m\"}\n\n",
        "not json at all",
        "{\"model\":",
        "",
    ] {
        let upstream = Upstream::json(200, &said("m")).await;
        t.proxied(&upstream.url, "POST", CHAT).body("application/json", body).send().await.expect(200);
        let received = upstream.only();
        assert_eq!(String::from_utf8_lossy(&received.body), body);
        assert_eq!(received.all("content-type"), ["application/json"]);
    }
}

async fn bodies_without_a_length_pass(t: Ctx) {
    let upstream = Upstream::json(200, &said("m")).await;
    let pieces = ["{\"model\":", "\"m\",", "\"messages\":[]}"].map(Ok::<_, std::io::Error>);
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let answer =
        t.proxied(&upstream.url, "POST", CHAT).body("application/json", body).send().await.expect(200);
    assert_eq!(upstream.only().body, b"{\"model\":\"m\",\"messages\":[]}");
    assert_eq!(t.recorded(&answer).await["input"], json!({"model": "m", "messages": []}));
}

async fn answers_pass_byte_for_byte(t: Ctx) {
    for (kind, body) in [
        ("application/json", "{ \"b\" : 1.0,\n \"model\":\"m\", \"b\":2 }\n"),
        ("application/json; charset=utf-8", "{\"choices\":"),
        ("text/plain", "just words ü"),
        ("text/html", "<p>down for maintenance</p>"),
    ] {
        let upstream = Upstream::answering(&format!("200 OK\r\ncontent-type: {kind}"), body).await;
        let answer = t.chat(&upstream.url, &asked("m")).await.expect(200);
        assert_eq!((answer.text().as_str(), answer.header("content-type")), (body, kind));
    }
}

async fn binary_bodies_pass_both_ways(t: Ctx) {
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let upstream = Upstream::answering("200 OK\r\ncontent-type: audio/mpeg", bytes.clone()).await;
    let call = t.proxied(&upstream.url, "POST", "/v1/audio/speech");
    let answer = call.body("application/octet-stream", bytes.clone()).send().await.expect(200);
    assert!(answer.body == bytes, "the answer differs");
    assert!(upstream.only().body == bytes, "the request differs");
}

async fn every_status_passes(t: Ctx) {
    for status in
        [201, 202, 206, 207, 299, 300, 400, 401, 403, 404, 409, 418, 422, 429, 499, 500, 502, 503, 529, 599]
    {
        let upstream = Upstream::json(status, &json!({"n": status})).await;
        let answer = t.chat(&upstream.url, &asked("m")).await.expect(status);
        assert_eq!(answer.text(), json!({"n": status}).to_string());
    }
}

async fn every_method_passes(t: Ctx) {
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let upstream = Upstream::json(200, &json!({})).await;
        t.proxied(&upstream.url, method, "/v1/files/f-1").send().await.expect(200);
        assert!(
            upstream.only().line.starts_with(&format!("{method} /v1/files/f-1 ")),
            "{}",
            upstream.only().line
        );
    }
    let upstream = about_a_file().await;
    let answer = t.proxied(&upstream.url, "HEAD", "/v1/files/f-1").send().await.expect(200);
    assert_eq!(answer.body.len(), 0);
    assert!(upstream.only().line.starts_with("HEAD /v1/files/f-1 "), "{}", upstream.only().line);
}

/// Answers as to HEAD: with a length and without a body.
async fn about_a_file() -> Upstream {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 77\r\nconnection: close\r\n\r\n";
    Upstream::playing(vec![Step::Send(head.into())]).await
}

async fn the_length_of_an_answer_passes(t: Ctx) {
    let upstream = about_a_file().await;
    let answer = t.proxied(&upstream.url, "HEAD", "/v1/files/f-1").send().await.expect(200);
    assert_eq!((answer.header("content-length"), answer.body.len()), ("77", 0));
    for body in ["{}", ""] {
        let upstream = Upstream::answering("200 OK\r\ncontent-type: application/json", body).await;
        let answer = t.chat(&upstream.url, &asked("m")).await.expect(200);
        assert_eq!(
            (answer.text().as_str(), answer.header("content-length")),
            (body, &*body.len().to_string())
        );
    }
}

async fn an_empty_query_passes(t: Ctx) {
    let upstream = Upstream::json(200, &json!({})).await;
    t.proxied(&upstream.url, "GET", "/v1/x?").send().await.expect(200);
    assert_eq!(upstream.only().target(), "/v1/x?");
}

async fn paths_and_queries_pass_as_they_are(t: Ctx) {
    for path in [
        "/v1/models?limit=2&after=a%20b",
        "/v1/a%2Fb/c%3Fd",
        "/v1//double//slashes/",
        "/v1/x?a=1&a=2&b",
        "/v1/x?q=%F0%9F%9A%80&token=abc",
        "/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        "/",
    ] {
        let upstream = Upstream::json(200, &json!({})).await;
        t.proxied(&upstream.url, "GET", path).send().await.expect(200);
        assert_eq!(upstream.only().target(), path);
    }
}

async fn redirects_are_relayed_not_followed(t: Ctx) {
    for status in [301, 302, 303, 307, 308] {
        let elsewhere = Upstream::json(200, &json!({})).await;
        let location = format!("{}/v1/moved", elsewhere.url);
        let upstream = Upstream::answering(&format!("{status} Moved\r\nlocation: {location}"), "gone").await;
        let answer = t.chat(&upstream.url, &asked("m")).await.expect(status);
        assert_eq!((answer.header("location"), answer.text().as_str()), (location.as_str(), "gone"));
        assert!(elsewhere.received().is_empty(), "{status} was followed");
    }
}

async fn answers_without_a_body_pass(t: Ctx) {
    for status in [204, 304] {
        let head = format!("HTTP/1.1 {status} Nothing\r\netag: \"x\"\r\nconnection: close\r\n\r\n");
        let upstream = Upstream::playing(vec![Step::Send(head.into())]).await;
        let answer = t.proxied(&upstream.url, "GET", "/v1/models").send().await.expect(status);
        assert_eq!((answer.header("etag"), answer.body.len()), ("\"x\"", 0));
    }
}

async fn large_bodies_pass(t: Ctx) {
    let text = "0123456789abcdef".repeat(200_000);
    let (body, reply) =
        (json!({"model": "m", "input": text}).to_string(), json!({"model": "m", "output": text}).to_string());
    let upstream = Upstream::answering("200 OK\r\ncontent-type: application/json", reply.clone()).await;
    let answer =
        t.proxied(&upstream.url, "POST", "/v1/responses").body("application/json", body.clone()).send().await;
    assert!(answer.body == reply, "the answer differs");
    assert!(upstream.only().body == body.as_bytes(), "the request differs");
    assert_eq!(t.recorded(&answer).await["input"]["input"].as_str().map(str::len), Some(text.len()));
}

/// Reads a body as its encoding says.
fn decoded(encoding: &str, body: &[u8]) -> String {
    let mut text = String::new();
    let read = match encoding {
        "gzip" => flate2::read::GzDecoder::new(body).read_to_string(&mut text),
        "br" => brotli::Decompressor::new(body, 4096).read_to_string(&mut text),
        other => panic!("{other} was not asked for"),
    };
    read.expect("the body is what its encoding says");
    text
}

async fn compressed_answers_pass_as_they_are(t: Ctx) {
    let emulator = providers::start().await.expect("the emulator starts");
    let direct = reqwest::Client::builder().no_proxy().build().expect("a client");
    for (switch, encoding) in [("gzip=1", "gzip"), ("br=1", "br")] {
        for stream in [false, true] {
            let mut body = asked("gpt-4o");
            body["stream"] = json!(stream);
            body["stream_options"] = if stream { json!({"include_usage": true}) } else { json!(null) };
            let call = t.proxied(emulator.base_url(), "POST", CHAT).json(&body);
            let answer = call
                .header("x-emulator", switch)
                .header("accept-encoding", encoding)
                .send()
                .await
                .expect(200);
            assert_eq!(answer.header("content-encoding"), encoding);
            let plain = direct
                .post(format!("{}{CHAT}", emulator.base_url()))
                .json(&body)
                .send()
                .await
                .expect("an answer");
            let plain = plain.text().await.expect("a body");
            assert_eq!(decoded(encoding, &answer.body), plain);
            let span = t.recorded(&answer).await;
            assert_eq!(
                span["output"]["choices"][0]["message"]["role"], "assistant",
                "decoded for recording: {span}"
            );
            assert!(span["kind"]["output_tokens"].as_u64() > Some(0), "{span}");
        }
    }
    let requests = emulator.requests();
    let accepted = |encoding: &str| {
        requests.iter().any(|request| {
            request.headers.get("accept-encoding").is_some_and(|accepted| accepted == encoding)
        })
    };
    assert!(accepted("gzip") && accepted("br"), "what the client accepts is passed on");
}

async fn the_emulator_answers_the_same_directly(t: Ctx) {
    let emulator = providers::start().await.expect("the emulator starts");
    let direct = reqwest::Client::builder().no_proxy().build().expect("a client");
    for (path, body) in [
        (CHAT, asked("gpt-4o")),
        (CHAT, json!({"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": "hi"}]})),
        (
            "/v1/messages",
            json!({"model": "claude-sonnet-4", "max_tokens": 9, "stream": true, "messages": [{"role": "user", "content": "hi"}]}),
        ),
        ("/v1/responses", json!({"model": "gpt-4o", "stream": true, "input": "hi"})),
        ("/api/chat", json!({"model": "llama3", "messages": [{"role": "user", "content": "hi"}]})),
        ("/v1/embeddings", json!({"model": "text-embedding-3-small", "input": ["a", "b"]})),
    ] {
        let through = t.proxied(emulator.base_url(), "POST", path).json(&body).send().await.expect(200);
        let response = direct
            .post(format!("{}{path}", emulator.base_url()))
            .json(&body)
            .send()
            .await
            .expect("an answer");
        for (name, value) in response.headers() {
            let is_framing = name == "content-length" && !t.can(Capability::Listener);
            if !is_framing && !["date", "transfer-encoding", "connection"].contains(&name.as_str()) {
                assert_eq!(through.headers.get(name), Some(value), "{path}: {name}");
            }
        }
        let plain = response.bytes().await.expect("a body");
        assert!(
            through.body == plain,
            "{path}: {} instead of {}",
            through.text(),
            String::from_utf8_lossy(&plain)
        );
    }
}

async fn calls_go_out_once(t: Ctx) {
    for status in [429, 500, 503] {
        let upstream = Upstream::json(status, &json!({"error": {"message": "no"}})).await;
        t.chat(&upstream.url, &asked("m")).await.expect(status);
        assert_eq!(upstream.received().len(), 1, "no retries");
    }
}

async fn pieces_are_relayed_as_they_come(t: Ctx) {
    let (one, two) = ("data: {\"choices\":[]}\n\n", "data: [DONE]\n\n");
    let steps = vec![head("text/event-stream"), chunk(one), Step::Gate, chunk(two), last_chunk()];
    let upstream = Upstream::playing(steps).await;
    let mut response = t.proxied(&upstream.url, "POST", CHAT).json(&asked("m")).open().await;
    let mut text = String::new();
    while text.len() < one.len() {
        let piece = tokio::time::timeout(std::time::Duration::from_secs(5), response.chunk()).await;
        let piece = piece
            .expect("the first piece comes before the second is sent")
            .expect("no error")
            .expect("no end");
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    assert_eq!(text, one);
    upstream.go_on();
    assert_eq!(response.text().await.expect("the rest"), two);
}

async fn calls_run_side_by_side(t: Ctx) {
    let emulator = providers::start().await.expect("the emulator starts");
    let calls = (0..20).map(|n| {
        let body =
            json!({"model": "gpt-4o", "messages": [{"role": "user", "content": format!("question {n}")}]});
        let call = t.proxied(emulator.base_url(), "POST", CHAT).json(&body).header("x-emulator", "delay=100");
        async move { (n, call.send().await) }
    });
    for (n, answer) in futures_util::future::join_all(calls).await {
        let text =
            answer.clone().ok()["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned();
        assert!(text.contains(&format!("question {n}.")), "{text}");
        let span = t.recorded(&answer).await;
        assert_eq!(span["output"]["choices"][0]["message"]["content"], text, "answers are not mixed up");
    }
}
