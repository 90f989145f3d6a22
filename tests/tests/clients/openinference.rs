//! `openinference-instrumentation-openai`.

use serde_json::{Value, json};

use crate::stage::{
    EMBEDDING_3_SMALL, GPT_4O, GPT_4O_MINI, Stage, assert_counts, assert_failed, model_calls, named,
    on_each_mount,
};

async fn calls_come_with_requests_and_answers(stage: &Stage) {
    let seen = stage.export("openinference-http").await;
    let (trace, spans) = stage.trace(&seen["trace_id"], 8).await;
    assert_eq!(trace["name"], "answer-question");
    assert_eq!(trace["session_id"], "session-openinference");
    assert_eq!(trace["tags"], json!(["otlp", "nightly", "team:search"]));
    assert_eq!(trace["metadata"], json!({ "release": "1.2", "user_id": "user-7" }));
    assert_eq!(trace["status"], "failed", "one call fails");

    let root = named(&spans, "answer-question");
    assert_eq!((&root["kind"]["type"], &root["kind"]["kind"]), (&json!("custom"), &json!("chain")));
    assert_eq!((&root["input"], &root["output"]), (&json!("begin"), &json!({ "done": true })));
    let calls = model_calls(&spans);
    assert_eq!(calls.len(), 7);
    assert!(calls.iter().all(|call| call["parent_id"] == root["id"] && call["kind"]["provider"] == "openai"));

    let answers = [
        (&seen["chat"]["usage"], &seen["chat"]["text"], &GPT_4O_MINI),
        (&seen["stream"]["usage"], &seen["stream"]["text"], &GPT_4O_MINI),
        (&seen["tools"]["usage"][0], &Value::Null, &GPT_4O),
        (&seen["tools"]["usage"][1], &seen["tools"]["text"], &GPT_4O),
    ];
    for (call, (usage, text, price)) in calls.iter().zip(answers) {
        assert_counts(call, &usage["prompt_tokens"], &usage["completion_tokens"], price);
        assert_eq!(call["output"]["choices"][0]["message"]["content"], *text);
    }
    assert_eq!(calls[0]["input"]["messages"][1]["content"], "What is the capital of Norway?");
    let asked = &calls[2]["output"]["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(asked["id"], seen["tools"]["calls"][0]["id"]);

    let usage = &seen["responses"]["usage"];
    assert_counts(calls[4], &usage["input_tokens"], &usage["output_tokens"], &GPT_4O_MINI);
    assert_eq!(calls[4]["output"]["output"][0]["content"][0]["text"], seen["responses"]["text"]);
    let embeddings = &seen["embeddings"]["usage"]["prompt_tokens"];
    assert_counts(calls[5], embeddings, &Value::Null, &EMBEDDING_3_SMALL);
    assert_eq!(calls[5]["input"]["input"], json!(["one text", "another text"]));
    assert_failed(calls[6], "Incorrect API key provided");
}

on_each_mount! {
    calls_come_with_requests_and_answers,
}
