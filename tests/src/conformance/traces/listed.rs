//! Lists of traces: order, filters, parameters.

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::fixtures::{column, llm, with};
use super::super::{Case, Ctx};

pub(super) fn cases() -> Vec<Case> {
    cases!("traces", &[];
        lists_are_newest_first,
        a_list_has_its_envelope,
        lists_filter_by_session,
        lists_filter_by_time_inclusively,
        lists_filter_by_name_without_regard_to_case,
        lists_filter_by_tag,
        lists_filter_by_status,
        lists_sort_by_each_aggregate,
        wrong_parameters_are_refused,
        listed_traces_carry_aggregates,
    )
}

/// Three traces of the case's session, a second apart, the oldest first.
async fn three(t: &Ctx) {
    let trace = |n: u32, name: &str, tags: Value| {
        json!({"id": t.id(name), "name": name, "session_id": t.id("session"), "tags": tags,
            "started_at": format!("2025-03-01T10:00:0{n}Z")})
    };
    let traces = vec![
        trace(1, "Old", json!(["env:prod"])),
        trace(2, "Middle", json!(["env:dev", "team:red"])),
        trace(3, "New", json!([])),
    ];
    let span = |trace: &str, status: &str, tokens: u64, cost: f64, end: Option<u32>| {
        let ended = end.map(|n| format!("2025-03-01T10:00:{n}Z"));
        json!({"id": t.id(&format!("{trace}-span")), "trace_id": t.id(trace), "status": status, "ended_at": ended,
            "started_at": "2025-03-01T10:00:04Z", "kind": with(llm("m", tokens, 0), json!({"cost": cost}))})
    };
    let second = with(span("Middle", "completed", 1, 0.1, Some(30)), json!({"id": t.id("second")}));
    let spans = vec![
        span("Old", "completed", 300, 0.2, Some(20)),
        span("Middle", "failed", 100, 0.3, Some(40)),
        second,
        span("New", "running", 200, 0.1, None),
    ];
    t.ingest(traces, spans).await;
}

/// Returns the names of the session's traces that match, in the order of the answer.
async fn names(t: &Ctx, query: &[(&str, &str)]) -> Vec<String> {
    let session = t.id("session");
    let mut parameters = vec![("session_id", session.as_str())];
    parameters.extend(query);
    let found = t.list("/api/traces", &parameters).await.ok();
    column(&found["traces"], "name").into_iter().map(str::to_owned).collect()
}

async fn lists_are_newest_first(t: Ctx) {
    three(&t).await;
    assert_eq!(names(&t, &[]).await, ["New", "Middle", "Old"]);
}

async fn a_list_has_its_envelope(t: Ctx) {
    three(&t).await;
    let page = t.list("/api/traces", &[("session_id", &t.id("session"))]).await.ok();
    assert_eq!(page["count"], 3);
    assert_eq!(page["has_more"], false);
    assert_eq!((&page["cursor"], &page["next_cursor"]), (&Value::Null, &Value::Null));
    assert!(page["total"] == 3 || page["total"].is_null(), "{}", page["total"]);
    assert_eq!(page.get("items"), None);
}

async fn lists_filter_by_session(t: Ctx) {
    three(&t).await;
    t.trace(json!({"name": "other", "session_id": t.id("session2")})).await;
    assert_eq!(names(&t, &[]).await.len(), 3);
    assert_eq!(t.list("/api/traces", &[("session_id", &t.id("sessio"))]).await.ok()["count"], 0);
}

async fn lists_filter_by_time_inclusively(t: Ctx) {
    three(&t).await;
    assert_eq!(names(&t, &[("since", "2025-03-01T10:00:02Z")]).await, ["New", "Middle"]);
    assert_eq!(names(&t, &[("until", "2025-03-01T10:00:02Z")]).await, ["Middle", "Old"]);
    assert_eq!(
        names(&t, &[("since", "2025-03-01T12:00:02+02:00"), ("until", "2025-03-01T10:00:02Z")]).await,
        ["Middle"]
    );
}

async fn lists_filter_by_name_without_regard_to_case(t: Ctx) {
    three(&t).await;
    assert_eq!(names(&t, &[("name_contains", "mIDD")]).await, ["Middle"]);
    assert_eq!(names(&t, &[("name_contains", "nothing")]).await, [""; 0]);
}

async fn lists_filter_by_tag(t: Ctx) {
    three(&t).await;
    assert_eq!(names(&t, &[("tag", "env:prod")]).await, ["Old"]);
    assert_eq!(names(&t, &[("tag", "team:red")]).await, ["Middle"]);
}

async fn lists_filter_by_status(t: Ctx) {
    three(&t).await;
    assert_eq!(names(&t, &[("status", "running")]).await, ["New"]);
    assert_eq!(names(&t, &[("status", "failed")]).await, ["Middle"]);
    assert_eq!(names(&t, &[("status", "completed")]).await, ["Old"]);
}

async fn lists_sort_by_each_aggregate(t: Ctx) {
    three(&t).await;
    // Durations: 16 s, 36 s, none yet; costs 0.2, 0.4, 0.1; tokens 300, 101, 200; spans 1, 2, 1.
    assert_eq!(names(&t, &[("sort_by", "duration")]).await, ["Middle", "Old", "New"]);
    assert_eq!(names(&t, &[("sort_by", "duration"), ("sort_order", "asc")]).await, ["New", "Old", "Middle"]);
    assert_eq!(names(&t, &[("sort_by", "cost")]).await, ["Middle", "Old", "New"]);
    assert_eq!(names(&t, &[("sort_by", "tokens")]).await, ["Old", "New", "Middle"]);
    assert_eq!(names(&t, &[("sort_by", "span_count")]).await[0], "Middle");
    assert_eq!(
        names(&t, &[("sort_by", "started_at"), ("sort_order", "asc")]).await,
        ["Old", "Middle", "New"]
    );
}

async fn wrong_parameters_are_refused(t: Ctx) {
    for (name, value) in [
        ("limit", "0"),
        ("limit", "-1"),
        ("limit", "many"),
        ("status", "done"),
        ("since", "then"),
        ("until", "2025-13-01"),
        ("sort_by", "colour"),
        ("sort_order", "up"),
    ] {
        t.list("/api/traces", &[(name, value)]).await.bad_field("invalid_request", name);
    }
}

async fn listed_traces_carry_aggregates(t: Ctx) {
    three(&t).await;
    let found = t.list("/api/traces", &[("session_id", &t.id("session")), ("status", "failed")]).await.ok();
    assert_eq!(found["traces"][0], t.read_trace(&t.id("Middle")).await["trace"]);
    assert_eq!(found["traces"][0]["total_tokens"], 101);
}
