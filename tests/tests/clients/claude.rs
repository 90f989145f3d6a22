//! Spans of Anthropic calls: the client's own, OpenInference's and OpenLLMetry's. All say how much the cache took.

use serde_json::{Value, json};

use crate::stage::{
    Stage, assert_cost, assert_failed, assert_says, model_calls, named, on_each_mount, outline,
};

/// Runs one instrumentation and returns what the client saw and the spans of its calls.
async fn calls(stage: &Stage, export: &str, root: &str) -> (Value, Vec<Value>) {
    let seen = stage.export(export).await;
    let (trace, spans) = stage.trace(&seen["trace_id"], 7).await;
    assert_eq!(trace["session_id"], "session-anthropic");
    assert_eq!(trace["status"], "failed", "some calls fail");
    let root = named(&spans, root);
    assert_eq!(root["parent_id"], Value::Null);
    let calls: Vec<Value> = model_calls(&spans).into_iter().cloned().collect();
    assert_eq!(calls.len(), 6, "{}", outline(&spans));
    for call in &calls {
        assert_eq!(call["parent_id"], root["id"]);
        assert_eq!(call["kind"]["model"], "claude-sonnet-4-6");
        assert_eq!(call["kind"]["provider"], "anthropic");
    }
    (seen, calls)
}

/// Checks the message and the two turns of the tool's round trip; `extra` output tokens are counted by the sender.
fn assert_usages(seen: &Value, calls: &[Value], extra: u64) {
    let turns = &seen["stream_tools"]["usage"];
    for (call, (usage, extra)) in
        calls.iter().zip([(&seen["message"]["usage"], 0), (&turns[0], extra), (&turns[1], extra)])
    {
        let tokens = |name: &str| usage[name].as_u64().unwrap();
        let (plain, read, written, output) = (
            tokens("input_tokens"),
            tokens("cache_read_input_tokens"),
            tokens("cache_creation_input_tokens"),
            tokens("output_tokens") + extra,
        );
        assert_eq!(call["status"], "completed");
        assert_eq!(call["kind"]["input_tokens"], plain + read + written, "{call:#}");
        assert_eq!(call["kind"]["cached_input_tokens"].as_u64().unwrap_or(0), read);
        assert_eq!(call["kind"]["cache_write_tokens"].as_u64().unwrap_or(0), written);
        assert_eq!(call["kind"]["output_tokens"], output);
        // Millionths of a cent, so that the sum is exact: 3, 0.3, 3.75 and 15 USD for a million tokens.
        let cents = plain * 300 + read * 30 + written * 375 + output * 1500;
        assert_cost(call, f64::from(u32::try_from(cents).unwrap()) / 1e8);
    }
    assert_says(&calls[0]["input"], &json!("What is the capital of Norway?"));
    assert_says(&calls[0]["output"], &seen["message"]["text"]);
    assert_says(&calls[1]["output"], &json!("weather"));
    assert_says(&calls[2]["output"], &seen["stream_tools"]["text"]);
}

async fn the_clients_own_spans_are_priced_by_class(stage: &Stage) {
    let (seen, calls) = calls(stage, "anthropic-sdk", "answer-question").await;
    assert_usages(&seen, &calls, 0);
    assert!(calls[3..].iter().all(|call| call["status"]["failed"]["error"].is_string()), "{calls:#?}");
}

async fn openinference_spans_are_priced_by_class(stage: &Stage) {
    let (seen, calls) = calls(stage, "openinference-anthropic", "answer-question").await;
    assert_usages(&seen, &calls, 0);
    for (call, error) in calls[3..].iter().zip(seen["errors"]["errors"].as_array().unwrap()) {
        assert_failed(call, error["message"].as_str().unwrap());
    }
}

async fn traceloop_spans_are_priced_by_class(stage: &Stage) {
    let (seen, calls) = calls(stage, "traceloop-anthropic", "answer-question.workflow").await;
    // This instrumentation adds up the output tokens of a stream's first and last events.
    assert_usages(&seen, &calls, 1);
    for (call, error) in calls[3..].iter().zip(seen["errors"]["errors"].as_array().unwrap()) {
        assert_failed(call, error["message"].as_str().unwrap());
    }
}

on_each_mount! {
    the_clients_own_spans_are_priced_by_class,
    openinference_spans_are_priced_by_class,
    traceloop_spans_are_priced_by_class,
}
