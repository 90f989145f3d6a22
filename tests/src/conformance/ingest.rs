//! Writing traces and spans in batches.

use serde_json::{Value, json};

use super::case::cases;
use super::fixtures::{assert_number, assert_same_time, assert_time, column, llm};
use super::{Case, Ctx};

pub(super) fn cases() -> Vec<Case> {
    cases!("ingest", &[];
        an_empty_batch_is_accepted,
        traces_and_spans_are_written,
        terminal_spans_are_inserted_terminal,
        a_span_without_status_runs,
        a_failed_span_without_error_has_the_default,
        ids_are_required,
        the_description_requires_what_entries_require,
        bad_entries_are_rejected_and_others_kept,
        a_span_of_another_trace_is_a_conflict,
        traces_are_applied_first,
        repeated_entries_change_nothing,
        a_terminal_entry_ends_a_running_span,
        a_thousand_entries_are_the_limit,
        costs_are_estimated,
        wrong_lists_are_refused,
        an_end_defaults_to_now,
    )
}

async fn an_empty_batch_is_accepted(t: Ctx) {
    let nothing = json!({"accepted_traces": 0, "accepted_spans": 0, "rejected": []});
    assert_eq!(t.post("/api/ingest", &json!({})).await.ok(), nothing);
    assert_eq!(t.post("/api/ingest", &json!({"traces": [], "spans": []})).await.ok(), nothing);
}

async fn traces_and_spans_are_written(t: Ctx) {
    let traces = vec![
        json!({"id": t.id("trace"), "name": "batch", "tags": ["a"], "session_id": t.id("s"), "metadata": {"k": 1}}),
    ];
    t.ingest(
        traces,
        vec![
            json!({"id": t.id("a"), "input": 1, "output": 2}),
            json!({"id": t.id("b"), "parent_id": t.id("a")}),
        ],
    )
    .await;
    let read = t.read_trace(&t.id("trace")).await;
    assert_eq!((&read["trace"]["name"], &read["trace"]["metadata"]), (&json!("batch"), &json!({"k": 1})));
    assert_eq!(read["count"], 2);
    let span = t.find(&t.id("a")).await;
    assert_eq!(
        (&span["input"], &span["output"], &span["status"]),
        (&json!(1), &json!(2), &json!("completed"))
    );
}

async fn terminal_spans_are_inserted_terminal(t: Ctx) {
    let span = json!({"id": t.id("a"), "status": "failed", "error": "boom", "started_at": "2025-03-01T10:00:00Z",
        "ended_at": "2025-03-01T10:00:01.5Z"});
    t.ingest(vec![], vec![span]).await;
    let span = t.find(&t.id("a")).await;
    assert_eq!(span["status"], json!({"failed": {"error": "boom"}}));
    assert_same_time(&span["ended_at"], "2025-03-01T10:00:01.5Z");
    assert_eq!(span["metadata"]["duration_ms"], 1500);
    t.post_nothing(&format!("/api/spans/{}/complete", t.id("a"))).await.error(409, "span_terminal");
}

async fn a_span_without_status_runs(t: Ctx) {
    let spans = json!([{"id": t.id("a"), "trace_id": t.id("trace"), "name": "n"}]);
    t.post("/api/ingest", &json!({"spans": spans})).await.ok();
    let span = t.find(&t.id("a")).await;
    assert_eq!((&span["status"], &span["ended_at"]), (&json!("running"), &Value::Null));
    t.complete(&t.id("a"), json!({})).await;
}

async fn a_failed_span_without_error_has_the_default(t: Ctx) {
    t.ingest(vec![], vec![json!({"id": t.id("a"), "status": "failed"})]).await;
    assert_eq!(t.find(&t.id("a")).await["status"], json!({"failed": {"error": "Unknown error"}}));
}

