//! Tokens of a call, whichever convention counted them.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::attributes::Attributes;
use super::names::Name;
use crate::count;
use crate::kind::Usage;
use crate::provider::ResponseFacts;

/// Where one convention writes its counts; of several names the first that holds a count wins.
struct Convention {
    input: &'static [Name],
    output: &'static [Name],
    cached: &'static [Name],
    cache_write: &'static [Name],
    reasoning: &'static [Name],
    audio_input: &'static [Name],
    audio_output: &'static [Name],
}

/// The conventions, the most trusted first.
const CONVENTIONS: [Convention; 4] = [
    // OpenTelemetry's own, with names it has since replaced and those of senders that extend it.
    Convention {
        input: &[Name::InputTokens, Name::PromptTokens],
        output: &[Name::OutputTokens, Name::CompletionTokens],
        cached: &[Name::CacheReadTokens, Name::CachedTokens],
        cache_write: &[Name::CacheWriteTokens, Name::CacheCreationTokens],
        reasoning: &[Name::ReasoningTokens],
        audio_input: &[Name::AudioInputTokens, Name::DetailAudioInputTokens],
        audio_output: &[Name::AudioOutputTokens, Name::DetailAudioOutputTokens],
    },
    // Vercel AI SDK.
    Convention {
        input: &[Name::AiInputTokens, Name::AiPromptTokens, Name::AiEmbedTokens],
        output: &[Name::AiOutputTokens, Name::AiCompletionTokens],
        cached: &[Name::AiCacheReadTokens, Name::AiCachedInputTokens],
        cache_write: &[Name::AiCacheWriteTokens],
        reasoning: &[Name::AiOutputReasoningTokens, Name::AiReasoningTokens],
        audio_input: &[],
        audio_output: &[],
    },
    // OpenInference.
    Convention {
        input: &[Name::LlmPromptCount],
        output: &[Name::LlmCompletionCount],
        cached: &[Name::LlmPromptCacheRead],
        cache_write: &[Name::LlmPromptCacheWrite],
        reasoning: &[Name::LlmCompletionReasoning],
        audio_input: &[Name::LlmPromptAudio],
        audio_output: &[Name::LlmCompletionAudio],
    },
    // OpenLLMetry.
    Convention {
        input: &[Name::LlmUsagePrompt],
        output: &[Name::LlmUsageCompletion],
        cached: &[Name::TraceloopCacheReadTokens, Name::LlmUsageCacheRead],
        cache_write: &[Name::TraceloopCacheCreationTokens, Name::LlmUsageCacheCreation],
        reasoning: &[Name::TraceloopReasoningTokens, Name::LlmUsageReasoning],
        audio_input: &[],
        audio_output: &[],
    },
];

/// Returns how long cache writes last by the answer `OpenInference` keeps, where it counts as many of them.
fn writes_of_answer(counted: &Usage, answer: &Usage) -> Usage {
    let (short, long) = (answer.cache_write_tokens, answer.cache_write_1h_tokens);
    let all = short.unwrap_or(0).saturating_add(long.unwrap_or(0));
    let agrees = counted.cache_write_tokens == Some(all);
    Usage { cache_write_1h_tokens: long.filter(|_| agrees), ..Usage::default() }
}

/// Cache writes of five minutes and of an hour, as Anthropic's own client splits them.
const ANTHROPIC_WRITES: [Name; 2] = [Name::AnthropicWrites5m, Name::AnthropicWrites1h];

/// What the AI SDK hands on from the provider as JSON, next to its own counts.
#[derive(Debug, Default)]
pub(super) struct ProviderFacts {
    counts: Usage,
    /// The service tier the provider billed.
    pub(super) service_tier: Option<String>,
}

