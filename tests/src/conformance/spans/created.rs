//! Creating spans: what is kept, what is refused, what is filled in.

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::fixtures::{assert_time, assert_ulid, text, with};
use super::super::{Case, Ctx};

pub(super) fn cases() -> Vec<Case> {
    cases!("spans", &[];
        creating_answers_both_ids,
        an_unknown_trace_is_created_on_the_way,
        a_new_span_runs,
        an_unset_input_is_absent_and_a_null_input_is_null,
        any_json_comes_back_unchanged,
        large_numbers_keep_their_meaning,
        kind_defaults_to_custom,
        legacy_metadata_makes_a_call,
        legacy_metadata_fills_missing_members_of_a_call,
        each_kind_keeps_its_members,
        kinds_have_defaults,
        shorthand_kinds_become_custom,
        an_unknown_kind_is_refused,
        kinds_with_wrong_members_are_refused,
        missing_members_are_named,
        wrong_members_are_refused,
        a_repeated_id_changes_nothing,
        an_id_of_another_trace_is_a_conflict,
        a_parent_may_come_later,
        a_null_parent_is_a_root,
        a_span_with_a_cycle_of_parents_is_kept,
        negative_tokens_are_refused,
        nul_becomes_the_replacement_character,
        a_deep_tree_is_kept,
    )
}

async fn creating_answers_both_ids(t: Ctx) {
    let trace = t.id("trace");
    let answer = t.post("/api/spans", &json!({"trace_id": trace, "name": "a"})).await.created();
    assert_ulid(&answer["id"]);
    assert_eq!(answer["trace_id"], trace);
    assert_eq!(answer.as_object().map(serde_json::Map::len), Some(2), "{answer}");
}

async fn an_unknown_trace_is_created_on_the_way(t: Ctx) {
    let trace = uuid::Uuid::new_v4().to_string().to_uppercase();
    let answer = t.post("/api/spans", &json!({"trace_id": trace, "name": "a"})).await.created();
    assert_eq!(answer["trace_id"], trace);
    let read = t.read_trace(&trace).await;
    assert_eq!(read["trace"]["id"], trace);
    assert_eq!(read["trace"]["name"], Value::Null);
    assert_eq!(read["count"], 1);
}

async fn a_new_span_runs(t: Ctx) {
    let id = t.span(json!({"name": "step one", "input": [1]})).await;
    let span = t.find(&id).await;
    let expected = json!({"id": id, "trace_id": t.id("trace"), "parent_id": null, "name": "step one", "status": "running",
        "ended_at": null, "input": [1], "kind": {"type": "custom", "kind": "custom", "attributes": {}}});
    for (member, value) in expected.as_object().expect("an object") {
        assert_eq!(span.get(member), Some(value), "{member} of {span}");
    }
    assert_time(&span["started_at"]);
    assert!(span["metadata"].is_object(), "{span}");
    assert_eq!(span.get("output"), None);
}

async fn an_unset_input_is_absent_and_a_null_input_is_null(t: Ctx) {
    let unset = t.span(json!({})).await;
    assert_eq!(t.find(&unset).await.get("input"), None);
    let null = t.span(json!({"input": null})).await;
    assert_eq!(t.find(&null).await.get("input"), Some(&Value::Null));
}

async fn any_json_comes_back_unchanged(t: Ctx) {
    for value in [
        json!("text with \"quotes\", \\ and 🚀 \u{1F469}\u{200D}\u{1F4BB}"),
        json!(0),
        json!(-1.5e-7),
        json!(true),
        json!([]),
        json!({}),
        json!([[], {}, "", null, [1, [2, [3]]]]),
        json!({"messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": [{"type": "text", "text": "hi"}]}],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}], "": {"a.b": 1}}),
        json!("x".repeat(300_000)),
    ] {
        let id = t.span(json!({"input": value})).await;
        t.complete(&id, json!({"output": value})).await;
        let span = t.find(&id).await;
        assert_eq!(span["input"], value);
        assert_eq!(span["output"], value);
    }
}

async fn large_numbers_keep_their_meaning(t: Ctx) {
    let body = format!(
        r#"{{"trace_id": "{}", "name": "n", "input": [9007199254740993, -9223372036854775808, 18446744073709551615, 0.1]}}"#,
        t.id("trace")
    );
    let created = t.call("POST", "/api/spans").body("application/json", body).send().await.created();
    let read = t.get(&format!("/api/spans/{}", text(&created, "id"))).await;
    let compact: String = read.text().split_whitespace().collect();
    let expected = "[9007199254740993,-9223372036854775808,18446744073709551615,0.1]";
    assert!(compact.contains(expected), "{compact}");
}

