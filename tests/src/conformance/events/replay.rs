//! What a listener that comes back has missed.

use std::time::Duration;

use serde_json::json;

use super::super::case::cases;
use super::super::ctx::with_query;
use super::super::events_stream::Frame;
use super::super::{Case, Ctx};
use crate::mount::Capability;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("events.replay", &[];
        a_listener_that_comes_back_hears_what_it_missed,
        since_says_the_same_as_the_header,
        the_header_beats_since,
        values_that_are_no_numbers_are_ignored,
        without_since_only_live_events_come,
        replay_goes_on_live_without_gap_or_repetition,
        replay_is_filtered,
        replay_without_payloads_has_none,
        a_sequence_from_the_future_resyncs_and_goes_on,
        a_client_told_to_reload_is_not_told_again,
        the_newest_sequence_replays_nothing,
        a_stream_that_ended_in_silence_is_resumed_from_its_start,
    );
    cases.extend(cases!("events.replay", &[Capability::MemoryLog];
        a_sequence_of_before_the_start_resyncs,
    ));
    cases.extend(cases!("events.replay", &[Capability::MemoryLog, Capability::Fresh];
        a_sequence_the_log_has_lost_resyncs,
        ten_thousand_events_are_replayed,
    ));
    cases
}

fn lines(frames: &[Frame]) -> Vec<Vec<String>> {
    frames.iter().map(|frame| frame.lines.clone()).collect()
}

/// Starts three spans and returns their frames as heard live: one of the trace, three of the spans.
async fn heard(t: &Ctx) -> Vec<Frame> {
    let mut stream = t.events(&[]).await;
    for id in ["a", "b", "c"] {
        t.span(json!({"id": t.id(id), "input": id})).await;
    }
    stream.take(4).await
}

async fn a_listener_that_comes_back_hears_what_it_missed(t: Ctx) {
    let live = heard(&t).await;
    let mut back = t.events_after(live[0].id(), &[]).await;
    assert_eq!(lines(&back.take(3).await), lines(&live[1..]), "the same frames with the same ids");
}

async fn since_says_the_same_as_the_header(t: Ctx) {
    let live = heard(&t).await;
    let mut back = t.events(&[("since", &live[1].id().to_string())]).await;
    assert_eq!(lines(&back.take(2).await), lines(&live[2..]));
}

async fn the_header_beats_since(t: Ctx) {
    let live = heard(&t).await;
    let mut back = t.events_after(live[2].id(), &[("since", &live[0].id().to_string())]).await;
    assert_eq!(lines(&[back.next().await]), lines(&live[3..]));
}

async fn values_that_are_no_numbers_are_ignored(t: Ctx) {
    heard(&t).await;
    for (n, call) in
        [t.call("GET", "/api/events?since=soon"), t.call("GET", "/api/events").header("last-event-id", "x-7")]
            .into_iter()
            .enumerate()
    {
        let mut stream = t.open_events(call).await;
        let id = t.span(json!({"id": t.id(&format!("later{n}"))})).await;
        assert_eq!(stream.next().await.data()["span"]["id"], json!(id), "nothing is replayed");
    }
}

async fn without_since_only_live_events_come(t: Ctx) {
    heard(&t).await;
    let mut stream = t.events(&[]).await;
    let id = t.span(json!({"id": t.id("later")})).await;
    assert_eq!(stream.next().await.data()["span"]["id"], json!(id));
}

