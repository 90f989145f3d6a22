//! About how much memory things take, for whatever holds many of them within a bound.

use serde_json::Value;

use crate::kind::{Attributes, SpanKind};
use crate::span::Span;
use crate::trace::Trace;

/// What a value costs besides its text.
const VALUE_BYTES: usize = 32;

/// Returns about how many bytes the texts and attributes of a span take.
pub fn span_bytes(span: &Span) -> usize {
    let error = span.status.error().map_or(0, str::len);
    let preview = span.preview.as_ref().map_or(0, String::len);
    span.name.len() + error + preview + kind_bytes(&span.kind) + members_bytes(&span.attributes)
}

/// Returns about how many bytes the texts and attributes of a kind take.
pub fn kind_bytes(kind: &SpanKind) -> usize {
    match kind {
        SpanKind::LlmCall(call) => {
            let previews = call.input_preview.iter().chain(&call.output_preview);
            call.model.len() + previews.map(String::len).sum::<usize>()
        }
        SpanKind::Custom { kind, attributes } => kind.len() + members_bytes(attributes),
        SpanKind::FsRead { path, .. } | SpanKind::FsWrite { path, .. } => path.len(),
    }
}

/// Returns about how many bytes the texts and members of a trace take.
pub fn trace_bytes(trace: &Trace) -> usize {
    let models = trace.totals.models.iter().chain(&trace.tags).map(String::len).sum::<usize>();
    let preview = trace.totals.preview.as_ref().map_or(0, |preview| preview.text.len());
    trace.name.as_ref().map_or(0, String::len) + models + preview + members_bytes(&trace.metadata)
}

/// Returns about how many bytes members take.
pub fn members_bytes(members: &Attributes) -> usize {
    members.iter().map(|(name, value)| VALUE_BYTES + name.len() + value_bytes(value)).sum()
}

fn value_bytes(value: &Value) -> usize {
    VALUE_BYTES
        + match value {
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(value_bytes).sum(),
            Value::Object(members) => members_bytes(members),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_count_however_deep_they_lie() {
        let members = |value: Value| members_bytes(value.as_object().unwrap());
        assert_eq!(members(json!({})), 0);
        let deep = members(json!({"a": [{"b": ["x".repeat(1_000)]}], "c": null}));
        assert!((1_000..1_400).contains(&deep), "{deep}");
    }
}
