//! Sessions: what traces with the same session id add up to.

use serde_json::{Value, json};

use super::case::cases;
use super::fixtures::{assert_number, assert_same_time, column, llm, text, with};
use super::{Case, Ctx};

pub(super) fn cases() -> Vec<Case> {
    cases!("sessions", &[];
        an_unknown_session_is_not_found,
        a_session_sums_its_traces,
        a_session_has_its_times,
        a_session_with_a_running_trace_has_no_end,
        the_error_rate_counts_traces,
        status_is_failed_before_running_before_completed,
        tags_are_the_union,
        the_average_latency_is_that_of_traces,
        a_session_of_traces_without_spans_is_listed,
        one_session_comes_with_its_traces_oldest_first,
        spans_are_included_on_request,
        ids_may_hold_any_character,
        ids_are_compared_byte_for_byte,
        listed_sessions_are_what_one_session_says,
        lists_are_most_recently_active_first,
        lists_filter_by_time,
        lists_filter_by_status,
        lists_filter_by_cost,
        lists_filter_by_tag,
        wrong_parameters_are_refused,
        an_order_is_refused,
        deleting_the_last_trace_removes_the_session,
        traces_without_a_session_belong_to_none,
    )
}

async fn session(t: &Ctx, id: &str) -> Value {
    t.get(&format!("/api/sessions/{id}")).await.ok()
}

async fn an_unknown_session_is_not_found(t: Ctx) {
    t.get(&format!("/api/sessions/{}", t.id("none"))).await.error(404, "not_found");
}

async fn a_session_sums_its_traces(t: Ctx) {
    t.corpus().await;
    let found = session(&t, &t.id("session")).await;
    assert_eq!(found["id"], t.id("session"));
    assert_eq!((&found["trace_count"], &found["span_count"]), (&json!(3), &json!(7)));
    assert_eq!(found["total_tokens"], 1320);
    assert_number(&found["total_cost"], 0.51);
}

/// Two traces: 10:00:00 to 10:00:04 and 10:01:00 to 10:01:02.
async fn two(t: &Ctx) {
    let trace = |id: &str, at: &str, tags: Value| json!({"id": t.id(id), "session_id": t.id("session"), "started_at": at, "tags": tags});
    let span = |id: &str, trace: &str, from: &str, to: &str| json!({"id": t.id(id), "trace_id": t.id(trace), "started_at": from, "ended_at": to});
    t.ingest(
        vec![
            trace("one", "2025-03-01T10:00:00Z", json!(["a", "b"])),
            trace("two", "2025-03-01T10:01:00Z", json!(["b", "c"])),
        ],
        vec![
            span("x", "one", "2025-03-01T10:00:00Z", "2025-03-01T10:00:04Z"),
            span("y", "two", "2025-03-01T10:01:00Z", "2025-03-01T10:01:02Z"),
        ],
    )
    .await;
}

async fn a_session_has_its_times(t: Ctx) {
    two(&t).await;
    let found = session(&t, &t.id("session")).await;
    assert_same_time(&found["started_at"], "2025-03-01T10:00:00Z");
    assert_same_time(&found["ended_at"], "2025-03-01T10:01:02Z");
    assert_same_time(&found["last_active_at"], "2025-03-01T10:01:00Z");
    assert_eq!(found["duration_ms"], 62_000);
}

async fn a_session_with_a_running_trace_has_no_end(t: Ctx) {
    two(&t).await;
    let running = t.span(json!({"trace_id": t.id("two"), "started_at": "2025-03-01T10:01:01Z"})).await;
    let found = session(&t, &t.id("session")).await;
    assert_eq!((&found["ended_at"], &found["status"]), (&Value::Null, &json!("running")));
    t.complete(&running, json!({"ended_at": "2025-03-01T10:01:05Z"})).await;
    let found = session(&t, &t.id("session")).await;
    assert_same_time(&found["ended_at"], "2025-03-01T10:01:05Z");
    assert_eq!(found["duration_ms"], 65_000);
}

async fn the_error_rate_counts_traces(t: Ctx) {
    two(&t).await;
    assert_number(&session(&t, &t.id("session")).await["error_rate"], 0.0);
    for id in ["f1", "f2"] {
        t.ingest(vec![], vec![json!({"id": t.id(id), "trace_id": t.id("one"), "status": "failed"})]).await;
    }
    assert_number(&session(&t, &t.id("session")).await["error_rate"], 0.5);
}

