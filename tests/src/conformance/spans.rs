//! Creating, finishing, listing, reading and deleting spans.

use serde_json::{Value, json};

use super::case::cases;
use super::fixtures::{assert_number, assert_same_time, assert_time, assert_ulid, column, llm, text, with};
use super::{Case, Ctx};
use crate::mount::Capability;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("spans", &[];
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
        metadata_is_computed,
        metadata_of_a_running_span_has_no_duration,
        metadata_of_other_kinds_is_null,
        durations_are_truncated,
        an_unknown_span_is_not_found,
        deleting_removes_one_span,
        children_of_a_deleted_span_keep_their_parent,
        deleting_an_unknown_span_is_not_found,
        deleting_a_span_updates_its_trace,
        a_list_has_its_envelope,
        lists_are_newest_first,
        lists_filter_by_trace,
        lists_filter_by_kind,
        lists_filter_by_model_and_provider_exactly,
        lists_filter_by_status,
        lists_filter_by_time_inclusively,
        lists_filter_by_name,
        lists_filter_by_text_anywhere,
        lists_filter_by_input_and_output,
        text_is_found_in_keys_numbers_and_raw_strings,
        lists_filter_by_duration_inclusively,
        lists_filter_by_tokens_and_cost_inclusively,
        lists_filter_by_path,
        lists_filter_by_tag,
        filters_are_joined_by_and,
        lists_sort_by_each_column,
        wrong_parameters_are_refused,
        empty_parameters_are_ignored,
        an_empty_list_is_a_list,
        a_span_with_a_cycle_of_parents_is_kept,
        an_end_before_the_start_is_kept,
        negative_tokens_are_refused,
        an_error_shows_no_traces_of_other_spans,
        nul_becomes_the_replacement_character,
        a_deep_tree_is_kept,
    );
    cases.extend(cases!("spans", &[Capability::InsideWords];
        text_is_found_inside_words,
    ));
    cases
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

async fn a_list_has_its_envelope(t: Ctx) {
    t.corpus().await;
    let page = t.list("/api/spans", &[("session_id", &t.id("session"))]).await.ok();
    assert_eq!(
        (&page["count"], &page["has_more"], &page["cursor"]),
        (&json!(7), &json!(false), &Value::Null)
    );
    assert_eq!(page.get("next_cursor"), Some(&Value::Null));
    assert!(page["total"] == 7 || page["total"].is_null(), "{}", page["total"]);
    assert_eq!(page.get("items"), None);
    for row in page["spans"].as_array().expect("spans") {
        assert_eq!(row["input"], t.find(text(row, "id")).await["input"], "rows are whole");
    }
}

async fn lists_are_newest_first(t: Ctx) {
    t.corpus().await;
    let page = t.list("/api/spans", &[("session_id", &t.id("session"))]).await.ok();
    let expected = ["stream", "embed", "answer", "write", "read", "Lookup Ports", "plan"];
    assert_eq!(column(&page["spans"], "name"), expected);
}

async fn lists_filter_by_trace(t: Ctx) {
    t.corpus().await;
    let page = t.list("/api/spans", &[("trace_id", &t.id("refund"))]).await.ok();
    assert_eq!(column(&page["spans"], "name"), ["embed", "answer"]);
    assert_eq!(t.list("/api/spans", &[("trace_id", &t.id("none"))]).await.ok()["count"], 0);
}

async fn lists_filter_by_kind(t: Ctx) {
    t.corpus().await;
    for (kind, expected) in [
        ("llm_call", &["answer", "plan", "stream"][..]),
        ("custom", &["Lookup Ports", "embed"]),
        ("tool_call", &["Lookup Ports"]),
        ("embedding", &["embed"]),
        ("retrieval", &[]),
        ("fs_read", &["read"]),
        ("fs_write", &["write"]),
    ] {
        assert_eq!(t.matching(&[("kind", kind)]).await, expected, "{kind}");
    }
}

async fn lists_filter_by_model_and_provider_exactly(t: Ctx) {
    t.corpus().await;
    assert_eq!(t.matching(&[("model", "gpt-4o")]).await, ["plan"]);
    assert_eq!(t.matching(&[("model", "GPT-4o")]).await, [""; 0]);
    assert_eq!(t.matching(&[("model", "gpt")]).await, [""; 0]);
    assert_eq!(t.matching(&[("provider", "openai")]).await, ["answer", "plan"]);
    assert_eq!(t.matching(&[("provider", "anthropic")]).await, ["stream"]);
}

async fn lists_filter_by_status(t: Ctx) {
    t.corpus().await;
    assert_eq!(t.matching(&[("status", "running")]).await, ["stream"]);
    assert_eq!(t.matching(&[("status", "failed")]).await, ["answer"]);
    assert_eq!(t.matching(&[("status", "completed")]).await.len(), 5);
}

