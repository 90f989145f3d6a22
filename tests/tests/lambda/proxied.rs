//! Streamed model calls through the function `proxy`.

use std::convert::Infallible;
use std::sync::Arc;

use async_stream::stream;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use conformance::cloud::FunctionsOptions;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::stage::{Stage, eventually, send};

/// A provider that sends the second piece of its answer once it is told to.
struct Provider {
    url: String,
    go_on: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Provider {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let go_on = Arc::new(Notify::new());
        let router = Router::new().route("/v1/chat/completions", post(answer)).with_state(Arc::clone(&go_on));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, go_on, task }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(go_on): State<Arc<Notify>>) -> Response {
    let pieces = stream! {
        yield Ok::<_, Infallible>(event("held", None));
        go_on.notified().await;
        yield Ok(event("-back", Some("stop")));
        yield Ok(Bytes::from_static(b"data: [DONE]\n\n"));
    };
    ([("content-type", "text/event-stream")], Body::from_stream(pieces)).into_response()
}

fn event(text: &str, finish: Option<&str>) -> Bytes {
    let chunk = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": finish}]});
    format!("data: {chunk}\n\n").into()
}

/// Waits until a call is recorded to its end, and returns its span.
async fn recorded(stage: &Stage, id: &str) -> Value {
    let path = format!("/api/spans/{id}");
    eventually("the call is recorded", async || {
        // What is recorded beside the call may come a little after its first piece.
        let (_, span) = send(stage.call("GET", &path)).await;
        if span["status"] == "completed" { Ok(()) } else { Err(span.to_string()) }
    })
    .await;
    stage.get(&path).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_byte_arrives_before_the_provider_sends_the_second_piece() {
    let stage = Stage::new(FunctionsOptions::default()).await;
    let provider = Provider::start().await;
    let mut answer = stage.chat(&provider.url, "hello").send().await.unwrap();
    assert_eq!(answer.status(), 200, "{}", stage.functions.log());
    let span = answer.headers()["x-traceway-span-id"].to_str().unwrap().to_owned();
    // The provider cannot send more than this before it is told to.
    let first = answer.chunk().await.unwrap().unwrap();
    assert_eq!(first, event("held", None));
    provider.go_on.notify_one();
    let rest = answer.bytes().await.unwrap();
    assert!(rest.ends_with(b"data: [DONE]\n\n"), "{rest:?}");
    let span = recorded(&stage, &span).await;
    assert!(span["output"].to_string().contains("held-back"), "{span}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_recorded_to_its_end_when_its_client_leaves() {
    let stage = Stage::new(FunctionsOptions::default()).await;
    let provider = Provider::start().await;
    let mut answer = stage.chat(&provider.url, "hello").send().await.unwrap();
    let span = answer.headers()["x-traceway-span-id"].to_str().unwrap().to_owned();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), event("held", None));
    drop(answer);
    provider.go_on.notify_one();
    let span = recorded(&stage, &span).await;
    assert!(span["output"].to_string().contains("held-back"), "{span}");
    assert_eq!(stage.functions.proxy.failures(), []);
}
