//! The stream itself: header fields, start, heartbeat, frames, order.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::{Case, Ctx};
use crate::mount::Capability;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("events.stream", &[];
        the_answer_is_an_event_stream,
        the_stream_is_never_compressed,
        a_stream_starts_at_once,
        frames_have_an_id_an_event_and_one_line_of_data,
        ids_grow,
        all_listeners_hear_the_same,
        each_event_comes_once,
        only_what_is_readable_is_told,
        line_breaks_in_texts_stay_inside_the_data,
        wrong_parameters_are_refused_before_the_stream,
        a_listener_that_leaves_disturbs_nobody,
    );
    // The first waits long, so it starts first.
    let mut of_their_own = cases!("events.stream", &[Capability::Fresh];
        a_heartbeat_comes_every_fifteen_seconds,
        a_slow_listener_is_cut_off_and_misses_nothing,
    );
    of_their_own.append(&mut cases);
    of_their_own
}

async fn a_heartbeat_comes_every_fifteen_seconds(t: Ctx) {
    // Nothing is told in a project where nothing happens.
    let t = t.fresh().await;
    let mut stream = t.events(&[]).await;
    let started = Instant::now();
    let frame = stream.frame_within(Duration::from_secs(40)).await.expect("a heartbeat");
    assert_eq!(frame.lines, [": keep-alive"]);
    let waited = started.elapsed();
    assert!(waited > Duration::from_secs(10) && waited < Duration::from_secs(30), "after {waited:?}");
}

async fn the_answer_is_an_event_stream(t: Ctx) {
    let stream = t.events(&[]).await;
    for (name, value) in [
        ("content-type", "text/event-stream; charset=utf-8"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
    ] {
        let found = stream.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(found, Some(value), "{name}");
    }
}

async fn the_stream_is_never_compressed(t: Ctx) {
    let call = t.call("GET", "/api/events").header("accept-encoding", "gzip, br, deflate, zstd");
    let stream = t.open_events(call).await;
    assert_eq!(stream.headers().get("content-encoding"), None);
}

async fn a_stream_starts_at_once(t: Ctx) {
    let started = Instant::now();
    let response = t.call("GET", "/api/events?types=none").open().await;
    let mut response = response;
    let first = response.chunk().await.expect("no error").expect("no end");
    assert!(started.elapsed() < Duration::from_secs(3), "after {:?}", started.elapsed());
    let text = String::from_utf8_lossy(&first).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.contains(&"retry: 3000"), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with(':')), "a comment: {lines:?}");
}

async fn frames_have_an_id_an_event_and_one_line_of_data(t: Ctx) {
    let mut stream = t.events(&[]).await;
    t.trace(json!({"id": t.id("a")})).await;
    let frame = stream.next().await;
    assert_eq!(frame.lines.len(), 3, "{:?}", frame.lines);
    assert!(frame.id() > 0);
    assert_eq!(frame.field("event"), Some("message"));
    assert!(frame.data().is_object());
    assert_eq!(frame.kind(), "trace_created");
}

async fn ids_grow(t: Ctx) {
    let mut stream = t.events(&[]).await;
    for n in 0..5 {
        t.span(json!({"id": t.id(&format!("s{n}"))})).await;
    }
    let ids: Vec<u64> = stream.take(6).await.iter().map(super::super::events_stream::Frame::id).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
}

async fn all_listeners_hear_the_same(t: Ctx) {
    let (mut first, mut second) = (t.events(&[]).await, t.events(&[]).await);
    let id = t.span(json!({"input": "x"})).await;
    t.complete(&id, json!({})).await;
    let (heard, also) = (first.take(3).await, second.take(3).await);
    let lines = |frames: &[super::super::events_stream::Frame]| -> Vec<Vec<String>> {
        frames.iter().map(|frame| frame.lines.clone()).collect()
    };
    assert_eq!(lines(&heard), lines(&also), "ids too");
}

