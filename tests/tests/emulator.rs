//! The provider emulator does what its switches say. What it says is checked by the vendors' clients.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Read;
use std::time::{Duration, Instant};

use conformance::providers::{self, Emulator, answer_text};
use serde_json::{Value, json};

const QUESTION: &str = "What is the capital of Norway?";

fn asked(stream: bool) -> Value {
    json!({ "model": "gpt-4o-mini", "stream": stream, "messages": [{ "role": "user", "content": QUESTION }] })
}

async fn ask(emulator: &Emulator, switches: &str, body: &Value) -> reqwest::Response {
    reqwest::Client::new()
        .post(format!("{}/v1/chat/completions", emulator.base_url()))
        .header("x-emulator", switches)
        .header("accept-encoding", "gzip, br")
        .json(body)
        .send()
        .await
        .unwrap()
}

/// Reads until the end or until the connection breaks, and tells which.
async fn read(mut response: reqwest::Response) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return (bytes, true),
            Err(_) => return (bytes, false),
        }
    }
}

/// Joins the words of a chat stream, as the specification of server-sent events has it.
fn said(stream: &[u8]) -> String {
    let text = String::from_utf8(stream.to_vec()).unwrap().replace("\r\n", "\n");
    let mut said = String::new();
    for event in text.split("\n\n") {
        let data: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        let Ok(chunk) = serde_json::from_str::<Value>(&data.join("\n")) else { continue };
        said.push_str(chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default());
    }
    said
}

#[tokio::test]
async fn streams_mean_the_same_however_they_are_written() {
    let emulator = providers::start().await.unwrap();
    for switches in
        ["", "crlf=1", "comments=1", "multiline=1", "split=1", "split=7,crlf=1,comments=1,multiline=1"]
    {
        let (bytes, is_whole) = read(ask(&emulator, switches, &asked(true)).await).await;
        assert!(is_whole, "{switches}");
        assert_eq!(said(&bytes), answer_text(QUESTION), "{switches}");
    }
}

#[tokio::test]
async fn bodies_are_compressed_when_asked() {
    let emulator = providers::start().await.unwrap();
    let plain = read(ask(&emulator, "", &asked(false)).await).await.0;
    for stream in [false, true] {
        let plain = if stream { read(ask(&emulator, "", &asked(true)).await).await.0 } else { plain.clone() };
        let response = ask(&emulator, "gzip=1", &asked(stream)).await;
        assert_eq!(response.headers()["content-encoding"], "gzip");
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(read(response).await.0.as_slice()).read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, plain);
        let response = ask(&emulator, "br=1", &asked(stream)).await;
        assert_eq!(response.headers()["content-encoding"], "br");
        let mut bytes = Vec::new();
        brotli::Decompressor::new(read(response).await.0.as_slice(), 4096).read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, plain);
    }
}

#[tokio::test]
async fn nothing_is_compressed_for_a_client_that_does_not_take_it() {
    let emulator = providers::start().await.unwrap();
    let url = format!("{}/v1/chat/completions?emulator=gzip=1", emulator.base_url());
    let response = reqwest::Client::new().post(url).json(&asked(false)).send().await.unwrap();
    assert_eq!(response.headers().get("content-encoding"), None);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["choices"][0]["message"]["content"], answer_text(QUESTION));
}

#[tokio::test]
async fn streams_break_truncate_and_stall() {
    let emulator = providers::start().await.unwrap();
    let (bytes, is_whole) = read(ask(&emulator, "break_after=3", &asked(true)).await).await;
    assert_eq!((said(&bytes).as_str(), is_whole), ("You said: ", false));
    let (bytes, is_whole) = read(ask(&emulator, "truncate_after=3", &asked(true)).await).await;
    assert_eq!((said(&bytes).as_str(), is_whole), ("You said: ", true));
    let stalled = read(ask(&emulator, "stall_after=3", &asked(true)).await);
    assert!(tokio::time::timeout(Duration::from_millis(300), stalled).await.is_err());
    let (bytes, is_whole) = read(ask(&emulator, "break_after=1", &asked(false)).await).await;
    assert!(!bytes.is_empty() && !is_whole, "a body breaks in its middle");
}

#[tokio::test]
async fn answers_come_late_and_slowly() {
    let emulator = providers::start().await.unwrap();
    let started = Instant::now();
    let response = ask(&emulator, "delay=100,chunks=4,chunk_delay=20", &asked(true)).await;
    assert!(started.elapsed() >= Duration::from_millis(100));
    read(response).await;
    // Seven frames: the role, four pieces, the end, and the mark.
    assert!(started.elapsed() >= Duration::from_millis(220));
}

#[tokio::test]
async fn errors_are_those_of_the_provider() {
    let emulator = providers::start().await.unwrap();
    let response = ask(&emulator, "status=429", &asked(false)).await;
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(response.json::<Value>().await.unwrap()["error"]["code"], "rate_limit_exceeded");
    // The same request without the switch is answered.
    assert_eq!(ask(&emulator, "", &asked(false)).await.status(), 200);
}

#[tokio::test]
async fn unknown_paths_tell_what_was_asked() {
    let emulator = providers::start().await.unwrap();
    let url = format!("{}/v1/audio/speech?voice=alloy", emulator.base_url());
    let response = reqwest::Client::new().put(url).header("x-mine", "1").body("sound").send().await.unwrap();
    let echoed: Value = response.json().await.unwrap();
    assert_eq!((&echoed["method"], &echoed["path"]), (&json!("PUT"), &json!("/v1/audio/speech")));
    assert_eq!(echoed["query"], "voice=alloy");
    assert_eq!(echoed["blake3"], blake3::hash(b"sound").to_hex().as_str());
    assert!(echoed["headers"].as_array().unwrap().contains(&json!(["x-mine", "1"])));
    let request = &emulator.requests()[0];
    assert_eq!((request.method.as_str(), request.body.as_ref()), ("PUT", &b"sound"[..]));
}
