//! Completing and failing spans.

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::fixtures::{assert_same_time, assert_time, llm};
use super::super::{Case, Ctx};

pub(super) fn cases() -> Vec<Case> {
    cases!("spans", &[];
        completing_sets_output_end_and_status,
        completing_needs_no_body,
        completing_merges_a_kind_of_the_same_type,
        completing_replaces_a_kind_of_another_type,
        completing_with_null_output_keeps_null,
        completing_with_an_end_keeps_it,
        completing_twice_is_a_conflict,
        completing_a_failed_span_is_a_conflict,
        completing_an_unknown_span_is_not_found,
        completing_with_a_wrong_kind_is_refused_and_changes_nothing,
        failing_keeps_the_error,
        failing_without_an_error_has_a_default,
        failing_takes_output_kind_and_end,
        failing_twice_is_a_conflict,
        failing_an_unknown_span_is_not_found,
        failing_with_a_wrong_error_is_refused,
        an_end_before_the_start_is_kept,
        an_error_shows_no_traces_of_other_spans,
    )
}

async fn completing_sets_output_end_and_status(t: Ctx) {
    let id = t.span(json!({"input": "q"})).await;
    let answer = t.post(&format!("/api/spans/{id}/complete"), &json!({"output": {"a": 1}})).await.ok();
    assert_eq!(answer, json!({"ok": true}));
    let span = t.find(&id).await;
    assert_eq!(
        (&span["status"], &span["input"], &span["output"]),
        (&json!("completed"), &json!("q"), &json!({"a": 1}))
    );
    assert_time(&span["ended_at"]);
}

async fn completing_needs_no_body(t: Ctx) {
    let id = t.span(json!({})).await;
    assert_eq!(t.post_nothing(&format!("/api/spans/{id}/complete")).await.ok(), json!({"ok": true}));
    let span = t.find(&id).await;
    assert_eq!(span["status"], "completed");
    assert_eq!(span.get("output"), None);
}

async fn completing_merges_a_kind_of_the_same_type(t: Ctx) {
    let kind =
        json!({"type": "llm_call", "model": "a", "provider": "p", "input_tokens": 5, "input_preview": "x"});
    let id = t.span(json!({"kind": kind})).await;
    let more = json!({"type": "llm_call", "model": "b", "output_tokens": 2, "cost": 1.5});
    t.complete(&id, json!({"kind": more})).await;
    let merged = json!({"type": "llm_call", "model": "b", "provider": "p", "input_tokens": 5, "output_tokens": 2,
        "cost": 1.5, "input_preview": "x"});
    assert_eq!(t.find(&id).await["kind"], merged);
}

async fn completing_replaces_a_kind_of_another_type(t: Ctx) {
    let id = t.span(json!({"kind": llm("m", 1, 1)})).await;
    t.complete(&id, json!({"kind": {"type": "fs_read", "path": "/a"}})).await;
    assert_eq!(t.find(&id).await["kind"], json!({"type": "fs_read", "path": "/a", "bytes_read": 0}));
}

async fn completing_with_null_output_keeps_null(t: Ctx) {
    let id = t.span(json!({})).await;
    t.complete(&id, json!({"output": null})).await;
    assert_eq!(t.find(&id).await.get("output"), Some(&Value::Null));
}

async fn completing_with_an_end_keeps_it(t: Ctx) {
    let id = t.span(json!({"started_at": "2025-03-01T10:00:00Z"})).await;
    t.complete(&id, json!({"ended_at": "2025-03-01T10:00:02.5Z"})).await;
    let span = t.find(&id).await;
    assert_same_time(&span["started_at"], "2025-03-01T10:00:00Z");
    assert_same_time(&span["ended_at"], "2025-03-01T10:00:02.5Z");
    assert_eq!(span["metadata"]["duration_ms"], 2500);
}

async fn completing_twice_is_a_conflict(t: Ctx) {
    let id = t.span(json!({})).await;
    t.complete(&id, json!({"output": 1})).await;
    t.post(&format!("/api/spans/{id}/complete"), &json!({"output": 2})).await.error(409, "span_terminal");
    t.post(&format!("/api/spans/{id}/fail"), &json!({"error": "x"})).await.error(409, "span_terminal");
    let span = t.find(&id).await;
    assert_eq!((&span["status"], &span["output"]), (&json!("completed"), &json!(1)));
}

