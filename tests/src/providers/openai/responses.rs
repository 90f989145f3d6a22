//! `POST /v1/responses`

use http::StatusCode;
use serde_json::{Value, json};

use super::super::Call;
use super::super::answer::{Answer, arguments, content_text, count_tokens, event, is_cached};
use super::{CREATED, OBFUSCATION, reasons};

/// Answers whole or as a stream.
pub(super) fn create(call: &Call) -> Answer {
    let items = items(call);
    let response = response(call, "completed", &items);
    if call.streams(false) {
        return Answer::stream(call, "text/event-stream; charset=utf-8", frames(call, &items, &response));
    }
    Answer::json(call, StatusCode::OK, &response)
}

/// Reasoning for models that reason, then a call of the first tool or an answer.
fn items(call: &Call) -> Vec<Value> {
    let mut items = Vec::new();
    if reasons(call.model()) {
        let summary = if call.body["reasoning"]["summary"].is_string() {
            json!([{ "type": "summary_text", "text": "The user asks, so I answer." }])
        } else {
            json!([])
        };
        items.push(json!({ "id": call.id("rs_"), "type": "reasoning", "summary": summary }));
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
    json!({ "id": call.id("resp_"), "object": "response", "created_at": CREATED, "status": status,
        "background": false, "error": null, "incomplete_details": null, "instructions": call.body["instructions"],
        "max_output_tokens": null, "model": call.model(), "output": if done { json!(items) } else { json!([]) },
        "parallel_tool_calls": true, "previous_response_id": null, "reasoning": { "effort": call.body["reasoning"]["effort"], "summary": call.body["reasoning"]["summary"] },
        "service_tier": "default", "store": true, "temperature": 1.0, "text": { "format": { "type": "text" } },
        "tool_choice": "auto", "tools": call.body["tools"].as_array().cloned().unwrap_or_default(), "top_p": 1.0,
        "truncation": "disabled", "usage": if done { usage } else { Value::Null }, "user": null, "metadata": {} })
}

fn frames(call: &Call, items: &[Value], done: &Value) -> Vec<String> {
    let mut events = Events::default();
    let begun = response(call, "in_progress", items);
    events.add("response.created", json!({ "response": begun }));
    events.add("response.in_progress", json!({ "response": begun }));
    for (index, item) in items.iter().enumerate() {
        let mut open = item.clone();
        match item["type"].as_str() {
            Some("message") => {
                open["status"] = json!("in_progress");
                open["content"] = json!([]);
                events.add("response.output_item.added", json!({ "output_index": index, "item": open }));
                events.message(call, index, item);
            }
            Some("function_call") => {
                open["status"] = json!("in_progress");
                open["arguments"] = json!("");
                events.add("response.output_item.added", json!({ "output_index": index, "item": open }));
                events.function_call(call, index, item);
            }
            _ => {
                open["summary"] = json!([]);
                events.add("response.output_item.added", json!({ "output_index": index, "item": open }));
                events.reasoning(call, index, item);
            }
        }
        events.add("response.output_item.done", json!({ "output_index": index, "item": item }));
    }
    events.add("response.completed", json!({ "response": done }));
    events.frames
}

/// Numbered events.
#[derive(Default)]
struct Events {
    frames: Vec<String>,
}

impl Events {
    fn add(&mut self, name: &str, mut members: Value) {
        members["type"] = json!(name);
        members["sequence_number"] = json!(self.frames.len());
        self.frames.push(event(name, &members));
    }

    /// Adds an event of one part of an item.
    fn add_to(&mut self, place: &Value, name: &str, members: Value) {
        let mut placed = place.clone();
        if let (Some(placed), Value::Object(members)) = (placed.as_object_mut(), members) {
            placed.extend(members);
        }
        self.add(name, placed);
    }

    fn message(&mut self, call: &Call, index: usize, item: &Value) {
        let place = json!({ "item_id": item["id"], "output_index": index, "content_index": 0 });
        let part = &item["content"][0];
        let text = part["text"].as_str().unwrap_or_default();
        let mut empty = part.clone();
        empty["text"] = json!("");
        self.add_to(&place, "response.content_part.added", json!({ "part": empty }));
        for piece in call.pieces(text) {
            let delta = json!({ "delta": piece, "logprobs": [], "obfuscation": OBFUSCATION });
            self.add_to(&place, "response.output_text.delta", delta);
        }
        self.add_to(&place, "response.output_text.done", json!({ "text": text, "logprobs": [] }));
        self.add_to(&place, "response.content_part.done", json!({ "part": part }));
    }

    fn function_call(&mut self, call: &Call, index: usize, item: &Value) {
        let place = json!({ "item_id": item["id"], "output_index": index });
        let arguments = item["arguments"].as_str().unwrap_or_default();
        for piece in call.pieces(arguments) {
            let delta = json!({ "delta": piece, "obfuscation": OBFUSCATION });
            self.add_to(&place, "response.function_call_arguments.delta", delta);
        }
        let done = json!({ "arguments": arguments, "name": item["name"] });
        self.add_to(&place, "response.function_call_arguments.done", done);
    }

    fn reasoning(&mut self, call: &Call, index: usize, item: &Value) {
        let Some(part) = item["summary"].as_array().and_then(|summary| summary.first()) else { return };
        let place = json!({ "item_id": item["id"], "output_index": index, "summary_index": 0 });
        let text = part["text"].as_str().unwrap_or_default();
        let empty = json!({ "part": { "type": "summary_text", "text": "" } });
        self.add_to(&place, "response.reasoning_summary_part.added", empty);
        for piece in call.pieces(text) {
            let delta = json!({ "delta": piece, "obfuscation": OBFUSCATION });
            self.add_to(&place, "response.reasoning_summary_text.delta", delta);
        }
        self.add_to(&place, "response.reasoning_summary_text.done", json!({ "text": text }));
        self.add_to(&place, "response.reasoning_summary_part.done", json!({ "part": part }));
    }
}
