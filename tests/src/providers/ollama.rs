//! Ollama: chat, generate, embed and the model list. Streams unless told not to.

use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use super::Call;
use super::answer::{self, content_text, count_tokens};
use super::openai::vector;

const CREATED: &str = "2025-10-09T08:53:20.000000Z";

fn failure(call: &Call) -> Option<Response> {
    let status = call.switches.status?;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    Some(answer::json(call, status, &json!({ "error": format!("model '{}' not found", call.model()) })))
}

/// Sends an answer whole or in lines; `wrap` puts text where the endpoint has it.
fn respond(call: &Call, prompt: &str, question: &str, wrap: fn(&str) -> (&'static str, Value)) -> Response {
    if let Some(failure) = failure(call) {
        return failure;
    }
    let text = call.reply(question);
    let line = |piece: &str, done: bool| {
        let (member, value) = wrap(piece);
        let mut line = json!({ "model": call.model(), "created_at": CREATED, "done": done });
        line[member] = value;
        if done {
            let figures = json!({ "done_reason": "stop", "total_duration": 4_883_583, "load_duration": 1_334_875,
                "prompt_eval_count": count_tokens(prompt), "prompt_eval_duration": 342_546,
                "eval_count": count_tokens(&text), "eval_duration": 4_535_599 });
            if let (Some(members), Value::Object(figures)) = (line.as_object_mut(), figures) {
                members.extend(figures);
            }
        }
        line
    };
    if !call.streams(true) {
        return answer::json(call, StatusCode::OK, &line(&text, true));
    }
    let mut frames: Vec<String> =
        call.pieces(&text).iter().map(|piece| format!("{}\n", line(piece, false))).collect();
    frames.push(format!("{}\n", line("", true)));
    answer::stream(call, "application/x-ndjson", frames)
}

/// `POST /api/chat`
pub(super) fn chat(call: &Call) -> Response {
    let messages = &call.body["messages"];
    let question =
        messages.as_array().and_then(|list| list.last()).map(|last| content_text(&last["content"]));
    let prompt = Call::text_of(messages);
    respond(call, &prompt, &question.unwrap_or_default(), |text| {
        ("message", json!({ "role": "assistant", "content": text }))
    })
}

/// `POST /api/generate`
pub(super) fn generate(call: &Call) -> Response {
    let prompt = Call::text_of(&call.body["prompt"]);
    respond(call, &prompt, &prompt, |text| ("response", json!(text)))
}

/// `POST /api/embed`
pub(super) fn embed(call: &Call) -> Response {
    if let Some(failure) = failure(call) {
        return failure;
    }
    let inputs: Vec<String> = match &call.body["input"] {
        Value::Array(list) => list.iter().map(Call::text_of).collect(),
        one => vec![Call::text_of(one)],
    };
    let vectors: Vec<Vec<f32>> = inputs.iter().map(|text| vector(text)).collect();
    let tokens: u64 = inputs.iter().map(|text| count_tokens(text)).sum();
    let body = json!({ "model": call.model(), "embeddings": vectors, "total_duration": 14_143_917,
        "load_duration": 1_019_500, "prompt_eval_count": tokens });
    answer::json(call, StatusCode::OK, &body)
}

/// `POST /api/embeddings`
pub(super) fn embeddings(call: &Call) -> Response {
    let body = json!({ "embedding": vector(&Call::text_of(&call.body["prompt"])) });
    failure(call).unwrap_or_else(|| answer::json(call, StatusCode::OK, &body))
}

fn details() -> Value {
    json!({ "parent_model": "", "format": "gguf", "family": "llama", "families": ["llama"], "parameter_size": "3.2B",
        "quantization_level": "Q4_K_M" })
}

/// `GET /api/tags`
pub(super) fn tags(call: &Call) -> Response {
    let model = json!({ "name": "llama3.2:latest", "model": "llama3.2:latest", "modified_at": CREATED, "size": 2_019_393_189_u64,
        "digest": "a80c4f17acd55265feec403c7aef86be0c25983ab279d83f3bcd3abbcb5b8b72", "details": details() });
    answer::json(call, StatusCode::OK, &json!({ "models": [model] }))
}

/// `POST /api/show`
pub(super) fn show(call: &Call) -> Response {
    let body = json!({ "modelfile": "FROM llama3.2", "parameters": "", "template": "{{ .Prompt }}", "details": details(),
        "model_info": {}, "capabilities": ["completion", "tools"] });
    answer::json(call, StatusCode::OK, &body)
}
