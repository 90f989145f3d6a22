//! Deleting traces.

use serde_json::json;

use super::super::case::cases;
use super::super::{Case, Ctx};
use crate::mount::Capability;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("traces", &[];
        deleting_answers_how_many_spans_went,
        deleting_an_empty_trace_answers_zero,
        deleting_an_unknown_trace_is_not_found,
        a_deleted_trace_is_gone_everywhere,
    );
    cases.extend(cases!("traces", &[Capability::Fresh]; clearing_removes_every_trace_and_span));
    cases
}

async fn deleting_answers_how_many_spans_went(t: Ctx) {
    t.span(json!({})).await;
    t.span(json!({})).await;
    let answer = t.delete(&format!("/api/traces/{}", t.id("trace"))).await.ok();
    assert_eq!(answer, json!({"trace_id": t.id("trace"), "spans_deleted": 2}));
}

async fn deleting_an_empty_trace_answers_zero(t: Ctx) {
    t.trace(json!({"id": t.id("a")})).await;
    let answer = t.delete(&format!("/api/traces/{}", t.id("a"))).await.ok();
    assert_eq!(answer, json!({"trace_id": t.id("a"), "spans_deleted": 0}));
}

async fn deleting_an_unknown_trace_is_not_found(t: Ctx) {
    t.delete(&format!("/api/traces/{}", t.id("none"))).await.error(404, "not_found");
    t.trace(json!({"id": t.id("a")})).await;
    t.delete(&format!("/api/traces/{}", t.id("a"))).await.ok();
    t.delete(&format!("/api/traces/{}", t.id("a"))).await.error(404, "not_found");
}

async fn a_deleted_trace_is_gone_everywhere(t: Ctx) {
    let (trace, session) = (t.id("trace"), t.id("session"));
    let word = t.word("secret");
    t.trace(json!({"id": trace, "session_id": session})).await;
    let span = t.span(json!({"input": word})).await;
    t.delete(&format!("/api/traces/{trace}")).await.ok();
    t.get(&format!("/api/traces/{trace}")).await.error(404, "not_found");
    t.get(&format!("/api/spans/{span}")).await.error(404, "not_found");
    t.get(&format!("/api/sessions/{session}")).await.error(404, "not_found");
    t.post(&format!("/api/spans/{span}/complete"), &json!({})).await.error(404, "not_found");
    assert_eq!(t.list("/api/spans", &[("trace_id", &trace)]).await.ok()["count"], 0);
    assert_eq!(t.list("/api/spans", &[("text_contains", &word)]).await.ok()["count"], 0);
    assert_eq!(t.list("/api/traces", &[("session_id", &session)]).await.ok()["count"], 0);
}

async fn clearing_removes_every_trace_and_span(t: Ctx) {
    let t = t.fresh().await;
    let word = t.word("secret");
    t.trace(json!({"id": t.id("empty")})).await;
    t.span(json!({"trace_id": t.id("full"), "input": word})).await;
    let answer = t.delete("/api/traces").await.ok();
    assert_eq!(answer, json!({"message": "All traces cleared"}));
    assert_eq!(t.get("/api/traces").await.ok()["traces"], json!([]));
    assert_eq!(t.get("/api/spans").await.ok()["spans"], json!([]));
    assert_eq!(t.get("/api/sessions").await.ok()["sessions"], json!([]));
    assert_eq!(t.get("/api/stats").await.ok(), json!({"trace_count": 0, "span_count": 0}));
    assert_eq!(t.list("/api/spans", &[("text_contains", &word)]).await.ok()["count"], 0);
    assert_eq!(t.get("/api/analytics/summary").await.ok()["total_spans"], 0);
    t.trace(json!({"id": t.id("empty"), "name": "new"})).await;
    assert_eq!(t.delete("/api/traces").await.ok(), json!({"message": "All traces cleared"}));
}
