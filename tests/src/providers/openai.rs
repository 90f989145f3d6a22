//! OpenAI: chat, completions, embeddings and models.

use axum::response::Response;
use base64::Engine;
use http::{StatusCode, header};
use serde_json::{Value, json};

use super::Call;
use super::answer::{self, content_text, count_tokens, data, is_cached};

const CREATED: u64 = 1_760_000_000;
const FINGERPRINT: &str = "fp_emulator";

/// The error a call ends in, if it does: the switch, or a key called `bad`.
pub(super) fn failure(call: &Call) -> Option<Response> {
    let bad_key = call.headers.get(header::AUTHORIZATION).is_some_and(|key| key == "Bearer bad");
    let status = call.switches.status.or(bad_key.then_some(401))?;
    let (kind, code, message) = match status {
        401 => ("invalid_request_error", "invalid_api_key", "Incorrect API key provided: bad."),
        429 => ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
        500..=599 => {
            ("server_error", "server_error", "The server had an error while processing your request.")
        }
        _ => ("invalid_request_error", "invalid_value", "The request cannot be understood."),
    };
    let body = json!({ "error": { "message": message, "type": kind, "param": null, "code": code } });
    Some(answer::json(call, StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), &body))
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

/// Arguments a schema allows, as text.
pub(super) fn arguments(schema: &Value) -> String {
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    let filled: serde_json::Map<String, Value> = properties
        .iter()
        .map(|(name, kind)| {
            let value = match kind["type"].as_str() {
                Some("number" | "integer") => json!(3),
                Some("boolean") => json!(true),
                Some("array") => json!([]),
                Some("object") => json!({}),
                _ => json!("Oslo"),
            };
            (name.clone(), value)
        })
        .collect();
    Value::Object(filled).to_string()
}

fn reasons(model: &str) -> bool {
    ["o1", "o3", "o4", "gpt-5"].iter().any(|family| model.starts_with(family))
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
    json!({ "prompt_tokens": prompt, "completion_tokens": words + reasoning, "total_tokens": prompt + words + reasoning,
        "prompt_tokens_details": { "cached_tokens": is_cached(prompt), "audio_tokens": 0 },
        "completion_tokens_details": { "reasoning_tokens": reasoning, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0 } })
}

/// `POST /v1/chat/completions`
pub(super) fn chat(call: &Call) -> Response {
    if let Some(failure) = failure(call) {
        return failure;
    }
    let said = say(call);
    if call.streams(false) {
        return answer::stream(call, "text/event-stream; charset=utf-8", chat_frames(call, &said));
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
    answer::json(call, StatusCode::OK, &body)
}

fn chat_frames(call: &Call, said: &Said) -> Vec<String> {
    let with_usage = call.body["stream_options"]["include_usage"] == true && !call.switches.no_usage;
    let chunk = |choices: Value, usage: Option<Value>| {
        let mut chunk = json!({ "id": call.id("chatcmpl-"), "object": "chat.completion.chunk", "created": CREATED,
            "model": call.model(), "service_tier": "default", "system_fingerprint": FINGERPRINT, "choices": choices });
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

/// `POST /v1/completions`
pub(super) fn completion(call: &Call) -> Response {
    if let Some(failure) = failure(call) {
        return failure;
    }
    let prompt = Call::text_of(&call.body["prompt"]);
    let text = call.reply(&prompt);
    let (input, output) = (count_tokens(&prompt), count_tokens(&text));
    let usage =
        json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output });
    let body = |text: &str, reason: Value, usage: Value| {
        json!({ "id": call.id("cmpl-"), "object": "text_completion", "created": CREATED, "model": call.model(),
            "choices": [{ "text": text, "index": 0, "logprobs": null, "finish_reason": reason }], "usage": usage })
    };
    if !call.streams(false) {
        return answer::json(call, StatusCode::OK, &body(&text, json!("stop"), usage));
    }
    let mut frames: Vec<String> =
        call.pieces(&text).iter().map(|piece| data(&body(piece, Value::Null, Value::Null))).collect();
    frames.push(data(&body("", json!("stop"), usage)));
    frames.push("data: [DONE]\n\n".to_owned());
    answer::stream(call, "text/event-stream", frames)
}

/// `POST /v1/embeddings`
pub(super) fn embeddings(call: &Call) -> Response {
    if let Some(failure) = failure(call) {
        return failure;
    }
    let inputs: Vec<String> = match &call.body["input"] {
        Value::Array(list) => list.iter().map(Call::text_of).collect(),
        one => vec![Call::text_of(one)],
    };
    let as_base64 = call.body["encoding_format"] == "base64";
    let list: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let numbers = vector(text);
            let embedding = if as_base64 {
                let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
                json!(base64::engine::general_purpose::STANDARD.encode(bytes))
            } else {
                json!(numbers)
            };
            json!({ "object": "embedding", "index": index, "embedding": embedding })
        })
        .collect();
    let tokens: u64 = inputs.iter().map(|text| count_tokens(text)).sum();
    let body = json!({ "object": "list", "data": list, "model": call.model(),
        "usage": { "prompt_tokens": tokens, "total_tokens": tokens } });
    answer::json(call, StatusCode::OK, &body)
}

/// Sixteen numbers that depend on the text.
pub(super) fn vector(text: &str) -> Vec<f32> {
    blake3::hash(text.as_bytes())
        .as_bytes()
        .iter()
        .take(16)
        .map(|byte| f32::from(*byte) / 256.0 - 0.5)
        .collect()
}

/// `GET /v1/models`
pub(super) fn models(call: &Call) -> Response {
    let list: Vec<Value> = ["gpt-4o", "gpt-4o-mini"]
        .iter()
        .map(|id| json!({ "id": id, "object": "model", "created": CREATED, "owned_by": "openai" }))
        .collect();
    answer::json(call, StatusCode::OK, &json!({ "object": "list", "data": list }))
}