async fn status_is_failed_before_running_before_completed(t: Ctx) {
    two(&t).await;
    assert_eq!(session(&t, &t.id("session")).await["status"], "completed");
    t.span(json!({"trace_id": t.id("one")})).await;
    assert_eq!(session(&t, &t.id("session")).await["status"], "running");
    t.ingest(vec![], vec![json!({"id": t.id("f"), "trace_id": t.id("two"), "status": "failed"})]).await;
    assert_eq!(session(&t, &t.id("session")).await["status"], "failed");
}

async fn tags_are_the_union(t: Ctx) {
    two(&t).await;
    let found = session(&t, &t.id("session")).await;
    let mut tags: Vec<&str> =
        found["tags"].as_array().expect("tags").iter().filter_map(Value::as_str).collect();
    tags.sort_unstable();
    assert_eq!(tags, ["a", "b", "c"]);
}

async fn the_average_latency_is_that_of_traces(t: Ctx) {
    two(&t).await;
    assert_number(&session(&t, &t.id("session")).await["avg_latency_ms"], 3000.0);
}

async fn a_session_of_traces_without_spans_is_listed(t: Ctx) {
    t.trace(json!({"session_id": t.id("session"), "tags": [t.word("tag")]})).await;
    let found = session(&t, &t.id("session")).await;
    assert_eq!(
        (&found["trace_count"], &found["span_count"], &found["total_tokens"]),
        (&json!(1), &json!(0), &json!(0))
    );
    assert_eq!((&found["status"], found.get("duration_ms")), (&json!("completed"), Some(&Value::Null)));
    let listed = t.list("/api/sessions", &[("tag", &t.word("tag"))]).await.ok();
    assert_eq!(column(&listed["sessions"], "id"), [t.id("session")]);
}

async fn one_session_comes_with_its_traces_oldest_first(t: Ctx) {
    t.corpus().await;
    let found = session(&t, &t.id("session")).await;
    assert_eq!(column(&found["traces"], "id"), ["checkout", "refund", "chat"].map(|id| t.id(id)));
    for trace in found["traces"].as_array().expect("traces") {
        assert_eq!(*trace, t.read_trace(text(trace, "id")).await["trace"], "each with its aggregates");
        assert_eq!(trace.get("spans"), None);
    }
}

async fn spans_are_included_on_request(t: Ctx) {
    t.corpus().await;
    let found = t.get(&format!("/api/sessions/{}?include=spans", t.id("session"))).await.ok();
    for trace in found["traces"].as_array().expect("traces") {
        assert_eq!(trace["spans"], t.read_trace(text(trace, "id")).await["spans"]);
    }
}

async fn ids_may_hold_any_character(t: Ctx) {
    for end in ["a/b", "a:b", "a b", "ü?&#", "50%", "a+b"] {
        let id = t.id(end);
        t.trace(json!({"session_id": id})).await;
        let encoded = id.bytes().fold(String::new(), |encoded, byte| format!("{encoded}%{byte:02X}"));
        assert_eq!(session(&t, &encoded).await["id"], id);
        assert_eq!(t.list("/api/traces", &[("session_id", &id)]).await.ok()["count"], 1, "{id}");
    }
}

async fn ids_are_compared_byte_for_byte(t: Ctx) {
    t.trace(json!({"session_id": t.id("case")})).await;
    t.get(&format!("/api/sessions/{}", t.id("CASE"))).await.error(404, "not_found");
    t.trace(json!({"session_id": format!("{} ", t.id("case"))})).await;
    assert_eq!(session(&t, &t.id("case")).await["trace_count"], 1, "nothing is trimmed");
}

async fn listed_sessions_are_what_one_session_says(t: Ctx) {
    t.corpus().await;
    let query = format!("session:{}", t.id("session"));
    let page = t.list("/api/sessions", &[("q", &query)]).await.ok();
    assert_eq!(
        (&page["count"], &page["has_more"], &page["cursor"]),
        (&json!(1), &json!(false), &Value::Null)
    );
    let mut one = session(&t, &t.id("session")).await;
    one.as_object_mut().map(|members| members.remove("traces"));
    assert_eq!(page["sessions"][0], one);
}

