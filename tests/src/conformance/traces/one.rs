//! Creating and reading one trace, and what its spans add up to.

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::fixtures::{
    assert_number, assert_same_time, assert_time, assert_ulid, column, llm, text, with,
};
use super::super::{Case, Ctx};

pub(super) fn cases() -> Vec<Case> {
    cases!("traces", &[];
        a_trace_can_be_created_without_a_body,
        a_trace_can_be_created_with_an_empty_object,
        a_new_trace_has_every_member,
        given_members_come_back,
        unknown_members_are_ignored,
        duplicate_tags_are_dropped_and_order_is_kept,
        a_repeated_id_answers_the_existing_trace,
        a_session_is_taken_from_the_first_session_tag,
        an_explicit_session_beats_the_tags,
        wrong_members_are_refused,
        client_ids_of_any_allowed_form_are_echoed,
        ids_that_are_not_allowed_are_refused,
        generated_ids_grow,
        a_start_with_an_offset_is_the_same_instant,
        a_date_alone_is_midnight,
        an_unknown_trace_is_not_found,
        a_trace_without_spans_has_an_empty_list,
        spans_of_a_trace_come_by_start_and_then_id,
        a_trace_sums_its_spans,
        status_is_failed_before_running_before_completed,
        a_trace_ends_when_no_span_runs,
        duration_spans_from_the_first_start_to_the_last_end,
        a_trace_with_a_running_span_has_the_duration_so_far,
        nul_becomes_the_replacement_character,
    )
}

async fn a_trace_can_be_created_without_a_body(t: Ctx) {
    let trace = t.post_nothing("/api/traces").await.created();
    assert_ulid(&trace["id"]);
    assert_eq!(trace["name"], Value::Null);
}

async fn a_trace_can_be_created_with_an_empty_object(t: Ctx) {
    assert_ulid(&t.trace(json!({})).await["id"]);
}

async fn a_new_trace_has_every_member(t: Ctx) {
    let trace = t.trace(json!({"name": "checkout"})).await;
    assert_time(&trace["started_at"]);
    let expected = json!({"name": "checkout", "tags": [], "session_id": null, "metadata": {}, "machine_id": null,
        "ended_at": null, "status": "completed", "span_count": 0, "duration_ms": null, "input_tokens": 0,
        "output_tokens": 0, "total_tokens": 0, "models": []});
    for (member, value) in expected.as_object().expect("an object") {
        assert_eq!(trace.get(member), Some(value), "{member} of {trace}");
    }
    assert_number(&trace["total_cost"], 0.0);
}

async fn given_members_come_back(t: Ctx) {
    let body = json!({"id": t.id("a"), "name": "naïve 🚀", "tags": ["env:prod", "b"], "session_id": t.id("s"),
        "metadata": {"user_id": "u1", "deep": {"n": [1, 2.5, null]}}, "started_at": "2025-03-01T10:00:00.123456Z"});
    let created = t.trace(body.clone()).await;
    let read = t.read_trace(&t.id("a")).await;
    for (member, value) in body.as_object().expect("an object") {
        if member == "started_at" {
            assert_same_time(&created[member], "2025-03-01T10:00:00.123456Z");
            assert_same_time(&read["trace"][member], "2025-03-01T10:00:00.123456Z");
        } else {
            assert_eq!(&created[member], value);
            assert_eq!(&read["trace"][member], value);
        }
    }
}

async fn unknown_members_are_ignored(t: Ctx) {
    let trace = t.trace(json!({"name": "x", "colour": "red", "nested": {"a": 1}})).await;
    assert_eq!(trace["name"], "x");
    assert_eq!(trace.get("colour"), None);
}

async fn duplicate_tags_are_dropped_and_order_is_kept(t: Ctx) {
    let trace = t.trace(json!({"tags": ["b", "a", "b", "c", "a"]})).await;
    assert_eq!(trace["tags"], json!(["b", "a", "c"]));
}

async fn a_repeated_id_answers_the_existing_trace(t: Ctx) {
    let first = t.trace(json!({"id": t.id("a"), "name": "first", "tags": ["x"]})).await;
    let again = t.post("/api/traces", &json!({"id": t.id("a"), "name": "second", "tags": ["y"]})).await.ok();
    assert_eq!(again, first);
    assert_eq!(t.read_trace(&t.id("a")).await["trace"], first);
}

