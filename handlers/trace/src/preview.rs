//! The beginning of what a user asked, which a list of traces shows beside their names.
//!
//! A request is read only as far as its first user message, and nothing of it is parsed but the words shown.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::id::SpanId;
use crate::json::Json;
use crate::payload::scan;
use crate::span::Span;
use crate::time::Timestamp;

/// Characters of a preview at most.
pub const CHARACTERS: usize = 200;

/// Bytes of a message that are looked at for them.
const LOOKED_AT: usize = 4 * 1024;

/// Messages that are looked at for one of a user.
const MESSAGES: usize = 1_000;

/// Members of a request that hold messages, or one prompt.
const CHATS: [&str; 6] = ["messages", "input", "contents", "prompt", "input_messages", "history"];

/// Members of a message that hold what it says.
const CONTENTS: [&str; 3] = ["content", "parts", "text"];

/// What a trace shows of the first user message of its root, else of its earliest model call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// The beginning of the message, in one line.
    pub text: String,
    /// Whether the span it is of has no parent.
    #[serde(rename = "root", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_root: bool,
    /// When that span started.
    #[serde(rename = "at")]
    pub started_at: Timestamp,
    /// That span.
    pub span: SpanId,
}

impl Preview {
    /// Returns the preview a trace may show of a span: a root, or a model call.
    pub fn of(span: &Span) -> Option<Self> {
        let text = span.preview.clone()?;
        let is_root = span.parent_id.is_none();
        let may_show = is_root || span.kind.llm().is_some();
        may_show.then(|| Self { text, is_root, started_at: span.started_at, span: span.id.clone() })
    }

    /// Returns whether a trace shows this one before that of `span`, whatever kind that comes to be.
    pub fn precedes(&self, span: &Span) -> bool {
        self.order() < (span.parent_id.is_some(), span.started_at, &span.id)
    }

    /// Returns what orders previews: the least is shown.
    pub fn order(&self) -> (bool, Timestamp, &SpanId) {
        (!self.is_root, self.started_at, &self.span)
    }
}

/// Returns the beginning of the first user message of an input, in one line.
///
/// A text alone is what the user said where it `is_prompt`, as it is of a model call.
pub fn first_user_message(input: &Json, is_prompt: bool) -> Option<String> {
    let text = input.as_str();
    match text.as_bytes().first()? {
        b'"' if is_prompt => prompt(text),
        b'[' => of_messages(text),
        b'{' => scan::members(text, 0).filter(|(name, _)| CHATS.contains(name)).find_map(|(_, value)| {
            let value = &text[value];
            match value.as_bytes().first()? {
                b'"' if is_prompt => prompt(value),
                b'[' => of_messages(value),
                _ => None,
            }
        }),
        _ => None,
    }
}

/// Returns the beginning of a prompt, unless it is a request as text, of which a capture mode kept a piece.
fn prompt(string: &str) -> Option<String> {
    line(&beginning(string)?).filter(|line| !line.starts_with(['{', '[']))
}

fn of_messages(list: &str) -> Option<String> {
    scan::elements(list, 0).take(MESSAGES).find_map(|element| {
        let element = &list[element];
        match element.as_bytes().first()? {
            b'{' => of_message(element),
            // Batches of one conversation.
            b'[' => scan::elements(element, 0).take(MESSAGES).find_map(|inner| {
                let message = &element[inner];
                message.starts_with('{').then(|| of_message(message))?
            }),
            _ => None,
        }
    })
}

fn of_message(message: &str) -> Option<String> {
    let mut is_user = false;
    let mut content = None;
    for (name, value) in scan::members(message, 0) {
        let value = &message[value];
        match name {
            "role" | "type" => is_user |= matches!(value, r#""user""# | r#""human""#),
            _ if CONTENTS.contains(&name) && content.is_none() => content = Some(value),
            _ => {}
        }
    }
    let content = content.filter(|_| is_user)?;
    match content.as_bytes().first()? {
        b'"' => line(&beginning(content)?),
        b'[' => of_pieces(content),
        _ => None,
    }
}

/// Returns the beginning of a message in pieces, as far as they are text.
fn of_pieces(pieces: &str) -> Option<String> {
    let mut text = String::new();
    for piece in scan::elements(pieces, 0).take(MESSAGES) {
        let piece = &pieces[piece];
        let words = match piece.as_bytes().first() {
            Some(b'"') => beginning(piece),
            Some(b'{') => of_piece(piece),
            _ => None,
        };
        if let Some(words) = words {
            text.push_str(&words);
            text.push(' ');
        }
        if text.len() > LOOKED_AT {
            break;
        }
    }
    line(&text)
}

fn of_piece(piece: &str) -> Option<Cow<'_, str>> {
    let mut text = None;
    for (name, value) in scan::members(piece, 0) {
        let value = &piece[value];
        match name {
            // Images, files and what tools answered are no words of the user.
            "type" if !matches!(value, r#""text""# | r#""input_text""#) => return None,
            "text" | "content" if value.starts_with('"') => text = Some(value),
            _ => {}
        }
    }
    beginning(text?)
}

/// Returns the beginning of a JSON string without its escapes.
fn beginning(string: &str) -> Option<Cow<'_, str>> {
    let inner = string.get(1..string.len().checked_sub(1)?)?;
    let bytes = inner.as_bytes();
    if bytes.len() <= LOOKED_AT && memchr::memchr(b'\\', bytes).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    let mut end = 0;
    while end < bytes.len().min(LOOKED_AT) {
        end += match &bytes[end..] {
            // The two halves of a character beyond the first 65536.
            [b'\\', b'u', b'd' | b'D', b'8' | b'9' | b'a' | b'b' | b'A' | b'B', ..] => 12,
            [b'\\', b'u', ..] => 6,
            [b'\\', ..] => 2,
            _ => 1,
        };
    }
    while !inner.is_char_boundary(end.min(bytes.len())) {
        end += 1;
    }
    let beginning = &inner[..end.min(bytes.len())];
    serde_json::from_str(&format!("\"{beginning}\"")).map(Cow::Owned).ok()
}

