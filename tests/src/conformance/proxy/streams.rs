//! Streams, assembled as if they had come whole.

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::case::cases;
use super::super::fixtures::with;
use super::super::upstream::Upstream;
use super::super::{Case, Ctx};
use super::{CHAT, asked};
use crate::mount::Capability;
use crate::providers::{self, Emulator};

pub(super) fn cases() -> Vec<Case> {
    cases!("proxy.stream", &[Capability::Proxy];
        a_chat_is_assembled,
        tool_calls_of_a_chat_are_merged,
        choices_are_kept_apart,
        a_chat_without_usage_has_no_tokens,
        a_response_is_that_of_its_last_event,
        a_message_is_assembled,
        thinking_and_tools_of_a_message_are_merged,
        ollama_lines_are_joined,
        ollama_streams_unless_told_not_to,
        frames_may_be_written_in_any_form,
        streams_of_no_known_form_are_text,
        the_time_to_the_first_piece_is_kept,
        cached_tokens_of_streams_are_kept_apart,
    )
}

async fn emulator() -> Emulator {
    providers::start().await.expect("the emulator starts")
}

async fn send(t: &Ctx, emulator: &Emulator, path: &str, body: &Value, switches: &str) -> Answer {
    let call = t.proxied(emulator.base_url(), "POST", path).json(body);
    call.header("x-emulator", switches).header("accept-encoding", "gzip, br").send().await.expect(200)
}

/// Returns the spans of the same call whole and as a stream.
async fn both(t: &Ctx, path: &str, body: &Value, streamed: Value) -> (Value, Value) {
    let emulator = emulator().await;
    let whole = send(t, &emulator, path, &with(body.clone(), json!({"stream": false})), "").await;
    let stream = send(t, &emulator, path, &with(body.clone(), streamed), "chunks=7").await;
    (t.recorded(&whole).await, t.recorded(&stream).await)
}

fn assert_same_tokens(whole: &Value, stream: &Value) {
    assert_eq!(stream["status"], "completed", "{stream}");
    for name in [
        "model",
        "input_tokens",
        "output_tokens",
        "cached_input_tokens",
        "cache_write_tokens",
        "reasoning_tokens",
        "cost",
    ] {
        assert_eq!(stream["kind"].get(name), whole["kind"].get(name), "{name} of {}", stream["kind"]);
    }
    assert!(stream["kind"]["input_tokens"].as_u64() > Some(0), "{stream}");
}

const WITH_USAGE: &str = "{\"stream\": true, \"stream_options\": {\"include_usage\": true}}";

fn with_usage() -> Value {
    serde_json::from_str(WITH_USAGE).expect("it is JSON")
}

async fn a_chat_is_assembled(t: Ctx) {
    let (whole, stream) = both(&t, CHAT, &asked("gpt-4o"), with_usage()).await;
    assert_same_tokens(&whole, &stream);
    let (expected, found) = (&whole["output"], &stream["output"]);
    assert_eq!(found["object"], "chat.completion", "{found}");
    assert_eq!((&found["model"], &found["usage"]), (&expected["model"], &expected["usage"]));
    let (expected, found) = (&expected["choices"][0], &found["choices"][0]);
    assert_eq!(
        (&found["message"]["role"], &found["message"]["content"]),
        (&expected["message"]["role"], &expected["message"]["content"])
    );
    assert_eq!(found["finish_reason"], expected["finish_reason"]);
}

