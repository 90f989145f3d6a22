//! Calls that fail, and bodies that are too large or broken.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::case::cases;
use super::super::upstream::{Step, Upstream};
use super::super::{Case, Ctx};
use super::{CHAT, asked};
use crate::mount::{Capability, StartOptions};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("proxy.failure", &[Capability::Proxy];
        errors_of_providers_are_recorded,
        an_error_without_json_is_its_first_characters,
        the_whole_error_body_is_the_output,
        nobody_listening_is_502,
        an_unknown_name_is_502,
        a_server_that_hangs_up_is_502,
        a_server_that_talks_nonsense_is_502,
        a_failed_tls_handshake_is_502,
        a_body_that_breaks_off_is_no_call,
    );
    cases.extend(cases!("proxy.failure", &[Capability::Proxy, Capability::Fresh, Capability::Settings, Capability::Listener];
        a_body_over_the_limit_is_413_and_not_recorded,
        a_body_over_the_limit_without_a_length_is_413,
    ));
    cases.extend(cases!("proxy.failure", &[Capability::Proxy, Capability::LargeBodies];
        a_body_of_twenty_mebibytes_passes,
    ));
    cases
}

async fn errors_of_providers_are_recorded(t: Ctx) {
    for (status, reply, message) in [
        (
            401,
            json!({"error": {"message": "Incorrect API key provided", "type": "x", "code": "invalid_api_key"}}),
            "Incorrect API key provided",
        ),
        (
            429,
            json!({"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}),
            "slow down",
        ),
        (404, json!({"error": "model 'x' not found"}), "model 'x' not found"),
        (422, json!({"message": "bad input"}), "bad input"),
        (
            529,
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
            "Overloaded",
        ),
    ] {
        let upstream = Upstream::json(status, &reply).await;
        let answer = t.chat(&upstream.url, &asked("m")).await.expect(status);
        assert_eq!(answer.text(), reply.to_string());
        let span = t.recorded(&answer).await;
        assert_eq!(span["status"], json!({"failed": {"error": format!("HTTP {status}: {message}")}}));
        assert_eq!((&span["output"], &span["input"]), (&reply, &asked("m")));
        let trace = t.read_trace(answer.header("x-traceway-trace-id")).await["trace"].clone();
        assert_eq!(trace["status"], "failed");
    }
}

async fn an_error_without_json_is_its_first_characters(t: Ctx) {
    let page = format!("<html>{}</html>", "ü".repeat(500));
    let upstream = Upstream::answering("502 Bad Gateway\r\ncontent-type: text/html", page.clone()).await;
    let answer = t.chat(&upstream.url, &asked("m")).await.expect(502);
    assert_eq!(answer.text(), page, "not an answer of the proxy");
    let span = t.recorded(&answer).await;
    let error = span["status"]["failed"]["error"].as_str().unwrap_or_default();
    let start: String = page.chars().take(200).collect();
    assert!(error.starts_with(&format!("HTTP 502: {start}")), "{error}");
    assert!(error.chars().count() <= 215, "{} characters", error.chars().count());
    assert_eq!(span["output"], json!(page));
}

async fn the_whole_error_body_is_the_output(t: Ctx) {
    let reply = json!({"error": {"message": "m", "param": null, "own": [1, 2]}, "request_id": "r"});
    let upstream = Upstream::json(500, &reply).await;
    let span = t.recorded(&t.chat(&upstream.url, &asked("m")).await.expect(500)).await;
    assert_eq!(span["output"], reply);
}

/// Sends a call that finds no answer; returns the error of its span.
async fn unanswered(t: &Ctx, base: &str) -> String {
    let call =
        t.proxied(base, "POST", CHAT).json(&asked("m")).header("x-traceway-session-id", &t.id("session"));
    call.send().await.error(502, "bad_gateway");
    let span = t.recorded_in_session(1).await.remove(0);
    assert_eq!((&span["input"], &span["name"]), (&asked("m"), &json!("m")));
    let error = span["status"]["failed"]["error"].as_str().unwrap_or_default().to_owned();
    assert!(!error.is_empty(), "{span}");
    error
}

async fn nobody_listening_is_502(t: Ctx) {
    // A port that was free a moment ago.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("a bound port"));
    drop(listener);
    let error = unanswered(&t, &base).await;
    assert!(!error.starts_with("HTTP"), "{error} is not what a provider said");
}

async fn an_unknown_name_is_502(t: Ctx) {
    unanswered(&t, "http://no-such-host.invalid").await;
}

async fn a_server_that_hangs_up_is_502(t: Ctx) {
    let upstream = Upstream::playing(vec![]).await;
    unanswered(&t, &upstream.url).await;
}

async fn a_server_that_talks_nonsense_is_502(t: Ctx) {
    let upstream = Upstream::playing(vec![Step::Send("SSH-2.0-OpenSSH_9.6\r\n".into())]).await;
    unanswered(&t, &upstream.url).await;
}

async fn a_failed_tls_handshake_is_502(t: Ctx) {
    let upstream = Upstream::playing(vec![Step::Send("HTTP/1.1 400 Bad Request\r\n\r\n".into())]).await;
    // The upstream waits for a plain request, so the other side must not wait for it for ever.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!("https://{}", listener.local_addr().expect("a bound port"));
    let plain = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    unanswered(&t, &base).await;
    plain.abort();
    drop(upstream);
}

async fn a_body_that_breaks_off_is_no_call(t: Ctx) {
    let upstream = Upstream::json(200, &json!({})).await;
    let address = t.proxy_url().trim_start_matches("http://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.expect("the proxy listens");
    let mut head = format!("POST {CHAT} HTTP/1.1\r\nhost: localhost\r\nx-forward-url: {}\r\n", upstream.url);
    for (name, value) in t.proxy_headers() {
        head = format!("{head}{name}: {value}\r\n");
    }
    head.push_str(
        "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"mod\r\nnonsense\r\n",
    );
    stream.write_all(head.as_bytes()).await.expect("the proxy reads");
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    let read =
        tokio::time::timeout(std::time::Duration::from_secs(10), reading).await.expect("an answer or an end");
    let text = String::from_utf8_lossy(&answer);
    assert!(read.is_err() || text.is_empty() || text.starts_with("HTTP/1.1 400"), "{text}");
    assert!(upstream.received().is_empty(), "nothing whole reaches the provider");
}

async fn small(t: &Ctx) -> Ctx {
    t.fresh_with(StartOptions::default().with("TRACEWAY_PROXY_MAX_BODY", "1")).await
}

fn large(bytes: usize) -> String {
    json!({"model": "m", "input": "x".repeat(bytes)}).to_string()
}

async fn assert_nothing_recorded(t: &Ctx) {
    let upstream = Upstream::json(200, &json!({})).await;
    let call = t
        .proxied(&upstream.url, "POST", CHAT)
        .json(&asked("last"))
        .header("x-traceway-session-id", &t.id("session"));
    call.send().await.expect(200);
    let spans = t.recorded_in_session(1).await;
    let names: Vec<&Value> = spans.iter().map(|span| &span["name"]).collect();
    assert_eq!(names, ["last"]);
}

async fn a_body_over_the_limit_is_413_and_not_recorded(t: Ctx) {
    let t = small(&t).await;
    let upstream = Upstream::json(200, &json!({})).await;
    let call = t.proxied(&upstream.url, "POST", CHAT).body("application/json", large(1024 * 1024 + 1));
    let answer = call.header("x-traceway-session-id", &t.id("session")).send().await;
    answer.error(413, "payload_too_large");
    assert!(upstream.received().is_empty(), "nothing is forwarded");
    let fits = t.proxied(&upstream.url, "GET", "/v1/models").send().await;
    fits.expect(200);
    assert_nothing_recorded(&t).await;
}

async fn a_body_over_the_limit_without_a_length_is_413(t: Ctx) {
    let t = small(&t).await;
    let upstream = Upstream::json(200, &json!({})).await;
    let pieces: Vec<Result<String, std::io::Error>> = (0..20).map(|_| Ok(large(100_000))).collect();
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    let call = t.proxied(&upstream.url, "POST", CHAT).body("application/json", body);
    let answer = call.header("x-traceway-session-id", &t.id("session")).send().await;
    answer.error(413, "payload_too_large");
    assert!(upstream.received().is_empty(), "nothing whole reaches the provider");
    assert_nothing_recorded(&t).await;
}

async fn a_body_of_twenty_mebibytes_passes(t: Ctx) {
    let upstream = Upstream::json(200, &json!({"ok": 1})).await;
    let body = large(20 * 1024 * 1024);
    let answer = t
        .proxied(&upstream.url, "POST", CHAT)
        .body("application/json", body.clone())
        .send()
        .await
        .expect(200);
    assert!(upstream.only().body == body.as_bytes(), "it is the same");
    assert_eq!(t.recorded(&answer).await["input"]["input"].as_str().map(str::len), Some(20 * 1024 * 1024));
}
