//! Attribute values in JSON: an object with one member that names the type.

use std::fmt;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::scalar::{Scalar, Text, or_default};

/// An attribute.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pair {
    #[serde(deserialize_with = "or_default")]
    key: Text,
    #[serde(deserialize_with = "or_default")]
    value: Holder,
}

/// A value, or nothing.
#[derive(Debug, Default)]
pub(super) struct Holder(Option<Any>);

/// What lists and objects hold.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Values<T> {
    #[serde(default = "Vec::new", deserialize_with = "or_default")]
    values: Vec<T>,
}

impl<T> Default for Values<T> {
    fn default() -> Self {
        Self { values: Vec::new() }
    }
}

impl From<Pair> for KeyValue {
    fn from(pair: Pair) -> Self {
        let value = pair.value.0.map(|value| AnyValue { value: Some(value) });
        Self { key: pair.key.0, value, ..Self::default() }
    }
}

/// Returns attributes in the protobuf types.
pub(super) fn pairs(pairs: Vec<Pair>) -> Vec<KeyValue> {
    pairs.into_iter().map(Into::into).collect()
}

#[derive(Deserialize)]
#[serde(field_identifier)]
enum Type {
    #[serde(rename = "stringValue", alias = "string_value")]
    String,
    #[serde(rename = "boolValue", alias = "bool_value")]
    Bool,
    #[serde(rename = "intValue", alias = "int_value")]
    Int,
    #[serde(rename = "doubleValue", alias = "double_value")]
    Double,
    #[serde(rename = "bytesValue", alias = "bytes_value")]
    Bytes,
    #[serde(rename = "arrayValue", alias = "array_value")]
    Array,
    #[serde(rename = "kvlistValue", alias = "kvlist_value")]
    Object,
    #[serde(other)]
    Unknown,
}

impl<'de> Deserialize<'de> for Holder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HolderVisitor)
    }
}

struct HolderVisitor;

impl<'de> Visitor<'de> for HolderVisitor {
    type Value = Holder;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a member such as stringValue")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Holder, A::Error> {
        let mut found = None;
        while let Some(kind) = map.next_key::<Type>()? {
            let value = match kind {
                Type::String => map.next_value::<Option<Text>>()?.map(|text| Any::StringValue(text.0)),
                Type::Bool => bool_value(map.next_value()?),
                Type::Int => int_value(map.next_value()?),
                Type::Double => double_value(map.next_value()?),
                Type::Bytes => bytes_value(map.next_value()?),
                Type::Array => map.next_value::<Option<Values<Holder>>>()?.map(array_value),
                Type::Object => map
                    .next_value::<Option<Values<Pair>>>()?
                    .map(|list| Any::KvlistValue(KeyValueList { values: pairs(list.values) })),
                Type::Unknown => map.next_value::<IgnoredAny>().map(|_| None)?,
            };
            found = value.or(found);
        }
        Ok(Holder(found))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Holder, E> {
        Ok(Holder(Some(Any::StringValue(text.to_owned()))))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Holder, E> {
        Ok(Holder(Some(Any::BoolValue(flag))))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Holder, E> {
        Ok(Holder(int_value(Scalar::Int(number))))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Holder, E> {
        Ok(Holder(int_value(i64::try_from(number).map_or(Scalar::Large(number), Scalar::Int))))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Holder, E> {
        Ok(Holder(Some(Any::DoubleValue(number))))
    }

    fn visit_unit<E: Error>(self) -> Result<Holder, E> {
        Ok(Holder(None))
    }
}

fn array_value(list: Values<Holder>) -> Any {
    let values = list.values.into_iter().map(|holder| AnyValue { value: holder.0 }).collect();
    Any::ArrayValue(ArrayValue { values })
}

fn bool_value(scalar: Scalar) -> Option<Any> {
    match scalar {
        Scalar::Bool(flag) => Some(Any::BoolValue(flag)),
        Scalar::Text(text) => Some(text.parse().map_or(Any::StringValue(text), Any::BoolValue)),
        other => int_value(other),
    }
}

fn int_value(scalar: Scalar) -> Option<Any> {
    match scalar {
        Scalar::Int(number) => Some(Any::IntValue(number)),
        #[expect(clippy::cast_precision_loss, reason = "no integer of the protocol holds it")]
        Scalar::Large(number) => Some(Any::DoubleValue(number as f64)),
        Scalar::Double(number) if number.fract() == 0.0 && number.abs() < 9e15 =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
            Some(Any::IntValue(number as i64))
        }
        Scalar::Double(number) => Some(Any::DoubleValue(number)),
        Scalar::Text(text) => Some(text.trim().parse().map_or(Any::StringValue(text), Any::IntValue)),
        Scalar::Bool(flag) => Some(Any::BoolValue(flag)),
        Scalar::Nothing => None,
    }
}

fn double_value(scalar: Scalar) -> Option<Any> {
    match scalar {
        #[expect(clippy::cast_precision_loss, reason = "the sender says it is a double")]
        Scalar::Int(number) => Some(Any::DoubleValue(number as f64)),
        // Rust reads NaN, Infinity and -Infinity as the protocol spells them.
        Scalar::Text(text) => Some(text.trim().parse().map_or(Any::StringValue(text), Any::DoubleValue)),
        Scalar::Double(number) => Some(Any::DoubleValue(number)),
        other => int_value(other),
    }
}

fn bytes_value(scalar: Scalar) -> Option<Any> {
    const LIBERAL: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let Scalar::Text(text) = scalar else { return int_value(scalar) };
    let standard = GeneralPurpose::new(&STANDARD, LIBERAL).decode(&text);
    let bytes = standard.or_else(|_| GeneralPurpose::new(&URL_SAFE, LIBERAL).decode(&text));
    Some(bytes.map_or(Any::StringValue(text), Any::BytesValue))
}
