//! How much memory an export request takes once it is decoded, told before it is.
//!
//! Two bytes may stand for a whole span, and a body of some kilobytes, unzipped, for millions of them.

use std::borrow::Cow;
use std::fmt;

use prost::bytes::Buf as _;
use prost::encoding::{WireType, decode_key, decode_varint, skip_field};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::is_object;

/// What an empty span takes in bytes, decoded and mapped.
const SPAN: usize = 1_536;

/// What anything else that may be repeated takes: an attribute, an event, a link, an element of a list.
const OTHER: usize = 128;

/// Levels of values within values; decoding goes no deeper.
const MOST_LEVELS: u32 = 100;

/// The messages of a request that hold others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Message {
    Request,
    ResourceSpans,
    ScopeSpans,
    Span,
    /// A resource, a scope, an event or a link, with its attributes in this field.
    Owner(u32),
    Attribute,
    Value,
    List,
    Object,
}

impl Message {
    /// Returns what is in a field of the message, when that is one of them.
    fn field(self, tag: u32) -> Option<Self> {
        match (self, tag) {
            (Self::Request, 1) => Some(Self::ResourceSpans),
            (Self::ResourceSpans, 1) => Some(Self::Owner(1)),
            (Self::ResourceSpans, 2) => Some(Self::ScopeSpans),
            (Self::ScopeSpans, 2) => Some(Self::Span),
            (Self::ScopeSpans, 1) | (Self::Span, 11) => Some(Self::Owner(3)),
            (Self::Span, 13) => Some(Self::Owner(4)),
            (Self::Span, 9) | (Self::Object, 1) => Some(Self::Attribute),
            (Self::Owner(attributes), tag) if attributes == tag => Some(Self::Attribute),
            (Self::Attribute, 2) | (Self::List, 1) => Some(Self::Value),
            (Self::Value, 5) => Some(Self::List),
            (Self::Value, 6) => Some(Self::Object),
            _ => None,
        }
    }

    /// Returns what the message weighs inside of another.
    fn weight(self, within: Self) -> usize {
        match self {
            Self::Span => SPAN,
            // Has its place in the attribute.
            Self::Value if within == Self::Attribute => 0,
            _ => OTHER,
        }
    }
}

/// Returns about how many bytes a request in protobuf takes besides its texts. What cannot be decoded weighs nothing.
pub fn weigh_protobuf(bytes: &[u8]) -> usize {
    let mut total = 0;
    // Stops where decoding does.
    let _ = weigh_message(Message::Request, bytes, MOST_LEVELS, &mut total);
    total
}

fn weigh_message(message: Message, mut bytes: &[u8], levels: u32, total: &mut usize) -> Option<()> {
    while !bytes.is_empty() {
        let (tag, wire_type) = decode_key(&mut bytes).ok()?;
        match message.field(tag) {
            Some(inner) if wire_type == WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(&mut bytes).ok()?).ok()?;
                let within = bytes.get(..length)?;
                *total = total.saturating_add(inner.weight(message));
                weigh_message(inner, within, levels.checked_sub(1)?, total)?;
                bytes.advance(length);
            }
            _ => skip_field(wire_type, tag, &mut bytes, prost::encoding::DecodeContext::default()).ok()?,
        }
    }
    Some(())
}

/// Returns about how many bytes a request in JSON takes besides its texts.
pub fn weigh_json(text: &str) -> usize {
    let mut weight = Weight { total: 0, text: text.len() };
    if !is_object(text) {
        return 0;
    }
    // Stops where decoding does: it reads the same members in the same way.
    let _ = Weigh { weight: &mut weight, shape: Shape::One(Message::Request) }
        .deserialize(&mut serde_json::Deserializer::from_str(text));
    weight.total
}

struct Weight {
    total: usize,
    /// How long the whole text is.
    text: usize,
}

/// Weighs a value with all that is in it.
struct Weigh<'t> {
    weight: &'t mut Weight,
    shape: Shape,
}

/// What a value should be.
#[derive(Clone, Copy)]
enum Shape {
    One(Message),
    Many(Message),
}

