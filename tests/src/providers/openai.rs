//! OpenAI: chat, completions, responses, embeddings and models.

mod chat;
mod completions;
mod embeddings;
mod responses;

use http::{StatusCode, header};
use serde_json::{Value, json};

use super::Call;
use super::answer::Answer;

const CREATED: u64 = 1_760_000_000;

/// Padding of streamed events, which hides how long a piece of text is.
const OBFUSCATION: &str = "7ZVhcwDxZp";

/// What the API sends with every answer.
const HEADERS: &[(&str, &str)] = &[
    ("openai-organization", "org-emulator"),
    ("openai-processing-ms", "12"),
    ("openai-version", "2020-10-01"),
    ("x-ratelimit-limit-requests", "10000"),
    ("x-ratelimit-remaining-requests", "9999"),
    ("x-ratelimit-reset-requests", "6ms"),
];

/// Answers a path below `/v1`, or returns `None` for one this API does not have.
pub(super) fn answer(method: &str, path: &str, call: &Call) -> Option<Answer> {
    let answer: fn(&Call) -> Answer = match (method, path) {
        ("POST", "/chat/completions") => chat::create,
        ("POST", "/completions") => completions::create,
        ("POST", "/embeddings") => embeddings::create,
        ("POST", "/responses") => responses::create,
        ("GET", "/models") => models,
        _ => return None,
    };
    Some(failure(call).unwrap_or_else(|| answer(call)).with(HEADERS))
}

/// The error a call ends in, if it does: the switch, or a key called `bad`.
fn failure(call: &Call) -> Option<Answer> {
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
    Some(Answer::json(call, StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), &body))
}

/// `GET /v1/models`
fn models(call: &Call) -> Answer {
    let list: Vec<Value> = ["gpt-4o", "gpt-4o-mini"]
        .iter()
        .map(|id| json!({ "id": id, "object": "model", "created": CREATED, "owned_by": "openai" }))
        .collect();
    Answer::json(call, StatusCode::OK, &json!({ "object": "list", "data": list }))
}

/// Models that think before they answer.
fn reasons(model: &str) -> bool {
    ["o1", "o3", "o4", "gpt-5"].iter().any(|family| model.starts_with(family))
}