async fn lists_filter_by_time_inclusively(t: Ctx) {
    t.corpus().await;
    assert_eq!(t.matching(&[("since", "2025-03-01T11:00:06Z")]).await, ["embed", "stream"]);
    assert_eq!(t.matching(&[("until", "2025-03-01T10:00:00.250Z")]).await, ["Lookup Ports", "plan"]);
    assert_eq!(t.matching(&[("since", "2025-03-02")]).await, [""; 0]);
    assert_eq!(t.matching(&[("since", "1h")]).await, [""; 0]);
    assert_eq!(t.matching(&[("until", "1h")]).await.len(), 7);
}

async fn lists_filter_by_name(t: Ctx) {
    t.corpus().await;
    assert_eq!(t.matching(&[("name_contains", "lookup p")]).await, ["Lookup Ports"]);
    assert_eq!(t.matching(&[("name_contains", "REA")]).await, ["read", "stream"]);
    assert_eq!(t.matching(&[("name_contains", "%")]).await, [""; 0]);
    assert_eq!(t.matching(&[("name_contains", "_")]).await, [""; 0]);
}

async fn lists_filter_by_text_anywhere(t: Ctx) {
    t.corpus().await;
    assert_eq!(t.matching(&[("text_contains", "lisbon")]).await, ["embed", "plan"]);
    assert_eq!(
        t.matching(&[("text_contains", "PORT")]).await,
        ["Lookup Ports", "plan"],
        "name, input and output"
    );
    assert_eq!(t.matching(&[("text_contains", "where is")]).await, ["plan"]);
    assert_eq!(t.matching(&[("text_contains", "is where")]).await, [""; 0]);
}

async fn lists_filter_by_input_and_output(t: Ctx) {
    t.corpus().await;
    assert_eq!(t.matching(&[("input_contains", "Lisbon")]).await, ["embed", "plan"]);
    assert_eq!(t.matching(&[("output_contains", "lisbon")]).await, ["plan"]);
    assert_eq!(t.matching(&[("output_contains", "refund")]).await, [""; 0]);
    assert_eq!(t.matching(&[("input_contains", "refund"), ("status", "failed")]).await, ["answer"]);
}

async fn text_is_found_in_keys_numbers_and_raw_strings(t: Ctx) {
    t.corpus().await;
    assert_eq!(t.matching(&[("input_contains", "question")]).await, ["plan"], "keys are part of the text");
    assert_eq!(t.matching(&[("output_contains", "\"hits\":3")]).await, ["Lookup Ports"], "compact JSON");
    assert_eq!(t.matching(&[("output_contains", "quoted \"words\"")]).await, ["Lookup Ports"], "raw string");
}

async fn text_is_found_inside_words(t: Ctx) {
    t.corpus().await;
    assert_eq!(t.matching(&[("text_contains", "isbo")]).await, ["embed", "plan"]);
    assert_eq!(t.matching(&[("output_contains", "arbou")]).await, ["plan"]);
}

async fn lists_filter_by_duration_inclusively(t: Ctx) {
    t.corpus().await;
    assert_eq!(t.matching(&[("duration_min", "1000")]).await, ["answer", "plan"]);
    assert_eq!(t.matching(&[("duration_min", "1001")]).await, ["answer"]);
    assert_eq!(t.matching(&[("duration_max", "100")]).await, ["embed", "read", "write"]);
    assert_eq!(t.matching(&[("duration_min", "250"), ("duration_max", "250")]).await, ["Lookup Ports"]);
    assert_eq!(t.matching(&[("duration_min", "0")]).await.len(), 6, "running spans never match");
    assert_eq!(t.matching(&[("duration_max", "99999999")]).await.len(), 6, "running spans never match");
}

async fn lists_filter_by_tokens_and_cost_inclusively(t: Ctx) {
    t.corpus().await;
    assert_eq!(t.matching(&[("tokens_min", "120")]).await, ["answer", "plan"]);
    assert_eq!(t.matching(&[("tokens_min", "121")]).await, ["answer"]);
    assert_eq!(t.matching(&[("tokens_max", "120")]).await, ["plan"]);
    assert_eq!(
        t.matching(&[("tokens_min", "0")]).await,
        ["answer", "plan"],
        "spans without counts never match"
    );
    assert_eq!(t.matching(&[("cost_min", "0.01")]).await, ["answer", "plan"]);
    assert_eq!(t.matching(&[("cost_min", "0.02")]).await, ["plan"]);
    assert_eq!(t.matching(&[("cost_max", "0.01")]).await, ["answer"]);
    assert_eq!(
        t.matching(&[("cost_min", "0")]).await,
        ["answer", "plan"],
        "spans without a cost never match"
    );
}

async fn lists_filter_by_path(t: Ctx) {
    t.corpus().await;
    assert_eq!(t.matching(&[("path", "/etc/app.toml")]).await, ["read", "write"]);
    assert_eq!(t.matching(&[("path", "/etc/app.toml"), ("kind", "fs_write")]).await, ["write"]);
    assert_eq!(t.matching(&[("path", "/etc")]).await, [""; 0]);
}