/// Returns the beginning of a text in one line, with `…` when something was cut; `None` when nothing is to be seen.
fn line(text: &str) -> Option<String> {
    let mut line = String::new();
    let mut characters = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        let space = if line.is_empty() { "" } else { " " };
        for character in space.chars().chain(word.chars()) {
            if characters == CHARACTERS {
                line.pop();
                line.push('…');
                return Some(line);
            }
            line.push(character);
            characters += 1;
        }
    }
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::{Value, json};

    use super::*;

    fn of(input: &Value) -> Option<String> {
        first_user_message(&Json::from_serialize(input), true)
    }

    #[test]
    fn the_first_user_message_of_any_request_is_found() {
        let hello = json!("  Hello,\n\n  \"world\"\t🦀 ");
        let text = json!([{"type": "image", "text": "no"}, {"type": "text", "text": hello}]);
        for input in [
            json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": hello}, {"role": "user", "content": "more"}]),
            json!({"model": "m", "tools": [{"messages": 1}], "messages": [{"content": text, "role": "user"}]}),
            json!({"contents": [{"role": "user", "parts": [{"text": hello}]}]}),
            json!({"instructions": "Be brief.", "input": hello}),
            json!({"input": [{"role": "user", "content": [{"type": "input_text", "text": hello}]}]}),
            json!([{"role": "user", "parts": [{"type": "text", "content": hello}]}]),
            json!([[{"type": "human", "content": hello}]]),
            json!({"model": "m", "prompt": hello}),
            hello.clone(),
        ] {
            assert_eq!(of(&input).as_deref(), Some("Hello, \"world\" 🦀"), "{input}");
        }
    }

    #[test]
    fn a_message_without_words_gives_way_to_the_next() {
        let result = json!([{"type": "tool_result", "tool_use_id": "t", "content": "42"}]);
        let input = json!([{"role": "user", "content": result}, {"role": "user", "content": "why?"}]);
        assert_eq!(of(&input).as_deref(), Some("why?"));
    }

    #[test]
    fn what_nobody_said_is_no_preview() {
        for input in [
            json!(null),
            json!(7),
            json!(" \n"),
            json!([]),
            json!({"query": "x"}),
            json!([{"role": "system", "content": "x"}]),
            json!([{"role": "user", "content": {"a": 1}}, {"role": "user"}, 7]),
            json!("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"cont…"),
        ] {
            assert_eq!(of(&input), None, "{input}");
        }
        let text = Json::parse(r#"{"input":"a path"}"#).unwrap();
        assert_eq!(first_user_message(&text, false), None);
        assert_eq!(first_user_message(&Json::string("a path"), false), None);
    }

    #[test]
    fn it_is_one_line_of_two_hundred_characters_at_most() {
        let shown = |text: &str| of(&json!([{"role": "user", "content": text}])).unwrap();
        assert_eq!(shown(&"é".repeat(200)), "é".repeat(200));
        assert_eq!(shown(&"🦀".repeat(201)), format!("{}…", "🦀".repeat(199)));
        let long = shown(&"word\r\n".repeat(1_000_000));
        assert_eq!((long.chars().count(), long.contains('\n')), (200, false));
    }

    proptest::proptest! {
        #[test]
        fn cutting_anywhere_keeps_characters_whole(shift in 0_usize..16, escaped in proptest::bool::ANY) {
            let text = format!("{}{}", "x".repeat(LOOKED_AT - shift), "é\n🦀\"".repeat(9));
            let mut json = serde_json::to_string(&text).unwrap();
            if escaped {
                json = json.replace('🦀', "\\ud83e\\udd80").replace('é', "\\u00e9");
            }
            let begun = beginning(&json).unwrap();
            proptest::prop_assert!(text.starts_with(&*begun) && begun.len() + 16 >= LOOKED_AT - shift);
        }

        #[test]
        fn any_input_is_read_without_a_panic(text in ".*") {
            if let Ok(json) = Json::parse(&text) {
                let _ = first_user_message(&json, true);
            }
            let _ = first_user_message(&Json::from_serialize(&json!([{"role": "user", "content": text}])), true);
        }
    }
}
