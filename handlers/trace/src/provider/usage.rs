//! Tokens of an answer, whichever provider counted them.

use super::members::Members;
use crate::count;
use crate::kind::Usage;

/// Returns the tokens an answer reports.
///
/// The shapes do not overlap, so one rule reads all: `OpenAI` counts the whole prompt and breaks it down in
/// details, cache writes among them; Anthropic counts what the cache took apart from `input_tokens`, so that both
/// are added; Ollama counts at the top.
pub(super) fn usage_of(answer: &Members<'_>) -> Usage {
    let Some(usage) = answer.object("usage") else { return ollama(answer) };
    let input_details =
        usage.object("prompt_tokens_details").or_else(|| usage.object("input_tokens_details"));
    let output_details =
        usage.object("completion_tokens_details").or_else(|| usage.object("output_tokens_details"));
    let input_detail = |name: &str| input_details.as_ref().and_then(|details| details.count(name));
    let output_detail = |name: &str| output_details.as_ref().and_then(|details| details.count(name));

    let prompt = usage.count("prompt_tokens");
    let plain = usage.count("input_tokens");
    let write = CacheWrites::of(&usage);
    let read = usage.count("cache_read_input_tokens");
    let input_tokens = match (prompt, plain) {
        (Some(prompt), _) => Some(prompt),
        (None, Some(plain)) => {
            let parts = [read, write.short, write.long].into_iter().flatten();
            Some(parts.fold(plain, u64::saturating_add).min(count::MAX))
        }
        (None, None) => None,
    };
    let counts = Usage {
        input_tokens,
        output_tokens: usage.count("completion_tokens").or_else(|| usage.count("output_tokens")),
        cached_input_tokens: input_detail("cached_tokens")
            .or(read)
            .or_else(|| usage.count("prompt_cache_hit_tokens")),
        // The detail counts all writes, however long they stay.
        cache_write_tokens: write
            .short
            .max(input_detail("cache_write_tokens").map(|all| all.saturating_sub(write.long.unwrap_or(0)))),
        cache_write_1h_tokens: write.long,
        reasoning_tokens: output_detail("reasoning_tokens").or_else(|| output_detail("thinking_tokens")),
        audio_input_tokens: input_detail("audio_tokens"),
        audio_output_tokens: output_detail("audio_tokens"),
    };
    if counts.total().is_none() { ollama(answer) } else { counts.completed() }
}

fn ollama(answer: &Members<'_>) -> Usage {
    Usage {
        input_tokens: answer.count("prompt_eval_count"),
        output_tokens: answer.count("eval_count"),
        ..Usage::default()
    }
}

/// Tokens written to Anthropic's cache, by how long they stay.
struct CacheWrites {
    short: Option<u64>,
    long: Option<u64>,
}

