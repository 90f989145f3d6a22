//! OpenTelemetry's own instrumentation of `openai` for Python, over HTTP and gRPC.

use serde_json::{Value, json};

use crate::stage::{
    EMBEDDING_3_SMALL, GPT_4O, GPT_4O_MINI, Stage, assert_counts, assert_failed, assert_says, model_calls,
    named, on_each_mount,
};

/// Checks one trace of the script: its tree, and tokens and cost of each call.
async fn spans_of(stage: &Stage, seen: &Value) -> Vec<Value> {
    let (trace, spans) = stage.trace(&seen["trace_id"], 7).await;
    assert_eq!(trace["name"], "answer-question");
    assert_eq!(trace["session_id"], "session-genai");
    assert_eq!(trace["tags"], json!(["otlp"]));
    assert_eq!(trace["machine_id"], "test-host");
    assert_eq!(trace["status"], "failed", "one call fails");

    let root = named(&spans, "answer-question");
    assert_eq!(root["parent_id"], Value::Null);
    assert_eq!(root["kind"]["type"], "custom");
    let calls = model_calls(&spans);
    assert_eq!(calls.len(), 6);
    for call in &calls {
        assert_eq!(call["parent_id"], root["id"]);
        assert_eq!(call["kind"]["provider"], "openai");
    }

    let [chat, stream] = [&seen["chat"], &seen["stream"]].map(|scene| &scene["usage"]);
    let [first, second] = [0, 1].map(|turn| &seen["tools"]["usage"][turn]);
    let usages = [(chat, &GPT_4O_MINI), (stream, &GPT_4O_MINI), (first, &GPT_4O), (second, &GPT_4O)];
    for (call, (usage, price)) in calls.iter().zip(usages) {
        assert_eq!(call["status"], "completed");
        assert_counts(call, &usage["prompt_tokens"], &usage["completion_tokens"], price);
    }
    let embeddings = &seen["embeddings"]["usage"]["prompt_tokens"];
    assert_counts(calls[4], embeddings, &Value::Null, &EMBEDDING_3_SMALL);
    assert_failed(calls[5], "Incorrect API key provided");
    spans
}

async fn messages_come_with_the_spans(stage: &Stage, export: &str) {
    let seen = stage.export(export).await;
    let spans = spans_of(stage, &seen).await;
    let calls = model_calls(&spans);
    assert_eq!(
        calls[0]["input"],
        json!([
            { "role": "system", "parts": [{ "type": "text", "content": "You answer in one sentence." }] },
            { "role": "user", "parts": [{ "type": "text", "content": "What is the capital of Norway?" }] },
        ])
    );
    assert_says(&calls[0]["output"], &seen["chat"]["text"]);
    assert_says(&calls[1]["output"], &seen["stream"]["text"]);
    assert_eq!(calls[2]["output"][0]["parts"][0]["name"], "weather");
    assert_eq!(calls[2]["output"][0]["parts"][0]["id"], seen["tools"]["calls"][0]["id"]);
    assert_says(&calls[3]["output"], &seen["tools"]["text"]);
}

async fn calls_come_with_their_messages_over_http(stage: &Stage) {
    messages_come_with_the_spans(stage, "genai-http").await;
}

async fn calls_come_with_their_messages_over_grpc(stage: &Stage) {
    messages_come_with_the_spans(stage, "genai-grpc").await;
}

async fn calls_of_the_older_convention_are_counted_and_priced(stage: &Stage) {
    let seen = stage.export("genai-v1.30").await;
    // This convention sends messages as log records, which are no part of a trace.
    let spans = spans_of(stage, &seen).await;
    assert!(spans.iter().all(|span| span["input"].is_null() && span["output"].is_null()));
}

on_each_mount! {
    calls_come_with_their_messages_over_http,
    calls_come_with_their_messages_over_grpc,
    calls_of_the_older_convention_are_counted_and_priced,
}
