//! The recording proxy: what it relays, where to, and what it keeps.

mod capture;
mod cut;
mod failures;
mod headers;
mod records;
mod relay;
mod streams;
mod target;
mod tokens;

use serde_json::{Value, json};

use super::answer::Answer;
use super::{Case, Ctx};

pub(super) fn cases() -> Vec<Case> {
    [
        relay::cases(),
        headers::cases(),
        target::cases(),
        records::cases(),
        tokens::cases(),
        capture::cases(),
        streams::cases(),
        cut::cases(),
        failures::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A path that every case may use for a model call.
const CHAT: &str = "/v1/chat/completions";

/// A request for a chat.
fn asked(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "hi"}]})
}

/// An answer to a chat, of 10 and 4 tokens.
fn said(model: &str) -> Value {
    json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}})
}

impl Ctx {
    /// Sends a chat to `base` through the proxy.
    async fn chat(&self, base: &str, body: &Value) -> Answer {
        self.proxied(base, "POST", CHAT).json(body).send().await
    }

    /// Returns the span of a call once it has ended.
    async fn recorded(&self, answer: &Answer) -> Value {
        let id = answer.header("x-traceway-span-id");
        assert!(!id.is_empty(), "{}: no span id, status {}", answer.asked, answer.status);
        self.ended(id).await
    }

    /// Returns a span once it has ended.
    async fn ended(&self, id: &str) -> Value {
        self.eventually("the end of the recording", async || {
            let answer = self.get(&format!("/api/spans/{id}")).await;
            (answer.status == 200).then(|| answer.json()).filter(|span| span["status"] != "running")
        })
        .await
    }

    /// Returns the spans of the case's session, all of which have ended, once there are so many.
    async fn recorded_in_session(&self, count: usize) -> Vec<Value> {
        let session = self.id("session");
        self.eventually("the recordings", async || {
            let page = self.list("/api/spans", &[("session_id", &session), ("sort_order", "asc")]).await.ok();
            let spans = page["spans"].as_array().cloned().unwrap_or_default();
            let have_ended = spans.iter().all(|span| span["status"] != "running");
            (have_ended && spans.len() >= count).then_some(spans)
        })
        .await
    }
}