async fn tool_calls_of_a_chat_are_merged(t: Ctx) {
    let tool = |name: &str| {
        json!({"type": "function", "function": {"name": name, "parameters": {"type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}}})
    };
    let body = with(asked("gpt-4o"), json!({"tools": [tool("weather"), tool("news")]}));
    let (whole, stream) = both(&t, CHAT, &body, with_usage()).await;
    assert_same_tokens(&whole, &stream);
    let (expected, found) = (&whole["output"]["choices"][0], &stream["output"]["choices"][0]);
    assert_eq!(found["finish_reason"], "tool_calls");
    let calls = expected["message"]["tool_calls"].as_array().expect("tool calls");
    assert_eq!(calls.len(), 2);
    for (n, call) in calls.iter().enumerate() {
        let merged = &found["message"]["tool_calls"][n];
        assert_eq!(
            (&merged["id"], &merged["type"], &merged["function"]),
            (&call["id"], &call["type"], &call["function"])
        );
    }
}

fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

/// Sends a call whose answer is streamed from these pieces, and returns its span.
async fn streamed(t: &Ctx, path: &str, content_type: &str, pieces: &[String]) -> Value {
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    let upstream = Upstream::streaming(content_type, &pieces).await;
    let answer = t.proxied(&upstream.url, "POST", path).json(&asked("m")).send().await.expect(200);
    assert_eq!(answer.text(), pieces.concat(), "relayed as it came");
    t.recorded(&answer).await
}

async fn choices_are_kept_apart(t: Ctx) {
    let delta = |index: u32, content: &str, reason: Value| {
        data(&json!({"id": "c", "object": "chat.completion.chunk", "model": "m",
            "choices": [{"index": index, "delta": {"content": content}, "finish_reason": reason}]}))
    };
    let pieces = [
        delta(0, "a", Value::Null),
        delta(1, "x", Value::Null),
        delta(0, "b", json!("stop")),
        delta(1, "y", json!("length")),
        "data: [DONE]\n\n".to_owned(),
    ];
    let output = streamed(&t, CHAT, "text/event-stream", &pieces).await["output"].clone();
    assert_eq!(
        (&output["choices"][0]["message"]["content"], &output["choices"][0]["finish_reason"]),
        (&json!("ab"), &json!("stop"))
    );
    assert_eq!(
        (&output["choices"][1]["message"]["content"], &output["choices"][1]["finish_reason"]),
        (&json!("xy"), &json!("length"))
    );
}

async fn a_chat_without_usage_has_no_tokens(t: Ctx) {
    let emulator = emulator().await;
    let answer = send(&t, &emulator, CHAT, &with(asked("gpt-4o"), json!({"stream": true})), "").await;
    let span = t.recorded(&answer).await;
    for name in ["input_tokens", "output_tokens", "cost"] {
        assert_eq!(span["kind"].get(name), None, "{name} of {span}");
    }
    assert_eq!(
        emulator.requests()[0].body,
        with(asked("gpt-4o"), json!({"stream": true})).to_string(),
        "requests are not changed"
    );
}

async fn a_response_is_that_of_its_last_event(t: Ctx) {
    for model in ["gpt-4o", "o3-mini"] {
        let body = json!({"model": model, "input": "hi"});
        let (whole, stream) = both(&t, "/v1/responses", &body, json!({"stream": true})).await;
        assert_same_tokens(&whole, &stream);
        let (mut expected, mut found) = (whole["output"].clone(), stream["output"].clone());
        for output in [&mut expected, &mut found] {
            // The id depends on the request, and one of the two asked for a stream.
            let text = output.to_string();
            let id = output["id"].as_str().unwrap_or_default().trim_start_matches("resp_").to_owned();
            *output = serde_json::from_str(&text.replace(&id, "id")).expect("still JSON");
        }
        assert_eq!(found, expected);
    }
}

fn message(more: Value) -> Value {
    with(
        json!({"model": "claude-sonnet-4-20250514", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}),
        more,
    )
}

fn assert_same_message(whole: &Value, stream: &Value) {
    let (expected, found) = (&whole["output"], &stream["output"]);
    for name in ["type", "role", "model", "stop_reason"] {
        assert_eq!(found[name], expected[name], "{name} of {found}");
    }
    let (expected, found) =
        (expected["content"].as_array().expect("blocks"), found["content"].as_array().expect("blocks"));
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        for name in ["type", "text", "thinking", "name", "input"] {
            assert_eq!(found.get(name), expected.get(name), "{name} of {found}");
        }
    }
}

async fn a_message_is_assembled(t: Ctx) {
    let (whole, stream) = both(&t, "/v1/messages", &message(json!({})), json!({"stream": true})).await;
    assert_same_tokens(&whole, &stream);
    assert_same_message(&whole, &stream);
}

async fn thinking_and_tools_of_a_message_are_merged(t: Ctx) {
    let tool = json!({"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}, "n": {"type": "number"}}}});
    let body = message(json!({"thinking": {"type": "enabled", "budget_tokens": 1024}, "tools": [tool]}));
    let (whole, stream) = both(&t, "/v1/messages", &body, json!({"stream": true})).await;
    assert_same_tokens(&whole, &stream);
    assert_same_message(&whole, &stream);
    let content = &stream["output"]["content"];
    assert_eq!((&content[0]["type"], &content[2]["type"]), (&json!("thinking"), &json!("tool_use")));
    assert_eq!(content[2]["input"], json!({"city": "Oslo", "n": 3}), "parsed from its pieces");
}

async fn ollama_lines_are_joined(t: Ctx) {
    for (path, body) in [
        ("/api/chat", json!({"model": "llama3.2", "messages": [{"role": "user", "content": "hi"}]})),
        ("/api/generate", json!({"model": "llama3.2", "prompt": "hi"})),
    ] {
        let (whole, stream) = both(&t, path, &body, json!({"stream": true})).await;
        let (expected, found) = (&whole["output"], &stream["output"]);
        for pointer in [
            "/message/role",
            "/message/content",
            "/response",
            "/model",
            "/done",
            "/done_reason",
            "/prompt_eval_count",
        ] {
            assert_eq!(found.pointer(pointer), expected.pointer(pointer), "{pointer} of {found}");
        }
        // The emulator counts the tokens of a stream piece by piece, so they are more.
        let kind = &stream["kind"];
        assert_eq!(
            (&kind["input_tokens"], &kind["output_tokens"]),
            (&found["prompt_eval_count"], &found["eval_count"])
        );
        assert!(kind["output_tokens"].as_u64() > Some(0), "{stream}");
    }
}

async fn ollama_streams_unless_told_not_to(t: Ctx) {
    let emulator = emulator().await;
    let body = json!({"model": "llama3.2", "messages": [{"role": "user", "content": "hi"}]});
    let answer = send(&t, &emulator, "/api/chat", &body, "").await;
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let span = t.recorded(&answer).await;
    assert!(span["output"]["message"]["content"].as_str().is_some_and(|text| text.contains("hi")), "{span}");
}

async fn frames_may_be_written_in_any_form(t: Ctx) {
    let emulator = emulator().await;
    let chat = with(asked("gpt-4o"), with_usage());
    let message = message(json!({"stream": true}));
    let ollama = json!({"model": "llama3.2", "messages": [{"role": "user", "content": "hi"}]});
    for (path, body) in [(CHAT, &chat), ("/v1/messages", &message), ("/api/chat", &ollama)] {
        let plain = t.recorded(&send(&t, &emulator, path, body, "").await).await;
        for switches in [
            "crlf=1",
            "comments=1",
            "multiline=1",
            "split=1",
            "split=7,crlf=1",
            "chunks=1",
            "chunks=500",
            "gzip=1",
            "br=1",
            "split=3,gzip=1,multiline=1",
        ] {
            if path == "/api/chat" && switches.starts_with("chunks") {
                continue; // The emulator's counts depend on the pieces.
            }
            let span = t.recorded(&send(&t, &emulator, path, body, switches).await).await;
            assert_eq!(span["output"], plain["output"], "{path} with {switches}");
            assert_eq!(span["kind"], plain["kind"], "{path} with {switches}");
        }
    }
}

async fn streams_of_no_known_form_are_text(t: Ctx) {
    let pieces = ["data: one\n\n".to_owned(), "data: {\"own\": 1}\n\n".to_owned()];
    let span = streamed(&t, CHAT, "text/event-stream", &pieces).await;
    assert_eq!((&span["output"], &span["status"]), (&json!(pieces.concat()), &json!("completed")));
    assert_eq!(span["kind"].get("input_tokens"), None);
}

async fn the_time_to_the_first_piece_is_kept(t: Ctx) {
    let emulator = emulator().await;
    let body = with(asked("gpt-4o"), with_usage());
    let answer = send(&t, &emulator, CHAT, &body, "delay=150,chunk_delay=20,chunks=5").await;
    let metadata = t.recorded(&answer).await["metadata"].clone();
    let first = metadata["output_meta"]["ms_to_first_chunk"].as_u64().unwrap_or_default();
    let whole = metadata["duration_ms"].as_u64().unwrap_or_default();
    assert!(first >= 145 && first < whole, "{first} ms of {whole} ms: {metadata}");
}

async fn cached_tokens_of_streams_are_kept_apart(t: Ctx) {
    let long = "words and more words ".repeat(40);
    let chat = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": long}]});
    let (whole, stream) = both(&t, CHAT, &chat, with_usage()).await;
    assert_same_tokens(&whole, &stream);
    assert!(stream["kind"]["cached_input_tokens"].as_u64() > Some(0), "{stream}");
    let system = json!([{"type": "text", "text": long, "cache_control": {"type": "ephemeral"}}]);
    let (whole, stream) =
        both(&t, "/v1/messages", &message(json!({"system": system})), json!({"stream": true})).await;
    assert_same_tokens(&whole, &stream);
    assert!(stream["kind"]["cache_write_tokens"].as_u64() > Some(0), "{stream}");
}
