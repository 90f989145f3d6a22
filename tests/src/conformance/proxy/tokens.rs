//! Tokens, by the table of providers.

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::upstream::Upstream;
use super::super::{Case, Ctx};
use super::{CHAT, asked};
use crate::mount::Capability;

pub(super) fn cases() -> Vec<Case> {
    cases!("proxy.tokens", &[Capability::Proxy];
        counts_are_read_by_the_table,
        anthropic_parts_are_added_to_the_prompt,
        missing_counts_stay_absent,
        wrong_counts_are_ignored,
        the_same_call_costs_the_same_everywhere,
    )
}

/// Sends a call and returns the kind recorded.
async fn kind(t: &Ctx, path: &str, reply: &Value) -> Value {
    let upstream = Upstream::json(200, reply).await;
    let answer = t.proxied(&upstream.url, "POST", path).json(&asked("m")).send().await.expect(200);
    t.recorded(&answer).await["kind"].clone()
}

async fn counts_are_read_by_the_table(t: Ctx) {
    let chat = json!({"usage": {"prompt_tokens": 100, "completion_tokens": 40, "prompt_tokens_details": {"cached_tokens": 30, "audio_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 25, "audio_tokens": 3}}});
    let responses = json!({"object": "response", "usage": {"input_tokens": 100, "output_tokens": 40,
        "input_tokens_details": {"cached_tokens": 30}, "output_tokens_details": {"reasoning_tokens": 25}}});
    let embeddings = json!({"object": "list", "data": [], "usage": {"prompt_tokens": 8, "total_tokens": 8}});
    let ollama = json!({"model": "m", "message": {"role": "assistant", "content": "x"}, "done": true, "prompt_eval_count": 11, "eval_count": 3});
    let rows = [
        (
            CHAT,
            &chat,
            json!({"input_tokens": 100, "output_tokens": 40, "cached_input_tokens": 30, "reasoning_tokens": 25}),
        ),
        ("/v1/completions", &chat, json!({"input_tokens": 100, "output_tokens": 40})),
        (
            "/v1/responses",
            &responses,
            json!({"input_tokens": 100, "output_tokens": 40, "cached_input_tokens": 30, "reasoning_tokens": 25}),
        ),
        ("/v1/embeddings", &embeddings, json!({"input_tokens": 8})),
        ("/api/chat", &ollama, json!({"input_tokens": 11, "output_tokens": 3})),
        ("/api/generate", &ollama, json!({"input_tokens": 11, "output_tokens": 3})),
        ("/api/embed", &ollama, json!({"input_tokens": 11})),
        ("/v1/anything", &ollama, json!({"input_tokens": 11, "output_tokens": 3})),
        ("/v1/anything", &chat, json!({"input_tokens": 100, "output_tokens": 40})),
    ];
    for (path, reply, expected) in rows {
        let found = kind(&t, path, reply).await;
        for (name, value) in expected.as_object().expect("an object") {
            assert_eq!(found.get(name), Some(value), "{name} of {path}: {found}");
        }
    }
}

async fn anthropic_parts_are_added_to_the_prompt(t: Ctx) {
    let reply = |usage: Value| json!({"type": "message", "role": "assistant", "model": "m", "content": [], "usage": usage});
    let rows = [
        (json!({"input_tokens": 10, "output_tokens": 5}), json!({"input_tokens": 10, "output_tokens": 5})),
        (
            json!({"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 300, "cache_creation_input_tokens": 40}),
            json!({"input_tokens": 350, "output_tokens": 5, "cached_input_tokens": 300, "cache_write_tokens": 40}),
        ),
        (
            json!({"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 70,
                "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 50}}),
            json!({"input_tokens": 80, "output_tokens": 5, "cache_write_tokens": 20, "cache_write_1h_tokens": 50}),
        ),
    ];
    for (usage, expected) in rows {
        let found = kind(&t, "/v1/messages", &reply(usage.clone())).await;
        for (name, value) in expected.as_object().expect("an object") {
            assert_eq!(found.get(name), Some(value), "{name} of {usage}: {found}");
        }
    }
}

async fn missing_counts_stay_absent(t: Ctx) {
    for reply in [json!({}), json!({"usage": null}), json!({"usage": {}}), json!([])] {
        let upstream = Upstream::json(200, &reply).await;
        let answer = t.chat(&upstream.url, &asked("gpt-4o")).await.expect(200);
        let kind = t.recorded(&answer).await["kind"].clone();
        for name in ["input_tokens", "output_tokens", "cost"] {
            assert_eq!(kind.get(name), None, "{name} of {kind}");
        }
    }
}

async fn wrong_counts_are_ignored(t: Ctx) {
    let found = kind(&t, CHAT, &json!({"usage": {"prompt_tokens": -3, "completion_tokens": "many"}})).await;
    assert_eq!((found.get("input_tokens"), found.get("output_tokens")), (None, None), "{found}");
}

async fn the_same_call_costs_the_same_everywhere(t: Ctx) {
    let usage = json!({"prompt_tokens": 5000, "completion_tokens": 700, "prompt_tokens_details": {"cached_tokens": 3000},
        "completion_tokens_details": {"reasoning_tokens": 500}});
    let upstream = Upstream::json(200, &json!({"model": "o3-mini", "usage": usage})).await;
    let answer = t.chat(&upstream.url, &asked("o3-mini")).await.expect(200);
    let proxied = t.recorded(&answer).await["kind"]["cost"].clone();
    let kind = json!({"type": "llm_call", "model": "o3-mini", "input_tokens": 5000, "output_tokens": 700, "cached_input_tokens": 3000,
        "reasoning_tokens": 500});
    let id = t.span(json!({"kind": kind})).await;
    t.export(&[t.otlp_span(
        1,
        &json!({"gen_ai.request.model": "o3-mini", "gen_ai.usage.input_tokens": 5000,
        "gen_ai.usage.output_tokens": 700, "gen_ai.usage.cache_read.input_tokens": 3000,
        "gen_ai.usage.reasoning.output_tokens": 500}),
        json!({}),
    )])
    .await;
    let (rest, otlp) =
        (t.find(&id).await["kind"]["cost"].clone(), t.exported(1).await["kind"]["cost"].clone());
    assert!(proxied.as_f64() > Some(0.0), "{proxied}");
    assert_eq!((&proxied, &proxied), (&rest, &otlp));
}
