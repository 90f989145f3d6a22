//! What an error answer says.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::members::{Members, text};

/// Characters of an error text that is no JSON.
const TEXT_CHARACTERS: usize = 200;

/// Returns the message of an error body: the one its JSON carries, else its first 200 characters.
pub fn error_message(body: &str) -> String {
    let message = Members::read(body).and_then(|members| message_of(&members).map(Cow::into_owned));
    message.unwrap_or_else(|| body.trim().chars().take(TEXT_CHARACTERS).collect())
}

/// Returns the message of `{"error": {"message": …}}`, `{"error": "…"}`, `{"message": …}` or `{"detail": …}`.
pub(super) fn message_of<'a>(members: &Members<'a>) -> Option<Cow<'a, str>> {
    let error = members.some("error").and_then(message_of_error);
    error
        .or_else(|| members.text("message"))
        .or_else(|| members.text("detail"))
        .or_else(|| members.text("error_description"))
        .filter(|message| !message.trim().is_empty())
}

fn message_of_error(error: &RawValue) -> Option<Cow<'_, str>> {
    if let Some(message) = text(error) {
        return Some(message);
    }
    let error = Members::read(error.get())?;
    error.text("message").or_else(|| error.text("type")).or_else(|| error.text("code"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_found_wherever_providers_put_it() {
        for body in [
            r#"{"error":{"message":"no such model","type":"invalid_request_error"}}"#,
            r#"{"type":"error","error":{"type":"not_found_error","message":"no such model"}}"#,
            r#"{"error":"no such model"}"#,
            r#"{"message":"no such model"}"#,
            r#"{"detail":"no such model"}"#,
            "  no such model\n",
        ] {
            assert_eq!(error_message(body), "no such model", "{body}");
        }
    }

    #[test]
    fn other_bodies_give_their_first_200_characters() {
        assert_eq!(error_message(&"ä".repeat(300)), "ä".repeat(200));
        assert_eq!(error_message(r#"{"error":{"message":""}}"#), r#"{"error":{"message":""}}"#);
        assert_eq!(error_message(""), "");
    }
}
