//! Attribute values as JSON, text and numbers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use serde_json::{Map, Value};

use crate::count;
use crate::json::Json;
use crate::kind::Cost;
use crate::nul;

/// How deep a value may nest. Readers of stored rows stop at 128, and rows wrap values in levels of their own.
const MAX_DEPTH: usize = 64;

/// Returns whether a value says nothing: absent, an empty text or an empty list.
pub(super) fn is_empty(value: &Any) -> bool {
    match value {
        Any::StringValue(text) => text.is_empty(),
        Any::ArrayValue(array) => array.values.is_empty(),
        Any::KvlistValue(list) => list.values.is_empty(),
        Any::BytesValue(bytes) => bytes.is_empty(),
        // An index into a table that only profiles carry.
        Any::StringValueStrindex(_) => true,
        Any::BoolValue(_) | Any::IntValue(_) | Any::DoubleValue(_) => false,
    }
}

/// Returns `text` with NUL, which no store and no terminal takes, replaced by U+FFFD.
pub(super) fn clean(mut text: String) -> String {
    nul::replace(&mut text);
    text
}

/// Returns a value as text: a text as it is, anything else as JSON.
pub(super) fn text(value: Any) -> String {
    match value {
        Any::StringValue(text) => clean(text),
        other => literal(other).to_string(),
    }
}

/// Returns a count: a whole number that is not negative, also when sent as text.
pub(super) fn count(value: &Any) -> Option<u64> {
    let number = match value {
        Any::IntValue(number) => u64::try_from(*number).ok(),
        Any::DoubleValue(number) => count::whole(*number),
        Any::StringValue(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| count::whole(text.parse().ok()?))
        }
        _ => None,
    };
    number.filter(|number| *number <= count::MAX)
}