impl CacheWrites {
    fn of(usage: &Members<'_>) -> Self {
        let total = usage.count("cache_creation_input_tokens");
        let Some(parts) = usage.object("cache_creation") else {
            return Self { short: total, long: None };
        };
        let long = parts.count("ephemeral_1h_input_tokens");
        let short = parts.count("ephemeral_5m_input_tokens");
        if short.is_none() && long.is_none() {
            return Self { short: total, long: None };
        }
        // The last event of a stream counts the total only; what it adds to the parts is the shorter kind.
        let rest = total.unwrap_or(0).saturating_sub(long.unwrap_or(0));
        Self { short: short.max(total.map(|_| rest)), long }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::price::Prices;

    fn usage(answer: &str) -> Usage {
        usage_of(&Members::read(answer).unwrap())
    }

    #[test]
    fn chat_counts_include_cached_reasoning_and_audio_tokens() {
        let read = usage(
            r#"{"usage":{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
            "prompt_tokens_details":{"cached_tokens":40,"audio_tokens":5},
            "completion_tokens_details":{"reasoning_tokens":30,"audio_tokens":7}}}"#,
        );
        let wanted = Usage {
            input_tokens: Some(100),
            output_tokens: Some(50),
            cached_input_tokens: Some(40),
            reasoning_tokens: Some(30),
            audio_input_tokens: Some(5),
            audio_output_tokens: Some(7),
            ..Usage::default()
        };
        assert_eq!(read, wanted);
    }

    #[test]
    fn cache_writes_of_openai_are_part_of_the_prompt() {
        let details = r#"{"cached_tokens":20000,"cache_write_tokens":70000}"#;
        let chat = usage(&format!(
            r#"{{"usage":{{"prompt_tokens":100000,"completion_tokens":1000,"total_tokens":101000,
            "prompt_tokens_details":{details},"completion_tokens_details":{{"reasoning_tokens":0}}}}}}"#
        ));
        let responses = usage(&format!(
            r#"{{"usage":{{"input_tokens":100000,"input_tokens_details":{details},"output_tokens":1000,
            "output_tokens_details":{{"reasoning_tokens":0}},"total_tokens":101000}}}}"#
        ));
        let wanted = Usage {
            input_tokens: Some(100_000),
            output_tokens: Some(1000),
            cached_input_tokens: Some(20_000),
            cache_write_tokens: Some(70_000),
            reasoning_tokens: Some(0),
            ..Usage::default()
        };
        assert_eq!((chat, responses), (wanted, wanted));
        // Ten thousand plain at 2, the cached at 0.2, the written at 2.5 and the answer at 10 for a million.
        let cost = Prices::builtin().estimate("gpt-6-sol", &chat, Some("default")).unwrap();
        assert!((cost - 0.209).abs() < 1e-12, "{cost}");
    }

    #[test]
    fn parts_counted_beside_their_whole_are_added_to_it() {
        let beside = usage(
            r#"{"usage":{"prompt_tokens":100,"completion_tokens":50,"total_tokens":450,
            "prompt_tokens_details":{"cached_tokens":120},"completion_tokens_details":{"reasoning_tokens":300}}}"#,
        );
        let wanted = Usage {
            input_tokens: Some(220),
            output_tokens: Some(350),
            cached_input_tokens: Some(120),
            reasoning_tokens: Some(300),
            ..Usage::default()
        };
        assert_eq!(beside, wanted);
    }

    #[test]
    fn what_anthropic_spent_on_thinking_is_reasoning() {
        let read = usage(
            r#"{"usage":{"input_tokens":10,"output_tokens":50,"output_tokens_details":{"thinking_tokens":30}}}"#,
        );
        assert_eq!((read.output_tokens, read.reasoning_tokens), (Some(50), Some(30)));
    }

    #[test]
    fn responses_counts_are_read_from_their_own_names() {
        let read = usage(
            r#"{"usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4},"output_tokens":6,
            "output_tokens_details":{"reasoning_tokens":2},"total_tokens":16}}"#,
        );
        let wanted = Usage {
            input_tokens: Some(10),
            output_tokens: Some(6),
            cached_input_tokens: Some(4),
            reasoning_tokens: Some(2),
            ..Usage::default()
        };
        assert_eq!(read, wanted);
    }

    #[test]
    fn the_anthropic_prompt_is_input_plus_cache_reads_and_writes() {
        let read = usage(
            r#"{"usage":{"input_tokens":10,"cache_read_input_tokens":100,"cache_creation_input_tokens":30,
            "cache_creation":{"ephemeral_5m_input_tokens":20,"ephemeral_1h_input_tokens":10},"output_tokens":5}}"#,
        );
        let wanted = Usage {
            input_tokens: Some(140),
            output_tokens: Some(5),
            cached_input_tokens: Some(100),
            cache_write_tokens: Some(20),
            cache_write_1h_tokens: Some(10),
            ..Usage::default()
        };
        assert_eq!(read, wanted);
        let older =
            usage(r#"{"usage":{"input_tokens":10,"cache_creation_input_tokens":30,"output_tokens":5}}"#);
        assert_eq!((older.input_tokens, older.cache_write_tokens), (Some(40), Some(30)));
    }

    #[test]
    fn ollama_counts_at_the_top_and_missing_counts_stay_missing() {
        let read = usage(r#"{"prompt_eval_count":7,"eval_count":9}"#);
        assert_eq!((read.input_tokens, read.output_tokens), (Some(7), Some(9)));
        assert_eq!(usage(r#"{"usage":null}"#), Usage::default());
        assert_eq!(usage(r#"{"usage":{"prompt_tokens":"7"}}"#), Usage::default());
    }

    #[test]
    fn absurd_counts_do_not_count() {
        let most = u64::MAX;
        let read = usage(&format!(
            r#"{{"usage":{{"input_tokens":7,"cache_read_input_tokens":{most},"output_tokens":{most}}}}}"#
        ));
        assert_eq!((read.input_tokens, read.output_tokens), (Some(7), None));
        let most = count::MAX;
        let read = usage(&format!(
            r#"{{"usage":{{"input_tokens":7,"cache_read_input_tokens":{most},"output_tokens":1}}}}"#
        ));
        assert_eq!(read.input_tokens, Some(most));
    }
}
