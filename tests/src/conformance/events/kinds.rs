//! What is told of each change, in which order, in which shape.

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::events_stream::{EventStream, Frame};
use super::super::fixtures::{llm, with};
use super::super::{Case, Ctx};
use crate::mount::Capability;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("events.kind", &[];
        a_created_trace_is_told_as_rest_answers_it,
        a_repeated_trace_is_not_told,
        a_trace_made_on_the_way_comes_before_its_span,
        a_span_is_told_when_it_starts_and_ends,
        a_failed_span_is_told_so,
        a_repeated_span_is_not_told,
        a_refused_end_is_not_told,
        a_deleted_span_is_told_by_its_ids,
        a_deleted_trace_is_told_without_its_spans,
        a_batch_is_told_like_single_calls,
        otlp_is_told_like_single_calls,
        a_renamed_trace_is_told,
        full_payloads_are_part_of_the_event,
    );
    cases.extend(cases!("events.kind", &[Capability::Fresh]; clearing_is_told_once));
    cases
}

async fn kinds(stream: &mut EventStream, count: usize) -> Vec<String> {
    stream.take(count).await.iter().map(Frame::kind).collect()
}

async fn a_created_trace_is_told_as_rest_answers_it(t: Ctx) {
    let mut stream = t.events(&[]).await;
    let trace = t.trace(json!({"id": t.id("a"), "name": "n", "tags": ["x"], "metadata": {"k": 1}})).await;
    assert_eq!(stream.next().await.data(), json!({"type": "trace_created", "trace": trace}));
}

async fn a_repeated_trace_is_not_told(t: Ctx) {
    let mut stream = t.events(&[]).await;
    t.trace(json!({"id": t.id("a")})).await;
    t.post("/api/traces", &json!({"id": t.id("a"), "name": "again"})).await.ok();
    t.trace(json!({"id": t.id("b")})).await;
    stream.next().await;
    assert_eq!(stream.next().await.data()["trace"]["id"], json!(t.id("b")));
}

async fn a_trace_made_on_the_way_comes_before_its_span(t: Ctx) {
    let mut stream = t.events(&[]).await;
    let id = t.span(json!({})).await;
    let frames = stream.take(2).await;
    assert_eq!((frames[0].kind(), frames[1].kind()), ("trace_created".into(), "span_created".into()));
    let trace = frames[0].data()["trace"].clone();
    assert_eq!(
        (&trace["id"], &trace["name"], &trace["span_count"]),
        (&json!(t.id("trace")), &Value::Null, &json!(0))
    );
    assert_eq!(frames[1].data()["span"]["id"], json!(id));
}

async fn a_span_is_told_when_it_starts_and_ends(t: Ctx) {
    let mut stream = t.events(&[]).await;
    let id = t.span(json!({"kind": llm("gpt-4o", 10, 1), "input": {"q": 1}})).await;
    stream.next().await;
    let created = stream.next().await.data();
    assert_eq!(created, json!({"type": "span_created", "span": t.listed(&id).await}));
    t.complete(&id, json!({"output": ["a"]})).await;
    let completed = stream.next().await.data();
    assert_eq!(completed, json!({"type": "span_completed", "span": t.listed(&id).await}));
}

async fn a_failed_span_is_told_so(t: Ctx) {
    let id = t.span(json!({})).await;
    let mut stream = t.events(&[]).await;
    t.fail(&id, "boom").await;
    assert_eq!(stream.next().await.data(), json!({"type": "span_failed", "span": t.find(&id).await}));
}

async fn a_repeated_span_is_not_told(t: Ctx) {
    t.span(json!({"id": t.id("a")})).await;
    let mut stream = t.events(&[]).await;
    t.post("/api/spans", &json!({"trace_id": t.id("trace"), "id": t.id("a"), "name": "x"})).await.ok();
    t.span(json!({"id": t.id("b")})).await;
    assert_eq!(stream.next().await.data()["span"]["id"], json!(t.id("b")));
}

async fn a_refused_end_is_not_told(t: Ctx) {
    let id = t.span(json!({})).await;
    t.complete(&id, json!({})).await;
    let mut stream = t.events(&[]).await;
    t.post_nothing(&format!("/api/spans/{id}/complete")).await.error(409, "span_terminal");
    t.post("/api/spans", &json!({"trace_id": t.id("trace"), "name": "x", "kind": {"type": "rocket"}}))
        .await
        .expect(400);
    t.span(json!({"id": t.id("b")})).await;
    assert_eq!(stream.next().await.data()["span"]["id"], json!(t.id("b")));
}

