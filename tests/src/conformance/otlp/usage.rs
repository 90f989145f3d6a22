//! Token counts when senders disagree about what they include.

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::{Case, Ctx};
use super::made::request;

pub(super) fn cases() -> Vec<Case> {
    cases!("otlp.usage", &[];
        cached_tokens_are_part_of_the_input,
        exclusive_counts_are_made_inclusive,
        one_convention_supplies_all_counts,
        missing_parts_are_filled_where_totals_agree,
        missing_parts_are_not_filled_where_totals_differ,
        wrong_counts_are_ignored,
        embedding_tokens_are_read,
    )
}

async fn kind(t: &Ctx, n: u8, members: Value) -> Value {
    t.export(&[t.otlp_span(n, &members, json!({}))]).await;
    t.exported(n).await["kind"].clone()
}

async fn cached_tokens_are_part_of_the_input(t: Ctx) {
    let found = kind(
        &t,
        1,
        json!({"gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 10, "gen_ai.usage.cache_read.input_tokens": 400}),
    )
    .await;
    assert_eq!((&found["input_tokens"], &found["cached_input_tokens"]), (&json!(1000), &json!(400)));
    let rest = json!({"type": "llm_call", "model": "gpt-4o", "input_tokens": 1000, "output_tokens": 10, "cached_input_tokens": 400});
    let id = t.span(json!({"kind": rest})).await;
    assert_eq!(found["cost"], t.find(&id).await["kind"]["cost"], "the same call costs the same everywhere");
}

async fn exclusive_counts_are_made_inclusive(t: Ctx) {
    // The parts are larger together than the whole, so the whole does not include them.
    let found = kind(&t, 1, json!({"gen_ai.request.model": "claude-sonnet-4", "gen_ai.system": "anthropic",
        "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5, "gen_ai.usage.cache_read.input_tokens": 300,
        "gen_ai.usage.cache_creation.input_tokens": 40}))
    .await;
    assert_eq!(found["input_tokens"], 350);
    assert_eq!((&found["cached_input_tokens"], &found["cache_write_tokens"]), (&json!(300), &json!(40)));
}

async fn one_convention_supplies_all_counts(t: Ctx) {
    let found = kind(
        &t,
        1,
        json!({"gen_ai.request.model": "m", "openinference.span.kind": "LLM",
        "gen_ai.usage.input_tokens": 10, "llm.token_count.prompt": 999, "llm.token_count.completion": 888}),
    )
    .await;
    assert_eq!(
        (&found["input_tokens"], found.get("output_tokens")),
        (&json!(10), None),
        "never a mixture: {found}"
    );
    let found = kind(
        &t,
        2,
        json!({"llm.model_name": "m", "openinference.span.kind": "LLM", "llm.token_count.prompt": 7,
        "llm.token_count.completion": 3, "llm.usage.prompt_tokens": 999, "llm.usage.completion_tokens": 999}),
    )
    .await;
    assert_eq!((&found["input_tokens"], &found["output_tokens"]), (&json!(7), &json!(3)));
}

async fn missing_parts_are_filled_where_totals_agree(t: Ctx) {
    let found = kind(
        &t,
        1,
        json!({"gen_ai.request.model": "m", "openinference.span.kind": "LLM",
        "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20, "llm.token_count.prompt": 100,
        "llm.token_count.completion": 20, "llm.token_count.prompt_details.cache_read": 40,
        "llm.token_count.completion_details.reasoning": 5}),
    )
    .await;
    assert_eq!((&found["input_tokens"], &found["output_tokens"]), (&json!(100), &json!(20)));
    assert_eq!(
        (&found["cached_input_tokens"], &found["reasoning_tokens"]),
        (&json!(40), &json!(5)),
        "{found}"
    );
}

async fn missing_parts_are_not_filled_where_totals_differ(t: Ctx) {
    let found = kind(
        &t,
        1,
        json!({"gen_ai.request.model": "m", "openinference.span.kind": "LLM",
        "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20, "llm.token_count.prompt": 140,
        "llm.token_count.completion": 20, "llm.token_count.prompt_details.cache_read": 40}),
    )
    .await;
    assert_eq!((&found["input_tokens"], found.get("cached_input_tokens")), (&json!(100), None), "{found}");
}

async fn wrong_counts_are_ignored(t: Ctx) {
    for (n, wrong) in [(1, json!(-5)), (2, json!("many")), (3, json!(true))] {
        let body = request(
            &json!({}),
            "tests",
            &[t.otlp_span(
                n,
                &json!({"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": wrong}),
                json!({}),
            )],
        );
        t.post("/v1/traces", &body).await.expect(200);
        let kind = t.exported(n).await["kind"].clone();
        assert!(kind.get("input_tokens").is_none_or(Value::is_u64), "{wrong}: {kind}");
    }
}

async fn embedding_tokens_are_read(t: Ctx) {
    t.export(&[t.otlp_span(
        1,
        &json!({"ai.operationId": "ai.embed.doEmbed", "ai.model.id": "text-embedding-3-small",
        "ai.model.provider": "openai.embedding", "ai.usage.tokens": 9, "ai.values": ["[\"a\"]"]}),
        json!({}),
    )])
    .await;
    let kind = t.exported(1).await["kind"].clone();
    assert_eq!((&kind["type"], &kind["model"]), (&json!("llm_call"), &json!("text-embedding-3-small")));
    assert_eq!((&kind["provider"], &kind["input_tokens"]), (&json!("openai"), &json!(9)));
    t.export(&[t.otlp_span(
        2,
        &json!({"openinference.span.kind": "EMBEDDING", "embedding.model_name": "e-1",
        "llm.token_count.prompt": 8}),
        json!({}),
    )])
    .await;
    let kind = t.exported(2).await["kind"].clone();
    assert_eq!(
        (&kind["type"], &kind["model"], &kind["input_tokens"]),
        (&json!("llm_call"), &json!("e-1"), &json!(8))
    );
}