/// Takes the tokens of a call.
///
/// The first convention that gives a total supplies all counts; what it leaves out comes from the others, where
/// their totals do not contradict it. A prompt counted without what the cache took is completed.
pub(super) fn take_usage(
    attributes: &mut Attributes,
    scope: &str,
    provider: Option<&str>,
    facts: &ProviderFacts,
    answer: &ResponseFacts,
) -> Usage {
    let exclusive = counts_exclude_cache(attributes, scope, provider);
    let mut read = CONVENTIONS.map(|convention| convention.read(attributes));
    let writes = anthropic_writes(attributes);
    fill(&mut read[0], &writes);
    fill(&mut read[1], &facts.counts);
    let kept = writes_of_answer(&read[2], &answer.usage);
    fill(&mut read[2], &kept);
    let chosen = read
        .iter()
        .position(|usage| usage.total().is_some())
        .or_else(|| read.iter().position(|usage| *usage != Usage::default()));
    let Some(chosen) = chosen else { return Usage::default() };
    let mut raw = read[chosen];
    for other in &read {
        if agree(raw.input_tokens, other.input_tokens) && agree(raw.output_tokens, other.output_tokens) {
            fill(&mut raw, other);
        }
    }
    for convention in &CONVENTIONS {
        convention.consume(attributes, &raw);
    }
    let usage = complete(raw, exclusive);
    for (name, count) in
        ANTHROPIC_WRITES.into_iter().zip([usage.cache_write_tokens, usage.cache_write_1h_tokens])
    {
        if count.is_some() && attributes.count(name) == count {
            attributes.take(name);
        }
    }
    usage
}

fn agree(one: Option<u64>, other: Option<u64>) -> bool {
    one.is_none() || other.is_none() || one == other
}

/// Adds what `usage` leaves out.
fn fill(usage: &mut Usage, other: &Usage) {
    let Usage {
        input_tokens,
        output_tokens,
        cached_input_tokens,
        cache_write_tokens,
        cache_write_1h_tokens,
        reasoning_tokens,
        audio_input_tokens,
        audio_output_tokens,
    } = usage;
    for (mine, theirs) in [
        (input_tokens, other.input_tokens),
        (output_tokens, other.output_tokens),
        (cached_input_tokens, other.cached_input_tokens),
        (cache_write_tokens, other.cache_write_tokens),
        (cache_write_1h_tokens, other.cache_write_1h_tokens),
        (reasoning_tokens, other.reasoning_tokens),
        (audio_input_tokens, other.audio_input_tokens),
        (audio_output_tokens, other.audio_output_tokens),
    ] {
        *mine = mine.or(theirs);
    }
}

/// Tells the two kinds of cache writes apart, and makes the totals include their parts.
fn complete(mut usage: Usage, exclusive: bool) -> Usage {
    // Every convention counts cache writes of both kinds together.
    if let (Some(all), Some(long)) = (usage.cache_write_tokens, usage.cache_write_1h_tokens) {
        usage.cache_write_tokens = Some(all.saturating_sub(long));
    }
    if exclusive { usage.with_cache_beside() } else { usage }.completed()
}

/// Reads how long cache writes last from attributes that only Anthropic's own client sets, beside their total.
fn anthropic_writes(attributes: &Attributes) -> Usage {
    let [short, long] = ANTHROPIC_WRITES.map(|name| attributes.count(name));
    let all = short.unwrap_or(0).saturating_add(long.unwrap_or(0)).min(count::MAX);
    Usage { cache_write_tokens: short.or(long).map(|_| all), cache_write_1h_tokens: long, ..Usage::default() }
}

/// Returns whether the sender is known to count a prompt as Anthropic and Bedrock do, without what the cache
/// read and wrote. See `docs/decisions/otlp-mapping.md` for how each was found out.
fn counts_exclude_cache(attributes: &Attributes, scope: &str, provider: Option<&str>) -> bool {
    let provider = provider.unwrap_or_default();
    let anthropic = provider.contains("anthropic");
    let bedrock = provider.contains("bedrock");
    if attributes.has(Name::AiOperationId) {
        // The AI SDK splits the total since version 6, when its providers began to count the whole prompt.
        let splits = attributes.has(Name::AiNoCacheTokens) || attributes.has(Name::AiCacheWriteTokens);
        let vendor = attributes.text(Name::AiModelProvider).unwrap_or(provider);
        return !splits
            && (anthropic || bedrock || vendor.contains("anthropic") || vendor.contains("bedrock"));
    }
    match scope {
        "@traceloop/instrumentation-anthropic" | "opentelemetry.instrumentation.bedrock" => true,
        _ => scope.starts_with("openlit") && (anthropic || bedrock),
    }
}

