//! Which events a listener hears.

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::events_stream::EventStream;
use super::super::fixtures::llm;
use super::super::{Case, Ctx};
use crate::mount::Capability;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("events.filter", &[];
        spans_are_filtered_by_kind,
        spans_are_filtered_by_model_and_provider,
        spans_are_filtered_by_status,
        spans_are_filtered_by_trace,
        spans_are_filtered_by_session,
        filters_are_joined_by_and,
        a_span_filter_drops_traces_but_not_deletions,
        types_are_limited,
        types_and_filters_are_joined,
        payloads_can_be_left_out,
        empty_parameters_are_ignored,
    );
    cases.extend(cases!("events.filter", &[Capability::Fresh]; a_span_filter_lets_clearing_through));
    cases
}

/// Writes the spans that filters tell apart, then a trace that no filter of spans lets through, and a deletion that
/// all of them do.
async fn write(t: &Ctx) {
    let span = |id: &str, more: Value| {
        super::super::fixtures::with(json!({"id": t.id(id), "name": id, "input": "text"}), more)
    };
    t.ingest(
        vec![json!({"id": t.id("trace"), "session_id": t.id("session")})],
        vec![
            span("call", json!({"kind": llm("big", 1, 1)})),
            span("other", json!({"kind": {"type": "llm_call", "model": "small", "provider": "local"}, "status": "failed"})),
            span("tool", json!({"kind": {"type": "tool_call", "tool_name": "x"}})),
            span("run", json!({"kind": llm("big", 1, 1), "status": "running"})),
            span("apart", json!({"kind": llm("big", 1, 1), "trace_id": t.id("apart-trace")})),
        ],
    )
    .await;
    t.delete(&format!("/api/spans/{}", t.id("tool"))).await.ok();
}

/// Returns the names of the spans heard until the deletion.
async fn names(stream: &mut EventStream) -> Vec<String> {
    let mut names = Vec::new();
    loop {
        let data = stream.next().await.data();
        if data["type"] == "span_deleted" {
            names.sort_unstable();
            return names;
        }
        let name = data["span"]["name"].as_str().or(data["type"].as_str());
        names.push(name.unwrap_or_default().to_owned());
    }
}

/// The parameters of a listener and the names of the spans it should hear.
type Row<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

async fn check(t: &Ctx, rows: &[Row<'_>]) {
    let mut streams = Vec::new();
    for (query, _) in rows {
        streams.push(t.events(query).await);
    }
    write(t).await;
    for (stream, (query, expected)) in streams.iter_mut().zip(rows) {
        assert_eq!(names(stream).await, *expected, "{query:?}");
    }
}

async fn spans_are_filtered_by_kind(t: Ctx) {
    check(
        &t,
        &[
            (&[("kind", "llm_call")], &["apart", "call", "other", "run"]),
            (&[("kind", "tool_call")], &["tool"]),
            (&[("kind", "custom")], &["tool"]),
            (&[("kind", "fs_read")], &[]),
        ],
    )
    .await;
}

async fn spans_are_filtered_by_model_and_provider(t: Ctx) {
    check(
        &t,
        &[
            (&[("model", "small")], &["other"]),
            (&[("model", "BIG")], &[]),
            (&[("provider", "openai")], &["apart", "call", "run"]),
            (&[("provider", "local")], &["other"]),
        ],
    )
    .await;
}

async fn spans_are_filtered_by_status(t: Ctx) {
    check(
        &t,
        &[
            (&[("status", "failed")], &["other"]),
            (&[("status", "running")], &["run"]),
            (&[("status", "completed"), ("kind", "llm_call")], &["apart", "call"]),
        ],
    )
    .await;
}

async fn spans_are_filtered_by_trace(t: Ctx) {
    let (trace, apart) = (t.id("trace"), t.id("apart-trace"));
    check(
        &t,
        &[
            (&[("trace_id", &trace)], &["call", "other", "run", "tool"]),
            (&[("trace_id", &apart)], &["apart"]),
        ],
    )
    .await;
}

async fn spans_are_filtered_by_session(t: Ctx) {
    let (session, none) = (t.id("session"), t.id("none"));
    check(
        &t,
        &[(&[("session_id", &session)], &["call", "other", "run", "tool"]), (&[("session_id", &none)], &[])],
    )
    .await;
}

async fn filters_are_joined_by_and(t: Ctx) {
    check(
        &t,
        &[
            (&[("kind", "llm_call"), ("model", "big"), ("status", "completed")], &["apart", "call"]),
            (&[("kind", "tool_call"), ("model", "big")], &[]),
        ],
    )
    .await;
}

async fn a_span_filter_drops_traces_but_not_deletions(t: Ctx) {
    let mut stream = t.events(&[("kind", "fs_read")]).await;
    write(&t).await;
    t.delete(&format!("/api/traces/{}", t.id("trace"))).await.ok();
    assert_eq!(stream.next().await.kind(), "span_deleted", "nothing before it");
    assert_eq!(stream.next().await.data(), json!({"type": "trace_deleted", "trace_id": t.id("trace")}));
}

async fn types_are_limited(t: Ctx) {
    check(
        &t,
        &[
            (&[("types", "span_failed,span_deleted")], &["other"]),
            (
                &[("types", "trace_created,span_created,span_deleted")],
                &["run", "trace_created", "trace_created"],
            ),
            (&[("types", "nothing_known,span_deleted")], &[]),
        ],
    )
    .await;
    let mut stream = t.events(&[("types", "trace_deleted")]).await;
    t.delete(&format!("/api/spans/{}", t.id("call"))).await.ok();
    t.delete(&format!("/api/traces/{}", t.id("trace"))).await.ok();
    assert_eq!(stream.next().await.kind(), "trace_deleted");
}

async fn types_and_filters_are_joined(t: Ctx) {
    check(&t, &[(&[("types", "span_completed,span_deleted"), ("model", "big")], &["apart", "call"])]).await;
}

async fn payloads_can_be_left_out(t: Ctx) {
    let mut without = t.events(&[("payload", "none"), ("trace_id", &t.id("trace"))]).await;
    let mut full = t.events(&[("payload", "full"), ("trace_id", &t.id("trace"))]).await;
    let id = t.span(json!({"input": "in", "kind": llm("m", 1, 1)})).await;
    t.complete(&id, json!({"output": "out"})).await;
    for _ in 0..2 {
        let (mut whole, bare) = (full.next().await.data(), without.next().await.data());
        assert_eq!((bare["span"].get("input"), bare["span"].get("output")), (None, None));
        let members = whole["span"].as_object_mut().expect("a span");
        assert_eq!(members.remove("input"), Some(json!("in")));
        members.remove("output");
        assert_eq!(whole, bare, "all else is the same");
    }
}

async fn empty_parameters_are_ignored(t: Ctx) {
    let mut stream = t.events(&[("kind", ""), ("model", ""), ("types", ""), ("since", "")]).await;
    t.trace(json!({"id": t.id("a")})).await;
    assert_eq!(stream.next().await.kind(), "trace_created");
}

async fn a_span_filter_lets_clearing_through(t: Ctx) {
    let t = t.fresh().await;
    let mut stream = t.events(&[("kind", "fs_read")]).await;
    t.corpus().await;
    t.delete("/api/traces").await.ok();
    // The corpus reads one file.
    assert_eq!(stream.next_with("type").await.data()["span"]["name"], "read");
    assert_eq!(stream.next_with("type").await.data(), json!({"type": "cleared"}));
}
