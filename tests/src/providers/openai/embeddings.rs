//! `POST /v1/embeddings`

use base64::Engine;
use http::StatusCode;
use serde_json::{Value, json};

use super::super::Call;
use super::super::answer::{Answer, count_tokens, texts, vector};

/// Answers with numbers, or with their bytes in base64.
pub(super) fn create(call: &Call) -> Answer {
    let inputs = texts(&call.body["input"]);
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
    Answer::json(call, StatusCode::OK, &body)
}
