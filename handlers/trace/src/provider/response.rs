//! What a whole answer says.

use std::borrow::Cow;

use super::error::message_of;
use super::members::Members;
use super::usage::usage_of;
use crate::json::Json;
use crate::kind::Usage;

/// What an answer says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseFacts {
    /// The model that answered.
    pub model: Option<String>,
    /// Tokens by class.
    pub usage: Usage,
    /// The service tier that served the call.
    pub service_tier: Option<String>,
    /// What the provider said went wrong, in an answer that came well.
    pub error: Option<String>,
}

/// What a provider that failed without a word is taken to say.
pub(super) const UNTOLD: &str = "the provider reported an error";

/// Returns why a response of the `OpenAI` Responses API failed, which comes with status 200.
fn failure_of(members: &Members<'_>) -> Option<String> {
    let is = |name: &str, word: &str| members.text(name).is_some_and(|text| text == word);
    if !is("object", "response") || !is("status", "failed") {
        return None;
    }
    Some(message_of(members).map_or_else(|| UNTOLD.to_owned(), Cow::into_owned))
}

/// Reads a whole answer; one that is no JSON object says nothing.
pub fn read_response(body: &[u8]) -> ResponseFacts {
    Members::read_bytes(body).map(|members| facts_of(&members)).unwrap_or_default()
}

pub(super) fn facts_of(members: &Members<'_>) -> ResponseFacts {
    let tier = members.text("service_tier");
    let tier = tier.or_else(|| members.object("usage").and_then(|usage| usage.text("service_tier")));
    ResponseFacts {
        model: members.text("model").map(Cow::into_owned).filter(|model| !model.is_empty()),
        usage: usage_of(members),
        service_tier: tier.map(Cow::into_owned),
        error: failure_of(members),
    }
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
    fn the_model_that_answered_is_named() {
        let answer = br#"{"id":"c","object":"chat.completion","model":"gpt-4o-2024-08-06"}"#;
        assert_eq!(read_response(answer).model.as_deref(), Some("gpt-4o-2024-08-06"));
        assert_eq!(read_response(br#"{"model":""}"#).model, None);
    }

    #[test]
    fn a_response_may_fail_though_it_came_well() {
        let error = |answer: &str| read_response(answer.as_bytes()).error;
        let failed = r#"{"id":"r","object":"response","status":"failed","output":[],
            "error":{"code":"server_error","message":"no luck"}}"#;
        assert_eq!(error(failed).as_deref(), Some("no luck"));
        assert_eq!(error(r#"{"object":"response","status":"failed","error":null}"#).as_deref(), Some(UNTOLD));
        for fine in [
            r#"{"object":"response","status":"completed","error":null}"#,
            r#"{"object":"response","status":"incomplete","error":null}"#,
            r#"{"object":"fine_tuning.job","status":"failed","error":{"message":"no luck"}}"#,
        ] {
            assert_eq!(error(fine), None, "{fine}");
        }
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
