//! The analytics summary.

use serde_json::{Value, json};

use super::case::cases;
use super::fixtures::{assert_number, column, llm, with};
use super::{Case, Ctx};
use crate::mount::Capability;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("summary", &[];
        a_summary_has_every_member,
        totals_add_up,
        models_are_summed,
        arrays_are_sorted_by_value,
        the_latency_is_that_of_ended_spans,
        the_error_rate_counts_spans,
        an_empty_range_is_all_zero,
        times_limit_the_summary,
        a_query_limits_the_summary,
        wrong_parameters_are_refused,
    );
    cases.extend(cases!("summary", &[Capability::Fresh];
        without_parameters_everything_counts,
        an_empty_project_is_all_zero,
    ));
    cases
}

async fn summary(t: &Ctx, query: &[(&str, &str)]) -> Value {
    let session = format!("session:{}", t.id("session"));
    let (mut parameters, mut q) = (Vec::new(), session);
    for (name, value) in query {
        if *name == "q" {
            q = format!("{q} {value}");
        } else {
            parameters.push((*name, *value));
        }
    }
    parameters.push(("q", q.as_str()));
    t.list("/api/analytics/summary", &parameters).await.ok()
}

async fn a_summary_has_every_member(t: Ctx) {
    t.corpus().await;
    let found = summary(&t, &[]).await;
    for member in [
        "total_traces",
        "total_spans",
        "total_llm_calls",
        "total_cost",
        "total_tokens",
        "avg_latency_ms",
        "error_count",
        "error_rate",
        "models",
        "models_used",
        "providers_used",
        "cost_by_model",
        "tokens_by_model",
    ] {
        assert!(found.get(member).is_some(), "{member} of {found}");
    }
}

async fn totals_add_up(t: Ctx) {
    t.corpus().await;
    let found = summary(&t, &[]).await;
    assert_eq!(
        (&found["total_traces"], &found["total_spans"], &found["total_llm_calls"]),
        (&json!(3), &json!(7), &json!(3))
    );
    assert_eq!(found["total_tokens"], 1320);
    assert_number(&found["total_cost"], 0.51);
}

async fn models_are_summed(t: Ctx) {
    let calls = vec![
        json!({"id": t.id("a"), "kind": with(llm("big", 100, 10), json!({"cost": 1.0}))}),
        json!({"id": t.id("b"), "kind": with(llm("big", 200, 20), json!({"cost": 2.0}))}),
        json!({"id": t.id("c"), "kind": {"type": "llm_call", "model": "free", "provider": "local", "input_tokens": 5}}),
        json!({"id": t.id("d")}),
    ];
    t.ingest(vec![json!({"id": t.id("trace"), "session_id": t.id("session")})], calls).await;
    let found = summary(&t, &[]).await;
    assert_eq!(
        (&found["models"]["big"]["count"], &found["models"]["big"]["tokens"]),
        (&json!(2), &json!(330))
    );
    assert_number(&found["models"]["big"]["cost"], 3.0);
    assert_eq!(
        (&found["models"]["free"]["count"], &found["models"]["free"]["tokens"]),
        (&json!(1), &json!(5))
    );
    assert_number(&found["models"]["free"]["cost"], 0.0);
    let names = |member: &str| {
        let mut names: Vec<String> = found[member]
            .as_array()
            .expect("an array")
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names("models_used"), ["big", "free"]);
    assert_eq!(names("providers_used"), ["local", "openai"]);
    let dear = &found["cost_by_model"][0];
    assert_eq!((&dear["model"], &dear["span_count"]), (&json!("big"), &json!(2)));
    assert_number(&dear["cost"], 3.0);
    let most = json!({"model": "big", "input_tokens": 300, "output_tokens": 30, "total_tokens": 330});
    assert_eq!(found["tokens_by_model"][0], most);
}

