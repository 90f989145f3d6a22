//! What a whole answer says.

use std::borrow::Cow;

use super::members::Members;
use super::usage::usage_of;
use crate::json::Json;
use crate::kind::Usage;

/// What an answer says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseFacts {
    /// Tokens by class.
    pub usage: Usage,
    /// The service tier that served the call.
    pub service_tier: Option<String>,
}

/// Reads a whole answer; one that is no JSON object says nothing.
pub fn read_response(body: &[u8]) -> ResponseFacts {
    Members::read_bytes(body).map(|members| facts_of(&members)).unwrap_or_default()
}

pub(super) fn facts_of(members: &Members<'_>) -> ResponseFacts {
    let tier = members.text("service_tier");
    let tier = tier.or_else(|| members.object("usage").and_then(|usage| usage.text("service_tier")));
    ResponseFacts { usage: usage_of(members), service_tier: tier.map(Cow::into_owned) }
}

/// Returns a body as text; bytes that are no UTF-8 become U+FFFD.
pub fn body_text(body: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(body)
}

/// Returns a body as a value: its JSON, else a string of its text.
pub fn body_json(body: &[u8]) -> Json {
    Json::parse_bytes(body).unwrap_or_else(|_| Json::string(&body_text(body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_tier_is_found_at_the_top_or_with_the_usage() {
        assert_eq!(read_response(br#"{"service_tier":"flex"}"#).service_tier.as_deref(), Some("flex"));
        let anthropic = br#"{"usage":{"input_tokens":1,"output_tokens":2,"service_tier":"batch"}}"#;
        let facts = read_response(anthropic);
        assert_eq!((facts.service_tier.as_deref(), facts.usage.total()), (Some("batch"), Some(3)));
    }

    #[test]
    fn a_body_that_is_no_json_is_kept_as_text() {
        assert_eq!(body_json(b" {\"a\": 1} ").as_str(), r#"{"a":1}"#);
        assert_eq!(body_json(b"hello").as_str(), r#""hello""#);
        assert_eq!(body_json(b"\"a\xff\"").as_str(), "\"\\\"a\u{fffd}\\\"\"");
        assert_eq!(body_json(b"").as_str(), r#""""#);
        assert_eq!(read_response(b"[1]"), ResponseFacts::default());
    }
}
