//! Requests for tests, written as plain JSON.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use serde_json::{Map, Value};

/// Returns the members of an object as attributes.
pub(super) fn attributes(members: Value) -> Vec<KeyValue> {
    let Value::Object(members) = members else { panic!("an object") };
    pairs(members)
}

fn pairs(members: Map<String, Value>) -> Vec<KeyValue> {
    members
        .into_iter()
        .map(|(key, value)| KeyValue { key, value: Some(any(value)), ..KeyValue::default() })
        .collect()
}

/// Returns a JSON value as an attribute's value.
pub(super) fn any(value: Value) -> AnyValue {
    let value = match value {
        Value::Null => None,
        Value::Bool(flag) => Some(Any::BoolValue(flag)),
        Value::Number(number) => match number.as_i64() {
            Some(number) => Some(Any::IntValue(number)),
            None => number.as_f64().map(Any::DoubleValue),
        },
        Value::String(text) => Some(Any::StringValue(text)),
        Value::Array(list) => {
            Some(Any::ArrayValue(ArrayValue { values: list.into_iter().map(any).collect() }))
        }
        Value::Object(members) => Some(Any::KvlistValue(KeyValueList { values: pairs(members) })),
    };
    AnyValue { value }
}

/// Returns an event.
pub(super) fn event(name: &str, members: Value) -> Event {
    Event { name: name.to_owned(), attributes: attributes(members), ..Event::default() }
}

/// Returns a root span of trace 1 that ended, with the given attributes.
pub(super) fn span(members: Value) -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: "work".to_owned(),
        start_time_unix_nano: 1_700_000_000_000_000_000,
        end_time_unix_nano: 1_700_000_001_500_000_000,
        attributes: attributes(members),
        ..Span::default()
    }
}

/// Returns a request of `spans` with no resource and no scope.
pub(super) fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
    }
}