async fn arrays_are_sorted_by_value(t: Ctx) {
    let call = |id: &str, tokens: u64, cost: f64| json!({"id": t.id(id), "kind": with(llm(id, tokens, 0), json!({"cost": cost}))});
    t.ingest(
        vec![json!({"id": t.id("trace"), "session_id": t.id("session")})],
        vec![call("x", 10, 3.0), call("y", 30, 1.0), call("z", 20, 2.0)],
    )
    .await;
    let found = summary(&t, &[]).await;
    assert_eq!(column(&found["cost_by_model"], "model"), ["x", "z", "y"]);
    assert_eq!(column(&found["tokens_by_model"], "model"), ["y", "z", "x"]);
}

async fn the_latency_is_that_of_ended_spans(t: Ctx) {
    let span = |id: &str, end: &str| json!({"id": t.id(id), "started_at": "2025-03-01T10:00:00Z", "ended_at": format!("2025-03-01T10:00:{end}Z")});
    t.ingest(
        vec![json!({"id": t.id("trace"), "session_id": t.id("session")})],
        vec![span("a", "01"), span("b", "02.5")],
    )
    .await;
    t.span(json!({"started_at": "2025-03-01T10:00:00Z"})).await;
    assert_number(&summary(&t, &[]).await["avg_latency_ms"], 1750.0);
}

async fn the_error_rate_counts_spans(t: Ctx) {
    t.corpus().await;
    let found = summary(&t, &[]).await;
    assert_eq!(found["error_count"], 1);
    assert_number(&found["error_rate"], 1.0 / 7.0);
}

fn assert_all_zero(found: &Value) {
    for member in ["total_traces", "total_spans", "total_llm_calls", "total_tokens", "error_count"] {
        assert_eq!(found[member], 0, "{member} of {found}");
    }
    for member in ["total_cost", "error_rate"] {
        assert_number(&found[member], 0.0);
    }
    let latency = &found["avg_latency_ms"];
    assert!(latency.is_null() || latency.as_f64() == Some(0.0), "{found}");
    assert_eq!(found["models"], json!({}));
    for member in ["models_used", "providers_used", "cost_by_model", "tokens_by_model"] {
        assert_eq!(found[member], json!([]), "{member}");
    }
}

async fn an_empty_range_is_all_zero(t: Ctx) {
    assert_all_zero(&summary(&t, &[]).await);
}

async fn times_limit_the_summary(t: Ctx) {
    t.corpus().await;
    assert_eq!(summary(&t, &[("since", "2025-03-01T11:00:00Z")]).await["total_spans"], 3);
    assert_eq!(summary(&t, &[("until", "2025-03-01T10:00:00Z")]).await["total_spans"], 1);
    assert_eq!(
        summary(&t, &[("since", "2025-03-01T11:00:00Z"), ("until", "2025-03-01T11:00:00Z")]).await["total_spans"],
        1
    );
    assert_eq!(summary(&t, &[("since", "1h")]).await["total_spans"], 0);
}

async fn a_query_limits_the_summary(t: Ctx) {
    t.corpus().await;
    let found = summary(&t, &[("q", "kind:llm_call")]).await;
    assert_eq!((&found["total_spans"], &found["total_llm_calls"]), (&json!(3), &json!(3)));
    let found = summary(&t, &[("q", "status:failed")]).await;
    assert_eq!(
        (&found["total_spans"], &found["error_count"], &found["total_traces"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_number(&found["error_rate"], 1.0);
}

async fn wrong_parameters_are_refused(t: Ctx) {
    for name in ["since", "until"] {
        t.list("/api/analytics/summary", &[(name, "then")]).await.bad_field("invalid_request", name);
    }
    t.list("/api/analytics/summary", &[("q", "cost:cheap")]).await.bad_field("invalid_query", "cost");
}

async fn without_parameters_everything_counts(t: Ctx) {
    let t = t.fresh().await;
    t.corpus().await;
    let all = t.get("/api/analytics/summary").await.ok();
    assert_eq!(all, summary(&t, &[]).await);
    assert_eq!(all["total_spans"], 7);
    let recent = t.list("/api/analytics/summary", &[("since", "2025-03-01T11:00:00Z")]).await.ok();
    assert_eq!((&recent["total_spans"], &recent["total_traces"]), (&json!(3), &json!(2)));
}

async fn an_empty_project_is_all_zero(t: Ctx) {
    let t = t.fresh().await;
    assert_all_zero(&t.get("/api/analytics/summary").await.ok());
}
