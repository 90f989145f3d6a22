//! What all providers' answers have in common: texts made from requests, token counts, bodies and streams.

use std::io::Write;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::Stream;
use http::{HeaderValue, StatusCode, header};
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
        format!("{prefix}{}", &blake3::hash(&self.raw).to_hex()[..24])
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

/// Sends a JSON body.
pub(super) fn json(call: &Call, status: StatusCode, body: &Value) -> Response {
    let bytes = serde_json::to_vec(body).unwrap_or_default();
    let kind = HeaderValue::from_static("application/json");
    let mut response = (status, [(header::CONTENT_TYPE, kind)], Body::empty()).into_response();
    let bytes = if call.switches.gzip {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        gzip(&bytes)
    } else {
        bytes
    };
    mark(call, &mut response);
    *response.body_mut() = Body::from(bytes);
    response
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// Headers the real providers send.
fn mark(call: &Call, response: &mut Response) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&call.id("req_")) {
        headers.insert("x-request-id", id.clone());
        headers.insert("request-id", id);
    }
    headers.insert("openai-processing-ms", HeaderValue::from_static("12"));
    headers.insert("openai-version", HeaderValue::from_static("2020-10-01"));
    if response.status() == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
}

/// Sends frames as the switches say.
pub(super) fn stream(call: &Call, kind: &'static str, frames: Vec<String>) -> Response {
    let mut response = Body::from_stream(sent(call, frames)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if call.switches.gzip {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    mark(call, &mut response);
    response
}

fn sent(call: &Call, frames: Vec<String>) -> impl Stream<Item = std::io::Result<Bytes>> + use<> {
    let switches = call.switches.clone();
    async_stream::stream! {
        let pause = Duration::from_millis(switches.chunk_delay_ms);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        for (index, frame) in frames.into_iter().enumerate() {
            if switches.stall_after == Some(index) {
                std::future::pending::<()>().await;
            }
            if switches.break_after == Some(index) {
                // Gives what was sent so far time to leave, then resets the connection.
                tokio::time::sleep(Duration::from_millis(20)).await;
                yield Err(std::io::ErrorKind::ConnectionReset.into());
                return;
            }
            if index > 0 && !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            let frame = if switches.crlf { frame.replace('\n', "\r\n") } else { frame };
            let bytes = if switches.gzip {
                let _ = encoder.write_all(frame.as_bytes());
                let _ = encoder.flush();
                std::mem::take(encoder.get_mut())
            } else {
                frame.into_bytes()
            };
            if switches.split == 0 {
                yield Ok(Bytes::from(bytes));
                continue;
            }
            for piece in bytes.chunks(switches.split) {
                yield Ok(Bytes::copy_from_slice(piece));
                tokio::task::yield_now().await;
            }
        }
        if switches.gzip && let Ok(rest) = encoder.finish() {
            yield Ok(Bytes::from(rest));
        }
    }
}

/// A frame of server-sent events with data alone.
pub(super) fn data(value: &Value) -> String {
    format!("data: {value}\n\n")
}

/// A frame of server-sent events with a name.
pub(super) fn event(name: &str, value: &Value) -> String {
    format!("event: {name}\ndata: {value}\n\n")
}
