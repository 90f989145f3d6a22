//! Streams and answers that break off, on either side.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::upstream::{Step, Upstream, chunk, head};
use super::super::{Case, Ctx};
use super::{CHAT, asked};
use crate::mount::Capability;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("proxy.cut", &[Capability::Proxy];
        a_stream_that_breaks_is_failed_with_what_came,
        an_answer_cut_short_is_failed,
    );
    cases.extend(cases!("proxy.cut", &[Capability::Proxy, Capability::Listener];
        a_broken_stream_breaks_for_the_client_too,
        a_client_that_leaves_ends_the_call,
        a_client_that_leaves_early_ends_the_call,
    ));
    cases
}

const PIECES: [&str; 2] = [
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"partial\"}}]}\n\n",
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" text\"}}]}\n\n",
];

fn error(span: &Value) -> &str {
    span["status"]["failed"]["error"].as_str().unwrap_or_default()
}

/// Opens a stream through the proxy and reads its first piece.
async fn opened(t: &Ctx, upstream: &Upstream) -> (reqwest::Response, String) {
    let mut response = t.proxied(&upstream.url, "POST", CHAT).json(&asked("m")).open().await;
    assert_eq!(response.status(), 200);
    let id = response
        .headers()
        .get("x-traceway-span-id")
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    response.chunk().await.expect("the first piece");
    (response, id)
}

async fn a_stream_that_breaks_is_failed_with_what_came(t: Ctx) {
    let upstream =
        Upstream::playing(vec![head("text/event-stream"), chunk(PIECES[0]), chunk(PIECES[1]), Step::Reset])
            .await;
    let (mut response, id) = opened(&t, &upstream).await;
    while let Ok(Some(_)) = response.chunk().await {}
    let span = t.ended(&id).await;
    assert!(!error(&span).is_empty(), "{span}");
    assert_eq!(
        span["output"]["choices"][0]["message"]["content"], "partial text",
        "what came is kept: {span}"
    );
}

async fn a_broken_stream_breaks_for_the_client_too(t: Ctx) {
    let upstream = Upstream::playing(vec![head("text/event-stream"), chunk(PIECES[0]), Step::Reset]).await;
    let (response, _) = opened(&t, &upstream).await;
    assert!(response.bytes().await.is_err(), "the client must not take it for a whole answer");
}

async fn an_answer_cut_short_is_failed(t: Ctx) {
    let start =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"choices\": [";
    let upstream = Upstream::playing(vec![Step::Send(start.into()), Step::Reset]).await;
    let response = t.proxied(&upstream.url, "POST", CHAT).json(&asked("m")).open().await;
    let id = response
        .headers()
        .get("x-traceway-span-id")
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let is_broken = response.bytes().await.is_err();
    assert!(is_broken || !t.can(Capability::Listener), "the client must not take it for a whole answer");
    let span = t.ended(&id).await;
    assert!(!error(&span).is_empty(), "{span}");
    assert!(span["output"].to_string().contains("choices"), "what came is kept: {span}");
}

async fn a_client_that_leaves_ends_the_call(t: Ctx) {
    let upstream = Upstream::playing(vec![head("text/event-stream"), chunk(PIECES[0]), Step::Hold]).await;
    let (response, id) = opened(&t, &upstream).await;
    drop(response);
    let span = t.ended(&id).await;
    assert_eq!(error(&span), "client disconnected");
    assert_eq!(span["output"]["choices"][0]["message"]["content"], "partial", "{span}");
    t.eventually("the end of the provider's call", async || upstream.was_left().then_some(())).await;
}

async fn a_client_that_leaves_early_ends_the_call(t: Ctx) {
    let upstream = Upstream::playing(vec![Step::Hold]).await;
    let call = t
        .proxied(&upstream.url, "POST", CHAT)
        .json(&asked("m"))
        .header("x-traceway-session-id", &t.id("session"));
    let calling = tokio::spawn(call.try_send());
    t.eventually("the provider's call", async || (!upstream.received().is_empty()).then_some(())).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    calling.abort();
    let span = t.recorded_in_session(1).await.remove(0);
    assert_eq!((error(&span), &span["input"]), ("client disconnected", &json!(asked("m"))));
    t.eventually("the end of the provider's call", async || upstream.was_left().then_some(())).await;
}