impl Message {
    /// Returns what a member of the message is, when it is read and holds others.
    fn member(self, name: &str) -> Option<Shape> {
        match (self, name) {
            (Self::Request, "resourceSpans" | "resource_spans") => Some(Shape::Many(Self::ResourceSpans)),
            (Self::ResourceSpans, "scopeSpans" | "scope_spans") => Some(Shape::Many(Self::ScopeSpans)),
            (Self::ResourceSpans, "resource") | (Self::ScopeSpans, "scope") => Some(Shape::One(OWNER)),
            (Self::ScopeSpans, "spans") => Some(Shape::Many(Self::Span)),
            (Self::Span, "events" | "links") => Some(Shape::Many(OWNER)),
            (Self::Span | Self::Owner(_), "attributes") | (Self::Object, "values") => {
                Some(Shape::Many(Self::Attribute))
            }
            (Self::Attribute, "value") => Some(Shape::One(Self::Value)),
            (Self::Value, "arrayValue" | "array_value") => Some(Shape::One(Self::List)),
            (Self::Value, "kvlistValue" | "kvlist_value") => Some(Shape::One(Self::Object)),
            (Self::List, "values") => Some(Shape::Many(Self::Value)),
            _ => None,
        }
    }
}

/// In JSON all that have attributes call them so.
const OWNER: Message = Message::Owner(0);

impl<'de> DeserializeSeed<'de> for Weigh<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Weigh<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key::<Name<'de>>()? {
            let member = match self.shape {
                Shape::One(message) => message.member(&name),
                Shape::Many(_) => None,
            };
            match member {
                Some(shape) => map.next_value_seed(Weigh { weight: self.weight, shape })?,
                None => map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Shape::Many(element) = self.shape else {
            // An object may be given as a list of its members, which nobody does: two bytes may be a span then.
            self.weight.total = self.weight.total.saturating_add((self.weight.text / 2).saturating_mul(SPAN));
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        };
        while list.next_element_seed(Weigh { weight: self.weight, shape: Shape::One(element) })?.is_some() {
            self.weight.total = self.weight.total.saturating_add(element.weight(Message::Request));
        }
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// The name of a member.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use prost::Message as _;

    use super::*;
    use crate::ports::SpanWrite;

    fn request(spans: usize, attributes: usize) -> ExportTraceServiceRequest {
        let attribute =
            KeyValue { key: "k".to_owned(), value: Some(AnyValue::default()), ..KeyValue::default() };
        let span = Span { attributes: vec![attribute; attributes], ..Span::default() };
        let scope_spans = vec![ScopeSpans { spans: vec![span; spans], ..ScopeSpans::default() }];
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
        }
    }

    #[test]
    fn a_span_weighs_what_it_takes() {
        assert!(size_of::<Span>() + size_of::<SpanWrite>() <= SPAN);
        assert!(2 * size_of::<KeyValue>() <= OTHER);
    }

    #[test]
    fn spans_and_attributes_are_weighed_in_both_forms() {
        let request = request(1_000, 3);
        let inner = 1_000 * (SPAN + 3 * OTHER);
        let protobuf = weigh_protobuf(&request.encode_to_vec());
        assert_eq!(protobuf, inner + 2 * OTHER);
        let json = weigh_json(&serde_json::to_string(&request).expect("a request is JSON"));
        assert_eq!(json, inner + 2 * OTHER);
    }

    #[test]
    fn two_bytes_a_span_weigh_as_many_spans() {
        let mut spans = Vec::new();
        prost::encoding::encode_key(2, WireType::LengthDelimited, &mut spans);
        spans.push(0);
        let spans = spans.repeat(100);
        let wrapped = |tag, bytes: &[u8]| {
            let mut out = Vec::new();
            prost::encoding::bytes::encode(tag, &bytes.to_vec(), &mut out);
            out
        };
        assert!(weigh_protobuf(&wrapped(1, &wrapped(2, &spans))) >= 100 * SPAN);
        for list in [
            format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}{{}}]}}]}}]}}"#, "{},".repeat(99)),
            format!(r#"{{"resourceSpans":[[null,[[null,[{}{{}}]]]]]}}"#, "{},".repeat(99)),
        ] {
            assert!(weigh_json(&list) >= 100 * SPAN, "{list}");
        }
    }

    #[test]
    fn what_comes_before_an_error_is_weighed() {
        let cut = r#"{"new":"\ud83d","values":"\ud83d","resourceSpans":[{"scopeSpans":[{"spans":[{"name":"\ud83d"},{},{"#;
        assert_eq!(weigh_json(cut), 2 * SPAN);
        assert_eq!(weigh_json(&"[".repeat(1_000)), 0);
        assert_eq!(weigh_protobuf(b"\xff\xff"), 0);
    }
}
