//! `openai` for Python and Node through the proxy. The scripts know nothing of it: a base URL is all that changes.

use conformance::clients::Language::{self, Node, Python};
use serde_json::{Value, json};

use crate::stage::{
    EMBEDDING_3_SMALL, GPT_4O, GPT_4O_MINI, O4_MINI, Stage, assert_counts, assert_failed, assert_says,
    on_each_mount,
};

const QUESTION: &str = "What is the capital of Norway?";

async fn call(stage: &Stage, language: Language, scene: &'static str) -> Value {
    let script = if language == Node { "openai_calls.js" } else { "openai_calls.py" };
    stage.call(language, script, scene).await
}

/// Checks what the provider got: all that the client sent, and nothing that was meant for the proxy.
fn assert_passed_on(stage: &Stage) {
    for request in stage.provider.requests() {
        let names: Vec<&str> = request.headers.keys().map(http::HeaderName::as_str).collect();
        assert!(names.contains(&"authorization"), "{names:?}");
        assert!(
            !names.iter().any(|name| name.starts_with("x-traceway") || *name == "x-forward-url"),
            "{names:?}"
        );
    }
}

async fn chat(stage: &Stage, language: Language, scene: &'static str) {
    let seen = call(stage, language, scene).await;
    let spans = stage.calls(1).await;
    let span = &spans[0];
    assert_eq!(span["status"], "completed");
    assert_eq!(span["kind"]["model"], "gpt-4o-mini");
    assert_counts(span, &seen["usage"]["prompt_tokens"], &seen["usage"]["completion_tokens"], &GPT_4O_MINI);
    // The request as the client sent it, and the whole answer in the shape of an unstreamed one.
    let sent: Value = serde_json::from_slice(&stage.provider.requests()[0].body).unwrap();
    assert_eq!(span["input"], sent);
    assert_says(&sent, &json!(QUESTION));
    assert_eq!(span["output"]["object"], "chat.completion");
    assert_eq!(span["output"]["choices"][0]["message"]["content"], seen["text"]);
    assert_eq!(span["output"]["choices"][0]["finish_reason"], "stop");
    assert_eq!(span["output"]["usage"]["total_tokens"], seen["usage"]["total_tokens"]);
    assert_passed_on(stage);
}

async fn python_chat_is_recorded(stage: &Stage) {
    chat(stage, Python, "chat").await;
}

async fn node_chat_is_recorded(stage: &Stage) {
    chat(stage, Node, "chat").await;
}

async fn python_stream_is_recorded_as_one_answer(stage: &Stage) {
    chat(stage, Python, "stream").await;
}

async fn node_stream_is_recorded_as_one_answer(stage: &Stage) {
    chat(stage, Node, "stream").await;
}

async fn compressed_answer_is_recorded_in_the_clear(stage: &Stage) {
    chat(stage, Python, "compressed").await;
}

async fn python_tool_round_trip_is_two_calls(stage: &Stage) {
    let seen = call(stage, Python, "tools").await;
    let spans = stage.calls(2).await;
    for (span, usage) in spans.iter().zip(seen["usage"].as_array().unwrap()) {
        assert_counts(span, &usage["prompt_tokens"], &usage["completion_tokens"], &GPT_4O);
        assert_eq!(span["input"]["tools"][0]["function"]["name"], "weather");
    }
    let asked = &spans[0]["output"]["choices"][0];
    assert_eq!(asked["finish_reason"], "tool_calls");
    assert_eq!(asked["message"]["tool_calls"][0]["id"], seen["calls"][0]["id"]);
    assert_eq!(asked["message"]["tool_calls"][0]["function"], seen["calls"][0]["function"]);
    assert_eq!(spans[1]["input"]["messages"][2]["tool_call_id"], seen["calls"][0]["id"]);
    assert_eq!(spans[1]["output"]["choices"][0]["message"]["content"], seen["text"]);
}

