//! OpenLLMetry, which is `traceloop-sdk`.

use serde_json::{Value, json};

use crate::stage::{
    EMBEDDING_3_SMALL, GPT_4O, GPT_4O_MINI, Stage, assert_counts, assert_failed, assert_says, model_calls,
    named, on_each_mount,
};

async fn workflow_is_a_tree_of_tasks_tools_and_calls(stage: &Stage) {
    let seen = stage.export("traceloop-http").await;
    let (trace, spans) = stage.trace(&seen["trace_id"], 10).await;
    assert_eq!(trace["name"], "answer-question.workflow");
    assert_eq!(trace["session_id"], "session-traceloop");
    assert_eq!(trace["metadata"]["user_id"], "user-7");
    assert_eq!(trace["status"], "failed", "one call fails");

    let root = named(&spans, "answer-question.workflow");
    let task = named(&spans, "ask.task");
    let tool = named(&spans, "look_up.tool");
    assert_eq!((&root["parent_id"], &task["parent_id"]), (&Value::Null, &root["id"]));
    assert_eq!(tool["parent_id"], task["id"]);
    let kinds = [root, task, tool].map(|span| span["kind"]["kind"].as_str().unwrap());
    assert_eq!(kinds, ["workflow", "task", "tool_call"]);
    assert_eq!(tool["kind"]["attributes"]["tool_name"], "look_up");
    assert_says(&tool["input"], &json!("Oslo"));
    assert_eq!(tool["output"], json!({ "word": "Oslo", "meaning": "a city" }));

    let calls = model_calls(&spans);
    assert_eq!(calls.len(), 7);
    assert!(calls.iter().all(|call| call["parent_id"] == task["id"] && call["kind"]["provider"] == "openai"));
    let answers = [
        (&seen["chat"]["usage"], &seen["chat"]["text"], &GPT_4O_MINI),
        (&seen["stream"]["usage"], &seen["stream"]["text"], &GPT_4O_MINI),
        (&seen["tools"]["usage"][0], &json!("weather"), &GPT_4O),
        (&seen["tools"]["usage"][1], &seen["tools"]["text"], &GPT_4O),
    ];
    for (call, (usage, text, price)) in calls.iter().zip(answers) {
        assert_counts(call, &usage["prompt_tokens"], &usage["completion_tokens"], price);
        assert_says(&call["output"], text);
    }
    assert_says(&calls[0]["input"], &json!("You answer in one sentence."));
    assert_says(&calls[0]["input"], &json!("What is the capital of Norway?"));

    let usage = &seen["responses"]["usage"];
    assert_counts(calls[4], &usage["input_tokens"], &usage["output_tokens"], &GPT_4O_MINI);
    let embeddings = &seen["embeddings"]["usage"]["prompt_tokens"];
    assert_counts(calls[5], embeddings, &Value::Null, &EMBEDDING_3_SMALL);
    assert_failed(calls[6], "Incorrect API key provided");
}

on_each_mount! {
    workflow_is_a_tree_of_tasks_tools_and_calls,
}