async fn a_session_is_taken_from_the_first_session_tag(t: Ctx) {
    let trace = t.trace(json!({"tags": ["x", "session: a b ", "session_id:later"]})).await;
    assert_eq!(trace["session_id"], " a b ", "byte for byte, without trimming");
    let trace = t.trace(json!({"tags": ["session_id:one:two", "session:other"]})).await;
    assert_eq!(trace["session_id"], "one:two");
    assert_eq!(trace["tags"], json!(["session_id:one:two", "session:other"]), "the tags stay");
}

async fn an_explicit_session_beats_the_tags(t: Ctx) {
    let trace = t.trace(json!({"session_id": "explicit", "tags": ["session:tagged"]})).await;
    assert_eq!(trace["session_id"], "explicit");
}

async fn wrong_members_are_refused(t: Ctx) {
    for body in [
        json!({"name": 5}),
        json!({"tags": "a"}),
        json!({"tags": [1]}),
        json!({"metadata": [1]}),
        json!({"metadata": "x"}),
        json!({"session_id": 7}),
        json!({"started_at": "yesterday"}),
        json!({"started_at": "2025-02-30T00:00:00Z"}),
        json!({"id": 12}),
    ] {
        let answer = t.post("/api/traces", &body).await;
        assert_eq!(answer.status, 400, "{body}");
        answer.error(400, "invalid_request");
    }
}

async fn client_ids_of_any_allowed_form_are_echoed(t: Ctx) {
    let uuid = uuid::Uuid::new_v4().to_string();
    let long = t.id(&"x".repeat(128 - t.id("").len()));
    assert_eq!(long.len(), 128);
    for id in [uuid.to_uppercase(), uuid, t.otel_trace(1), long, t.id("A_b-c:d.e")] {
        assert_eq!(t.trace(json!({"id": id})).await["id"], id);
        assert_eq!(t.read_trace(&id).await["trace"]["id"], id);
    }
}

async fn ids_that_are_not_allowed_are_refused(t: Ctx) {
    for id in ["", "a b", "a/b", "é", "a\u{0}b", "a?b", "a%20b", &"x".repeat(129)] {
        t.post("/api/traces", &json!({"id": id})).await.bad_field("invalid_request", "id");
    }
}

async fn generated_ids_grow(t: Ctx) {
    let mut ids = Vec::new();
    for _ in 0..5 {
        let trace = t.trace(json!({})).await;
        assert_ulid(&trace["id"]);
        ids.push(text(&trace, "id").to_owned());
    }
    let mut sorted = ids.clone();
    sorted.sort();
    assert_eq!(ids, sorted);
}

async fn a_start_with_an_offset_is_the_same_instant(t: Ctx) {
    let trace = t.trace(json!({"started_at": "2025-03-01T12:30:00+02:30"})).await;
    assert_same_time(&trace["started_at"], "2025-03-01T10:00:00Z");
}

async fn a_date_alone_is_midnight(t: Ctx) {
    let trace = t.trace(json!({"started_at": "2025-03-01"})).await;
    assert_same_time(&trace["started_at"], "2025-03-01T00:00:00Z");
}

async fn an_unknown_trace_is_not_found(t: Ctx) {
    t.get(&format!("/api/traces/{}", t.id("none"))).await.error(404, "not_found");
    t.get(&format!("/api/traces/{}", uuid::Uuid::new_v4())).await.error(404, "not_found");
}

async fn a_trace_without_spans_has_an_empty_list(t: Ctx) {
    let trace = t.trace(json!({})).await;
    let read = t.read_trace(text(&trace, "id")).await;
    assert_eq!(read, json!({"spans": [], "count": 0, "trace": trace}));
}

async fn spans_of_a_trace_come_by_start_and_then_id(t: Ctx) {
    let at =
        |id: &str, second: u32| json!({"id": t.id(id), "started_at": format!("2025-03-01T10:00:0{second}Z")});
    t.ingest(vec![], vec![at("c", 2), at("b", 1), at("z", 0), at("a", 1)]).await;
    let read = t.read_trace(&t.id("trace")).await;
    assert_eq!(column(&read["spans"], "id"), ["z", "a", "b", "c"].map(|id| t.id(id)));
    assert_eq!(read["count"], 4);
}