async fn replay_goes_on_live_without_gap_or_repetition(t: Ctx) {
    let live = heard(&t).await;
    let writer = t.clone();
    let writing = tokio::spawn(async move {
        for n in 0..40 {
            writer.span(json!({"id": writer.id(&format!("n{n:02}"))})).await;
        }
    });
    // Listeners come while spans are written: part of what they hear is replayed, part is live.
    for _ in 0..3 {
        let mut stream = t.events_after(live[3].id(), &[]).await;
        let frames = stream.take(40).await;
        let ids: Vec<String> = frames
            .iter()
            .map(|frame| frame.data()["span"]["id"].as_str().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(ids, (0..40).map(|n| t.id(&format!("n{n:02}"))).collect::<Vec<_>>());
        assert!(frames.windows(2).all(|pair| pair[0].id() < pair[1].id()));
    }
    writing.await.expect("the writer ends well");
}

async fn replay_is_filtered(t: Ctx) {
    let live = heard(&t).await;
    t.fail(&t.id("b"), "boom").await;
    let mut back = t.events_after(live[0].id(), &[("status", "failed"), ("trace_id", &t.id("trace"))]).await;
    let frame = back.next().await;
    assert_eq!((frame.kind(), frame.data()["span"]["id"].clone()), ("span_failed".into(), json!(t.id("b"))));
}

async fn replay_without_payloads_has_none(t: Ctx) {
    let live = heard(&t).await;
    let mut back = t.events_after(live[0].id(), &[("payload", "none")]).await;
    assert_eq!(back.next().await.data()["span"].get("input"), None);
}

async fn a_sequence_from_the_future_resyncs_and_goes_on(t: Ctx) {
    let live = heard(&t).await;
    let future = live[3].id() + 1_000_000_000_000;
    let mut stream = t.events_after(future, &[]).await;
    let first = stream.first().await;
    assert_eq!(first.data(), json!({"type": "resync"}));
    assert_eq!(first.field("event"), Some("message"));
    let id = t.span(json!({"id": t.id("later")})).await;
    assert_eq!(stream.next().await.data()["span"]["id"], json!(id));
}

async fn a_client_told_to_reload_is_not_told_again(t: Ctx) {
    let mut stream = t.events_after(1, &[]).await;
    let mut frame = stream.frame_within(Duration::from_secs(5)).await.expect("a frame at once");
    let mut resume = None;
    while frame.data() != json!({"type": "resync"}) {
        resume = frame.field("id").map(|_| frame.id()).or(resume);
        frame = stream.frame_within(Duration::from_secs(5)).await.expect("a reload");
    }
    let resume = frame.field("id").map(|_| frame.id()).or(resume).expect("a place to go on from");
    let mut back = t.events_after(resume, &[]).await;
    let id = t.span(json!({"id": t.id("later")})).await;
    // Others write to the same server; whatever comes first, it is no reload.
    loop {
        let frame = back.frame_within(Duration::from_secs(20)).await.expect("the span");
        assert_ne!(frame.kind(), "resync");
        if frame.data()["span"]["id"] == json!(id) {
            return;
        }
    }
}

async fn the_newest_sequence_replays_nothing(t: Ctx) {
    let live = heard(&t).await;
    let mut stream = t.events_after(live[3].id(), &[]).await;
    let id = t.span(json!({"id": t.id("later")})).await;
    let frame = stream.next().await;
    assert_eq!((frame.kind(), frame.data()["span"]["id"].clone()), ("span_created".into(), json!(id)));
}

async fn a_sequence_of_before_the_start_resyncs(t: Ctx) {
    let mut stream = t.events_after(1, &[]).await;
    let first = stream.first().await;
    assert_eq!(first.data(), json!({"type": "resync"}));
    t.trace(json!({"id": t.id("later")})).await;
    assert_eq!(stream.next().await.data()["trace"]["id"], json!(t.id("later")));
}

/// Writes this many spans of one trace.
async fn many(t: &Ctx, batches: usize, size: usize) {
    for batch in 0..batches {
        let span = |n: usize| json!({"id": t.id(&format!("{batch}-{n}"))});
        t.ingest(vec![], (0..size).map(span).collect()).await;
    }
}

async fn a_sequence_the_log_has_lost_resyncs(t: Ctx) {
    let t = t.fresh().await;
    let live = heard(&t).await;
    many(&t, 11, 1000).await;
    let mut stream = t.events_after(live[0].id(), &[("payload", "none")]).await;
    let first = stream.first().await;
    assert_eq!(first.data(), json!({"type": "resync"}));
    t.trace(json!({"id": t.id("later")})).await;
    assert_eq!(stream.next_with("trace_created").await.data()["trace"]["id"], json!(t.id("later")));
}

async fn ten_thousand_events_are_replayed(t: Ctx) {
    let t = t.fresh().await;
    let live = heard(&t).await;
    many(&t, 10, 990).await;
    let path = with_query("/api/events", &[("payload", "none"), ("since", &live[3].id().to_string())]);
    let mut stream = t.open_events(t.call("GET", &path)).await;
    let frames = stream.take(9900).await;
    let mut ids: Vec<u64> = frames.iter().map(Frame::id).collect();
    let count = ids.len();
    ids.dedup();
    assert_eq!((count, ids.len()), (9900, 9900));
    assert!(ids.is_sorted());
}

async fn a_stream_that_ended_in_silence_is_resumed_from_its_start(t: Ctx) {
    let mut silent = t.call("GET", "/api/events?types=none").open().await;
    let first = silent.chunk().await.expect("no error").expect("no end");
    drop(silent);
    let first = String::from_utf8_lossy(&first).into_owned();
    let start = first.lines().find_map(|line| line.strip_prefix("id: ")).expect("a place to resume from");
    let id = t.span(json!({"id": t.id("meanwhile")})).await;
    let mut back = t.events_after(start.parse().expect("a number"), &[("types", "span_created")]).await;
    assert_eq!(back.next().await.data()["span"]["id"], json!(id));
}
