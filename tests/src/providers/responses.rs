//! OpenAI: the responses endpoint.

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use super::Call;
use super::answer::{self, content_text, count_tokens, event, is_cached};
use super::openai::{arguments, failure};

/// `POST /v1/responses`
pub(super) fn create(call: &Call) -> Response {
    if let Some(failure) = failure(call) {
        return failure;
    }
    let items = items(call);
    let response = response(call, "completed", &items);
    if call.streams(false) {
        return answer::stream(call, "text/event-stream; charset=utf-8", frames(call, &items, &response));
    }
    answer::json(call, StatusCode::OK, &response)
}

/// Reasoning for models that reason, then a call of the first tool or an answer.
fn items(call: &Call) -> Vec<Value> {
    let mut items = Vec::new();
    if ["o1", "o3", "o4", "gpt-5"].iter().any(|family| call.model().starts_with(family)) {
        items.push(json!({ "id": call.id("rs_"), "type": "reasoning", "summary": [] }));
    }
    let asked = call.body["input"].as_array().cloned().unwrap_or_default();
    let last = asked.last().cloned().unwrap_or_default();
    let tool =
        call.body["tools"].as_array().and_then(|tools| tools.iter().find(|tool| tool["type"] == "function"));
    match tool {
        Some(tool) if last["type"] != "function_call_output" => {
            items.push(json!({ "id": call.id("fc_"), "type": "function_call", "status": "completed",
                "call_id": call.id("call_"), "name": tool["name"], "arguments": arguments(&tool["parameters"]) }));
        }
        _ => {
            let question = match &call.body["input"] {
                Value::String(text) => text.clone(),
                _ if last["type"] == "function_call_output" => "the tools answered".to_owned(),
                _ => content_text(&last["content"]),
            };
            items.push(json!({ "id": call.id("msg_"), "type": "message", "status": "completed", "role": "assistant",
                "content": [{ "type": "output_text", "text": call.reply(&question), "annotations": [], "logprobs": [] }] }));
        }
    }
    items
}

fn response(call: &Call, status: &str, items: &[Value]) -> Value {
    let done = status == "completed";
    let input =
        count_tokens(&(Call::text_of(&call.body["input"]) + &Call::text_of(&call.body["instructions"]))) + 3;
    let reasoning = if items.iter().any(|item| item["type"] == "reasoning") { 64 } else { 0 };
    let output: u64 = items
        .iter()
        .map(|item| {
            count_tokens(&Call::text_of(&item["content"]))
                + count_tokens(item["arguments"].as_str().unwrap_or(""))
        })
        .sum();
    let usage = json!({ "input_tokens": input, "input_tokens_details": { "cached_tokens": is_cached(input) },
        "output_tokens": output + reasoning, "output_tokens_details": { "reasoning_tokens": reasoning },
        "total_tokens": input + output + reasoning });
    json!({ "id": call.id("resp_"), "object": "response", "created_at": 1_760_000_000, "status": status,
        "background": false, "error": null, "incomplete_details": null, "instructions": call.body["instructions"],
        "max_output_tokens": null, "model": call.model(), "output": if done { json!(items) } else { json!([]) },
        "parallel_tool_calls": true, "previous_response_id": null, "reasoning": { "effort": null, "summary": null },
        "service_tier": "default", "store": true, "temperature": 1.0, "text": { "format": { "type": "text" } },
        "tool_choice": "auto", "tools": call.body["tools"].as_array().cloned().unwrap_or_default(), "top_p": 1.0,
        "truncation": "disabled", "usage": if done { usage } else { Value::Null }, "user": null, "metadata": {} })
}

fn frames(call: &Call, items: &[Value], done: &Value) -> Vec<String> {
    let mut frames = Vec::new();
    let mut number = 0;
    let mut add = |name: &str, mut members: Value| {
        members["type"] = json!(name);
        members["sequence_number"] = json!(number);
        number += 1;
        frames.push(event(name, &members));
    };
    add("response.created", json!({ "response": response(call, "in_progress", items) }));
    add("response.in_progress", json!({ "response": response(call, "in_progress", items) }));
    for (index, item) in items.iter().enumerate() {
        let mut open = item.clone();
        open["status"] = json!("in_progress");
        match item["type"].as_str() {
            Some("message") => {
                let (id, part) = (&item["id"], &item["content"][0]);
                let text = part["text"].as_str().unwrap_or_default();
                open["content"] = json!([]);
                add("response.output_item.added", json!({ "output_index": index, "item": open }));
                let empty = json!({ "type": "output_text", "text": "", "annotations": [], "logprobs": [] });
                add(
                    "response.content_part.added",
                    json!({ "item_id": id, "output_index": index, "content_index": 0, "part": empty }),
                );
                for piece in call.pieces(text) {
                    add(
                        "response.output_text.delta",
                        json!({ "item_id": id, "output_index": index, "content_index": 0, "delta": piece, "logprobs": [] }),
                    );
                }
                add(
                    "response.output_text.done",
                    json!({ "item_id": id, "output_index": index, "content_index": 0, "text": text, "logprobs": [] }),
                );
                add(
                    "response.content_part.done",
                    json!({ "item_id": id, "output_index": index, "content_index": 0, "part": part }),
                );
            }
            Some("function_call") => {
                let arguments = item["arguments"].as_str().unwrap_or_default();
                open["arguments"] = json!("");
                add("response.output_item.added", json!({ "output_index": index, "item": open }));
                for piece in call.pieces(arguments) {
                    add(
                        "response.function_call_arguments.delta",
                        json!({ "item_id": item["id"], "output_index": index, "delta": piece }),
                    );
                }
                add(
                    "response.function_call_arguments.done",
                    json!({ "item_id": item["id"], "output_index": index, "arguments": arguments, "name": item["name"] }),
                );
            }
            _ => add("response.output_item.added", json!({ "output_index": index, "item": item })),
        }
        add("response.output_item.done", json!({ "output_index": index, "item": item }));
    }
    add("response.completed", json!({ "response": done }));
    frames
}
