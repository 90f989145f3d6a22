//! Creating, listing, reading and deleting traces.

use serde_json::{Value, json};

use super::case::cases;
use super::fixtures::{assert_number, assert_same_time, assert_time, assert_ulid, column, llm, text, with};
use super::{Case, Ctx};
use crate::mount::Capability;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("traces", &[];
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
        deleting_answers_how_many_spans_went,
        deleting_an_empty_trace_answers_zero,
        deleting_an_unknown_trace_is_not_found,
        a_deleted_trace_is_gone_everywhere,
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
        nul_becomes_the_replacement_character,
    );
    cases.extend(cases!("traces", &[Capability::Fresh];
        clearing_removes_every_trace_and_span,
    ));
    cases
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

async fn nul_becomes_the_replacement_character(t: Ctx) {
    let trace = t.trace(json!({"name": "a\u{0}b", "tags": ["x\u{0}"], "session_id": t.id("s") })).await;
    assert_eq!(trace["name"], "a\u{fffd}b");
    assert_eq!(trace["tags"], json!(["x\u{fffd}"]));
}
