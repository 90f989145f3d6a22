//! `anthropic` and `@anthropic-ai/sdk` through the proxy.

use conformance::clients::Language::{self, Node, Python};
use serde_json::{Value, json};

use crate::stage::{Stage, assert_cost, assert_failed, on_each_mount};

async fn call(stage: &Stage, language: Language, scene: &'static str) -> Value {
    let script = if language == Node { "anthropic_calls.js" } else { "anthropic_calls.py" };
    stage.call(language, script, scene).await
}

/// USD for a message of claude-sonnet-4-6 with this usage. Each class of tokens has its own price.
fn cost(usage: &Value) -> f64 {
    let tokens = |name: &str| usage[name].as_f64().unwrap();
    (tokens("input_tokens") * 3.0
        + tokens("cache_read_input_tokens") * 0.3
        + tokens("cache_creation_input_tokens") * 3.75
        + tokens("output_tokens") * 15.0)
        / 1e6
}

/// Checks counts and cost. The whole prompt is counted as input, cached or not.
fn assert_usage(span: &Value, usage: &Value) {
    let tokens = |name: &str| usage[name].as_u64().unwrap();
    let prompt =
        tokens("input_tokens") + tokens("cache_read_input_tokens") + tokens("cache_creation_input_tokens");
    assert_eq!(span["kind"]["input_tokens"], prompt, "{span:#}");
    assert_eq!(span["kind"]["cached_input_tokens"], usage["cache_read_input_tokens"]);
    assert_eq!(span["kind"]["cache_write_tokens"], usage["cache_creation"]["ephemeral_5m_input_tokens"]);
    assert_eq!(span["kind"]["output_tokens"], usage["output_tokens"]);
    assert_cost(span, cost(usage));
}

async fn message(stage: &Stage, language: Language) {
    let seen = call(stage, language, "message").await;
    let span = &stage.calls(1).await[0];
    assert_eq!(span["status"], "completed");
    assert_eq!(span["kind"]["model"], "claude-sonnet-4-6");
    assert_usage(span, &seen["usage"]);
    assert_eq!(span["input"]["system"], "You answer in one sentence.");
    assert_eq!(span["output"]["id"], seen["id"]);
    assert_eq!(span["output"]["content"][0]["text"], seen["text"]);
}

async fn python_message_is_recorded(stage: &Stage) {
    message(stage, Python).await;
}

async fn node_message_is_recorded(stage: &Stage) {
    message(stage, Node).await;
}

async fn stream_tools(stage: &Stage, language: Language) {
    let seen = call(stage, language, "stream_tools").await;
    let spans = stage.calls(2).await;
    for (span, usage) in spans.iter().zip(seen["usage"].as_array().unwrap()) {
        assert_eq!(span["status"], "completed");
        assert!(usage["cache_read_input_tokens"].as_u64().unwrap() > 0, "the manual is cached");
        assert_usage(span, usage);
        assert_eq!(
            span["output"]["content"][0],
            json!({ "type": "thinking",
            "thinking": seen["thinking"], "signature": span["output"]["content"][0]["signature"] })
        );
    }
    let asked = &spans[0]["output"];
    assert_eq!(asked["stop_reason"], "tool_use");
    assert_eq!(asked["content"][2]["type"], "tool_use");
    assert_eq!(asked["content"][2]["id"], seen["calls"][0]["id"]);
    assert_eq!(asked["content"][2]["input"], seen["calls"][0]["input"]);
    assert_eq!(spans[1]["input"]["messages"][2]["content"][0]["tool_use_id"], seen["calls"][0]["id"]);
    assert_eq!(spans[1]["output"]["stop_reason"], "end_turn");
    assert_eq!(spans[1]["output"]["content"][1]["text"], seen["text"]);
}

async fn python_stream_with_tools_and_cached_prompt_is_priced_by_class(stage: &Stage) {
    stream_tools(stage, Python).await;
}

async fn node_stream_with_tools_and_cached_prompt_is_priced_by_class(stage: &Stage) {
    stream_tools(stage, Node).await;
}

async fn errors(stage: &Stage, language: Language) {
    let seen = call(stage, language, "errors").await;
    let seen = seen["errors"].as_array().unwrap();
    let statuses: Vec<u64> = seen.iter().map(|error| error["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [401, 429, 529]);
    for (span, error) in stage.calls(3).await.iter().zip(seen) {
        assert_failed(span, &format!("HTTP {}: {}", error["status"], error["message"].as_str().unwrap()));
        assert_eq!(span["output"]["error"]["message"], error["message"]);
    }
}

async fn python_errors_are_failed_spans(stage: &Stage) {
    errors(stage, Python).await;
}

async fn node_errors_are_failed_spans(stage: &Stage) {
    errors(stage, Node).await;
}

async fn counting_tokens_costs_nothing(stage: &Stage) {
    let seen = call(stage, Python, "count").await;
    let span = &stage.calls(1).await[0];
    assert_eq!(span["output"], seen);
    assert_eq!(span["kind"].get("cost"), None);
}

on_each_mount! {
    python_message_is_recorded,
    node_message_is_recorded,
    python_stream_with_tools_and_cached_prompt_is_priced_by_class,
    node_stream_with_tools_and_cached_prompt_is_priced_by_class,
    python_errors_are_failed_spans,
    node_errors_are_failed_spans,
    counting_tokens_costs_nothing,
}