async fn lists_filter_by_tag(t: Ctx) {
    t.corpus().await;
    assert_eq!(t.matching(&[("tag", "env:dev")]).await, ["answer", "embed"]);
    assert_eq!(t.matching(&[("tag", "team:")]).await.len(), 4);
}

async fn filters_are_joined_by_and(t: Ctx) {
    t.corpus().await;
    assert_eq!(
        t.matching(&[("kind", "llm_call"), ("provider", "openai"), ("status", "completed")]).await,
        ["plan"]
    );
    assert_eq!(
        t.matching(&[("kind", "llm_call"), ("q", "status:failed"), ("text_contains", "refund")]).await,
        ["answer"]
    );
    assert_eq!(t.matching(&[("kind", "fs_read"), ("provider", "openai")]).await, [""; 0]);
}

async fn lists_sort_by_each_column(t: Ctx) {
    t.corpus().await;
    let session = t.id("session");
    let sorted = async |by: &str, order: &str| -> Vec<String> {
        let query = [("session_id", session.as_str()), ("sort_by", by), ("sort_order", order)];
        let page = t.list("/api/spans", &query).await.ok();
        column(&page["spans"], "name").into_iter().map(str::to_owned).collect()
    };
    assert_eq!(sorted("duration", "desc").await[..3], ["answer", "plan", "Lookup Ports"]);
    assert_eq!(sorted("duration", "asc").await[..2], ["stream", "embed"], "a missing value counts as 0");
    assert_eq!(sorted("tokens", "desc").await[..2], ["answer", "plan"]);
    assert_eq!(sorted("cost", "desc").await[..2], ["plan", "answer"]);
    assert_eq!(sorted("started_at", "asc").await[..2], ["plan", "Lookup Ports"]);
    let names = sorted("name", "asc").await;
    let plain: Vec<&str> = names.iter().map(String::as_str).filter(|name| *name != "Lookup Ports").collect();
    assert_eq!(plain, ["answer", "embed", "plan", "read", "stream", "write"]);
}

async fn wrong_parameters_are_refused(t: Ctx) {
    for (name, value) in [
        ("limit", "0"),
        ("limit", "x"),
        ("status", "done"),
        ("status", "COMPLETED"),
        ("since", "never"),
        ("until", "never"),
        ("duration_min", "long"),
        ("duration_max", "1 s"),
        ("tokens_min", "some"),
        ("tokens_max", "NaN"),
        ("cost_min", "cheap"),
        ("cost_max", "inf"),
        ("sort_by", "model"),
        ("sort_order", "down"),
    ] {
        let answer = t.list("/api/spans", &[(name, value)]).await;
        assert_eq!(answer.status, 400, "{name}={value}");
        answer.bad_field("invalid_request", name);
    }
}

async fn empty_parameters_are_ignored(t: Ctx) {
    t.corpus().await;
    assert_eq!(t.matching(&[("model", ""), ("kind", ""), ("q", ""), ("text_contains", "")]).await.len(), 7);
}

async fn an_empty_list_is_a_list(t: Ctx) {
    let page = t.list("/api/spans", &[("trace_id", &t.id("none"))]).await.ok();
    assert_eq!((&page["spans"], &page["count"], &page["has_more"]), (&json!([]), &json!(0), &json!(false)));
}

async fn a_span_with_a_cycle_of_parents_is_kept(t: Ctx) {
    t.span(json!({"id": t.id("a"), "parent_id": t.id("b")})).await;
    t.span(json!({"id": t.id("b"), "parent_id": t.id("a")})).await;
    t.span(json!({"id": t.id("c"), "parent_id": t.id("c")})).await;
    let read = t.read_trace(&t.id("trace")).await;
    assert_eq!(read["count"], 3);
    assert_eq!(t.find(&t.id("c")).await["parent_id"], t.id("c"));
}

async fn an_end_before_the_start_is_kept(t: Ctx) {
    let id = t.span(json!({"started_at": "2025-03-01T10:00:05Z"})).await;
    t.complete(&id, json!({"ended_at": "2025-03-01T10:00:00Z"})).await;
    let span = t.find(&id).await;
    assert_same_time(&span["ended_at"], "2025-03-01T10:00:00Z");
    assert!(span["metadata"]["duration_ms"].as_i64().is_some(), "{span}");
    assert_eq!(t.read_trace(&t.id("trace")).await["trace"]["status"], "completed");
}

async fn negative_tokens_are_refused(t: Ctx) {
    let body =
        json!({"trace_id": t.id("trace"), "name": "a", "kind": {"type": "llm_call", "input_tokens": -5}});
    let answer = t.post("/api/spans", &body).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
}

async fn an_error_shows_no_traces_of_other_spans(t: Ctx) {
    let id = t.span(json!({"input": t.word("secret")})).await;
    t.complete(&id, json!({})).await;
    let answer = t.post(&format!("/api/spans/{id}/complete"), &json!({"output": t.word("secret")})).await;
    assert!(!answer.text().contains(&t.word("secret")), "{}", answer.text());
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