async fn ids_are_required(t: Ctx) {
    let body =
        json!({"traces": [{"name": "no id"}], "spans": [{"trace_id": t.id("trace"), "name": "no id"}]});
    let answer = t.post("/api/ingest", &body).await.ok();
    assert_eq!((&answer["accepted_traces"], &answer["accepted_spans"]), (&json!(0), &json!(0)));
    assert_eq!(column(&answer["rejected"], "code"), ["invalid_request", "invalid_request"]);
    t.get(&format!("/api/traces/{}", t.id("trace"))).await.error(404, "not_found");
}

/// Returns the members that a schema requires, as far as its references and parts lead.
fn required(api: &Value, schema: &Value) -> Vec<String> {
    let reference = schema["$ref"].as_str().and_then(|to| api.pointer(to.trim_start_matches('#')));
    let parts = schema["allOf"].as_array().into_iter().flatten().chain(reference);
    let own = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    own.map(str::to_owned).chain(parts.flat_map(|part| required(api, part))).collect()
}

async fn the_description_requires_what_entries_require(t: Ctx) {
    let api = t.get("/api/openapi.json").await.ok();
    let body = &api["paths"]["/api/ingest"]["post"]["requestBody"]["content"]["application/json"]["schema"];
    let body = body["$ref"].as_str().and_then(|to| api.pointer(to.trim_start_matches('#'))).unwrap_or(body);
    assert_eq!(required(&api, body), [""; 0], "either list may be absent");
    for (list, wanted) in [("traces", &["id"][..]), ("spans", &["id", "name", "trace_id"])] {
        let mut found = required(&api, &body["properties"][list]["items"]);
        found.sort_unstable();
        assert_eq!(found, wanted, "{list}");
        for member in wanted {
            let mut entry = json!({"id": t.id("a"), "name": "n", "trace_id": t.id("trace")});
            entry.as_object_mut().map(|members| members.remove(*member));
            let answer = t.post("/api/ingest", &json!({list: [entry]})).await.ok();
            assert_eq!(answer["rejected"][0]["code"], "invalid_request", "{list} without {member}: {answer}");
        }
    }
}

async fn bad_entries_are_rejected_and_others_kept(t: Ctx) {
    let trace = t.id("trace");
    let body = json!({
        "traces": [{"id": t.id("good")}, {"id": "not allowed"}],
        "spans": [
            {"id": t.id("a"), "trace_id": trace, "name": "a"},
            {"id": t.id("b"), "trace_id": trace, "name": "b", "kind": {"type": "rocket"}},
            {"id": t.id("c"), "trace_id": trace},
            {"id": t.id("d"), "trace_id": trace, "name": "d", "status": "sleeping"},
            {"id": t.id("e"), "trace_id": trace, "name": "e"},
            "not an object",
        ],
    });
    let answer = t.post("/api/ingest", &body).await.ok();
    assert_eq!((&answer["accepted_traces"], &answer["accepted_spans"]), (&json!(1), &json!(2)));
    let mut rejected: Vec<(String, u64)> = Vec::new();
    for entry in answer["rejected"].as_array().expect("rejected") {
        assert!(entry["error"].as_str().is_some_and(|text| !text.is_empty()), "{entry}");
        assert!(entry["code"].is_string(), "{entry}");
        rejected.push((
            entry["list"].as_str().unwrap_or_default().to_owned(),
            entry["index"].as_u64().unwrap_or(99),
        ));
    }
    rejected.sort();
    let expected = [("spans", 1), ("spans", 2), ("spans", 3), ("spans", 5), ("traces", 1)];
    assert_eq!(rejected, expected.map(|(list, index)| (list.to_owned(), index)));
    let kind = answer["rejected"]
        .as_array()
        .expect("rejected")
        .iter()
        .find(|entry| entry["index"] == 1 && entry["list"] == "spans");
    assert_eq!(kind.map(|entry| &entry["code"]), Some(&json!("invalid_kind")));
    assert_eq!(t.read_trace(&trace).await["count"], 2);
}