async fn a_deleted_span_is_told_by_its_ids(t: Ctx) {
    let id = t.span(json!({})).await;
    let mut stream = t.events(&[]).await;
    t.delete(&format!("/api/spans/{id}")).await.ok();
    let expected = json!({"type": "span_deleted", "span_id": id, "trace_id": t.id("trace")});
    assert_eq!(stream.next().await.data(), expected);
}

async fn a_deleted_trace_is_told_without_its_spans(t: Ctx) {
    t.span(json!({})).await;
    t.span(json!({})).await;
    let mut stream = t.events(&[]).await;
    t.delete(&format!("/api/traces/{}", t.id("trace"))).await.ok();
    t.trace(json!({"id": t.id("after")})).await;
    assert_eq!(stream.next().await.data(), json!({"type": "trace_deleted", "trace_id": t.id("trace")}));
    assert_eq!(stream.next().await.data()["trace"]["id"], json!(t.id("after")), "no events of its spans");
}

async fn a_batch_is_told_like_single_calls(t: Ctx) {
    let mut stream = t.events(&[]).await;
    t.ingest(
        vec![json!({"id": t.id("trace"), "name": "n"})],
        vec![
            json!({"id": t.id("a"), "status": "running"}),
            json!({"id": t.id("b"), "output": 1}),
            json!({"id": t.id("c"), "status": "failed", "trace_id": t.id("other")}),
        ],
    )
    .await;
    let frames = stream.take(5).await;
    let of = |kind: &str, member: &str, id: &str| {
        let is_it = |frame: &&Frame| frame.kind() == kind && frame.data()[member]["id"] == json!(t.id(id));
        frames.iter().position(|frame| is_it(&frame)).unwrap_or_else(|| panic!("no {kind} of {id}"))
    };
    let trace = of("trace_created", "trace", "trace");
    assert!(trace < of("span_created", "span", "a") && trace < of("span_completed", "span", "b"));
    assert!(of("trace_created", "trace", "other") < of("span_failed", "span", "c"));
    let completed = &frames[of("span_completed", "span", "b")];
    assert_eq!(completed.data()["span"], t.find(&t.id("b")).await);
}

async fn otlp_is_told_like_single_calls(t: Ctx) {
    let mut stream = t.events(&[]).await;
    let failed = json!({"status": {"code": 2, "message": "bad"}});
    t.export(&[
        t.otlp_span(1, &json!({}), json!({})),
        t.otlp_span(2, &json!({}), failed),
        t.otlp_span(3, &json!({}), json!({"endTimeUnixNano": "0"})),
    ])
    .await;
    let kinds = kinds(&mut stream, 4).await;
    assert_eq!(kinds, ["trace_created", "span_completed", "span_failed", "span_created"]);
    t.export(&[t.otlp_span(4, &json!({}), json!({"parentSpanId": t.otel_span(1)}))]).await;
    let frame = stream.next().await;
    assert_eq!((frame.kind(), frame.data()["span"].clone()), ("span_completed".into(), t.exported(4).await));
}

async fn a_renamed_trace_is_told(t: Ctx) {
    t.export(&[t.otlp_span(2, &json!({}), json!({"parentSpanId": t.otel_span(1)}))]).await;
    let mut stream = t.events(&[("types", "trace_updated")]).await;
    t.export(&[t.otlp_span(1, &json!({}), json!({"name": "root"}))]).await;
    let data = stream.next().await.data();
    assert_eq!((&data["type"], &data["trace"]["name"]), (&json!("trace_updated"), &json!("root")));
    assert_eq!(data["trace"]["id"], json!(t.otel_trace(1)));
}

async fn full_payloads_are_part_of_the_event(t: Ctx) {
    let mut stream = t.events(&[("types", "span_completed")]).await;
    let (input, output) = ("in ".repeat(50_000), json!({"list": vec!["out"; 20_000]}));
    let id = t.span(with(json!({"input": input}), json!({}))).await;
    t.complete(&id, json!({"output": output})).await;
    let span = stream.next().await.data()["span"].clone();
    assert_eq!((&span["input"], &span["output"]), (&json!(input), &output));
}

async fn clearing_is_told_once(t: Ctx) {
    let t = t.fresh().await;
    t.corpus().await;
    let mut stream = t.events(&[]).await;
    t.delete("/api/traces").await.ok();
    t.trace(json!({"id": t.id("after")})).await;
    let frame = stream.next_with("type").await;
    assert_eq!(frame.data(), json!({"type": "cleared"}));
    assert_eq!(stream.next_with("type").await.data()["trace"]["id"], json!(t.id("after")));
}
