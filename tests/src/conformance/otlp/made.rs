//! OTLP requests made from plain attributes.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use serde_json::{Value, json};

use super::super::Ctx;
use super::super::fixtures::with;

/// 2025-03-01T10:00:00Z in nanoseconds.
pub(in super::super) const START: u64 = 1_740_823_200_000_000_000;

/// Returns attributes as OTLP JSON writes them.
pub(in super::super) fn attributes(members: &Value) -> Value {
    let members = members.as_object().unwrap_or_else(|| panic!("not an object: {members}"));
    members.iter().map(|(key, value)| json!({"key": key, "value": any(value)})).collect()
}

fn any(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(value) => json!({"boolValue": value}),
        Value::Number(number) if number.is_f64() => json!({"doubleValue": number}),
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::String(text) => json!({"stringValue": text}),
        Value::Array(list) => json!({"arrayValue": {"values": list.iter().map(any).collect::<Vec<_>>()}}),
        Value::Object(_) => json!({"kvlistValue": {"values": attributes(value)}}),
    }
}

/// Returns a request with one resource and one scope.
pub(in super::super) fn request(resource: &Value, scope: &str, spans: &[Value]) -> Value {
    json!({"resourceSpans": [{"resource": {"attributes": attributes(resource)},
        "scopeSpans": [{"scope": {"name": scope}, "spans": spans}]}]})
}

impl Ctx {
    /// Returns a span of one second of the case's first trace, with plain attributes; `more` replaces members.
    pub(in super::super) fn otlp_span(&self, n: u8, members: &Value, more: Value) -> Value {
        let span = json!({"traceId": self.otel_trace(1), "spanId": self.otel_span(n), "name": format!("span {n}"), "kind": 1,
            "startTimeUnixNano": START.to_string(), "endTimeUnixNano": (START + 1_000_000_000).to_string(),
            "attributes": attributes(members)});
        with(span, more)
    }

    /// Sends spans as JSON, all of which must be taken.
    pub(in super::super) async fn export(&self, spans: &[Value]) {
        self.export_from(&json!({}), spans).await;
    }

    /// Sends spans of a resource as JSON, all of which must be taken.
    pub(in super::super) async fn export_from(&self, resource: &Value, spans: &[Value]) {
        let answer = self.post("/v1/traces", &request(resource, "tests", spans)).await.ok();
        assert_eq!(answer, json!({}));
    }

    /// Returns a span of the case's first trace.
    pub(in super::super) async fn exported(&self, n: u8) -> Value {
        self.get(&format!("/api/spans/{}?trace_id={}", self.otel_span(n), self.otel_trace(1))).await.ok()
    }

    /// Returns the case's first trace.
    pub(in super::super) async fn exported_trace(&self) -> Value {
        self.read_trace(&self.otel_trace(1)).await["trace"].clone()
    }

    /// Returns a protobuf request of one model call and, when asked for, one span without a usable id.
    pub(in super::super) fn protobuf(&self, with_unusable: bool) -> ExportTraceServiceRequest {
        let text = |text: &str| Some(AnyValue { value: Some(Any::StringValue(text.to_owned())) });
        let attribute = |key: &str, value| KeyValue { key: key.to_owned(), value, ..KeyValue::default() };
        let bytes = |hex: String| -> Vec<u8> {
            (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"))
                .collect()
        };
        let call = Span {
            trace_id: bytes(self.otel_trace(1)),
            span_id: bytes(self.otel_span(1)),
            name: "chat".to_owned(),
            kind: 3,
            start_time_unix_nano: START,
            end_time_unix_nano: START + 250_000_000,
            attributes: vec![
                attribute("gen_ai.request.model", text("gpt-4o")),
                attribute("gen_ai.system", text("openai")),
                attribute(
                    "gen_ai.usage.input_tokens",
                    Some(AnyValue { value: Some(Any::IntValue(1_000_000)) }),
                ),
                attribute(
                    "gen_ai.usage.output_tokens",
                    Some(AnyValue { value: Some(Any::IntValue(100_000)) }),
                ),
            ],
            ..Span::default()
        };
        let unusable = Span { span_id: vec![0; 8], ..call.clone() };
        let spans = if with_unusable { vec![call, unusable] } else { vec![call] };
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
        }
    }

    /// Checks that the call of [`Self::protobuf`] has arrived.
    pub(in super::super) async fn assert_protobuf_arrived(&self) {
        let span = self.exported(1).await;
        assert_eq!((&span["name"], &span["kind"]["model"]), (&json!("chat"), &json!("gpt-4o")));
        assert_eq!(
            (&span["kind"]["provider"], &span["metadata"]["duration_ms"]),
            (&json!("openai"), &json!(250))
        );
        super::super::fixtures::assert_number(&span["kind"]["cost"], 3.5);
    }
}
