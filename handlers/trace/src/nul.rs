//! NUL, which no store and no terminal takes: U+FFFD stands in its place.

use serde_json::{Map, Value};

use crate::kind::{LlmCall, SpanKind};
use crate::span::{Span, SpanStatus};
use crate::trace::NewTrace;

/// Replaces NUL in a text.
pub fn replace(text: &mut String) {
    if memchr::memchr(0, text.as_bytes()).is_some() {
        *text = text.replace('\0', "\u{fffd}");
    }
}

/// Replaces NUL in every text and key of a value.
pub fn replace_in(value: &mut Value) {
    match value {
        Value::String(text) => replace(text),
        Value::Array(items) => items.iter_mut().for_each(replace_in),
        Value::Object(members) => replace_in_object(members),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Replaces NUL in every text and key of an object.
pub fn replace_in_object(members: &mut Map<String, Value>) {
    if members.keys().any(|key| memchr::memchr(0, key.as_bytes()).is_some()) {
        let clean = |(mut key, value)| {
            replace(&mut key);
            (key, value)
        };
        *members = std::mem::take(members).into_iter().map(clean).collect();
    }
    members.values_mut().for_each(replace_in);
}

/// Replaces NUL in what a trace says of itself.
pub(crate) fn replace_in_trace(trace: &mut NewTrace) {
    if let Some((name, _)) = &mut trace.name {
        replace(name);
    }
    trace.tags.iter_mut().chain(&mut trace.session_id).chain(&mut trace.machine_id).for_each(replace);
    replace_in_object(&mut trace.metadata);
}

/// Replaces NUL in what a span says of itself. Attributes come from the readers of requests, which see to theirs.
pub(crate) fn replace_in_span(span: &mut Span) {
    replace(&mut span.name);
    replace_in_status(&mut span.status);
    match &mut span.kind {
        SpanKind::LlmCall(LlmCall {
            model, provider, service_tier, input_preview, output_preview, ..
        }) => {
            let more = [provider, service_tier, input_preview, output_preview];
            more.into_iter().flatten().chain([model]).for_each(replace);
        }
        SpanKind::Custom { kind, .. } => replace(kind),
        SpanKind::FsRead { path, file_version, .. } => {
            file_version.iter_mut().chain([path]).for_each(replace);
        }
        SpanKind::FsWrite { path, file_version, .. } => [path, file_version].into_iter().for_each(replace),
    }
}

/// Replaces NUL in the error of a failed span.
pub(crate) fn replace_in_status(status: &mut SpanStatus) {
    if let SpanStatus::Failed { error } = status {
        replace(error);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_and_keys_at_any_depth_lose_their_nul() {
        let mut value = json!({"a\0": ["x\0", {"b": "\0", "\0c": 1}], "d": null, "e": "f"});
        replace_in(&mut value);
        let wanted =
            json!({"a\u{fffd}": ["x\u{fffd}", {"b": "\u{fffd}", "\u{fffd}c": 1}], "d": null, "e": "f"});
        assert_eq!(value, wanted);
    }
}
