//! OTLP requests that look like real ones, made quickly.

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

/// Words prompts are made of; enough of them that texts differ and searches can be rare.
const WORDS: [&str; 64] = [
    "order",
    "refund",
    "parcel",
    "chair",
    "lamp",
    "address",
    "delivery",
    "invoice",
    "customer",
    "question",
    "answer",
    "policy",
    "return",
    "window",
    "stock",
    "price",
    "discount",
    "payment",
    "card",
    "account",
    "login",
    "password",
    "email",
    "phone",
    "support",
    "agent",
    "ticket",
    "status",
    "update",
    "cancel",
    "change",
    "color",
    "size",
    "weight",
    "shipping",
    "carrier",
    "tracking",
    "number",
    "warehouse",
    "country",
    "language",
    "translate",
    "summary",
    "report",
    "table",
    "column",
    "query",
    "index",
    "vector",
    "search",
    "result",
    "score",
    "rank",
    "model",
    "token",
    "prompt",
    "context",
    "memory",
    "tool",
    "function",
    "schema",
    "value",
    "error",
    "retry",
];

const MODELS: [(&str, &str); 4] = [
    ("gpt-4o-mini", "openai"),
    ("gpt-4.1", "openai"),
    ("claude-sonnet-4", "anthropic"),
    ("gemini-2.5-flash", "gcp.gemini"),
];

/// A small fast generator of pseudo-random numbers, so that runs repeat exactly.
pub struct Random(u64);

impl Random {
    /// Returns a generator; the same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns the next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Returns a number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound.max(1)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let index = self.below(from.len() as u64);
        &from[usize::try_from(index).unwrap_or_default()]
    }

    /// Returns about `bytes` bytes of words.
    pub fn text(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 16);
        while text.len() < bytes {
            let word: &&str = self.pick(&WORDS);
            text.push_str(word);
            text.push(' ');
        }
        text
    }
}

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn int(key: &str, value: u64) -> KeyValue {
    attribute(key, Value::IntValue(i64::try_from(value).unwrap_or_default()))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// Returns one request of `count` spans of about 3.7 kB: model calls in traces of 8, started around `at` (ns).
pub fn request(random: &mut Random, count: usize, at: u64) -> ExportTraceServiceRequest {
    let mut spans = Vec::with_capacity(count);
    let mut trace = [0_u8; 16];
    let mut root = Vec::new();
    for index in 0..count {
        if index % 8 == 0 {
            trace[..8].copy_from_slice(&random.number().to_be_bytes());
            trace[8..].copy_from_slice(&random.number().to_be_bytes());
            root.clear();
        }
        let id = random.number().max(1).to_be_bytes().to_vec();
        let parent = root.clone();
        if root.is_empty() {
            root.clone_from(&id);
        }
        spans.push(call(random, &trace, id, parent, at + index as u64 * 1_000_000));
    }
    let scope = ScopeSpans { spans, ..ScopeSpans::default() };
    let resource = Resource { attributes: vec![text("service.name", "bench")], ..Resource::default() };
    let resource_spans =
        ResourceSpans { resource: Some(resource), scope_spans: vec![scope], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
}

fn call(random: &mut Random, trace: &[u8], id: Vec<u8>, parent: Vec<u8>, start: u64) -> Span {
    let (model, provider) = *random.pick(&MODELS);
    let input = serde_json::json!([
        { "role": "system", "parts": [{ "type": "text", "content": "You answer questions about orders. ".repeat(12) }] },
        { "role": "user", "parts": [{ "type": "text", "content": random.text(1700) }] },
    ]);
    let output = serde_json::json!([
        { "role": "assistant", "finish_reason": "stop", "parts": [{ "type": "text", "content": random.text(1000) }] },
    ]);
    let took = 100_000_000 + random.below(4_000_000_000);
    Span {
        trace_id: trace.to_vec(),
        span_id: id,
        parent_span_id: parent,
        name: format!("chat {model}"),
        kind: 3,
        start_time_unix_nano: start,
        end_time_unix_nano: start + took,
        attributes: vec![
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.provider.name", provider),
            text("gen_ai.request.model", model),
            text("gen_ai.response.model", model),
            int("gen_ai.usage.input_tokens", 300 + random.below(4000)),
            int("gen_ai.usage.output_tokens", 20 + random.below(900)),
            text("gen_ai.input.messages", input.to_string()),
            text("gen_ai.output.messages", output.to_string()),
        ],
        ..Span::default()
    }
}

/// Returns the request as protobuf.
pub fn encoded(request: &ExportTraceServiceRequest) -> Bytes {
    Bytes::from(request.encode_to_vec())
}