async fn streamed_tool_calls_are_put_together(stage: &Stage) {
    let seen = call(stage, Node, "tools").await;
    let spans = stage.calls(2).await;
    let asked = &spans[0]["output"]["choices"][0];
    assert_eq!(asked["finish_reason"], "tool_calls");
    assert_eq!(asked["message"]["tool_calls"][0]["type"], "function");
    assert_eq!(asked["message"]["tool_calls"][0]["function"], seen["calls"][0]);
    assert_eq!(spans[1]["output"]["choices"][0]["message"]["content"], seen["text"]);
    let total = |name: &str| spans.iter().map(|span| span["kind"][name].as_u64().unwrap()).sum::<u64>();
    assert_eq!(total("input_tokens"), seen["usage"]["prompt_tokens"].as_u64().unwrap());
    assert_eq!(total("output_tokens"), seen["usage"]["completion_tokens"].as_u64().unwrap());
}

async fn responses(stage: &Stage, language: Language, scene: &'static str) {
    let seen = call(stage, language, scene).await;
    let spans = stage.calls(1).await;
    let span = &spans[0];
    assert_counts(span, &seen["usage"]["input_tokens"], &seen["usage"]["output_tokens"], &GPT_4O_MINI);
    assert_eq!(span["input"]["input"], QUESTION);
    assert_eq!(span["output"]["object"], "response");
    assert_eq!(span["output"]["status"], "completed");
    assert_eq!(span["output"]["output"][0]["content"][0]["text"], seen["text"]);
}

async fn python_response_is_recorded(stage: &Stage) {
    responses(stage, Python, "responses").await;
}

async fn node_response_is_recorded(stage: &Stage) {
    responses(stage, Node, "responses").await;
}

async fn python_response_stream_is_recorded_as_one_answer(stage: &Stage) {
    responses(stage, Python, "responses_stream").await;
}

async fn node_response_stream_is_recorded_as_one_answer(stage: &Stage) {
    responses(stage, Node, "responses_stream").await;
}

async fn reasoning_is_counted_inside_the_output(stage: &Stage) {
    let seen = call(stage, Python, "responses_tools").await;
    let spans = stage.calls(2).await;
    for (span, usage) in spans.iter().zip(seen["usage"].as_array().unwrap()) {
        assert_counts(span, &usage["input_tokens"], &usage["output_tokens"], &O4_MINI);
        assert_eq!(span["kind"]["reasoning_tokens"], usage["output_tokens_details"]["reasoning_tokens"]);
        assert_eq!(span["kind"]["reasoning_tokens"], 64);
    }
    let call = &spans[0]["output"]["output"][1];
    assert_eq!(call["type"], "function_call");
    assert_eq!(call["arguments"], seen["calls"][0]["arguments"]);
}

async fn old_completion_is_recorded(stage: &Stage) {
    let seen = call(stage, Python, "completion").await;
    let span = &stage.calls(1).await[0];
    assert_eq!(span["input"]["prompt"], QUESTION);
    assert_eq!(span["output"]["choices"][0]["text"], seen["text"]);
    assert_eq!(span["kind"]["input_tokens"], seen["usage"]["prompt_tokens"]);
    assert_eq!(span["kind"]["output_tokens"], seen["usage"]["completion_tokens"]);
}

async fn embeddings(stage: &Stage, language: Language) {
    let seen = call(stage, language, "embeddings").await;
    let span = &stage.calls(1).await[0];
    assert_eq!(seen["dimensions"].as_array().unwrap().len(), 2);
    assert_eq!(span["input"]["input"], json!(["one text", "another text"]));
    assert_eq!(span["output"]["data"].as_array().unwrap().len(), 2);
    assert_counts(span, &seen["usage"]["prompt_tokens"], &Value::Null, &EMBEDDING_3_SMALL);
}

async fn python_embeddings_are_recorded(stage: &Stage) {
    embeddings(stage, Python).await;
}

async fn node_embeddings_are_recorded(stage: &Stage) {
    embeddings(stage, Node).await;
}

async fn base_url_alone(stage: &Stage, language: Language, script: &'static str) {
    let Some(trace) = stage.call_with_base_url_alone(language, script).await else { return };
    assert_eq!(trace["name"], "gpt-4o-mini");
    assert_eq!((&trace["status"], &trace["span_count"]), (&json!("completed"), &json!(1)));
    assert_eq!(trace["session_id"], Value::Null);
    assert!(trace["total_cost"].as_f64().unwrap() > 0.0);
    let requests = stage.provider.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].uri, "/v1/chat/completions", "a key in the base URL stays with the proxy");
}

