//! Anthropic: messages.

use http::{StatusCode, header};
use serde_json::{Value, json};

use super::Call;
use super::answer::{Answer, arguments, content_text, count_tokens, event};

/// What the API sends with every answer.
const HEADERS: &[(&str, &str)] = &[
    ("anthropic-organization-id", "00000000-0000-4000-8000-000000000000"),
    ("anthropic-ratelimit-requests-limit", "4000"),
    ("anthropic-ratelimit-requests-remaining", "3999"),
];

/// Answers a path below `/v1`, or returns `None` for one this API does not have.
pub(super) fn answer(method: &str, path: &str, call: &Call) -> Option<Answer> {
    let answer: fn(&Call) -> Answer = match (method, path) {
        ("POST", "/messages") => messages,
        ("POST", "/messages/count_tokens") => count,
        _ => return None,
    };
    Some(failure(call).unwrap_or_else(|| answer(call)).with(HEADERS))
}

fn failure(call: &Call) -> Option<Answer> {
    // Older clients send the key in a header of its own, newer ones as a bearer.
    let key = call.headers.get("x-api-key").or_else(|| call.headers.get(header::AUTHORIZATION));
    let bad_key = key.is_some_and(|key| key == "bad" || key == "Bearer bad");
    let status = call.switches.status.or(bad_key.then_some(401))?;
    let (kind, message) = match status {
        401 => ("authentication_error", "invalid x-api-key"),
        429 => ("rate_limit_error", "Number of requests has exceeded your rate limit."),
        529 => ("overloaded_error", "Overloaded"),
        500..=599 => ("api_error", "Internal server error"),
        _ => ("invalid_request_error", "The request cannot be understood."),
    };
    let body = json!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": call.id("req_") });
    Some(Answer::json(call, StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), &body))
}

/// Blocks of the answer: thinking when asked for, text, and a call of the first tool unless one has answered.
fn blocks(call: &Call) -> Vec<Value> {
    let last = call.body["messages"].as_array().and_then(|list| list.last()).cloned().unwrap_or_default();
    let answered = last["content"]
        .as_array()
        .is_some_and(|parts| parts.iter().any(|part| part["type"] == "tool_result"));
    let question = if answered { "the tools answered".to_owned() } else { content_text(&last["content"]) };
    let mut blocks = Vec::new();
    if call.body["thinking"]["type"] == "enabled" {
        blocks.push(json!({ "type": "thinking", "thinking": "The user asks. I answer.", "signature": "c2lnbmF0dXJl" }));
    }
    blocks.push(json!({ "type": "text", "text": call.reply(&question) }));
    if let Some(tool) = call.body["tools"].as_array().and_then(|tools| tools.first()).filter(|_| !answered) {
        let input: Value = serde_json::from_str(&arguments(&tool["input_schema"])).unwrap_or_default();
        blocks.push(
            json!({ "type": "tool_use", "id": call.id("toolu_"), "name": tool["name"], "input": input }),
        );
    }
    blocks
}

/// Tokens as Anthropic counts them: cached and written tokens come on top of `input_tokens`.
///
/// Of a system prompt marked for the cache, half is read from it and half written, for as long as the mark says.
fn usage(call: &Call, output: u64) -> Value {
    let marked = |mark: &[u8]| call.raw.windows(mark.len()).any(|window| window == mark);
    let system = count_tokens(&Call::text_of(&call.body["system"]));
    let input = count_tokens(&Call::text_of(&call.body["messages"])) + 5;
    let is_cached = marked(b"cache_control");
    let (read, written) = if is_cached { (system / 2, system - system / 2) } else { (0, 0) };
    let plain = if is_cached { input } else { input + system };
    let is_long = marked(br#""ttl":"1h""#) || marked(br#""ttl": "1h""#);
    let (short, long) = if is_long { (0, written) } else { (written, 0) };
    json!({ "input_tokens": plain, "cache_creation_input_tokens": written, "cache_read_input_tokens": read,
        "cache_creation": { "ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long },
        "output_tokens": output, "service_tier": "standard" })
}

/// `POST /v1/messages`
fn messages(call: &Call) -> Answer {
    let blocks = blocks(call);
    let output = blocks.iter().map(|block| count_tokens(&Call::text_of(block))).sum();
    let reason = if blocks.iter().any(|block| block["type"] == "tool_use") { "tool_use" } else { "end_turn" };
    let message = |content: Value, reason: Value, output: u64| {
        json!({ "id": call.id("msg_"), "type": "message", "role": "assistant", "model": call.model(), "content": content,
            "stop_reason": reason, "stop_sequence": null, "usage": usage(call, output) })
    };
    if !call.streams(false) {
        return Answer::json(call, StatusCode::OK, &message(json!(blocks), json!(reason), output));
    }
    let mut frames = vec![
        event(
            "message_start",
            &json!({ "type": "message_start", "message": message(json!([]), Value::Null, 1) }),
        ),
        event("ping", &json!({ "type": "ping" })),
    ];
    for (index, block) in blocks.iter().enumerate() {
        let (open, deltas) = streamed(call, block);
        frames.push(event(
            "content_block_start",
            &json!({ "type": "content_block_start", "index": index, "content_block": open }),
        ));
        frames.extend(deltas.into_iter().map(|delta| {
            event(
                "content_block_delta",
                &json!({ "type": "content_block_delta", "index": index, "delta": delta }),
            )
        }));
        frames.push(event("content_block_stop", &json!({ "type": "content_block_stop", "index": index })));
    }
    let mut total = usage(call, output);
    total.as_object_mut().map(|members| members.remove("service_tier"));
    let end = json!({ "type": "message_delta", "delta": { "stop_reason": reason, "stop_sequence": null }, "usage": total });
    frames.push(event("message_delta", &end));
    frames.push(event("message_stop", &json!({ "type": "message_stop" })));
    Answer::stream(call, "text/event-stream; charset=utf-8", frames)
}

/// A block as it opens, and the deltas that fill it.
fn streamed(call: &Call, block: &Value) -> (Value, Vec<Value>) {
    match block["type"].as_str() {
        Some("tool_use") => {
            let input = block["input"].to_string();
            let mut open = block.clone();
            open["input"] = json!({});
            let deltas = std::iter::once(String::new()).chain(call.pieces(&input));
            (open, deltas.map(|piece| json!({ "type": "input_json_delta", "partial_json": piece })).collect())
        }
        Some("thinking") => {
            let text = block["thinking"].as_str().unwrap_or_default();
            let mut deltas: Vec<Value> = call
                .pieces(text)
                .into_iter()
                .map(|piece| json!({ "type": "thinking_delta", "thinking": piece }))
                .collect();
            deltas.push(json!({ "type": "signature_delta", "signature": block["signature"] }));
            (json!({ "type": "thinking", "thinking": "", "signature": "" }), deltas)
        }
        _ => {
            let text = block["text"].as_str().unwrap_or_default();
            let deltas =
                call.pieces(text).into_iter().map(|piece| json!({ "type": "text_delta", "text": piece }));
            (json!({ "type": "text", "text": "" }), deltas.collect())
        }
    }
}

/// `POST /v1/messages/count_tokens`
fn count(call: &Call) -> Answer {
    let tokens = count_tokens(&Call::text_of(&call.body["messages"])) + 5;
    Answer::json(call, StatusCode::OK, &json!({ "input_tokens": tokens }))
}
