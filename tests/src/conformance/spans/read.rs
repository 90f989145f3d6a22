//! Reading and deleting one span, and what is computed of it.

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::fixtures::{assert_number, llm, with};
use super::super::{Case, Ctx};

pub(super) fn cases() -> Vec<Case> {
    cases!("spans", &[];
        metadata_is_computed,
        metadata_of_a_running_span_has_no_duration,
        metadata_of_other_kinds_is_null,
        durations_are_truncated,
        an_unknown_span_is_not_found,
        deleting_removes_one_span,
        children_of_a_deleted_span_keep_their_parent,
        deleting_an_unknown_span_is_not_found,
        deleting_a_span_updates_its_trace,
    )
}

async fn metadata_is_computed(t: Ctx) {
    let id = t
        .span(json!({"kind": with(llm("m", 10, 4), json!({"cost": 0.25})), "started_at": "2025-03-01T10:00:00Z"}))
        .await;
    t.complete(&id, json!({"ended_at": "2025-03-01T10:00:00.75Z"})).await;
    let found = t.list("/api/spans", &[("trace_id", &t.id("trace"))]).await.ok();
    let expected = json!({"model": "m", "input_tokens": 10, "output_tokens": 4, "duration_ms": 750, "total_tokens": 14,
        "estimated_cost": 0.25, "total_cost": 0.25});
    assert_eq!(found["spans"][0]["metadata"], expected);
}

async fn metadata_of_a_running_span_has_no_duration(t: Ctx) {
    let id = t.span(json!({"kind": {"type": "llm_call", "model": "no-such-model", "input_tokens": 3}})).await;
    let metadata = t.find(&id).await["metadata"].clone();
    for member in ["duration_ms", "output_tokens", "estimated_cost", "total_cost"] {
        assert_eq!(metadata.get(member), Some(&Value::Null), "{member} of {metadata}");
    }
    assert_eq!((&metadata["input_tokens"], &metadata["total_tokens"]), (&json!(3), &json!(3)));
}

async fn metadata_of_other_kinds_is_null(t: Ctx) {
    let id = t.span(json!({})).await;
    t.complete(&id, json!({})).await;
    let metadata = t.find(&id).await["metadata"].clone();
    for member in ["model", "input_tokens", "output_tokens", "total_tokens", "estimated_cost", "total_cost"] {
        assert_eq!(metadata.get(member), Some(&Value::Null), "{member} of {metadata}");
    }
    assert!(metadata["duration_ms"].is_u64(), "{metadata}");
}

async fn durations_are_truncated(t: Ctx) {
    let id = t.span(json!({"started_at": "2025-03-01T10:00:00.000100Z"})).await;
    t.complete(&id, json!({"ended_at": "2025-03-01T10:00:00.002099Z"})).await;
    assert_eq!(t.find(&id).await["metadata"]["duration_ms"], 1);
}

async fn an_unknown_span_is_not_found(t: Ctx) {
    t.get(&format!("/api/spans/{}", t.id("none"))).await.error(404, "not_found");
}

async fn deleting_removes_one_span(t: Ctx) {
    let (gone, stays) = (t.span(json!({})).await, t.span(json!({})).await);
    assert_eq!(t.delete(&format!("/api/spans/{gone}")).await.ok(), json!({"ok": true}));
    t.get(&format!("/api/spans/{gone}")).await.error(404, "not_found");
    assert_eq!(t.find(&stays).await["id"], stays);
    assert_eq!(t.read_trace(&t.id("trace")).await["count"], 1);
}

async fn children_of_a_deleted_span_keep_their_parent(t: Ctx) {
    let parent = t.span(json!({})).await;
    let child = t.span(json!({"parent_id": parent})).await;
    t.delete(&format!("/api/spans/{parent}")).await.ok();
    assert_eq!(t.find(&child).await["parent_id"], parent);
}

async fn deleting_an_unknown_span_is_not_found(t: Ctx) {
    t.delete(&format!("/api/spans/{}", t.id("none"))).await.error(404, "not_found");
    let id = t.span(json!({})).await;
    t.delete(&format!("/api/spans/{id}")).await.ok();
    t.delete(&format!("/api/spans/{id}")).await.error(404, "not_found");
}

async fn deleting_a_span_updates_its_trace(t: Ctx) {
    let failed = t.span(json!({"kind": with(llm("m", 10, 10), json!({"cost": 1})) })).await;
    t.fail(&failed, "x").await;
    let other = t.span(json!({"kind": with(llm("n", 1, 1), json!({"cost": 2})) })).await;
    t.complete(&other, json!({})).await;
    t.delete(&format!("/api/spans/{failed}")).await.ok();
    let trace = &t.read_trace(&t.id("trace")).await["trace"];
    assert_eq!(
        (&trace["status"], &trace["span_count"], &trace["total_tokens"]),
        (&json!("completed"), &json!(1), &json!(2))
    );
    assert_number(&trace["total_cost"], 2.0);
    assert_eq!(trace["models"], json!(["n"]));
}
