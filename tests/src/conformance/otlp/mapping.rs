//! The table of attributes: which of them fill which member of a call, and which kinds of spans there are.

use serde_json::{Map, Value, json};

use super::super::case::cases;
use super::super::fixtures::with;
use super::super::{Case, Ctx};

pub(super) fn cases() -> Vec<Case> {
    cases!("otlp.mapping", &[];
        attributes_fill_the_members_of_a_call,
        the_first_attribute_of_a_row_wins,
        numbers_sent_as_text_are_parsed,
        a_call_without_a_model_has_an_unknown_one,
        the_provider_may_be_on_the_resource,
        a_model_or_a_provider_makes_a_call,
        spans_of_other_kinds_are_no_calls,
        kinds_are_recognised,
        tool_spans_have_names_ids_arguments_and_results,
    )
}

/// What makes a span a call in each convention, besides what a row adds.
fn base(convention: &str) -> Value {
    match convention {
        "genai" => {
            json!({"gen_ai.operation.name": "chat", "gen_ai.request.model": "base", "gen_ai.provider.name": "base"})
        }
        "vercel" => {
            json!({"operation.name": "ai.generateText.doGenerate", "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.id": "base", "ai.model.provider": "base.chat"})
        }
        "openinference" => {
            json!({"openinference.span.kind": "LLM", "llm.model_name": "base", "llm.provider": "base"})
        }
        "traceloop" => json!({"llm.request.type": "chat", "llm.request.model": "base", "llm.vendor": "base"}),
        other => panic!("{other} is no convention"),
    }
}

/// Convention, member of the kind, attribute, the value sent and the one expected.
fn rows() -> Vec<(&'static str, &'static str, &'static str, Value, Value)> {
    let text = |convention, member, attribute, sent: &str, kept: &str| {
        (convention, member, attribute, json!(sent), json!(kept))
    };
    let mut rows = vec![
        text("genai", "model", "gen_ai.response.model", "m", "m"),
        text("genai", "model", "gen_ai.request.model", "m", "m"),
        text("genai", "provider", "gen_ai.provider.name", "p", "p"),
        text("vercel", "model", "ai.response.model", "m", "m"),
        text("vercel", "model", "ai.model.id", "m", "m"),
        text("vercel", "provider", "ai.model.provider", "openai.chat", "openai"),
        text("openinference", "model", "llm.model_name", "m", "m"),
        text("openinference", "provider", "llm.provider", "p", "p"),
        text("traceloop", "model", "llm.response.model", "m", "m"),
        text("traceloop", "model", "llm.request.model", "m", "m"),
        text("traceloop", "provider", "llm.vendor", "p", "p"),
    ];
    let counts: [(&str, &str, &str); 29] = [
        ("genai", "input_tokens", "gen_ai.usage.input_tokens"),
        ("genai", "input_tokens", "gen_ai.usage.prompt_tokens"),
        ("genai", "output_tokens", "gen_ai.usage.output_tokens"),
        ("genai", "output_tokens", "gen_ai.usage.completion_tokens"),
        ("genai", "cached_input_tokens", "gen_ai.usage.cache_read.input_tokens"),
        ("genai", "cached_input_tokens", "gen_ai.usage.cached_tokens"),
        ("genai", "cache_write_tokens", "gen_ai.usage.cache_creation.input_tokens"),
        ("genai", "reasoning_tokens", "gen_ai.usage.reasoning.output_tokens"),
        ("vercel", "input_tokens", "ai.usage.inputTokens"),
        ("vercel", "input_tokens", "ai.usage.promptTokens"),
        ("vercel", "output_tokens", "ai.usage.outputTokens"),
        ("vercel", "output_tokens", "ai.usage.completionTokens"),
        ("vercel", "cached_input_tokens", "ai.usage.inputTokenDetails.cacheReadTokens"),
        ("vercel", "cached_input_tokens", "ai.usage.cachedInputTokens"),
        ("vercel", "cache_write_tokens", "ai.usage.inputTokenDetails.cacheWriteTokens"),
        ("vercel", "reasoning_tokens", "ai.usage.outputTokenDetails.reasoningTokens"),
        ("vercel", "reasoning_tokens", "ai.usage.reasoningTokens"),
        ("openinference", "input_tokens", "llm.token_count.prompt"),
        ("openinference", "output_tokens", "llm.token_count.completion"),
        ("openinference", "cached_input_tokens", "llm.token_count.prompt_details.cache_read"),
        ("openinference", "cache_write_tokens", "llm.token_count.prompt_details.cache_write"),
        ("openinference", "reasoning_tokens", "llm.token_count.completion_details.reasoning"),
        ("openinference", "audio_input_tokens", "llm.token_count.prompt_details.audio"),
        ("openinference", "audio_output_tokens", "llm.token_count.completion_details.audio"),
        ("traceloop", "input_tokens", "llm.usage.prompt_tokens"),
        ("traceloop", "output_tokens", "llm.usage.completion_tokens"),
        ("traceloop", "cached_input_tokens", "llm.usage.cache_read_input_tokens"),
        ("traceloop", "cache_write_tokens", "llm.usage.cache_creation_input_tokens"),
        ("traceloop", "reasoning_tokens", "llm.usage.reasoning_tokens"),
    ];
    rows.extend(
        counts.map(|(convention, member, attribute)| (convention, member, attribute, json!(7), json!(7))),
    );
    // OpenLLMetry writes these two under the prefix of the GenAI conventions, with the counts there too.
    for (member, attribute) in [
        ("cached_input_tokens", "gen_ai.usage.cache_read_input_tokens"),
        ("cache_write_tokens", "gen_ai.usage.cache_creation_input_tokens"),
        ("reasoning_tokens", "gen_ai.usage.reasoning_tokens"),
    ] {
        rows.push(("genai", member, attribute, json!(7), json!(7)));
    }
    rows
}