async fn kind_defaults_to_custom(t: Ctx) {
    let id = t.span(json!({})).await;
    assert_eq!(t.find(&id).await["kind"], json!({"type": "custom", "kind": "custom", "attributes": {}}));
}

async fn legacy_metadata_makes_a_call(t: Ctx) {
    let id = t.span(json!({"metadata": {"model": "m-1", "input_tokens": 7, "output_tokens": 3}})).await;
    let kind = json!({"type": "llm_call", "model": "m-1", "input_tokens": 7, "output_tokens": 3});
    assert_eq!(t.find(&id).await["kind"], kind);
}

async fn legacy_metadata_fills_missing_members_of_a_call(t: Ctx) {
    let id = t
        .span(json!({"kind": {"type": "llm_call", "model": "kind", "output_tokens": 1},
            "metadata": {"model": "legacy", "input_tokens": 7, "output_tokens": 3}}))
        .await;
    let kind = json!({"type": "llm_call", "model": "kind", "input_tokens": 7, "output_tokens": 1});
    assert_eq!(t.find(&id).await["kind"], kind);
}

async fn each_kind_keeps_its_members(t: Ctx) {
    for kind in [
        json!({"type": "llm_call", "model": "m", "provider": "p", "input_tokens": 10, "output_tokens": 8,
            "cached_input_tokens": 1, "cache_write_tokens": 2, "cache_write_1h_tokens": 1, "reasoning_tokens": 3,
            "audio_input_tokens": 1, "audio_output_tokens": 2, "service_tier": "flex", "cost": 0.125,
            "input_preview": "in", "output_preview": "out"}),
        json!({"type": "custom", "kind": "agent", "attributes": {"a": {"b": [1]}}}),
        json!({"type": "fs_read", "path": "/a", "bytes_read": 5, "file_version": "sha256:1"}),
        json!({"type": "fs_write", "path": "/a", "bytes_written": 5, "file_version": "sha256:2"}),
    ] {
        let id = t.span(json!({"kind": kind})).await;
        assert_eq!(t.find(&id).await["kind"], kind);
    }
}

async fn kinds_have_defaults(t: Ctx) {
    for (given, kept) in [
        (json!({"type": "llm_call"}), json!({"type": "llm_call", "model": "unknown"})),
        (json!({"type": "custom"}), json!({"type": "custom", "kind": "custom", "attributes": {}})),
        (json!({"type": "fs_read", "path": "/a"}), json!({"type": "fs_read", "path": "/a", "bytes_read": 0})),
        (
            json!({"type": "fs_write", "path": "/a"}),
            json!({"type": "fs_write", "path": "/a", "bytes_written": 0, "file_version": ""}),
        ),
    ] {
        let id = t.span(json!({"kind": given})).await;
        assert_eq!(t.find(&id).await["kind"], kept);
    }
}

async fn shorthand_kinds_become_custom(t: Ctx) {
    for word in ["tool_call", "retrieval", "embedding"] {
        let id = t.span(json!({"kind": {"type": word, "tool_name": "search", "n": 2}})).await;
        let kept = json!({"type": "custom", "kind": word, "attributes": {"tool_name": "search", "n": 2}});
        assert_eq!(t.find(&id).await["kind"], kept);
    }
}

async fn an_unknown_kind_is_refused(t: Ctx) {
    for kind in
        [json!({"type": "rocket"}), json!({"type": "LLM_CALL"}), json!({"type": ""}), json!({"model": "m"})]
    {
        let body = json!({"trace_id": t.id("trace"), "name": "a", "kind": kind});
        let answer = t.post("/api/spans", &body).await;
        assert_eq!(answer.status, 400, "{kind}");
        answer.error(400, "invalid_kind");
    }
    t.get(&format!("/api/traces/{}", t.id("trace"))).await.error(404, "not_found");
}

async fn kinds_with_wrong_members_are_refused(t: Ctx) {
    for kind in [
        json!("llm_call"),
        json!(["llm_call"]),
        json!({"type": "llm_call", "model": 5}),
        json!({"type": "llm_call", "input_tokens": "ten"}),
        json!({"type": "llm_call", "input_tokens": 1.5}),
        json!({"type": "fs_read"}),
        json!({"type": "custom", "attributes": []}),
    ] {
        let answer =
            t.post("/api/spans", &json!({"trace_id": t.id("trace"), "name": "a", "kind": kind})).await;
        assert_eq!(answer.status, 400, "{kind}");
        let code = answer.json()["code"].clone();
        assert!(code == "invalid_kind" || code == "invalid_request", "{kind}: {code}");
    }
}

