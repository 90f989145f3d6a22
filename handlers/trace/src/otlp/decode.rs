//! Export requests from bytes.

mod any;
mod json;
mod scalar;
mod weight;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

pub use self::weight::{weigh_json, weigh_protobuf};

/// Bytes that are no export request.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not the protobuf form.
    #[error("not an OTLP trace request in protobuf")]
    Protobuf(#[source] prost::DecodeError),
    /// Not the JSON form.
    #[error("not an OTLP trace request in JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// Not even text.
    #[error("not UTF-8")]
    Utf8(#[source] std::str::Utf8Error),
}

/// Decodes an export request in protobuf. Values nested more than a hundred levels deep are refused.
pub fn decode_protobuf(bytes: &[u8]) -> Result<ExportTraceServiceRequest, DecodeError> {
    ExportTraceServiceRequest::decode(bytes).map_err(DecodeError::Protobuf)
}

/// Returns whether JSON is an object, if it is anything. Serde would read a list as members in order.
fn is_object(json: &str) -> bool {
    json.trim_ascii_start().starts_with('{')
}

/// Decodes an export request in JSON, as liberally as senders write it.
///
/// 64-bit numbers may be numbers or text, enumerations numbers or names, members `null`, missing or unknown.
/// An id that is not hex makes its span unusable, not the request. Values nested more than about 120 levels of
/// JSON deep are refused.
pub fn decode_json(bytes: &[u8]) -> Result<ExportTraceServiceRequest, DecodeError> {
    let text = std::str::from_utf8(bytes).map_err(DecodeError::Utf8)?;
    if !is_object(text) {
        return Err(DecodeError::Json(serde::de::Error::custom("expected an object")));
    }
    serde_json::from_str::<json::Request>(text).map(Into::into).map_err(DecodeError::Json)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
    use opentelemetry_proto::tonic::trace::v1::Span;
    use serde_json::{Value, json};

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "reads better with json!")]
    fn span(span: Value) -> Span {
        let request = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
        let mut request = decode_json(&serde_json::to_vec(&request).unwrap()).unwrap();
        request.resource_spans.remove(0).scope_spans.remove(0).spans.remove(0)
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads better with json!")]
    fn value(value: Value) -> Option<Any> {
        let mut span = span(json!({"attributes": [{"key": "k", "value": value}]}));
        span.attributes.remove(0).value.and_then(|any| any.value)
    }

    #[test]
    fn nanoseconds_may_be_text_or_number() {
        for nanos in [json!("1700000000000000001"), json!(1_700_000_000_000_000_001_u64)] {
            assert_eq!(
                span(json!({"startTimeUnixNano": nanos})).start_time_unix_nano,
                1_700_000_000_000_000_001
            );
        }
        assert_eq!(
            span(json!({"startTimeUnixNano": 1.7e18})).start_time_unix_nano,
            1_700_000_000_000_000_000
        );
        assert_eq!(span(json!({"endTimeUnixNano": null})).end_time_unix_nano, 0);
        assert_eq!(span(json!({"endTimeUnixNano": -5})).end_time_unix_nano, 0);
    }

    #[test]
    fn enumerations_may_be_numbers_names_or_missing() {
        for kind in [json!(3), json!("SPAN_KIND_CLIENT"), json!("client"), json!("3")] {
            assert_eq!(span(json!({"kind": kind})).kind, 3);
        }
        for code in [json!(2), json!("STATUS_CODE_ERROR"), json!("ERROR")] {
            assert_eq!(span(json!({"status": {"code": code}})).status.unwrap().code, 2);
        }
        assert_eq!(span(json!({"kind": null, "status": {}})).kind, 0);
        assert_eq!(span(json!({"kind": "sideways"})).kind, 0);
    }

    #[test]
    fn ids_are_hex_and_bad_ones_spoil_only_their_span() {
        let good = span(json!({"traceId": "0AF7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331"}));
        assert_eq!((good.trace_id.len(), good.trace_id[0], good.span_id.len()), (16, 0x0a, 8));
        let bad = span(json!({"traceId": "xyz", "spanId": 5, "parentSpanId": null}));
        assert_eq!((bad.trace_id.len(), bad.span_id.len(), bad.parent_span_id.len()), (0, 0, 0));
    }

    #[test]
    fn values_are_read_in_every_form_senders_use() {
        let string = |text: &str| Some(Any::StringValue(text.to_owned()));
        assert_eq!(value(json!({"stringValue": "x"})), string("x"));
        assert_eq!(value(json!({"intValue": "-3"})), Some(Any::IntValue(-3)));
        assert_eq!(value(json!({"intValue": 3})), Some(Any::IntValue(3)));
        assert_eq!(value(json!({"intValue": 3.0})), Some(Any::IntValue(3)));
        assert_eq!(value(json!({"intValue": "three"})), string("three"));
        assert_eq!(value(json!({"doubleValue": 2})), Some(Any::DoubleValue(2.0)));
        assert_eq!(value(json!({"doubleValue": "Infinity"})), Some(Any::DoubleValue(f64::INFINITY)));
        assert_eq!(value(json!({"boolValue": true})), Some(Any::BoolValue(true)));
        assert_eq!(value(json!({"bytesValue": "AQI="})), Some(Any::BytesValue(vec![1, 2])));
        assert_eq!(value(json!({"bytesValue": "AQI"})), Some(Any::BytesValue(vec![1, 2])));
        assert_eq!(value(json!({"bytesValue": "_-8"})), Some(Any::BytesValue(vec![255, 239])));
        for nothing in [json!({}), json!(null), json!({"stringValue": null}), json!({"newValue": [{}]})] {
            assert_eq!(value(nothing), None);
        }
        assert_eq!(value(json!("bare")), string("bare"));
    }

    #[test]
    fn lists_and_objects_are_read_with_what_they_hold() {
        let Some(Any::ArrayValue(list)) =
            value(json!({"arrayValue": {"values": [{"intValue": "1"}, {}, null]}}))
        else {
            panic!("a list");
        };
        assert_eq!(list.values.len(), 3);
        let Some(Any::KvlistValue(object)) = value(
            json!({"kvlistValue": {"values": [{"key": "a", "value": {"boolValue": false}}, {"key": "b"}]}}),
        ) else {
            panic!("an object");
        };
        assert_eq!(object.values[0].key, "a");
        assert_eq!(object.values[1].value, None);
        assert!(
            matches!(value(json!({"arrayValue": {}})), Some(Any::ArrayValue(list)) if list.values.is_empty())
        );
        assert!(matches!(value(json!({"arrayValue": {"values": null}})), Some(Any::ArrayValue(_))));
    }

    #[test]
    fn unknown_missing_and_null_members_are_no_error() {
        for body in [
            "{}",
            r#"{"resourceSpans":null}"#,
            r#"{"resourceSpans":[{"scopeSpans":null,"resource":null,"new":[1,{"a":2}]}]}"#,
            r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"events":null,"links":null,"attributes":null}]}]}]}"#,
        ] {
            assert!(decode_json(body.as_bytes()).is_ok(), "{body}");
        }
    }

    #[test]
    fn half_a_surrogate_pair_becomes_the_replacement_character() {
        let body = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a\ud83d"}]}]}]}"#;
        let request = decode_json(body).unwrap();
        assert!(request.resource_spans[0].scope_spans[0].spans[0].name.starts_with("a\u{fffd}"));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for body in
            [&b""[..], b"[]", b"null", b"{\"resourceSpans\":{}}", b"{\"resourceSpans\":[1]}", b"\xff", b"{"]
        {
            assert!(decode_json(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
        assert!(decode_protobuf(b"\xff\xff").is_err());
        assert!(decode_protobuf(b"").unwrap().resource_spans.is_empty());
    }

    #[test]
    fn values_nested_too_deep_are_refused_without_overflow() {
        let deep = format!("{}{}", r#"{"arrayValue":{"values":["#.repeat(50_000), "]}}".repeat(50_000));
        let body = format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"k","value":{deep}}}]}}}}]}}"#
        );
        assert!(decode_json(body.as_bytes()).is_err());
        let unknown = format!(r#"{{"new":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(decode_json(unknown.as_bytes()).is_ok());
    }
}
