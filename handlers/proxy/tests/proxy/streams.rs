//! Streams arrive as they are sent, and are recorded as the answer they add up to.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use proxy::Settings;
use serde_json::{Value, json};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;
use trace::span::SpanStatus;

use crate::support::{Conn, Provider, Proxy};

const HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";
const BODY: &str = r#"{"model":"m","stream":true}"#;

fn delta(delta: &Value, finish: Option<&str>) -> String {
    let chunk = json!({"id": "c", "object": "chat.completion.chunk", "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    format!("data: {chunk}\n\n")
}

fn content(text: &str) -> String {
    delta(&json!({"content": text}), None)
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(5), future).await.expect("in time")
}

async fn call(proxy: &Proxy) -> Conn {
    let mut client = Conn::open(&proxy.address).await;
    let length = BODY.len();
    client
        .write(format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{BODY}"
        ))
        .await;
    client
}

#[tokio::test]
async fn a_stream_arrives_chunk_by_chunk_while_it_is_running() {
    let (go, wait) = mpsc::channel::<()>(8);
    let wait = Arc::new(Mutex::new(wait));
    let provider = Provider::start(move |_, mut conn| {
        let wait = wait.clone();
        async move {
            conn.write(HEAD).await;
            conn.chunk(content("Hel")).await;
            wait.lock().await.recv().await;
            conn.chunk(content("lo")).await;
            wait.lock().await.recv().await;
            conn.chunk(delta(&json!({}), Some("stop"))).await;
            conn.chunk("data: [DONE]\n\n").await;
            conn.chunk("").await;
        }
    })
    .await;
    let proxy = Proxy::start(&provider).await;
    let mut client = call(&proxy).await;
    client.head().await.unwrap();
    let first = soon(client.piece()).await;
    assert!(String::from_utf8_lossy(&first).contains("Hel"));
    // The span is there, running, while the provider still holds the second chunk back.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(proxy.store.recorded()[0].span.status, SpanStatus::Running);
    go.send(()).await.unwrap();
    assert!(String::from_utf8_lossy(&soon(client.piece()).await).contains("lo"));
    go.send(()).await.unwrap();
    let mut rest = Vec::new();
    while !rest.ends_with(b"0\r\n\r\n") {
        rest.extend(soon(client.piece()).await);
    }
    let recorded = proxy.only().await;
    assert_eq!(recorded.span.status, SpanStatus::Completed);
    assert_eq!(recorded.output.as_ref().unwrap()["choices"][0]["message"]["content"], "Hello");
    assert!(recorded.span.ms_to_first_chunk.is_some());
}

