//! What all providers' answers have in common: texts made from requests, token counts, and the frames of streams.

use std::sync::Arc;

use axum::body::Bytes;
use http::StatusCode;
use serde_json::Value;

use super::Call;

/// Returns the answer to a question: what anybody can predict who knows the question.
pub fn answer_text(question: &str) -> String {
    let heard: String = question.chars().take(60).collect();
    format!("You said: {heard}. Here is a short and friendly answer, with an é and a 東.")
}

/// Returns how many tokens a text counts: one for every four characters, rounded up.
pub fn count_tokens(text: &str) -> u64 {
    text.chars().count().div_ceil(4) as u64
}

/// Returns how many of so many prompt tokens come from the cache: half of a long prompt, none of a short one.
pub fn is_cached(prompt_tokens: u64) -> u64 {
    if prompt_tokens >= 100 { prompt_tokens / 2 } else { 0 }
}

/// An answer before it is sent. The same request always has the same one, so it can be kept.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) headers: &'static [(&'static str, &'static str)],
    /// The request's id as the provider tells it.
    pub(super) id: String,
    pub(super) body: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    /// Sent at once.
    Whole(Bytes),
    /// Sent one by one.
    Frames(Arc<[Bytes]>),
}

impl Answer {
    /// Answers with JSON.
    pub(super) fn json(call: &Call, status: StatusCode, body: &Value) -> Self {
        let bytes = Bytes::from(serde_json::to_vec(body).unwrap_or_default());
        Self::new(call, status, "application/json", Content::Whole(bytes))
    }

    /// Answers with a stream.
    pub(super) fn stream(call: &Call, content_type: &'static str, frames: Vec<String>) -> Self {
        Self::new(
            call,
            StatusCode::OK,
            content_type,
            Content::Frames(frames.into_iter().map(Bytes::from).collect()),
        )
    }

    fn new(call: &Call, status: StatusCode, content_type: &'static str, body: Content) -> Self {
        Self { status, content_type, headers: &[], id: call.id("req_"), body }
    }

    /// Adds the headers a vendor is known by.
    pub(super) fn with(mut self, headers: &'static [(&'static str, &'static str)]) -> Self {
        self.headers = headers;
        self
    }
}

impl Call {
    pub(super) fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or("gpt-4o-mini")
    }

    pub(super) fn streams(&self, default: bool) -> bool {
        self.body["stream"].as_bool().unwrap_or(default)
    }

    /// The answer to `question`, as long as the switches ask.
    pub(super) fn reply(&self, question: &str) -> String {
        let mut text = answer_text(question);
        while text.len() < self.switches.body_bytes {
            text.push_str(" More of the same.");
        }
        text
    }

    /// Cuts a text into the pieces it is streamed in.
    pub(super) fn pieces(&self, text: &str) -> Vec<String> {
        if self.switches.chunks == 0 {
            return text.split_inclusive(' ').map(str::to_owned).collect();
        }
        let chars: Vec<char> = text.chars().collect();
        let length = chars.len().div_ceil(self.switches.chunks).max(1);
        chars.chunks(length).map(|piece| piece.iter().collect()).collect()
    }

    /// A short name that the same request always has.
    pub(super) fn id(&self, prefix: &str) -> String {
        format!("{prefix}{}", &self.hash.to_hex()[..24])
    }

    /// Adds up the texts anywhere in a value.
    pub(super) fn text_of(value: &Value) -> String {
        let (mut texts, mut waiting) = (String::new(), vec![value]);
        while let Some(value) = waiting.pop() {
            match value {
                Value::String(text) => texts.push_str(text),
                Value::Array(list) => waiting.extend(list),
                Value::Object(members) => waiting.extend(members.values()),
                _ => {}
            }
        }
        texts
    }
}

/// Returns the text of a message's content: a string, or parts with a `text`.
pub(super) fn content_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}

/// Returns the texts to embed: one, or a list.
pub(super) fn texts(input: &Value) -> Vec<String> {
    match input {
        Value::Array(list) => list.iter().map(Call::text_of).collect(),
        one => vec![Call::text_of(one)],
    }
}

/// Arguments a schema allows, as text.
pub(super) fn arguments(schema: &Value) -> String {
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    let filled: serde_json::Map<String, Value> = properties
        .iter()
        .map(|(name, kind)| {
            let value = match kind["type"].as_str() {
                Some("number" | "integer") => serde_json::json!(3),
                Some("boolean") => serde_json::json!(true),
                Some("array") => serde_json::json!([]),
                Some("object") => serde_json::json!({}),
                _ => serde_json::json!("Oslo"),
            };
            (name.clone(), value)
        })
        .collect();
    Value::Object(filled).to_string()
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

/// A frame of server-sent events with data alone.
pub(super) fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

/// A frame of server-sent events with a name.
pub(super) fn event(name: &str, value: &Value) -> String {
    format!("event: {name}\ndata: {value}\n\n")
}
