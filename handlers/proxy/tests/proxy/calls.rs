//! Calls pass unchanged, as they come, and are recorded.

use std::time::Duration;

use crate::support::{Conn, Provider, Proxy};
use serde_json::json;

const CHAT: &str = r#"{"model": "gpt-4o",  "messages": [{"role":"user","content":"héllo"}]}"#;
const COMPLETION: &str = r#"{"id":"c","object":"chat.completion","model":"gpt-4o-2024-08-06","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}}"#;

#[tokio::test]
async fn a_call_passes_unchanged_and_is_recorded() {
    let provider = Provider::json("200 Fine Thanks", COMPLETION).await;
    let proxy = Proxy::start(&provider).await;
    let answer = proxy.post("/v1/chat/completions?x=1", "authorization: Bearer sk\r\n", CHAT).await;

    assert_eq!(answer.line, "HTTP/1.1 200 Fine Thanks");
    assert_eq!(answer.text(), COMPLETION);
    let seen = provider.only();
    assert_eq!(seen.line, "POST /v1/chat/completions?x=1 HTTP/1.1");
    assert_eq!(seen.body, CHAT.as_bytes());
    let length = CHAT.len().to_string();
    let mut headers: Vec<(&str, &str)> = seen.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    headers.sort_unstable();
    let host = provider.url().replace("http://", "");
    let wanted = [
        ("authorization", "Bearer sk"),
        ("content-length", length.as_str()),
        ("content-type", "application/json"),
        ("host", host.as_str()),
    ];
    assert_eq!(headers, wanted);

    let recorded = proxy.only().await;
    assert_eq!(answer.header("x-traceway-trace-id"), Some(recorded.trace.id.as_str()));
    assert_eq!(answer.header("x-traceway-span-id"), Some(recorded.span.id.as_str()));
    assert_eq!((recorded.span.name.as_str(), recorded.trace.name.as_deref()), ("gpt-4o", Some("gpt-4o")));
    assert_eq!(recorded.trace.tags, ["proxy"]);
    assert_eq!(recorded.input, Some(serde_json::from_str(CHAT).unwrap()));
    assert_eq!(recorded.output, Some(serde_json::from_str(COMPLETION).unwrap()));
    let call = recorded.call();
    assert_eq!((call.model.as_str(), call.provider.as_deref()), ("gpt-4o", Some("127.0.0.1")));
    assert_eq!((call.usage.input_tokens, call.usage.output_tokens), (Some(9), Some(2)));
    assert_eq!(call.usage.cached_input_tokens, Some(4));
    assert_eq!(recorded.states.len(), 2);
    assert_eq!(recorded.span.status, trace::span::SpanStatus::Completed);
    assert!(recorded.span.ended_at >= Some(recorded.span.started_at));
    assert_eq!(recorded.span.ms_to_first_chunk, None);
}

fn chunk(delta: &serde_json::Value, finish: Option<&str>) -> String {
    let chunk = json!({"id": "c", "object": "chat.completion.chunk", "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    format!("data: {chunk}\n\n")
}

const SSE_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn a_stream_arrives_chunk_by_chunk_while_it_is_running() {
    let (go, wait) = tokio::sync::mpsc::channel::<()>(8);
    let wait = std::sync::Arc::new(tokio::sync::Mutex::new(wait));
    let provider = Provider::start(move |_, mut conn| {
        let wait = wait.clone();
        async move {
            conn.write(SSE_HEAD).await;
            conn.chunk(chunk(&json!({"role": "assistant", "content": "Hel"}), None)).await;
            wait.lock().await.recv().await;
            conn.chunk(chunk(&json!({"content": "lo"}), None)).await;
            wait.lock().await.recv().await;
            conn.chunk(chunk(&json!({}), Some("stop"))).await;
            conn.chunk("data: [DONE]\n\n").await;
            conn.chunk("").await;
        }
    })
    .await;
    let proxy = Proxy::start(&provider).await;
    let body = r#"{"model":"m","stream":true}"#;
    let mut client = Conn::open(&proxy.address).await;
    client
        .write(format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    client.head().await.unwrap();
    let first = tokio::time::timeout(Duration::from_secs(5), client.piece()).await.unwrap();
    assert!(String::from_utf8_lossy(&first).contains("Hel"));
    // The span is there, running, while the provider still holds the second chunk back.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let running = proxy.store.recorded();
    assert_eq!(running[0].span.status, trace::span::SpanStatus::Running);
    go.send(()).await.unwrap();
    let second = tokio::time::timeout(Duration::from_secs(5), client.piece()).await.unwrap();
    assert!(String::from_utf8_lossy(&second).contains("lo"));
    go.send(()).await.unwrap();
    let mut rest = Vec::new();
    while !rest.ends_with(b"0\r\n\r\n") {
        rest.extend(tokio::time::timeout(Duration::from_secs(5), client.piece()).await.unwrap());
    }
    let recorded = proxy.only().await;
    assert_eq!(recorded.span.status, trace::span::SpanStatus::Completed);
    assert_eq!(recorded.output.as_ref().unwrap()["choices"][0]["message"]["content"], "Hello");
    assert!(recorded.span.ms_to_first_chunk.is_some());
}