async fn completing_a_failed_span_is_a_conflict(t: Ctx) {
    let id = t.span(json!({})).await;
    t.fail(&id, "boom").await;
    t.post_nothing(&format!("/api/spans/{id}/complete")).await.error(409, "span_terminal");
    assert_eq!(t.find(&id).await["status"], json!({"failed": {"error": "boom"}}));
}

async fn completing_an_unknown_span_is_not_found(t: Ctx) {
    t.post_nothing(&format!("/api/spans/{}/complete", t.id("none"))).await.error(404, "not_found");
}

async fn completing_with_a_wrong_kind_is_refused_and_changes_nothing(t: Ctx) {
    let id = t.span(json!({})).await;
    t.post(&format!("/api/spans/{id}/complete"), &json!({"kind": {"type": "rocket"}}))
        .await
        .error(400, "invalid_kind");
    let answer = t.post(&format!("/api/spans/{id}/complete"), &json!({"ended_at": "later"})).await;
    answer.bad_field("invalid_request", "ended_at");
    assert_eq!(t.find(&id).await["status"], "running");
}

async fn failing_keeps_the_error(t: Ctx) {
    let id = t.span(json!({})).await;
    let answer = t.post(&format!("/api/spans/{id}/fail"), &json!({"error": "naïve \"boom\""})).await.ok();
    assert_eq!(answer, json!({"ok": true}));
    let span = t.find(&id).await;
    assert_eq!(span["status"], json!({"failed": {"error": "naïve \"boom\""}}));
    assert_time(&span["ended_at"]);
}

async fn failing_without_an_error_has_a_default(t: Ctx) {
    let id = t.span(json!({})).await;
    t.post(&format!("/api/spans/{id}/fail"), &json!({})).await.ok();
    assert_eq!(t.find(&id).await["status"], json!({"failed": {"error": "Unknown error"}}));
}

async fn failing_takes_output_kind_and_end(t: Ctx) {
    let id = t.span(json!({"kind": llm("m", 1, 1), "started_at": "2025-03-01T10:00:00Z"})).await;
    let body = json!({"error": "x", "output": [1], "kind": {"type": "llm_call", "model": "m", "output_tokens": 9},
        "ended_at": "2025-03-01T10:00:01Z"});
    t.post(&format!("/api/spans/{id}/fail"), &body).await.ok();
    let span = t.find(&id).await;
    assert_eq!(span["output"], json!([1]));
    assert_eq!((&span["kind"]["input_tokens"], &span["kind"]["output_tokens"]), (&json!(1), &json!(9)));
    assert_eq!(span["metadata"]["duration_ms"], 1000);
}

async fn failing_twice_is_a_conflict(t: Ctx) {
    let id = t.span(json!({})).await;
    t.fail(&id, "first").await;
    t.post(&format!("/api/spans/{id}/fail"), &json!({"error": "second"})).await.error(409, "span_terminal");
    assert_eq!(t.find(&id).await["status"], json!({"failed": {"error": "first"}}));
}

async fn failing_an_unknown_span_is_not_found(t: Ctx) {
    t.post(&format!("/api/spans/{}/fail", t.id("none")), &json!({"error": "x"}))
        .await
        .error(404, "not_found");
}

async fn failing_with_a_wrong_error_is_refused(t: Ctx) {
    let id = t.span(json!({})).await;
    t.post(&format!("/api/spans/{id}/fail"), &json!({"error": {"a": 1}})).await.error(400, "invalid_request");
    assert_eq!(t.find(&id).await["status"], "running");
}

async fn an_end_before_the_start_is_kept(t: Ctx) {
    let id = t.span(json!({"started_at": "2025-03-01T10:00:05Z"})).await;
    t.complete(&id, json!({"ended_at": "2025-03-01T10:00:00Z"})).await;
    let span = t.find(&id).await;
    assert_same_time(&span["ended_at"], "2025-03-01T10:00:00Z");
    assert!(span["metadata"]["duration_ms"].as_i64().is_some(), "{span}");
    assert_eq!(t.read_trace(&t.id("trace")).await["trace"]["status"], "completed");
}

async fn an_error_shows_no_traces_of_other_spans(t: Ctx) {
    let id = t.span(json!({"input": t.word("secret")})).await;
    t.complete(&id, json!({})).await;
    let answer = t.post(&format!("/api/spans/{id}/complete"), &json!({"output": t.word("secret")})).await;
    assert!(!answer.text().contains(&t.word("secret")), "{}", answer.text());
}
