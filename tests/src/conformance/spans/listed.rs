//! Lists of spans: order, filters, parameters.

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::fixtures::{column, text};
use super::super::{Case, Ctx};
use crate::mount::Capability;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("spans", &[];
        a_list_has_its_envelope,
        a_list_without_payloads_keeps_attributes_of_any_size,
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
    );
    cases.extend(cases!("spans", &[Capability::InsideWords]; text_is_found_inside_words));
    cases
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

async fn a_list_without_payloads_keeps_attributes_of_any_size(t: Ctx) {
    let attributes = json!({"small": 1, "long": "what a sender adds ".repeat(5_000)});
    let kind = json!({"type": "custom", "kind": "step", "attributes": attributes});
    let span = json!({"id": t.id("a"), "kind": kind, "input": "in", "output": "out"});
    t.ingest(vec![], vec![span]).await;
    let read = |page: Value| page["spans"][0].clone();
    for parameters in [&[("payload", "none")][..], &[]] {
        let mut parameters = parameters.to_vec();
        let trace = t.id("trace");
        let in_trace = read(t.list(&format!("/api/traces/{trace}"), &parameters).await.ok());
        parameters.push(("trace_id", &trace));
        let listed = read(t.list("/api/spans", &parameters).await.ok());
        assert_eq!(listed["kind"], kind, "{parameters:?}");
        assert_eq!(listed, in_trace, "{parameters:?}");
        let sides = (listed.get("input"), listed.get("output"));
        let wanted = (json!("in"), json!("out"));
        let is_full = parameters.len() == 1;
        assert_eq!(sides, if is_full { (Some(&wanted.0), Some(&wanted.1)) } else { (None, None) });
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