impl Convention {
    fn read(&self, attributes: &Attributes) -> Usage {
        let first = |names: &[Name]| names.iter().find_map(|name| attributes.count(*name));
        Usage {
            input_tokens: first(self.input),
            output_tokens: first(self.output),
            cached_input_tokens: first(self.cached),
            cache_write_tokens: first(self.cache_write),
            cache_write_1h_tokens: None,
            reasoning_tokens: first(self.reasoning),
            audio_input_tokens: first(self.audio_input),
            audio_output_tokens: first(self.audio_output),
        }
    }

    /// Takes the counts that say what `raw` says; one that differs stays with the span.
    fn consume(&self, attributes: &mut Attributes, raw: &Usage) {
        for (names, count) in [
            (self.input, raw.input_tokens),
            (self.output, raw.output_tokens),
            (self.cached, raw.cached_input_tokens),
            (self.cache_write, raw.cache_write_tokens),
            (self.reasoning, raw.reasoning_tokens),
            (self.audio_input, raw.audio_input_tokens),
            (self.audio_output, raw.audio_output_tokens),
        ] {
            for name in names {
                if count.is_some() && attributes.count(*name) == count {
                    attributes.take(*name);
                }
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Providers {
    anthropic: Option<Anthropic>,
    bedrock: Option<Bedrock>,
    openai: Option<OpenAi>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Anthropic {
    #[serde(default, deserialize_with = "sensible")]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "sensible")]
    cache_read_input_tokens: Option<u64>,
    usage: Option<AnthropicUsage>,
}

#[derive(Deserialize)]
struct AnthropicUsage {
    #[serde(default, deserialize_with = "sensible")]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "sensible")]
    cache_read_input_tokens: Option<u64>,
    cache_creation: Option<AnthropicWrites>,
    service_tier: Option<String>,
}

#[derive(Deserialize)]
struct AnthropicWrites {
    #[serde(default, deserialize_with = "sensible")]
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Bedrock {
    usage: Option<BedrockUsage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BedrockUsage {
    #[serde(default, deserialize_with = "sensible")]
    cache_read_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "sensible")]
    cache_write_input_tokens: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OpenAi {
    #[serde(default, deserialize_with = "sensible")]
    cached_prompt_tokens: Option<u64>,
    #[serde(default, deserialize_with = "sensible")]
    reasoning_tokens: Option<u64>,
    service_tier: Option<String>,
}

/// Reads a count, or nothing where it is none: a number beyond all sense does not take the others with it.
fn sensible<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let Value::Number(number) = Value::deserialize(deserializer)? else { return Ok(None) };
    let whole = number.as_u64().or_else(|| count::whole(number.as_f64()?));
    Ok(whole.filter(|count| *count <= count::MAX))
}

/// Reads what the AI SDK hands on from the provider: the classes of tokens its own counts leave out.
pub(super) fn provider_facts(attributes: &Attributes) -> ProviderFacts {
    let text = attributes.text(Name::AiProviderMetadata).unwrap_or_default();
    let Ok(providers) = serde_json::from_str::<Providers>(text) else { return ProviderFacts::default() };
    let mut facts = ProviderFacts::default();
    let counts = &mut facts.counts;
    if let Some(openai) = providers.openai {
        counts.cached_input_tokens = openai.cached_prompt_tokens;
        counts.reasoning_tokens = openai.reasoning_tokens;
        facts.service_tier = openai.service_tier;
    }
    if let Some(usage) = providers.bedrock.and_then(|bedrock| bedrock.usage) {
        counts.cached_input_tokens = usage.cache_read_input_tokens;
        counts.cache_write_tokens = usage.cache_write_input_tokens;
    }
    if let Some(anthropic) = providers.anthropic {
        counts.cached_input_tokens = anthropic.cache_read_input_tokens;
        counts.cache_write_tokens = anthropic.cache_creation_input_tokens;
        if let Some(usage) = anthropic.usage {
            counts.cached_input_tokens = counts.cached_input_tokens.or(usage.cache_read_input_tokens);
            counts.cache_write_tokens = counts.cache_write_tokens.or(usage.cache_creation_input_tokens);
            counts.cache_write_1h_tokens =
                usage.cache_creation.and_then(|writes| writes.ephemeral_1h_input_tokens);
            facts.service_tier = usage.service_tier.or(facts.service_tier);
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::otlp::testing::attributes;

    fn usage_from(scope: &str, provider: &str, value: Value) -> (Usage, Value) {
        let mut attributes = Attributes::new(attributes(value));
        let facts = provider_facts(&attributes);
        let answer = ResponseFacts::default();
        let usage = take_usage(&mut attributes, scope, Some(provider), &facts, &answer);
        let mut left = crate::kind::Attributes::new();
        attributes.leave_to(&mut left);
        (usage, Value::Object(left))
    }

    fn usage(value: Value) -> Value {
        json!(usage_from("", "openai", value).0)
    }

    #[test]
    fn every_convention_gives_the_same_counts() {
        let wanted = json!({
            "input_tokens": 100, "output_tokens": 50, "cached_input_tokens": 40, "cache_write_tokens": 9,
            "reasoning_tokens": 20,
        });
        for (input, output, cached, write, reasoning) in [
            (
                "gen_ai.usage.input_tokens",
                "gen_ai.usage.output_tokens",
                "gen_ai.usage.cache_read.input_tokens",
                "gen_ai.usage.cache_creation.input_tokens",
                "gen_ai.usage.reasoning.output_tokens",
            ),
            (
                "gen_ai.usage.prompt_tokens",
                "gen_ai.usage.completion_tokens",
                "gen_ai.usage.cached_tokens",
                "gen_ai.usage.cache_write.input_tokens",
                "gen_ai.usage.reasoning.output_tokens",
            ),
            (
                "gen_ai.usage.prompt_tokens",
                "gen_ai.usage.completion_tokens",
                "gen_ai.usage.cache_read_input_tokens",
                "gen_ai.usage.cache_creation_input_tokens",
                "gen_ai.usage.reasoning_tokens",
            ),
            (
                "llm.usage.prompt_tokens",
                "llm.usage.completion_tokens",
                "llm.usage.cache_read_input_tokens",
                "llm.usage.cache_creation_input_tokens",
                "llm.usage.reasoning_tokens",
            ),
            (
                "llm.token_count.prompt",
                "llm.token_count.completion",
                "llm.token_count.prompt_details.cache_read",
                "llm.token_count.prompt_details.cache_write",
                "llm.token_count.completion_details.reasoning",
            ),
            (
                "ai.usage.inputTokens",
                "ai.usage.outputTokens",
                "ai.usage.inputTokenDetails.cacheReadTokens",
                "ai.usage.inputTokenDetails.cacheWriteTokens",
                "ai.usage.outputTokenDetails.reasoningTokens",
            ),
            (
                "ai.usage.promptTokens",
                "ai.usage.completionTokens",
                "ai.usage.cachedInputTokens",
                "ai.usage.inputTokenDetails.cacheWriteTokens",
                "ai.usage.reasoningTokens",
            ),
        ] {
            let (read, left) = usage_from(
                "",
                "openai",
                json!({input: 100, output: "50", cached: 40.0, write: 9, reasoning: "20"}),
            );
            assert_eq!((json!(read), left), (wanted.clone(), json!({})), "{input} {cached}");
        }
    }

    #[test]
    fn audio_and_embedding_tokens_are_read() {
        let audio = usage(json!({
            "llm.token_count.prompt": 10, "llm.token_count.prompt_details.audio": 4,
            "llm.token_count.completion": 5, "llm.token_count.completion_details.audio": 3,
        }));
        let wanted = json!({"input_tokens": 10, "output_tokens": 5, "audio_input_tokens": 4, "audio_output_tokens": 3});
        assert_eq!(audio, wanted);
        assert_eq!(usage(json!({"ai.usage.tokens": 8})), json!({"input_tokens": 8}));
    }

    #[test]
    fn one_convention_supplies_all_counts() {
        let mixed = json!({
            "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5,
            "llm.token_count.prompt": 11, "llm.token_count.completion": 5,
            "llm.token_count.prompt_details.cache_read": 9,
        });
        let (read, left) = usage_from("", "openai", mixed);
        assert_eq!(json!(read), json!({"input_tokens": 10, "output_tokens": 5}));
        let kept = json!({"llm.token_count.prompt": 11, "llm.token_count.prompt_details.cache_read": 9});
        assert_eq!(left, kept);
    }

    #[test]
    fn missing_parts_come_from_a_convention_with_the_same_total() {
        let same = json!({
            "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5,
            "ai.usage.inputTokens": 10, "ai.usage.outputTokens": 5, "ai.usage.cachedInputTokens": 8,
        });
        let wanted = json!({"input_tokens": 10, "output_tokens": 5, "cached_input_tokens": 8});
        assert_eq!(usage(same), wanted);
    }

    #[test]
    fn negative_and_malformed_counts_are_ignored_and_kept() {
        let (read, left) = usage_from(
            "",
            "openai",
            json!({"gen_ai.usage.input_tokens": -4, "gen_ai.usage.prompt_tokens": 6, "gen_ai.usage.output_tokens": "x"}),
        );
        assert_eq!(json!(read), json!({"input_tokens": 6}));
        assert_eq!(left, json!({"gen_ai.usage.input_tokens": -4, "gen_ai.usage.output_tokens": "x"}));
    }

    #[test]
    fn cache_parts_larger_than_the_prompt_are_added_to_it() {
        let exclusive = usage(json!({
            "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5,
            "gen_ai.usage.cache_read.input_tokens": 8, "gen_ai.usage.cache_creation.input_tokens": 7,
        }));
        let wanted = json!({
            "input_tokens": 25, "output_tokens": 5, "cached_input_tokens": 8, "cache_write_tokens": 7
        });
        assert_eq!(exclusive, wanted);
    }

    #[test]
    fn scopes_known_to_count_without_the_cache_are_completed() {
        let counts = json!({
            "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 5,
            "gen_ai.usage.cache_read.input_tokens": 30,
        });
        let input = |scope, provider| usage_from(scope, provider, counts.clone()).0.input_tokens;
        assert_eq!(input("@traceloop/instrumentation-anthropic", "anthropic"), Some(130));
        assert_eq!(input("opentelemetry.instrumentation.bedrock", "aws.bedrock"), Some(130));
        assert_eq!(input("openlit.otel.tracing", "anthropic"), Some(130));
        assert_eq!(input("openlit.otel.tracing", "openai"), Some(100));
        assert_eq!(input("opentelemetry.instrumentation.anthropic", "anthropic"), Some(100));
    }

    #[test]
    fn the_ai_sdk_counts_anthropic_prompts_whole_since_version_6() {
        let v5 = json!({
            "ai.operationId": "ai.generateText.doGenerate", "ai.model.provider": "anthropic.messages",
            "ai.usage.inputTokens": 100, "ai.usage.outputTokens": 5, "ai.usage.cachedInputTokens": 30,
            "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 5,
            "ai.response.providerMetadata": r#"{"anthropic":{"cacheCreationInputTokens":20,"usage":{
                "cache_creation":{"ephemeral_1h_input_tokens":15,"ephemeral_5m_input_tokens":5}}}}"#,
        });
        let mut v6 = v5.clone();
        v6["gen_ai.usage.input_tokens"] = json!(150);
        v6["ai.usage.inputTokens"] = json!(150);
        v6["ai.usage.inputTokenDetails.noCacheTokens"] = json!(100);
        v6["ai.usage.inputTokenDetails.cacheReadTokens"] = json!(30);
        v6["ai.usage.inputTokenDetails.cacheWriteTokens"] = json!(20);
        let wanted = json!({
            "input_tokens": 150, "output_tokens": 5, "cached_input_tokens": 30, "cache_write_tokens": 5,
            "cache_write_1h_tokens": 15,
        });
        for counts in [v5, v6] {
            assert_eq!(json!(usage_from("ai", "anthropic", counts).0), wanted);
        }
    }

    #[test]
    fn what_the_ai_sdk_4_leaves_to_the_provider_is_read_there() {
        let counts = json!({
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.usage.promptTokens": 100, "ai.usage.completionTokens": 50,
            "ai.response.providerMetadata": r#"{"openai":{"cachedPromptTokens":60,"reasoningTokens":20}}"#,
        });
        let wanted = json!({
            "input_tokens": 100, "output_tokens": 50, "cached_input_tokens": 60, "reasoning_tokens": 20
        });
        assert_eq!(usage(counts), wanted);
    }

    #[test]
    fn counts_of_the_provider_beyond_all_sense_do_not_count() {
        let counts = |cached: &str, writes: &str| {
            usage(json!({
                "ai.operationId": "ai.generateText.doGenerate",
                "ai.usage.promptTokens": 100, "ai.usage.completionTokens": 50,
                "ai.response.providerMetadata": format!(
                    r#"{{"openai":{{"cachedPromptTokens":{cached},"reasoningTokens":20}},
                    "anthropic":{{"cacheReadInputTokens":{cached},"cacheCreationInputTokens":{writes}}}}}"#
                ),
            }))
        };
        let wanted = json!({"input_tokens": 100, "output_tokens": 50, "reasoning_tokens": 20});
        for absurd in ["18446744073709551615", "9007199254740993", "-1", "1.5", "1e300", "\"many\"", "null"] {
            assert_eq!(counts(absurd, absurd), wanted, "{absurd}");
        }
        let most = count::MAX;
        let largest = counts(&most.to_string(), &most.to_string());
        assert_eq!(largest["input_tokens"], most);
    }

    #[test]
    fn the_client_of_anthropic_says_how_long_the_cache_keeps_what_was_written() {
        let mut counts = json!({
            "gen_ai.usage.input_tokens": 140, "gen_ai.usage.output_tokens": 50,
            "gen_ai.usage.cache_read.input_tokens": 100, "gen_ai.usage.cache_write.input_tokens": 30,
            "gen_ai.usage.reasoning.output_tokens": 20,
            "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 20,
            "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 10,
        });
        let wanted = json!({
            "input_tokens": 140, "output_tokens": 50, "cached_input_tokens": 100, "cache_write_tokens": 20,
            "cache_write_1h_tokens": 10, "reasoning_tokens": 20,
        });
        let read = |counts: Value| {
            let (usage, left) = usage_from("anthropic", "anthropic", counts);
            (json!(usage), left)
        };
        assert_eq!(read(counts.clone()), (wanted.clone(), json!({})));
        counts.as_object_mut().and_then(|counts| counts.remove("gen_ai.usage.cache_write.input_tokens"));
        assert_eq!(read(counts), (wanted, json!({})));
    }

    #[test]
    fn reasoning_larger_than_the_answer_is_added_to_it() {
        let counts = json!({"gen_ai.usage.output_tokens": 5, "gen_ai.usage.reasoning.output_tokens": 30});
        assert_eq!(usage(counts), json!({"output_tokens": 35, "reasoning_tokens": 30}));
    }

    #[test]
    fn zero_is_a_count() {
        let counts = json!({"gen_ai.usage.input_tokens": 0, "gen_ai.usage.prompt_tokens": 9});
        assert_eq!(usage(counts), json!({"input_tokens": 0}));
    }
}