#[tokio::test]
async fn the_bytes_of_a_stream_are_those_the_provider_sent() {
    let chunks: Vec<Vec<u8>> =
        vec![b": hello\r\n\r".to_vec(), b"\ndata: {\"x\"".to_vec(), vec![0xff, 0xf0], b"\n\n".to_vec()];
    let sent = chunks.clone();
    let provider = Provider::start(move |_, mut conn| {
        let sent = sent.clone();
        async move {
            conn.write(HEAD).await;
            for chunk in &sent {
                conn.chunk(chunk).await;
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            conn.chunk("").await;
        }
    })
    .await;
    let proxy = Proxy::start(&provider).await;
    let answer = call(&proxy).await.answer().await;
    assert_eq!(answer.chunks, chunks);
    assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
    let recorded = proxy.only().await;
    assert_eq!(recorded.span.status, SpanStatus::Completed);
    assert_eq!(recorded.output, Some(json!(String::from_utf8_lossy(&chunks.concat()))));
}

#[tokio::test]
async fn a_compressed_stream_passes_compressed_and_is_recorded_decoded() {
    let text = content("zip") + &delta(&json!({}), Some("stop")) + "data: [DONE]\n\n";
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let sent = packed.clone();
    let provider = Provider::start(move |_, mut conn| {
        let sent = sent.clone();
        async move {
            conn.write(HEAD.replace("\r\n\r\n", "\r\ncontent-encoding: gzip\r\n\r\n")).await;
            for piece in sent.chunks(10) {
                conn.chunk(piece).await;
            }
            conn.chunk("").await;
        }
    })
    .await;
    let proxy = Proxy::start(&provider).await;
    let answer = call(&proxy).await.answer().await;
    assert_eq!(
        (answer.body, answer.headers.iter().any(|(n, v)| n == "content-encoding" && v == "gzip")),
        (packed, true)
    );
    let recorded = proxy.only().await;
    assert_eq!(recorded.output.unwrap()["choices"][0]["message"]["content"], "zip");
}

#[tokio::test]
async fn ollama_lines_are_recorded_as_one_answer() {
    let lines = "{\"model\":\"l\",\"message\":{\"role\":\"assistant\",\"content\":\"a\"},\"done\":false}\n\
        {\"model\":\"l\",\"message\":{\"role\":\"assistant\",\"content\":\"b\"},\"done\":true,\"eval_count\":2}\n";
    let provider =
        Provider::saying(format!("HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n\r\n{lines}"))
            .await;
    let proxy = Proxy::start(&provider).await;
    let answer = proxy.post("/api/chat", "", r#"{"model":"l"}"#).await;
    assert_eq!(answer.text(), lines);
    let recorded = proxy.only().await;
    assert_eq!(recorded.output.as_ref().unwrap()["message"]["content"], "ab");
    assert_eq!(recorded.call().usage.output_tokens, Some(2));
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_call_and_its_partial_answer_is_kept() {
    let (left, mut noticed) = mpsc::channel::<()>(1);
    let provider = Provider::start(move |_, mut conn| {
        let left = left.clone();
        async move {
            conn.write(HEAD).await;
            conn.chunk(content("par")).await;
            conn.closed().await;
            left.send(()).await.unwrap();
        }
    })
    .await;
    let proxy = Proxy::start(&provider).await;
    let mut client = call(&proxy).await;
    client.head().await.unwrap();
    soon(client.piece()).await;
    drop(client);
    soon(noticed.recv()).await.expect("the provider sees the call end");
    let recorded = proxy.only().await;
    assert_eq!(recorded.error(), "client disconnected");
    assert_eq!(recorded.output.as_ref().unwrap()["choices"][0]["message"]["content"], "par");
    assert!(recorded.span.ended_at.is_some());
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_begins_ends_the_call() {
    let (left, mut noticed) = mpsc::channel::<()>(2);
    let provider = Provider::start(move |_, mut conn| {
        let left = left.clone();
        async move {
            left.send(()).await.unwrap();
            conn.closed().await;
            left.send(()).await.unwrap();
        }
    })
    .await;
    let proxy = Proxy::start(&provider).await;
    let client = call(&proxy).await;
    soon(noticed.recv()).await.unwrap();
    drop(client);
    soon(noticed.recv()).await.expect("the provider sees the call end");
    let recorded = proxy.only().await;
    assert_eq!(recorded.error(), "client disconnected");
    assert_eq!((recorded.input.is_some(), recorded.output), (true, None));
}

#[tokio::test]
async fn a_client_that_leaves_after_the_last_event_has_a_completed_call() {
    let provider = Provider::start(|_, mut conn| async move {
        conn.write(HEAD).await;
        conn.chunk(content("all") + &delta(&json!({}), Some("stop")) + "data: [DONE]\n\n").await;
        conn.closed().await;
    })
    .await;
    let proxy = Proxy::start(&provider).await;
    let mut client = call(&proxy).await;
    client.head().await.unwrap();
    soon(client.piece()).await;
    drop(client);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(proxy.only().await.span.status, SpanStatus::Completed);
}

#[tokio::test]
async fn a_stream_that_breaks_breaks_for_the_client_and_keeps_what_came() {
    let provider = Provider::start(|_, mut conn| async move {
        conn.write(HEAD).await;
        conn.chunk(content("par")).await;
        conn.write("40\r\ndata: {\"choi").await;
        tokio::time::sleep(Duration::from_millis(30)).await;
    })
    .await;
    let proxy = Proxy::start(&provider).await;
    let answer = call(&proxy).await.answer().await;
    assert!(!answer.complete);
    assert!(answer.text().ends_with("data: {\"choi"), "{}", answer.text());
    let recorded = proxy.only().await;
    assert!(recorded.error().starts_with("the answer broke off: "), "{}", recorded.error());
    assert_eq!(recorded.output.as_ref().unwrap()["choices"][0]["message"]["content"], "par");
}

#[tokio::test]
async fn a_stream_without_its_last_event_is_a_failed_call() {
    let provider = Provider::start(|_, mut conn| async move {
        conn.write(HEAD).await;
        conn.chunk(content("par")).await;
        conn.chunk("").await;
    })
    .await;
    let proxy = Proxy::start(&provider).await;
    assert!(call(&proxy).await.answer().await.complete);
    assert_eq!(proxy.only().await.error(), "the stream ended before its last event");
}

#[tokio::test]
async fn an_error_inside_a_stream_fails_the_call() {
    let provider = Provider::start(|_, mut conn| async move {
        conn.write(HEAD).await;
        conn.chunk(content("par")).await;
        conn.chunk("data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n").await;
        conn.chunk("").await;
    })
    .await;
    let proxy = Proxy::start(&provider).await;
    call(&proxy).await.answer().await;
    let recorded = proxy.only().await;
    assert_eq!(recorded.error(), "overloaded");
    assert_eq!(recorded.output.as_ref().unwrap()["choices"][0]["message"]["content"], "par");
}

#[tokio::test]
async fn a_stop_cuts_calls_off_and_keeps_what_had_arrived() {
    let provider = Provider::start(|request, mut conn| async move {
        if !request.body.ends_with(b"2}") {
            conn.write(HEAD).await;
            conn.chunk(content("Hel")).await;
        }
        conn.closed().await;
    })
    .await;
    let settings = Settings { target: Some(provider.url().parse().unwrap()), ..Settings::default() };
    let cut = CancellationToken::new();
    let proxy = Proxy::with_deps(settings, |deps| deps.cut = cut.clone()).await;
    let mut client = call(&proxy).await;
    client.head().await.unwrap();
    soon(client.piece()).await;
    let early = async { proxy.post("/v1/chat/completions", "", r#"{"model":"m","n":2}"#).await };
    let stop = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        cut.cancel();
    };
    let (early, ()) = tokio::join!(soon(early), stop);
    assert_eq!((early.status, &early.json()["code"]), (503, &json!("unavailable")));
    let recorded = soon(proxy.recorded()).await;
    assert_eq!(recorded.len(), 2);
    for span in &recorded {
        assert_eq!(span.error(), "server stopped");
        let text = span.output.as_ref().map(|output| output["choices"][0]["message"]["content"].clone());
        let streamed = span.input.as_ref().unwrap().get("n").is_none();
        assert_eq!(text, streamed.then(|| json!("Hel")));
    }
}

#[tokio::test]
async fn a_stop_waits_for_no_client_that_takes_nothing() {
    let provider = Provider::start(|_, mut conn| async move {
        conn.write(HEAD).await;
        let piece = content(&"x".repeat(100_000));
        // More than all buffers on the way hold.
        for _ in 0..1_000 {
            conn.chunk(&*piece).await;
        }
    })
    .await;
    let settings = Settings { target: Some(provider.url().parse().unwrap()), ..Settings::default() };
    let cut = CancellationToken::new();
    let proxy = Proxy::with_deps(settings, |deps| deps.cut = cut.clone()).await;
    let client = call(&proxy).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    cut.cancel();
    assert_eq!(soon(proxy.only()).await.error(), "server stopped");
    drop(client);
}
