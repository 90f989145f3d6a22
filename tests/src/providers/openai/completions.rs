//! `POST /v1/completions`

use http::StatusCode;
use serde_json::{Value, json};

use super::super::Call;
use super::super::answer::{Answer, count_tokens, data};
use super::CREATED;

/// Answers whole or as a stream.
pub(super) fn create(call: &Call) -> Answer {
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
        return Answer::json(call, StatusCode::OK, &body(&text, json!("stop"), usage));
    }
    let mut frames: Vec<String> =
        call.pieces(&text).iter().map(|piece| data(&body(piece, Value::Null, Value::Null))).collect();
    frames.push(data(&body("", json!("stop"), usage)));
    frames.push("data: [DONE]\n\n".to_owned());
    Answer::stream(call, "text/event-stream", frames)
}