async fn each_event_comes_once(t: Ctx) {
    let mut stream = t.events(&[("trace_id", &t.id("trace"))]).await;
    let writers = (0..30).map(|n| {
        let t = t.clone();
        async move { t.span(json!({"id": t.id(&format!("s{n:02}"))})).await }
    });
    futures_util::future::join_all(writers).await;
    let frames = stream.take(30).await;
    let mut ids: Vec<String> = frames
        .iter()
        .map(|frame| frame.data()["span"]["id"].as_str().unwrap_or_default().to_owned())
        .collect();
    ids.sort_unstable();
    let expected: Vec<String> = (0..30).map(|n| t.id(&format!("s{n:02}"))).collect();
    assert_eq!(ids, expected);
    assert!(frames.windows(2).all(|pair| pair[0].id() < pair[1].id()), "in the order of their ids");
}

async fn only_what_is_readable_is_told(t: Ctx) {
    let mut stream = t.events(&[]).await;
    let writer = t.clone();
    let writing = tokio::spawn(async move {
        for n in 0..10 {
            let id = writer
                .span(json!({"id": writer.id(&format!("s{n}")), "trace_id": writer.id(&format!("t{n}"))}))
                .await;
            writer.complete(&id, json!({"output": n})).await;
        }
    });
    for _ in 0..30 {
        let data = stream.next().await.data();
        if data["type"] == "trace_created" {
            t.read_trace(data["trace"]["id"].as_str().unwrap_or_default()).await;
        } else {
            let found = t.find(data["span"]["id"].as_str().unwrap_or_default()).await;
            assert!(data["type"] == "span_created" || found["status"] == "completed", "{found}");
        }
    }
    writing.await.expect("the writer ends well");
}

async fn line_breaks_in_texts_stay_inside_the_data(t: Ctx) {
    let mut stream = t.events(&[("trace_id", &t.id("trace"))]).await;
    let text = "one\ntwo\r\nthree\u{2028}four\n\ndata: five 🚀";
    let id = t.span(json!({"input": text})).await;
    let frame = stream.next().await;
    assert_eq!(frame.lines.len(), 3, "{:?}", frame.lines);
    assert_eq!((&frame.data()["span"]["id"], &frame.data()["span"]["input"]), (&json!(id), &json!(text)));
}

async fn wrong_parameters_are_refused_before_the_stream(t: Ctx) {
    t.list("/api/events", &[("status", "done")]).await.bad_field("invalid_request", "status");
    t.list("/api/events", &[("payload", "some")]).await.bad_field("invalid_request", "payload");
}

async fn a_slow_listener_is_cut_off_and_misses_nothing(t: Ctx) {
    let t = t.fresh().await;
    let mut slow = t.events(&[]).await;
    // More than the queue of a listener and the buffers of a connection hold. A function reads events at the pace of
    // its client, so that no queue overflows.
    let is_cut_off = t.can(Capability::Listener);
    let count = if is_cut_off { 8_000 } else { 1_600 };
    let text = "x".repeat(6_000);
    for batch in 0..count / 400 {
        let span = |n: u32| json!({"id": t.id(&format!("{batch}-{n:03}")), "input": text});
        t.ingest(vec![], (0..400).map(span).collect()).await;
    }
    let (mut spans, mut last) = (0, 0);
    while let Some(frame) = slow.frame_within(Duration::from_secs(2)).await {
        if frame.field("data").is_some() {
            spans += usize::from(frame.kind() == "span_completed");
            last = frame.id();
        }
    }
    assert!(spans < count || !is_cut_off, "the listener was not cut off");
    let mut back = t.events_after(last, &[("types", "span_completed"), ("payload", "none")]).await;
    back.take(count - spans).await;
    t.trace(json!({"id": t.id("after")})).await;
    assert_eq!(
        back.frame_within(Duration::from_millis(200)).await.map(|frame| frame.kind()),
        None,
        "none comes twice"
    );
}

async fn a_listener_that_leaves_disturbs_nobody(t: Ctx) {
    let (leaving, mut staying) = (t.events(&[]).await, t.events(&[]).await);
    drop(leaving);
    t.trace(json!({"id": t.id("a")})).await;
    assert_eq!(staying.next().await.data()["trace"]["id"], json!(t.id("a")));
    assert_ne!(staying.headers().len(), 0, "the stream is still the same one");
    let _: Value = t.get("/api/stats").await.ok();
}