async fn missing_members_are_named(t: Ctx) {
    let trace = t.id("trace");
    t.post("/api/spans", &json!({"name": "a"})).await.bad_field("invalid_request", "trace_id");
    t.post("/api/spans", &json!({"trace_id": trace})).await.bad_field("invalid_request", "name");
    t.post("/api/spans", &json!({"trace_id": trace, "name": ""})).await.bad_field("invalid_request", "name");
}

async fn wrong_members_are_refused(t: Ctx) {
    let good = json!({"trace_id": t.id("trace"), "name": "a"});
    for (member, value) in [
        ("trace_id", json!(5)),
        ("trace_id", json!("a b")),
        ("trace_id", json!("x".repeat(129))),
        ("name", json!(5)),
        ("id", json!("no/slash")),
        ("id", json!("x".repeat(129))),
        ("id", json!("")),
        ("parent_id", json!("a b")),
        ("parent_id", json!(5)),
        ("started_at", json!("soon")),
        ("metadata", json!("m")),
    ] {
        let answer = t.post("/api/spans", &with(good.clone(), json!({member: value}))).await;
        assert_eq!(answer.status, 400, "{member} {value}: {}", answer.text());
        answer.bad_field("invalid_request", member);
    }
}

async fn a_repeated_id_changes_nothing(t: Ctx) {
    let body = json!({"trace_id": t.id("trace"), "id": t.id("a"), "name": "first", "input": 1});
    let created = t.post("/api/spans", &body).await.created();
    let again = t.post("/api/spans", &with(body, json!({"name": "second", "input": 2}))).await.ok();
    assert_eq!(again, created);
    let span = t.find(&t.id("a")).await;
    assert_eq!((&span["name"], &span["input"]), (&json!("first"), &json!(1)));
    t.complete(&t.id("a"), json!({})).await;
    t.post("/api/spans", &json!({"trace_id": t.id("trace"), "id": t.id("a"), "name": "x"})).await.ok();
    assert_eq!(t.find(&t.id("a")).await["status"], "completed");
    assert_eq!(t.read_trace(&t.id("trace")).await["count"], 1);
}

async fn an_id_of_another_trace_is_a_conflict(t: Ctx) {
    t.span(json!({"id": t.id("a")})).await;
    let body = json!({"trace_id": t.id("other"), "id": t.id("a"), "name": "x"});
    t.post("/api/spans", &body).await.error(409, "conflict");
    t.get(&format!("/api/traces/{}", t.id("other"))).await.error(404, "not_found");
}

async fn a_parent_may_come_later(t: Ctx) {
    let child = t.span(json!({"parent_id": t.id("parent")})).await;
    assert_eq!(t.find(&child).await["parent_id"], t.id("parent"));
    t.span(json!({"id": t.id("parent")})).await;
    assert_eq!(t.read_trace(&t.id("trace")).await["count"], 2);
}

async fn a_null_parent_is_a_root(t: Ctx) {
    let id = t.span(json!({"parent_id": null})).await;
    assert_eq!(t.find(&id).await.get("parent_id"), Some(&Value::Null));
}

async fn a_span_with_a_cycle_of_parents_is_kept(t: Ctx) {
    t.span(json!({"id": t.id("a"), "parent_id": t.id("b")})).await;
    t.span(json!({"id": t.id("b"), "parent_id": t.id("a")})).await;
    t.span(json!({"id": t.id("c"), "parent_id": t.id("c")})).await;
    let read = t.read_trace(&t.id("trace")).await;
    assert_eq!(read["count"], 3);
    assert_eq!(t.find(&t.id("c")).await["parent_id"], t.id("c"));
}

async fn negative_tokens_are_refused(t: Ctx) {
    let body =
        json!({"trace_id": t.id("trace"), "name": "a", "kind": {"type": "llm_call", "input_tokens": -5}});
    let answer = t.post("/api/spans", &body).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
}

async fn nul_becomes_the_replacement_character(t: Ctx) {
    let id = t.span(json!({"name": "a\u{0}b", "input": {"k\u{0}": "v\u{0}w"}})).await;
    let span = t.find(&id).await;
    assert_eq!(span["name"], "a\u{fffd}b");
    assert_eq!(span["input"], json!({"k\u{fffd}": "v\u{fffd}w"}));
}

async fn a_deep_tree_is_kept(t: Ctx) {
    let spans = (0..300)
        .map(|n| {
            let parent = (n > 0).then(|| t.id(&format!("s{}", n - 1)));
            json!({"id": t.id(&format!("s{n}")), "parent_id": parent, "started_at": format!("2025-03-01T10:{:02}:{:02}Z", n / 60, n % 60)})
        })
        .collect();
    t.ingest(vec![], spans).await;
    let read = t.read_trace(&t.id("trace")).await;
    assert_eq!(read["count"], 300);
    assert_eq!(read["spans"][299]["parent_id"], t.id("s298"));
}