async fn a_base_url_is_all_that_changes_for_python(stage: &Stage) {
    base_url_alone(stage, Python, "openai_calls.py").await;
}

async fn a_base_url_is_all_that_changes_for_node(stage: &Stage) {
    base_url_alone(stage, Node, "openai_calls.js").await;
}

async fn errors(stage: &Stage, language: Language) {
    let seen = call(stage, language, "errors").await;
    let seen = seen["errors"].as_array().unwrap();
    let names: Vec<&str> = seen.iter().map(|error| error["error"].as_str().unwrap()).collect();
    assert_eq!(names, ["AuthenticationError", "RateLimitError", "InternalServerError"]);
    let spans = stage.calls(3).await;
    for (span, error) in spans.iter().zip(seen) {
        assert_failed(span, &format!("HTTP {}: {}", error["status"], error["message"].as_str().unwrap()));
        assert_eq!(span["output"]["error"]["message"], error["message"]);
        assert_eq!(span["kind"].get("cost"), None);
    }
}

async fn python_errors_are_failed_spans(stage: &Stage) {
    errors(stage, Python).await;
}

async fn node_errors_are_failed_spans(stage: &Stage) {
    errors(stage, Node).await;
}

async fn cancelled(stage: &Stage, language: Language) {
    let seen = call(stage, language, "cancel").await;
    let span = &stage.calls(1).await[0];
    assert_failed(span, "client disconnected");
    // What had come until then is kept, which may be a little more than the client read.
    assert_says(&span["output"], &seen["text"]);
    let whole = stage.provider.requests().len();
    assert_eq!(whole, 1, "nothing is asked again");
}

async fn python_cancelled_stream_keeps_what_came(stage: &Stage) {
    cancelled(stage, Python).await;
}

async fn node_cancelled_stream_keeps_what_came(stage: &Stage) {
    cancelled(stage, Node).await;
}

async fn a_call_shows_while_its_stream_runs(stage: &Stage) {
    let mut events = stage.events().await;
    let (seen, running) = tokio::join!(stage.start(Python, "openai_calls.py", "live"), async {
        let span = stage.running().await;
        // The stream lasts for seconds, so the client is still reading.
        assert_eq!(span["ended_at"], Value::Null);
        span
    });
    let seen = seen.unwrap();
    assert_says(&running["input"], &json!(QUESTION));
    assert_eq!(running["kind"]["model"], "gpt-4o-mini");
    let ended = &stage.calls(1).await[0];
    assert_eq!(ended["id"], running["id"]);
    assert_eq!(ended["status"], "completed");
    let (first, last) = (events.next().await, events.next().await);
    assert_eq!(
        (first["type"].as_str(), last["type"].as_str()),
        (Some("span_created"), Some("span_completed"))
    );
    assert_eq!(last["span"], *ended, "the event tells what the API tells");
    assert_says(&ended["output"], &seen["text"]);
}

on_each_mount! {
    python_chat_is_recorded,
    node_chat_is_recorded,
    python_stream_is_recorded_as_one_answer,
    node_stream_is_recorded_as_one_answer,
    compressed_answer_is_recorded_in_the_clear,
    python_tool_round_trip_is_two_calls,
    streamed_tool_calls_are_put_together,
    python_response_is_recorded,
    node_response_is_recorded,
    python_response_stream_is_recorded_as_one_answer,
    node_response_stream_is_recorded_as_one_answer,
    reasoning_is_counted_inside_the_output,
    old_completion_is_recorded,
    python_embeddings_are_recorded,
    node_embeddings_are_recorded,
    a_base_url_is_all_that_changes_for_python,
    a_base_url_is_all_that_changes_for_node,
    python_errors_are_failed_spans,
    node_errors_are_failed_spans,
    python_cancelled_stream_keeps_what_came,
    node_cancelled_stream_keeps_what_came,
    a_call_shows_while_its_stream_runs,
}