async fn a_trace_sums_its_spans(t: Ctx) {
    let calls = vec![
        json!({"kind": with(llm("gpt-4o", 100, 10), json!({"cost": 0.25})), "id": t.id("a")}),
        json!({"kind": with(llm("gpt-4o-mini", 50, 5), json!({"cost": 0.5})), "id": t.id("b")}),
        json!({"kind": with(llm("gpt-4o", 1, 2), json!({"cost": 0})), "id": t.id("c")}),
        json!({"id": t.id("d")}),
    ];
    t.ingest(vec![], calls).await;
    let trace = &t.read_trace(&t.id("trace")).await["trace"];
    assert_eq!((&trace["input_tokens"], &trace["output_tokens"]), (&json!(151), &json!(17)));
    assert_eq!((&trace["total_tokens"], &trace["span_count"]), (&json!(168), &json!(4)));
    assert_number(&trace["total_cost"], 0.75);
    let mut models: Vec<&str> =
        trace["models"].as_array().expect("models").iter().filter_map(Value::as_str).collect();
    models.sort_unstable();
    assert_eq!(models, ["gpt-4o", "gpt-4o-mini"]);
}

async fn status_is_failed_before_running_before_completed(t: Ctx) {
    let status = async || t.read_trace(&t.id("trace")).await["trace"]["status"].clone();
    let first = t.span(json!({})).await;
    assert_eq!(status().await, "running");
    t.complete(&first, json!({})).await;
    assert_eq!(status().await, "completed");
    let second = t.span(json!({})).await;
    t.span(json!({})).await;
    t.fail(&second, "boom").await;
    assert_eq!(status().await, "failed", "although one still runs");
}

async fn a_trace_ends_when_no_span_runs(t: Ctx) {
    let ended = async || t.read_trace(&t.id("trace")).await["trace"]["ended_at"].clone();
    t.ingest(vec![], vec![json!({"id": t.id("a"), "started_at": "2025-03-01T10:00:00Z", "ended_at": "2025-03-01T10:00:09Z"})])
        .await;
    assert_same_time(&ended().await, "2025-03-01T10:00:09Z");
    let body = json!({"trace_id": t.id("trace"), "started_at": "2025-03-01T10:00:01Z"});
    let running = t.span(body).await;
    assert_eq!(ended().await, Value::Null);
    t.complete(&running, json!({"ended_at": "2025-03-01T10:00:05Z"})).await;
    assert_same_time(&ended().await, "2025-03-01T10:00:09Z");
}

async fn duration_spans_from_the_first_start_to_the_last_end(t: Ctx) {
    let span = |id: &str, from: &str, to: &str| json!({"id": t.id(id), "started_at": format!("2025-03-01T10:00:{from}Z"), "ended_at": format!("2025-03-01T10:00:{to}Z")});
    t.ingest(vec![], vec![span("a", "01.5", "02"), span("b", "00.2509", "01"), span("c", "01", "04.9999")])
        .await;
    // 4.9999 s - 0.2509 s = 4 749.0 ms
    assert_eq!(t.read_trace(&t.id("trace")).await["trace"]["duration_ms"], 4749);
}

async fn a_trace_with_a_running_span_has_the_duration_so_far(t: Ctx) {
    let running = t.span(json!({"started_at": "2025-03-01T10:00:00Z"})).await;
    assert_eq!(t.read_trace(&t.id("trace")).await["trace"]["duration_ms"], Value::Null);
    let other = t.span(json!({"started_at": "2025-03-01T10:00:01Z"})).await;
    t.complete(&other, json!({"ended_at": "2025-03-01T10:00:03Z"})).await;
    assert_eq!(t.read_trace(&t.id("trace")).await["trace"]["duration_ms"], 3000);
    t.complete(&running, json!({"ended_at": "2025-03-01T10:00:04Z"})).await;
    assert_eq!(t.read_trace(&t.id("trace")).await["trace"]["duration_ms"], 4000);
}

async fn nul_becomes_the_replacement_character(t: Ctx) {
    let trace = t.trace(json!({"name": "a\u{0}b", "tags": ["x\u{0}"], "session_id": t.id("s") })).await;
    assert_eq!(trace["name"], "a\u{fffd}b");
    assert_eq!(trace["tags"], json!(["x\u{fffd}"]));
}
