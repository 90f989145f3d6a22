//! What a call costs: which price is found, which tokens are in which class, whose figure counts.

use serde_json::{Value, json};

use super::case::cases;
use super::fixtures::{assert_number, llm, with};
use super::{Case, Ctx};

pub(super) fn cases() -> Vec<Case> {
    cases!("costs", &[];
        a_model_has_its_price,
        a_cost_is_estimated_as_soon_as_there_are_counts,
        a_cost_is_estimated_when_a_span_ends,
        a_cost_of_the_client_is_kept,
        models_are_matched_by_name_prefix_and_vendor,
        unknown_models_have_no_cost,
        calls_without_tokens_have_no_cost,
        cached_tokens_cost_less,
        documented_families_have_prices,
    )
}

/// Writes a completed call and returns its cost, null when it has none.
async fn cost(t: &Ctx, kind: Value) -> Value {
    let id = t.span(json!({"kind": kind})).await;
    t.complete(&id, json!({})).await;
    let span = t.find(&id).await;
    assert_eq!(span["metadata"]["estimated_cost"], span["kind"].get("cost").cloned().unwrap_or_default());
    assert_eq!(span["metadata"]["total_cost"], span["metadata"]["estimated_cost"]);
    span["metadata"]["estimated_cost"].clone()
}

async fn a_model_has_its_price(t: Ctx) {
    // US dollars for a million tokens in and out.
    for (model, input, output) in
        [("gpt-4o", 2.5, 10.0), ("gpt-4o-mini", 0.15, 0.6), ("claude-3-haiku-20240307", 0.25, 1.25)]
    {
        assert_number(&cost(&t, llm(model, 1_000_000, 0)).await, input);
        assert_number(&cost(&t, llm(model, 0, 1_000_000)).await, output);
        assert_number(&cost(&t, llm(model, 2000, 300)).await, (2000.0 * input + 300.0 * output) / 1e6);
    }
}

async fn a_cost_is_estimated_as_soon_as_there_are_counts(t: Ctx) {
    let id = t.span(json!({"kind": llm("gpt-4o", 1_000_000, 0)})).await;
    assert_number(&t.find(&id).await["kind"]["cost"], 2.5);
    assert_number(&t.read_trace(&t.id("trace")).await["trace"]["total_cost"], 2.5);
}

async fn a_cost_is_estimated_when_a_span_ends(t: Ctx) {
    for end in ["complete", "fail"] {
        let id = t.span(json!({"kind": {"type": "llm_call", "model": "gpt-4o"}})).await;
        assert_eq!(t.find(&id).await["kind"].get("cost"), None);
        let counts = json!({"kind": {"type": "llm_call", "model": "gpt-4o", "input_tokens": 400_000, "output_tokens": 100_000}});
        t.post(&format!("/api/spans/{id}/{end}"), &counts).await.ok();
        assert_number(&t.find(&id).await["kind"]["cost"], 2.0);
    }
}

async fn a_cost_of_the_client_is_kept(t: Ctx) {
    for own in [0.0, 1e-9, 123.456] {
        assert_number(&cost(&t, with(llm("gpt-4o", 1000, 1000), json!({"cost": own}))).await, own);
        assert_number(&cost(&t, with(llm("no-such-model", 1000, 1000), json!({"cost": own}))).await, own);
    }
    let id = t.span(json!({"kind": llm("gpt-4o", 1000, 1000)})).await;
    t.complete(&id, json!({"kind": {"type": "llm_call", "model": "gpt-4o", "cost": 0}})).await;
    assert_number(&t.find(&id).await["kind"]["cost"], 0.0);
}

async fn models_are_matched_by_name_prefix_and_vendor(t: Ctx) {
    for model in [
        "gpt-4o",
        "GPT-4o",
        "gpt-4o-2024-08-06",
        "gpt-4o-2099-01-01",
        "openai/gpt-4o",
        "some-vendor/openai/gpt-4o",
    ] {
        assert_number(&cost(&t, llm(model, 1_000_000, 0)).await, 2.5);
    }
    // The longest entry that is a prefix, not the first.
    assert_number(&cost(&t, llm("gpt-4o-mini-2099-01-01", 1_000_000, 0)).await, 0.15);
}

async fn unknown_models_have_no_cost(t: Ctx) {
    for model in ["gpt4o", "ft:custom:org::1", "no-such-model", "", "unknown", "x/y"] {
        assert_eq!(cost(&t, llm(model, 1000, 1000)).await, Value::Null, "{model}");
    }
}

async fn calls_without_tokens_have_no_cost(t: Ctx) {
    assert_eq!(cost(&t, llm("gpt-4o", 0, 0)).await, Value::Null);
    assert_eq!(cost(&t, json!({"type": "llm_call", "model": "gpt-4o"})).await, Value::Null);
    assert_number(
        &cost(&t, json!({"type": "llm_call", "model": "gpt-4o", "output_tokens": 1_000_000})).await,
        10.0,
    );
}

async fn cached_tokens_cost_less(t: Ctx) {
    // Of the whole prompt 400 000 tokens are read from the cache, at half the price.
    let cached = with(llm("gpt-4o", 1_000_000, 0), json!({"cached_input_tokens": 400_000}));
    assert_number(&cost(&t, cached).await, 2.0);
    // Reasoning is part of the output and costs the same, so it changes nothing.
    let plain = cost(&t, llm("o3-mini", 1000, 1000)).await;
    assert_eq!(cost(&t, with(llm("o3-mini", 1000, 1000), json!({"reasoning_tokens": 600}))).await, plain);
}

async fn documented_families_have_prices(t: Ctx) {
    for model in [
        "gpt-4.1",
        "gpt-4-turbo",
        "gpt-4",
        "gpt-3.5-turbo",
        "o1",
        "o1-mini",
        "o1-pro",
        "o3",
        "o3-mini",
        "o4-mini",
        "claude-3-opus-20240229",
        "claude-3.5-sonnet",
        "claude-3-5-sonnet-20241022",
        "claude-3.5-haiku",
        "claude-3-5-haiku-20241022",
        "claude-sonnet-4",
        "claude-opus-4-20250514",
        "gemini-1.5-pro",
        "gemini-2.0-flash",
        "gemini-2.5-pro",
        "llama-3.1-70b",
        "llama-3.3-70b",
        "mistral-large",
        "codestral",
        "mixtral-8x7b",
        "command-r-plus",
        "deepseek-chat",
        "deepseek-reasoner",
    ] {
        let found = cost(&t, llm(model, 1_000_000, 1_000_000)).await;
        assert!(found.as_f64() > Some(0.0), "{model}: {found}");
    }
}