/// The whole counts of a convention, so that a part is a part of something.
fn totals(convention: &str) -> Value {
    match convention {
        "genai" => json!({"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 50}),
        "vercel" => json!({"ai.usage.inputTokens": 100, "ai.usage.outputTokens": 50}),
        "openinference" => json!({"llm.token_count.prompt": 100, "llm.token_count.completion": 50}),
        _ => json!({"llm.usage.prompt_tokens": 100, "llm.usage.completion_tokens": 50}),
    }
}

async fn attributes_fill_the_members_of_a_call(t: Ctx) {
    let rows = rows();
    let spans: Vec<Value> = (1..)
        .zip(&rows)
        .map(|(n, (convention, member, attribute, sent, _))| {
            let is_part =
                member.ends_with("_tokens") && *member != "input_tokens" && *member != "output_tokens";
            let whole = if is_part { totals(convention) } else { json!({}) };
            t.otlp_span(n, &with(with(base(convention), whole), json!({*attribute: sent})), json!({}))
        })
        .collect();
    t.export(&spans).await;
    let mut wrong = Vec::new();
    for (n, (convention, member, attribute, _, expected)) in (1..).zip(&rows) {
        let kind = t.exported(n).await["kind"].clone();
        if kind["type"] != "llm_call" || kind[*member] != *expected {
            wrong.push(format!("{convention}: {attribute} should make {member} {expected}: {kind}"));
        }
        if member.ends_with("_tokens")
            && *member != "input_tokens"
            && *member != "output_tokens"
            && kind["input_tokens"] != 100
        {
            wrong.push(format!("{convention}: {attribute} is part of the 100 input tokens: {kind}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A member of a kind, the attributes sent and the value expected.
type Row<'a> = (&'a str, &'a [(&'a str, Value)], Value);

async fn the_first_attribute_of_a_row_wins(t: Ctx) {
    let rows: [Row<'_>; 9] = [
        (
            "model",
            &[
                ("gen_ai.request.model", json!("b")),
                ("gen_ai.response.model", json!("a")),
                ("llm.model_name", json!("c")),
            ],
            json!("a"),
        ),
        (
            "model",
            &[("llm.model_name", json!("c")), ("ai.model.id", json!("b")), ("llm.request.model", json!("d"))],
            json!("b"),
        ),
        ("model", &[("llm.request.model", json!("d")), ("llm.model_name", json!("c"))], json!("c")),
        ("model", &[("gen_ai.response.model", json!("")), ("gen_ai.request.model", json!("b"))], json!("b")),
        (
            "provider",
            &[
                ("gen_ai.request.model", json!("m")),
                ("gen_ai.system", json!("b")),
                ("gen_ai.provider.name", json!("a")),
            ],
            json!("a"),
        ),
        (
            "provider",
            &[("llm.model_name", json!("m")), ("llm.vendor", json!("d")), ("llm.system", json!("c"))],
            json!("c"),
        ),
        (
            "provider",
            &[("llm.model_name", json!("m")), ("llm.system", json!("c")), ("llm.provider", json!("b"))],
            json!("b"),
        ),
        (
            "input_tokens",
            &[
                ("gen_ai.request.model", json!("m")),
                ("gen_ai.usage.prompt_tokens", json!(2)),
                ("gen_ai.usage.input_tokens", json!(1)),
            ],
            json!(1),
        ),
        (
            "input_tokens",
            &[
                ("ai.model.id", json!("m")),
                ("ai.usage.promptTokens", json!(2)),
                ("ai.usage.inputTokens", json!(1)),
            ],
            json!(1),
        ),
    ];
    let spans: Vec<Value> = (1..)
        .zip(&rows)
        .map(|(n, (_, sent, _))| {
            let members: Map<String, Value> =
                sent.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            t.otlp_span(n, &members.into(), json!({}))
        })
        .collect();
    t.export(&spans).await;
    for (n, (member, sent, expected)) in (1..).zip(&rows) {
        let kind = t.exported(n).await["kind"].clone();
        assert_eq!(kind[*member], *expected, "{member} of {sent:?}: {kind}");
    }
}

async fn numbers_sent_as_text_are_parsed(t: Ctx) {
    let members = json!({"gen_ai.request.model": "no-such", "gen_ai.usage.input_tokens": "12", "gen_ai.usage.output_tokens": "3",
        "gen_ai.usage.cost": "0.5"});
    let doubles = json!({"gen_ai.request.model": "no-such", "gen_ai.usage.input_tokens": 12.0, "gen_ai.usage.output_tokens": 3.0});
    t.export(&[t.otlp_span(1, &members, json!({})), t.otlp_span(2, &doubles, json!({}))]).await;
    for n in [1, 2] {
        let kind = t.exported(n).await["kind"].clone();
        assert_eq!(
            (&kind["input_tokens"], &kind["output_tokens"]),
            (&json!(12), &json!(3)),
            "span {n}: {kind}"
        );
    }
    assert_eq!(t.exported(1).await["kind"]["cost"], 0.5);
}

async fn a_call_without_a_model_has_an_unknown_one(t: Ctx) {
    t.export(&[t.otlp_span(1, &json!({"gen_ai.system": "openai"}), json!({}))]).await;
    let kind = t.exported(1).await["kind"].clone();
    assert_eq!(
        (&kind["type"], &kind["model"], &kind["provider"]),
        (&json!("llm_call"), &json!("unknown"), &json!("openai"))
    );
}

async fn the_provider_may_be_on_the_resource(t: Ctx) {
    let call = json!({"gen_ai.request.model": "m"});
    t.export_from(&json!({"gen_ai.system": "anthropic"}), &[t.otlp_span(1, &call, json!({}))]).await;
    assert_eq!(t.exported(1).await["kind"]["provider"], "anthropic");
    t.export_from(&json!({"gen_ai.provider.name": "aws.bedrock"}), &[t.otlp_span(2, &call, json!({}))]).await;
    assert_eq!(t.exported(2).await["kind"]["provider"], "aws.bedrock");
}

async fn a_model_or_a_provider_makes_a_call(t: Ctx) {
    let members = [
        json!({"gen_ai.request.model": "m"}),
        json!({"gen_ai.response.model": "m"}),
        json!({"gen_ai.system": "s"}),
        json!({"gen_ai.provider.name": "s"}),
        json!({"ai.model.id": "m"}),
        json!({"llm.model_name": "m"}),
        json!({"llm.system": "s"}),
        json!({"llm.request.model": "m"}),
        json!({"llm.vendor": "v"}),
    ];
    let spans: Vec<Value> =
        (1..).zip(&members).map(|(n, members)| t.otlp_span(n, members, json!({}))).collect();
    t.export(&spans).await;
    for (n, members) in (1..).zip(&members) {
        assert_eq!(t.exported(n).await["kind"]["type"], "llm_call", "{members}");
    }
}

async fn spans_of_other_kinds_are_no_calls(t: Ctx) {
    let model = json!({"gen_ai.request.model": "m", "gen_ai.system": "s", "llm.model_name": "m"});
    let members = [
        json!({"gen_ai.operation.name": "execute_tool"}),
        json!({"openinference.span.kind": "TOOL"}),
        json!({"openinference.span.kind": "AGENT"}),
        json!({"openinference.span.kind": "CHAIN"}),
        json!({"openinference.span.kind": "RETRIEVER"}),
        json!({"traceloop.span.kind": "workflow"}),
        json!({"traceloop.span.kind": "tool"}),
        json!({"ai.operationId": "ai.generateText", "ai.model.id": "m"}),
        json!({"ai.operationId": "ai.toolCall"}),
    ];
    let spans: Vec<Value> = (1..)
        .zip(&members)
        .map(|(n, members)| t.otlp_span(n, &with(model.clone(), members.clone()), json!({})))
        .collect();
    t.export(&spans).await;
    for (n, members) in (1..).zip(&members) {
        assert_eq!(t.exported(n).await["kind"]["type"], "custom", "{members}");
    }
}

async fn kinds_are_recognised(t: Ctx) {
    let mut rows: Vec<(Value, &str)> = [
        ("RETRIEVER", "retrieval"),
        ("RERANKER", "retrieval"),
        ("EMBEDDING", "embedding"),
        ("AGENT", "agent"),
        ("CHAIN", "chain"),
        ("GUARDRAIL", "guardrail"),
        ("EVALUATOR", "evaluator"),
        ("TOOL", "tool_call"),
    ]
    .into_iter()
    .map(|(word, kind)| (json!({"openinference.span.kind": word}), kind))
    .collect();
    rows.extend(["workflow", "task", "agent"].map(|word| (json!({"traceloop.span.kind": word}), word)));
    rows.extend(["ai.generateText", "ai.streamText", "ai.generateObject", "ai.streamObject"].map(|root| {
        (json!({"ai.operationId": root, "operation.name": root, "ai.model.id": "m"}), "ai_operation")
    }));
    rows.extend(["ai.embed", "ai.embedMany"].map(|root| {
        (json!({"ai.operationId": root, "operation.name": root, "ai.model.id": "m"}), "embedding")
    }));
    // Embedding spans that name a model are calls, since only calls have tokens and a cost.
    rows.push((json!({"ai.operationId": "ai.embed.doEmbed"}), "embedding"));
    rows.push((json!({"gen_ai.operation.name": "embeddings"}), "embedding"));
    rows.push((json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "x"}), "tool_call"));
    rows.push((json!({"ai.operationId": "ai.toolCall", "ai.toolCall.name": "x"}), "tool_call"));
    rows.push((json!({"traceloop.span.kind": "tool"}), "tool_call"));
    let spans: Vec<Value> =
        (1..).zip(&rows).map(|(n, (members, _))| t.otlp_span(n, members, json!({}))).collect();
    t.export(&spans).await;
    for (n, (members, kind)) in (1..).zip(&rows) {
        let found = t.exported(n).await["kind"].clone();
        assert_eq!((&found["type"], &found["kind"]), (&json!("custom"), &json!(kind)), "{members}");
    }
}

async fn tool_spans_have_names_ids_arguments_and_results(t: Ctx) {
    let (sent, got) = ("{\"city\": \"Oslo\"}", "{\"degrees\": 7}");
    let rows = [
        json!({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "weather", "gen_ai.tool.call.id": "c-1",
            "gen_ai.tool.call.arguments": sent, "gen_ai.tool.call.result": got}),
        json!({"ai.operationId": "ai.toolCall", "ai.toolCall.name": "weather", "ai.toolCall.id": "c-1", "ai.toolCall.args": sent,
            "ai.toolCall.result": got}),
    ];
    let spans: Vec<Value> = (1..).zip(&rows).map(|(n, members)| t.otlp_span(n, members, json!({}))).collect();
    t.export(&spans).await;
    for (n, members) in (1..).zip(&rows) {
        let span = t.exported(n).await;
        let attributes = &span["kind"]["attributes"];
        assert_eq!(
            (&attributes["tool_name"], &attributes["tool_call_id"]),
            (&json!("weather"), &json!("c-1")),
            "{members}"
        );
        assert_eq!(
            (&span["input"], &span["output"]),
            (&json!({"city": "Oslo"}), &json!({"degrees": 7})),
            "{members}"
        );
    }
    let openinference = json!({"openinference.span.kind": "TOOL", "tool.name": "weather", "tool.parameters": sent, "output.value": got,
        "output.mime_type": "application/json"});
    let traceloop = json!({"traceloop.span.kind": "tool", "traceloop.entity.name": "weather", "traceloop.entity.input": sent,
        "traceloop.entity.output": got});
    t.export(&[t.otlp_span(8, &openinference, json!({})), t.otlp_span(9, &traceloop, json!({}))]).await;
    let span = t.exported(8).await;
    assert_eq!(span["kind"]["attributes"]["tool_name"], "weather");
    assert_eq!((&span["input"], &span["output"]), (&json!({"city": "Oslo"}), &json!({"degrees": 7})));
    let span = t.exported(9).await;
    assert_eq!((&span["input"], &span["output"]), (&json!({"city": "Oslo"}), &json!({"degrees": 7})));
}
