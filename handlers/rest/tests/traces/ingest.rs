//! `/api/ingest`: spans that come twice, first running and then ended.

use serde_json::{Value, json};

use super::support::Api;

async fn ingest(api: &Api, spans: Value) -> Value {
    api.post("/api/ingest", &json!({ "spans": spans })).await.json()
}

fn accepted(count: usize) -> Value {
    json!({"accepted_traces": 0, "accepted_spans": count, "rejected": []})
}

#[tokio::test]
async fn an_entry_that_ended_ends_the_span_that_runs_and_keeps_what_it_does_not_say() {
    let api = Api::new();
    let start = json!({"id": "a", "trace_id": "t", "name": "call", "input": [1], "parent_id": "p",
        "started_at": "2025-03-01T10:00:00Z", "kind": {"type": "llm_call", "model": "m", "input_tokens": 3}});
    let end = json!({"id": "a", "trace_id": "t", "name": "call", "status": "completed", "output": [2],
        "ended_at": "2025-03-01T10:00:01Z", "kind": {"type": "llm_call", "output_tokens": 4}});
    assert_eq!(ingest(&api, json!([start, end])).await, accepted(2));
    let span = api.get("/api/spans/a").await.json();
    assert_eq!(
        (&span["status"], &span["input"], &span["output"]),
        (&json!("completed"), &json!([1]), &json!([2]))
    );
    assert_eq!((&span["metadata"]["duration_ms"], &span["parent_id"]), (&json!(1000), &json!("p")));
    assert_eq!(
        span["kind"],
        json!({"type": "llm_call", "model": "m", "input_tokens": 3, "output_tokens": 4})
    );
}

#[tokio::test]
async fn an_end_that_comes_again_is_taken_and_changes_nothing() {
    let api = Api::new();
    let ended = |status: &str, output: u8| json!({"id": "a", "trace_id": "t", "name": "x", "status": status, "output": output});
    let running = json!({"id": "a", "trace_id": "t", "name": "x"});
    for spans in
        [json!([ended("completed", 1), ended("failed", 2)]), json!([running]), json!([ended("failed", 3)])]
    {
        let count = spans.as_array().unwrap().len();
        assert_eq!(ingest(&api, spans).await, accepted(count));
    }
    let span = api.get("/api/spans/a").await.json();
    assert_eq!((&span["status"], &span["output"]), (&json!("completed"), &json!(1)));
    assert_eq!(api.post("/api/spans/a/complete", &json!({})).await.status, 409);
}

#[tokio::test]
async fn an_end_in_another_trace_is_a_conflict() {
    let api = Api::new();
    ingest(&api, json!([{"id": "a", "trace_id": "t", "name": "x"}])).await;
    let other = ingest(&api, json!([{"id": "a", "trace_id": "u", "name": "x", "status": "completed"}])).await;
    assert_eq!((&other["accepted_spans"], &other["rejected"][0]["code"]), (&json!(0), &json!("conflict")));
}

#[tokio::test]
async fn counts_may_be_whole_floats_and_no_number_may_be_absurd() {
    let api = Api::new();
    let kind = json!({"type": "llm_call", "model": "m", "input_tokens": 10.0});
    let taken = api.post("/api/spans", &json!({"id": "a", "trace_id": "t", "name": "x", "kind": kind})).await;
    assert_eq!(taken.status, 201);
    let legacy = json!({"model": "m", "input_tokens": 11.0});
    api.post("/api/spans", &json!({"id": "b", "trace_id": "t", "name": "x", "metadata": legacy})).await;
    let tokens =
        async |id: &str| api.get(&format!("/api/spans/{id}")).await.json()["kind"]["input_tokens"].clone();
    assert_eq!((tokens("a").await, tokens("b").await), (json!(10), json!(11)));
    for kind in
        [json!({"type": "llm_call", "cost": 1.7e308}), json!({"type": "llm_call", "input_tokens": u64::MAX})]
    {
        let refused = api.post("/api/spans", &json!({"trace_id": "t", "name": "x", "kind": kind})).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (400, &json!("invalid_kind")));
    }
    let legacy = json!({"model": "m", "input_tokens": u64::MAX});
    let refused = api.post("/api/spans", &json!({"trace_id": "t", "name": "x", "metadata": legacy})).await;
    assert_eq!(refused.status, 400);
}
