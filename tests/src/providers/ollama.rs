//! Ollama: chat, generate, embed and the model list. Streams unless told not to.

use http::StatusCode;
use serde_json::{Value, json};

use super::Call;
use super::answer::{Answer, arguments, content_text, count_tokens, texts, vector};

const CREATED: &str = "2025-10-09T08:53:20.000000Z";

/// Answers a path, or returns `None` for one this API does not have.
pub(super) fn answer(method: &str, path: &str, call: &Call) -> Option<Answer> {
    let answer: fn(&Call) -> Answer = match (method, path) {
        ("POST", "/api/chat") => chat,
        ("POST", "/api/generate") => generate,
        ("POST", "/api/embed") => embed,
        ("POST", "/api/embeddings") => embeddings,
        ("GET", "/api/tags") => tags,
        ("POST", "/api/show") => show,
        ("GET", "/api/version") => version,
        _ => return None,
    };
    Some(failure(call).unwrap_or_else(|| answer(call)))
}

fn failure(call: &Call) -> Option<Answer> {
    let status = call.switches.status?;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    Some(Answer::json(call, status, &json!({ "error": format!("model '{}' not found", call.model()) })))
}

/// Sends an answer whole or in lines: every piece of `said`, then the figures.
fn respond(call: &Call, prompt: &str, said: &[Value], member: &str, empty: &Value) -> Answer {
    let line = |value: &Value, done: bool| {
        let mut line = json!({ "model": call.model(), "created_at": CREATED, member: value, "done": done });
        if done {
            let output: u64 = said.iter().map(|piece| count_tokens(&Call::text_of(piece))).sum();
            let figures = json!({ "done_reason": "stop", "total_duration": 4_883_583, "load_duration": 1_334_875,
                "prompt_eval_count": count_tokens(prompt), "prompt_eval_duration": 342_546,
                "eval_count": output, "eval_duration": 4_535_599 });
            if let (Some(members), Value::Object(figures)) = (line.as_object_mut(), figures) {
                members.extend(figures);
            }
        }
        line
    };
    if let [whole] = said
        && !call.streams(true)
    {
        return Answer::json(call, StatusCode::OK, &line(whole, true));
    }
    let mut frames: Vec<String> = said.iter().map(|piece| format!("{}\n", line(piece, false))).collect();
    frames.push(format!("{}\n", line(empty, true)));
    Answer::stream(call, "application/x-ndjson", frames)
}

/// The pieces a text is streamed in, or the text alone.
fn pieces(call: &Call, text: String) -> Vec<String> {
    if call.streams(true) { call.pieces(&text) } else { vec![text] }
}

/// `POST /api/chat`: calls the first tool, unless a tool has answered already.
fn chat(call: &Call) -> Answer {
    let messages = &call.body["messages"];
    let last = messages.as_array().and_then(|list| list.last()).cloned().unwrap_or_default();
    let tool = call.body["tools"].as_array().and_then(|tools| tools.first());
    let said = match tool {
        Some(tool) if last["role"] != "tool" => {
            let tool = &tool["function"];
            let arguments: Value = serde_json::from_str(&arguments(&tool["parameters"])).unwrap_or_default();
            let wanted = json!({ "function": { "name": tool["name"], "arguments": arguments } });
            vec![json!({ "role": "assistant", "content": "", "tool_calls": [wanted] })]
        }
        _ => {
            let question = content_text(&last["content"]);
            let texts = pieces(call, call.reply(&question)).into_iter();
            texts.map(|text| json!({ "role": "assistant", "content": text })).collect()
        }
    };
    let empty = json!({ "role": "assistant", "content": "" });
    respond(call, &Call::text_of(messages), &said, "message", &empty)
}

/// `POST /api/generate`
fn generate(call: &Call) -> Answer {
    let prompt = Call::text_of(&call.body["prompt"]);
    let said: Vec<Value> = pieces(call, call.reply(&prompt)).into_iter().map(Value::String).collect();
    respond(call, &prompt, &said, "response", &json!(""))
}

/// `POST /api/embed`
fn embed(call: &Call) -> Answer {
    let inputs = texts(&call.body["input"]);
    let vectors: Vec<Vec<f32>> = inputs.iter().map(|text| vector(text)).collect();
    let tokens: u64 = inputs.iter().map(|text| count_tokens(text)).sum();
    let body = json!({ "model": call.model(), "embeddings": vectors, "total_duration": 14_143_917,
        "load_duration": 1_019_500, "prompt_eval_count": tokens });
    Answer::json(call, StatusCode::OK, &body)
}

/// `POST /api/embeddings`
fn embeddings(call: &Call) -> Answer {
    let body = json!({ "embedding": vector(&Call::text_of(&call.body["prompt"])) });
    Answer::json(call, StatusCode::OK, &body)
}

fn details() -> Value {
    json!({ "parent_model": "", "format": "gguf", "family": "llama", "families": ["llama"], "parameter_size": "3.2B",
        "quantization_level": "Q4_K_M" })
}

/// `GET /api/tags`
fn tags(call: &Call) -> Answer {
    let model = json!({ "name": "llama3.2:latest", "model": "llama3.2:latest", "modified_at": CREATED, "size": 2_019_393_189_u64,
        "digest": "a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72", "details": details() });
    Answer::json(call, StatusCode::OK, &json!({ "models": [model] }))
}

/// `POST /api/show`
fn show(call: &Call) -> Answer {
    let body = json!({ "modelfile": "FROM llama3.2", "parameters": "", "template": "{{ .Prompt }}", "details": details(),
        "model_info": {}, "capabilities": ["completion", "tools"] });
    Answer::json(call, StatusCode::OK, &body)
}

/// `GET /api/version`
fn version(call: &Call) -> Answer {
    Answer::json(call, StatusCode::OK, &json!({ "version": "0.13.0" }))
}