async fn a_span_of_another_trace_is_a_conflict(t: Ctx) {
    t.span(json!({"id": t.id("a")})).await;
    let span = |id: &str| json!({"id": t.id(id), "trace_id": t.id("other"), "name": "n"});
    let answer = t.post("/api/ingest", &json!({"spans": [span("b"), span("a")]})).await.ok();
    assert_eq!(answer["accepted_spans"], 1);
    let rejected = &answer["rejected"][0];
    assert_eq!(
        (&rejected["index"], &rejected["list"], &rejected["code"]),
        (&json!(1), &json!("spans"), &json!("conflict"))
    );
    assert_eq!(t.find(&t.id("a")).await["trace_id"], t.id("trace"));
}

async fn traces_are_applied_first(t: Ctx) {
    let body = json!({"spans": [{"id": t.id("a"), "trace_id": t.id("trace"), "name": "a"}],
        "traces": [{"id": t.id("trace"), "name": "named"}]});
    t.post("/api/ingest", &body).await.ok();
    assert_eq!(t.read_trace(&t.id("trace")).await["trace"]["name"], "named");
}

async fn repeated_entries_change_nothing(t: Ctx) {
    let batch =
        || (vec![json!({"id": t.id("trace"), "name": "x"})], vec![json!({"id": t.id("a"), "output": 1})]);
    let (traces, spans) = batch();
    t.ingest(traces, spans).await;
    let before = t.read_trace(&t.id("trace")).await;
    let (traces, spans) = batch();
    let spans = spans.into_iter().map(|span| {
        super::fixtures::with(json!({"trace_id": t.id("trace"), "name": "step", "status": "completed"}), span)
    });
    let answer =
        t.post("/api/ingest", &json!({"traces": traces, "spans": spans.collect::<Vec<_>>()})).await.ok();
    assert_eq!(answer["rejected"], json!([]));
    assert_eq!(t.read_trace(&t.id("trace")).await, before);
}

async fn a_terminal_entry_ends_a_running_span(t: Ctx) {
    // Clients that batch send the start of a span in one batch and its end in a later one.
    t.span(json!({"id": t.id("a"), "input": "in"})).await;
    let end = json!({"id": t.id("a"), "status": "completed", "output": "out"});
    t.ingest(vec![], vec![end.clone()]).await;
    let span = t.find(&t.id("a")).await;
    assert_eq!((&span["status"], &span["output"]), (&json!("completed"), &json!("out")));
    // Sent again it changes nothing.
    t.ingest(vec![], vec![end]).await;
    assert_eq!(t.find(&t.id("a")).await, span);
}

async fn a_thousand_entries_are_the_limit(t: Ctx) {
    let span = |n: usize| json!({"id": t.id(&format!("s{n}")), "trace_id": t.id("trace"), "name": "n", "status": "completed"});
    let mut spans: Vec<Value> = (0..1001).map(span).collect();
    t.post("/api/ingest", &json!({"spans": spans})).await.error(400, "invalid_request");
    spans.truncate(999);
    let body = json!({"traces": [{"id": t.id("trace")}], "spans": spans});
    let answer = t.post("/api/ingest", &body).await.ok();
    assert_eq!((&answer["accepted_traces"], &answer["accepted_spans"]), (&json!(1), &json!(999)));
    assert_eq!(t.read_trace(&t.id("trace")).await["count"], 999);
}

async fn costs_are_estimated(t: Ctx) {
    t.ingest(vec![], vec![json!({"id": t.id("a"), "kind": llm("gpt-4o", 1_000_000, 100_000)})]).await;
    assert_number(&t.find(&t.id("a")).await["kind"]["cost"], 3.5);
}

async fn wrong_lists_are_refused(t: Ctx) {
    t.post("/api/ingest", &json!({"spans": {}})).await.error(400, "invalid_request");
    t.post("/api/ingest", &json!({"traces": "x"})).await.error(400, "invalid_request");
    t.call("POST", "/api/ingest").body("application/json", "[{]").send().await.error(400, "invalid_json");
}

async fn an_end_defaults_to_now(t: Ctx) {
    t.ingest(vec![], vec![json!({"id": t.id("a")})]).await;
    let span = t.find(&t.id("a")).await;
    assert_time(&span["started_at"]);
    assert_time(&span["ended_at"]);
}
