//! Recording neither slows, alters nor fails a call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proxy::Settings;
use trace::ports::StoreError;
use trace::span::SpanStatus;

use crate::calls::{CHAT, COMPLETION};
use crate::support::{Held, Provider, Proxy};

#[tokio::test]
async fn a_slow_store_keeps_nobody_waiting() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let proxy = Proxy::start(&provider).await;
    *proxy.store.delay.lock().unwrap() = Duration::from_secs(3);
    let start = Instant::now();
    assert_eq!(proxy.post("/v1/chat/completions", "", CHAT).await.text(), COMPLETION);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    let recorded = proxy.only().await;
    assert_eq!(recorded.states, [SpanStatus::Running, SpanStatus::Completed]);
}

#[tokio::test]
async fn a_store_that_fails_at_first_gets_the_whole_call_at_its_end() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let proxy = Proxy::start(&provider).await;
    proxy.store.failures.lock().unwrap().push_back(StoreError::unavailable("full"));
    assert_eq!(proxy.post("/v1/chat/completions", "", CHAT).await.text(), COMPLETION);
    let recorded = proxy.only().await;
    assert_eq!(recorded.states, [SpanStatus::Completed]);
    assert_eq!(recorded.input, Some(serde_json::from_str(CHAT).unwrap()));
    assert_eq!(recorded.trace.tags, ["proxy"]);
    assert!(proxy.spool.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_busy_store_is_tried_again() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let proxy = Proxy::start(&provider).await;
    proxy.store.failures.lock().unwrap().extend([StoreError::Busy, StoreError::Busy, StoreError::Busy]);
    proxy.post("/v1/chat/completions", "", CHAT).await;
    assert_eq!(proxy.only().await.span.status, SpanStatus::Completed);
}

#[tokio::test]
async fn a_call_the_store_refuses_goes_to_the_spool() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let proxy = Proxy::start(&provider).await;
    let full = || StoreError::unavailable("full");
    proxy.store.failures.lock().unwrap().extend([full(), full()]);
    let answer = proxy.post("/v1/chat/completions", "X-Traceway-Session-Id: s\r\n", CHAT).await;
    assert_eq!(answer.text(), COMPLETION);
    assert!(proxy.recorded().await.is_empty());
    let kept = proxy.spool.0.lock().unwrap().remove(0);
    assert_eq!(kept.trace.session_id.as_deref(), Some("s"));
    assert_eq!(kept.span.payload.output.as_ref().unwrap().as_str(), COMPLETION);
    assert!(kept.span.payload.input.is_some());
    assert_eq!(answer.header("x-traceway-span-id"), Some(kept.span.span.id.as_str()));
}

#[tokio::test]
async fn beyond_the_memory_for_copies_a_call_is_recorded_without_text() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let proxy = Proxy::with(&provider, |settings| settings.max_copies = 100).await;
    assert_eq!(proxy.post("/v1/chat/completions", "", CHAT).await.text(), COMPLETION);
    let recorded = proxy.only().await;
    assert!(recorded.input.is_some(), "the request fits");
    assert_eq!((recorded.output, recorded.span.status), (None, SpanStatus::Completed));
    let long = format!(r#"{{"model":"m","x":"{}"}}"#, "x".repeat(200));
    proxy.post("/v1/chat/completions", "", &long).await;
    let recorded = proxy.recorded().await.remove(1);
    assert_eq!((recorded.input, recorded.span.name.as_str()), (None, "unknown"));
    // Memory is given back: the next small call is whole again.
    proxy.post("/v1/chat/completions", "", CHAT).await;
    assert!(proxy.recorded().await.remove(2).input.is_some());
}

#[tokio::test]
async fn what_a_body_unpacks_to_counts_as_memory_too() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let proxy = Proxy::with(&provider, |settings| settings.max_copies = 200_000).await;
    let long = format!(r#"{{"model":"m","x":"{}"}}"#, "x".repeat(300_000));
    let packed = zstd::encode_all(long.as_bytes(), 3).unwrap();
    let mut request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-encoding: zstd\r\ncontent-length: {}\r\n\r\n",
        packed.len()
    )
    .into_bytes();
    request.extend(packed);
    assert_eq!(proxy.send(request).await.text(), COMPLETION);
    let recorded = proxy.only().await;
    assert_eq!((recorded.input, recorded.span.status), (None, SpanStatus::Completed));
    assert!(recorded.output.is_some());
}

#[tokio::test]
async fn where_nothing_runs_after_an_answer_its_end_waits_for_the_record() {
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{COMPLETION}\r\n0\r\n\r\n",
        COMPLETION.len()
    );
    let provider = Provider::saying(chunked).await;
    let settings = Settings { target: Some(provider.url().parse().unwrap()), ..Settings::default() };
    let proxy = Proxy::with_deps(settings, |deps| deps.background = Arc::new(Held)).await;
    *proxy.store.delay.lock().unwrap() = Duration::from_millis(50);
    assert_eq!(proxy.post("/v1/chat/completions", "", CHAT).await.text(), COMPLETION);
    assert_eq!(proxy.store.recorded()[0].span.status, SpanStatus::Completed);
}

#[tokio::test]
async fn many_calls_at_once_are_all_recorded_and_none_is_mixed_up() {
    let provider = Provider::start(|request, mut conn| async move {
        let body = String::from_utf8(request.body).unwrap();
        let answer = format!(r#"{{"echo":{body}}}"#);
        conn.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len())).await;
    })
    .await;
    let proxy = Arc::new(Proxy::start(&provider).await);
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..200 {
        let proxy = proxy.clone();
        calls.spawn(async move {
            let body = format!(r#"{{"model":"m{number}"}}"#);
            let answer = proxy.post("/v1/chat/completions", "", &body).await;
            assert_eq!(answer.text(), format!(r#"{{"echo":{body}}}"#));
        });
    }
    calls.join_all().await;
    let recorded = proxy.recorded().await;
    assert_eq!(recorded.len(), 200);
    for span in recorded {
        assert_eq!(span.output.unwrap()["echo"]["model"], span.span.name);
        assert_eq!(span.input.unwrap()["model"], span.trace.name.unwrap());
        assert_eq!(span.states.len(), 2);
    }
}