/// Three sessions with a tag of the case, an hour apart: cheap, failed, dear.
async fn three(t: &Ctx) {
    let trace = |id: &str, hour: u32| {
        json!({"id": t.id(&format!("trace-{id}")), "session_id": t.id(id), "tags": [t.word("tag")],
            "started_at": format!("2025-03-01T1{hour}:00:00Z")})
    };
    let span = |id: &str, hour: u32, status: &str, cost: f64| {
        json!({"id": t.id(&format!("span-{id}")), "trace_id": t.id(&format!("trace-{id}")), "status": status,
            "kind": with(llm("m", 1, 1), json!({"cost": cost})), "started_at": format!("2025-03-01T1{hour}:00:00Z"),
            "ended_at": format!("2025-03-01T1{hour}:00:01Z")})
    };
    t.ingest(
        vec![trace("dear", 2), trace("cheap", 0), trace("failed", 1)],
        vec![
            span("cheap", 0, "completed", 0.001),
            span("failed", 1, "failed", 0.01),
            span("dear", 2, "completed", 5.0),
        ],
    )
    .await;
}

async fn found(t: &Ctx, query: &[(&str, &str)]) -> Vec<String> {
    let tag = t.word("tag");
    let mut parameters = vec![("tag", tag.as_str())];
    parameters.extend(query);
    let page = t.list("/api/sessions", &parameters).await.ok();
    let ids = column(&page["sessions"], "id");
    ids.into_iter().map(|id| id.rsplit('.').next().unwrap_or_default().to_owned()).collect()
}

async fn lists_are_most_recently_active_first(t: Ctx) {
    three(&t).await;
    assert_eq!(found(&t, &[]).await, ["dear", "failed", "cheap"]);
    t.trace(
        json!({"session_id": t.id("cheap"), "tags": [t.word("tag")], "started_at": "2025-03-01T13:00:00Z"}),
    )
    .await;
    assert_eq!(found(&t, &[]).await, ["cheap", "dear", "failed"]);
}

async fn lists_filter_by_time(t: Ctx) {
    three(&t).await;
    assert_eq!(found(&t, &[("since", "2025-03-01T11:00:00Z")]).await, ["dear", "failed"]);
    assert_eq!(found(&t, &[("until", "2025-03-01T11:00:00Z")]).await, ["failed", "cheap"]);
    assert_eq!(found(&t, &[("since", "1h")]).await, [""; 0]);
}

async fn lists_filter_by_status(t: Ctx) {
    three(&t).await;
    assert_eq!(found(&t, &[("status", "failed")]).await, ["failed"]);
    assert_eq!(found(&t, &[("q", "status:failed")]).await, ["failed"]);
}

async fn lists_filter_by_cost(t: Ctx) {
    three(&t).await;
    assert_eq!(found(&t, &[("cost_min", "0.01")]).await, ["dear", "failed"]);
    assert_eq!(found(&t, &[("cost_min", "6")]).await, [""; 0]);
}

async fn lists_filter_by_tag(t: Ctx) {
    three(&t).await;
    t.trace(json!({"session_id": t.id("other")})).await;
    assert_eq!(found(&t, &[]).await.len(), 3);
}

async fn wrong_parameters_are_refused(t: Ctx) {
    for (name, value) in
        [("limit", "0"), ("status", "done"), ("since", "then"), ("until", "then"), ("cost_min", "cheap")]
    {
        t.list("/api/sessions", &[(name, value)]).await.bad_field("invalid_request", name);
    }
}

async fn an_order_is_refused(t: Ctx) {
    for (field, query) in
        [("sort", "sort:cost"), ("sort", "status:failed sort:started_at"), ("order", "order:asc")]
    {
        t.list("/api/sessions", &[("q", query)]).await.bad_field("invalid_query", field);
    }
    three(&t).await;
    assert_eq!(
        found(&t, &[("q", "sort: order:")]).await,
        ["dear", "failed", "cheap"],
        "empty values say nothing"
    );
}

async fn deleting_the_last_trace_removes_the_session(t: Ctx) {
    two(&t).await;
    t.delete(&format!("/api/traces/{}", t.id("one"))).await.ok();
    assert_eq!(session(&t, &t.id("session")).await["trace_count"], 1);
    t.delete(&format!("/api/traces/{}", t.id("two"))).await.ok();
    t.get(&format!("/api/sessions/{}", t.id("session"))).await.error(404, "not_found");
}

async fn traces_without_a_session_belong_to_none(t: Ctx) {
    t.trace(json!({"tags": [t.word("tag")]})).await;
    assert_eq!(found(&t, &[]).await, [""; 0]);
}