/// Returns an amount of dollars or milliseconds: not negative, not beyond all sense; also when sent as text.
pub(super) fn amount(value: &Any) -> Option<f64> {
    let number: f64 = match value {
        #[expect(clippy::cast_precision_loss, reason = "amounts are small")]
        Any::IntValue(number) => *number as f64,
        Any::DoubleValue(number) => *number,
        Any::StringValue(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    (0.0..=Cost::MAX_USD).contains(&number).then_some(number)
}

/// Returns a value as what went in or came out: a text that holds an object or array is that value.
pub(super) fn payload(value: Any) -> Json {
    match value {
        Any::StringValue(text) => payload_of_text(&text),
        other => Json::from_serialize(&attribute(other)),
    }
}

/// Returns a text as a value: the object or array it holds, else the text.
pub(super) fn payload_of_text(text: &str) -> Json {
    let holds_json = looks_structured(text);
    let parsed = if holds_json { Json::parse(text).ok() } else { None };
    parsed.unwrap_or_else(|| Json::string(text))
}

/// Returns a value as JSON for an attribute: a text that holds an object or array is that value, also when
/// it is one of a list of texts.
pub(super) fn attribute(value: Any) -> Value {
    match value {
        Any::StringValue(text) => parsed_or_text(text),
        Any::ArrayValue(array) => Value::Array(
            array
                .values
                .into_iter()
                .map(|AnyValue { value }| match value {
                    Some(Any::StringValue(text)) => parsed_or_text(text),
                    Some(other) => literal_at(other, 1),
                    None => Value::Null,
                })
                .collect(),
        ),
        other => literal(other),
    }
}

/// Returns the object or array a text holds, else the text.
pub(super) fn parsed_or_text(text: String) -> Value {
    if looks_structured(&text) && nests_within(&text, MAX_DEPTH) {
        // An escaped NUL would come out of the parser as one.
        let escaped_nul = memchr::memmem::find(text.as_bytes(), b"\\u0000").is_some();
        if !escaped_nul && let Ok(value) = serde_json::from_str(&text) {
            return value;
        }
    }
    Value::String(clean(text))
}

/// Returns a value as JSON, texts as they are.
pub(super) fn literal(value: Any) -> Value {
    literal_at(value, 0)
}

fn literal_at(value: Any, depth: usize) -> Value {
    match value {
        Any::StringValue(text) => Value::String(clean(text)),
        Any::BoolValue(flag) => Value::Bool(flag),
        Any::IntValue(number) => Value::from(number),
        Any::DoubleValue(number) => double(number),
        Any::BytesValue(bytes) => Value::String(BASE64.encode(bytes)),
        Any::StringValueStrindex(_) => Value::Null,
        // No decoder lets a request nest this deep.
        Any::ArrayValue(_) | Any::KvlistValue(_) if depth >= MAX_DEPTH => Value::Null,
        Any::ArrayValue(array) => {
            let item = |any: AnyValue| any.value.map_or(Value::Null, |value| literal_at(value, depth + 1));
            Value::Array(array.values.into_iter().map(item).collect())
        }
        Any::KvlistValue(list) => Value::Object(object_at(list.values, depth)),
    }
}

fn object_at(members: Vec<KeyValue>, depth: usize) -> Map<String, Value> {
    let member = |KeyValue { key, value, .. }: KeyValue| {
        let value = value.and_then(|any| any.value);
        (clean(key), value.map_or(Value::Null, |value| literal_at(value, depth + 1)))
    };
    members.into_iter().map(member).collect()
}

fn double(number: f64) -> Value {
    match serde_json::Number::from_f64(number) {
        Some(number) => Value::Number(number),
        None if number.is_nan() => Value::from("NaN"),
        None if number > 0.0 => Value::from("Infinity"),
        None => Value::from("-Infinity"),
    }
}

/// Returns attributes as an object, texts that hold objects or arrays parsed. Of repeated keys the first wins.
pub(super) fn object(members: Vec<KeyValue>) -> Map<String, Value> {
    let mut object = Map::with_capacity(members.len());
    for KeyValue { key, value, .. } in members {
        let value = value.and_then(|any| any.value).map_or(Value::Null, attribute);
        object.entry(clean(key)).or_insert(value);
    }
    object
}

/// Returns whether a text could be a JSON object or array, without reading all of it.
pub(super) fn looks_structured(text: &str) -> bool {
    let text = text.trim_ascii();
    matches!(
        (text.as_bytes().first(), text.as_bytes().last()),
        (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']'))
    )
}

/// Returns whether no bracket of a JSON text is more than `limit` levels deep.
fn nests_within(text: &str, limit: usize) -> bool {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                if depth > limit {
                    return false;
                }
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::ArrayValue;
    use serde_json::json;

    use super::*;

    fn string(text: &str) -> Any {
        Any::StringValue(text.to_owned())
    }

    #[test]
    fn counts_are_whole_not_negative_and_may_be_text() {
        let counts = [
            Any::IntValue(7),
            Any::IntValue(-7),
            Any::DoubleValue(7.0),
            Any::DoubleValue(7.5),
            Any::DoubleValue(f64::NAN),
            string(" 7 "),
            string("7.0"),
            string("-1"),
            string("seven"),
            string("18446744073709551615"),
            Any::BoolValue(true),
        ];
        let read: Vec<_> = counts.iter().map(count).collect();
        let wanted = [Some(7), None, Some(7), None, None, Some(7), Some(7), None, None, None, None];
        assert_eq!(read, wanted);
    }

    #[test]
    fn amounts_are_not_negative_and_not_beyond_all_sense() {
        let amounts = [
            Any::IntValue(2),
            Any::DoubleValue(0.5),
            string(" 0.25 "),
            Any::DoubleValue(-0.5),
            Any::DoubleValue(1.7e308),
            Any::DoubleValue(f64::NAN),
            string("inf"),
        ];
        let read: Vec<_> = amounts.iter().map(amount).collect();
        assert_eq!(read, [Some(2.0), Some(0.5), Some(0.25), None, None, None, None]);
    }

    #[test]
    fn texts_that_hold_objects_or_arrays_are_parsed_and_others_stay() {
        assert_eq!(attribute(string(r#" {"a":[1]} "#)), json!({"a": [1]}));
        for kept in ["42", "true", "null", "\"x\"", "{broken", "{\"a\":}", "[1] and more"] {
            assert_eq!(attribute(string(kept)), json!(kept));
        }
        let list = ArrayValue {
            values: [r#"{"a":1}"#, "b"].map(|text| AnyValue { value: Some(string(text)) }).to_vec(),
        };
        assert_eq!(attribute(Any::ArrayValue(list)), json!([{"a": 1}, "b"]));
        assert_eq!(payload(string(r#"{"n": 1.50}"#)).as_str(), r#"{"n":1.50}"#);
        assert_eq!(payload(string("[hello")).as_str(), r#""[hello""#);
    }

    #[test]
    fn a_text_nested_very_deep_stays_text_as_attribute_and_json_as_payload() {
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        assert_eq!(attribute(string(&deep)), json!(deep));
        assert_eq!(payload(string(&deep)).as_str(), deep);
    }

    #[test]
    fn brackets_inside_strings_do_not_count_as_depth() {
        assert!(nests_within(r#"{"a":"[[[[[\"[["}"#, 1));
        assert!(!nests_within("[[]]", 1));
    }

    #[test]
    fn nul_becomes_the_replacement_character() {
        assert_eq!(attribute(string("a\0b")), json!("a\u{fffd}b"));
        assert_eq!(attribute(string("[\"a\\u0000b\"]")), json!("[\"a\\u0000b\"]"));
    }

    #[test]
    fn numbers_without_a_json_form_are_words() {
        let words = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(|n| literal(Any::DoubleValue(n)));
        assert_eq!(words, [json!("NaN"), json!("Infinity"), json!("-Infinity")]);
    }
}
