//! `POST /v1/chat/completions`

use http::StatusCode;
use serde_json::{Value, json};

use super::super::Call;
use super::super::answer::{Answer, arguments, content_text, count_tokens, data, is_cached};
use super::{CREATED, OBFUSCATION, reasons};

const FINGERPRINT: &str = "fp_emulator";

/// Answers whole or as a stream.
pub(super) fn create(call: &Call) -> Answer {
    let said = say(call);
    if call.streams(false) {
        return Answer::stream(call, "text/event-stream; charset=utf-8", chat_frames(call, &said));
    }
    let (message, reason) = match &said {
        Said::Text(text) => {
            (json!({ "role": "assistant", "content": text, "refusal": null, "annotations": [] }), "stop")
        }
        Said::Calls(calls) => {
            let calls: Vec<Value> = calls
                .iter()
                .map(|(id, name, arguments)| {
                    json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
                })
                .collect();
            (
                json!({ "role": "assistant", "content": null, "tool_calls": calls, "refusal": null }),
                "tool_calls",
            )
        }
    };
    let mut body = json!({ "id": call.id("chatcmpl-"), "object": "chat.completion", "created": CREATED,
        "model": call.model(), "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": reason }],
        "usage": usage(call, &said), "service_tier": "default", "system_fingerprint": FINGERPRINT });
    if call.switches.no_usage {
        body.as_object_mut().map(|members| members.remove("usage"));
    }
    Answer::json(call, StatusCode::OK, &body)
}

/// What a model says: words, or calls of tools.
enum Said {
    Text(String),
    Calls(Vec<(String, String, String)>),
}

/// Calls every offered tool once, unless a tool has answered already.
fn say(call: &Call) -> Said {
    let messages = call.body["messages"].as_array().cloned().unwrap_or_default();
    let last = messages.last().cloned().unwrap_or_default();
    let tools = call.body["tools"].as_array().cloned().unwrap_or_default();
    if tools.is_empty() || last["role"] == "tool" || call.body["tool_choice"] == "none" {
        let question = if last["role"] == "tool" {
            "the tools answered".to_owned()
        } else {
            content_text(&last["content"])
        };
        return Said::Text(if is_json_mode(call) {
            r#"{"answer":"yes","score":7}"#.to_owned()
        } else {
            call.reply(&question)
        });
    }
    let calls = tools.iter().enumerate().map(|(index, tool)| {
        let name = tool["function"]["name"].as_str().unwrap_or("tool").to_owned();
        (format!("call_{index}_{name}"), name, arguments(&tool["function"]["parameters"]))
    });
    Said::Calls(calls.collect())
}

fn is_json_mode(call: &Call) -> bool {
    matches!(call.body["response_format"]["type"].as_str(), Some("json_object" | "json_schema"))
}

fn usage(call: &Call, said: &Said) -> Value {
    let prompt = count_tokens(&Call::text_of(&call.body["messages"])) + 3;
    let words = match said {
        Said::Text(text) => count_tokens(text),
        Said::Calls(calls) => {
            calls.iter().map(|(_, name, arguments)| count_tokens(name) + count_tokens(arguments)).sum()
        }
    };
    let reasoning = if reasons(call.model()) { 64 } else { 0 };
    // Of what an audio model hears and says, a quarter is sound.
    let sound = |tokens: u64| if call.model().contains("audio") { tokens / 4 } else { 0 };
    json!({ "prompt_tokens": prompt, "completion_tokens": words + reasoning, "total_tokens": prompt + words + reasoning,
        "prompt_tokens_details": { "cached_tokens": is_cached(prompt), "audio_tokens": sound(prompt) },
        "completion_tokens_details": { "reasoning_tokens": reasoning, "audio_tokens": sound(words),
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0 } })
}

fn chat_frames(call: &Call, said: &Said) -> Vec<String> {
    let with_usage = call.body["stream_options"]["include_usage"] == true && !call.switches.no_usage;
    let chunk = |choices: Value, usage: Option<Value>| {
        let mut chunk = json!({ "id": call.id("chatcmpl-"), "object": "chat.completion.chunk", "created": CREATED,
            "model": call.model(), "service_tier": "default", "system_fingerprint": FINGERPRINT, "choices": choices, "obfuscation": OBFUSCATION });
        if with_usage {
            chunk["usage"] = usage.unwrap_or(Value::Null);
        }
        data(&chunk)
    };
    let delta = |delta: Value, reason: Value| {
        chunk(json!([{ "index": 0, "delta": delta, "logprobs": null, "finish_reason": reason }]), None)
    };
    let mut frames = vec![delta(json!({ "role": "assistant", "content": "", "refusal": null }), Value::Null)];
    match said {
        Said::Text(text) => {
            frames.extend(
                call.pieces(text).into_iter().map(|piece| delta(json!({ "content": piece }), Value::Null)),
            );
            frames.push(delta(json!({}), json!("stop")));
        }
        Said::Calls(calls) => {
            for (index, (id, name, arguments)) in calls.iter().enumerate() {
                let start = json!({ "index": index, "id": id, "type": "function", "function": { "name": name, "arguments": "" } });
                frames.push(delta(json!({ "tool_calls": [start] }), Value::Null));
                for piece in call.pieces(arguments) {
                    let more = json!({ "index": index, "function": { "arguments": piece } });
                    frames.push(delta(json!({ "tool_calls": [more] }), Value::Null));
                }
            }
            frames.push(delta(json!({}), json!("tool_calls")));
        }
    }
    if with_usage {
        frames.push(chunk(json!([]), Some(usage(call, said))));
    }
    frames.push("data: [DONE]\n\n".to_owned());
    frames
}
