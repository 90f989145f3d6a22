//! `ollama` through the proxy.

use conformance::clients::Language::Python;
use serde_json::{Value, json};

use crate::stage::{Stage, assert_failed, on_each_mount};

async fn one_call(stage: &Stage, scene: &'static str) -> (Value, Value) {
    let seen = stage.call(Python, "ollama_calls.py", scene).await;
    let span = stage.calls(1).await.remove(0);
    assert_eq!(span["kind"]["provider"], "ollama");
    (seen, span)
}

fn assert_counts(span: &Value, seen: &Value) {
    assert_eq!(span["status"], "completed");
    assert_eq!(span["kind"]["input_tokens"], seen["prompt_eval_count"]);
    assert_eq!(span["kind"]["output_tokens"], seen["eval_count"]);
    assert_eq!(span["kind"].get("cost"), None, "a model that runs at home has no price");
}

async fn chat_stream_is_recorded_as_one_answer(stage: &Stage) {
    let (seen, span) = one_call(stage, "chat_stream").await;
    assert_counts(&span, &seen);
    assert_eq!(span["output"]["message"], json!({ "role": "assistant", "content": seen["text"] }));
    assert_eq!(span["output"]["done"], true);
    assert_eq!(span["input"]["messages"][0]["content"], "What is the capital of Norway?");
}

async fn generated_text_is_recorded(stage: &Stage) {
    let (seen, span) = one_call(stage, "generate").await;
    assert_counts(&span, &seen);
    assert_eq!(span["output"]["response"], seen["text"]);
}

async fn embeddings_are_recorded(stage: &Stage) {
    let (seen, span) = one_call(stage, "embed").await;
    assert_eq!(span["kind"]["input_tokens"], seen["prompt_eval_count"]);
    assert_eq!(span["output"]["embeddings"].as_array().unwrap().len(), 2);
}

async fn missing_model_is_a_failed_span(stage: &Stage) {
    let (seen, span) = one_call(stage, "missing").await;
    assert_eq!(seen["status"], 404);
    assert_failed(&span, &format!("HTTP 404: {}", seen["message"].as_str().unwrap()));
}

async fn list_of_models_is_passed_on_and_not_recorded(stage: &Stage) {
    let seen = stage.call(Python, "ollama_calls.py", "models").await;
    assert_eq!(seen["models"], json!(["llama3.2:latest"]));
    // What a model is like is asked with its name, and so is recorded.
    let span = stage.calls(1).await.remove(0);
    assert_eq!(span["output"]["details"]["family"], seen["family"]);
}

on_each_mount! {
    chat_stream_is_recorded_as_one_answer,
    generated_text_is_recorded,
    embeddings_are_recorded,
    missing_model_is_a_failed_span,
    list_of_models_is_passed_on_and_not_recorded,
}
