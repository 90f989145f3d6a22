//! Lists of messages and documents that senders flatten into one attribute per leaf.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::attributes::Attributes;
use super::names::Family;
use super::value;
use crate::json::Json;

/// Takes a flattened list as one value, in the order of its numbers; `None` where there is none.
///
/// Messages take the shape of chat requests: `role`, `content`, `tool_calls`, whichever convention sent them.
/// Numbers may have holes. Keys without a number stay.
pub(super) fn take_list(attributes: &mut Attributes, family: Family) -> Option<Json> {
    let mut leaves: Vec<(u32, u32, String)> = attributes
        .family(family)
        .filter_map(|(at, key, _)| {
            let (number, path) = numbered(key)?;
            Some((number, at, path.to_owned()))
        })
        .collect();
    if leaves.is_empty() {
        return None;
    }
    leaves.sort_by_key(|(number, at, _)| (*number, *at));
    let mut list = Vec::new();
    let mut item = Item::default();
    let mut current = leaves[0].0;
    for (number, at, path) in leaves {
        if number != current {
            list.push(std::mem::take(&mut item).into_value(family));
            current = number;
        }
        if let Some(value) = attributes.take_at(at) {
            let path = path.strip_prefix(item_prefix(family)).unwrap_or(&path);
            item.add(path, value::literal(value));
        }
    }
    list.push(item.into_value(family));
    attributes.close_family(family);
    Some(Json::from_serialize(&list))
}

/// Drops a flattened list that only repeats what `whole` says: every longer text in it is found there, in order.
///
/// Senders of `OpenInference` write each message twice, as part of the whole request and leaf by leaf.
pub(super) fn drop_repeated(attributes: &mut Attributes, family: Family, whole: &Json) {
    const LONG: usize = 16;
    if !attributes.has_family(family) {
        return;
    }
    let mut leaves: Vec<(u32, u32, String)> = Vec::new();
    for (at, key, value) in attributes.family(family) {
        let Some((number, _)) = numbered(key) else { return };
        match value {
            super::Any::StringValue(text) if text.len() >= LONG => leaves.push((number, at, text.clone())),
            super::Any::ArrayValue(_) | super::Any::KvlistValue(_) | super::Any::BytesValue(_) => return,
            _ => {}
        }
    }
    leaves.sort_by_key(|(number, at, _)| (*number, *at));
    let whole = whole.as_str().as_bytes();
    let mut from = 0;
    for (_, _, text) in leaves {
        let quoted = Json::string(&text);
        let inner = quoted.as_str().as_bytes();
        let Some(found) = memchr::memmem::find(&whole[from..], &inner[1..inner.len() - 1]) else { return };
        from += found + inner.len() - 2;
    }
    attributes.drop_family(family);
}

/// Splits `3.message.role` into its number and the rest.
fn numbered(key: &str) -> Option<(u32, &str)> {
    let (number, path) = key.split_once('.').unwrap_or((key, ""));
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    Some((number.parse().ok().filter(|_| plain)?, path))
}

fn item_prefix(family: Family) -> &'static str {
    match family {
        Family::InputMessages | Family::OutputMessages => "message.",
        Family::Documents => "document.",
        _ => "",
    }
}

/// One message or document, put together from its leaves.
#[derive(Default)]
struct Item {
    members: Map<String, Value>,
    contents: BTreeMap<u32, Map<String, Value>>,
    calls: BTreeMap<u32, Map<String, Value>>,
}

impl Item {
    fn add(&mut self, path: &str, value: Value) {
        if let Some((number, rest)) = path.strip_prefix("contents.").and_then(numbered) {
            let part = self.contents.entry(number).or_default();
            let name = rest.strip_prefix("message_content.").unwrap_or(rest);
            part.insert(value::clean(name.to_owned()), value);
        } else if let Some((number, rest)) = path.strip_prefix("tool_calls.").and_then(numbered) {
            let call = self.calls.entry(number).or_default();
            let name = rest.strip_prefix("tool_call.").unwrap_or(rest);
            call.insert(value::clean(name.to_owned()), value);
        } else {
            let name = if path.is_empty() { "value" } else { path };
            self.members.insert(value::clean(name.to_owned()), parsed(name, value));
        }
    }

    fn into_value(mut self, family: Family) -> Value {
        if !self.contents.is_empty() {
            let parts: Vec<Value> = self.contents.into_values().map(content_part).collect();
            match self.members.get_mut("content") {
                // Both forms at once: the parts say more, the text stays beside them.
                Some(_) => self.members.insert("contents".to_owned(), Value::Array(parts)),
                None => self.members.insert("content".to_owned(), Value::Array(parts)),
            };
        }
        let legacy =
            ["function_call_name", "function_call_arguments_json"].map(|name| self.members.remove(name));
        if let [Some(name), arguments] = legacy {
            self.members.insert("function_call".to_owned(), json!({"name": name, "arguments": arguments}));
        }
        if !self.calls.is_empty() {
            let calls = self.calls.into_values().map(tool_call).collect();
            self.members.insert("tool_calls".to_owned(), Value::Array(calls));
        }
        let is_answer = matches!(family, Family::Completions | Family::OutputMessages);
        if is_answer && !self.members.contains_key("role") {
            self.members.insert("role".to_owned(), Value::from("assistant"));
        }
        Value::Object(self.members)
    }
}

/// Returns a leaf's value; contents and documents' metadata may hold JSON as text.
fn parsed(name: &str, value: Value) -> Value {
    match value {
        Value::String(text) if name == "content" || name == "metadata" => value::parsed_or_text(text),
        other => other,
    }
}

/// Returns a part of a message's content as chat requests write it.
fn content_part(mut part: Map<String, Value>) -> Value {
    if let Some(url) = part.remove("image.image.url") {
        part.insert("type".to_owned(), Value::from("image_url"));
        part.insert("image_url".to_owned(), json!({ "url": url }));
    }
    Value::Object(part)
}

/// Returns a tool call as chat requests write it: its function's name and arguments together.
fn tool_call(mut call: Map<String, Value>) -> Value {
    let mut function = Map::new();
    for name in ["name", "arguments"] {
        let value = call.remove(&format!("function.{name}")).or_else(|| call.remove(name));
        if let Some(value) = value {
            function.insert(name.to_owned(), value);
        }
    }
    call.entry("type").or_insert_with(|| Value::from("function"));
    call.insert("function".to_owned(), Value::Object(function));
    Value::Object(call)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::otlp::testing::attributes;

    fn list(family: Family, value: Value) -> (Value, Value) {
        let mut attributes = Attributes::new(attributes(value));
        let list = take_list(&mut attributes, family).map_or(Value::Null, |list| list.read().unwrap());
        let mut left = crate::kind::Attributes::new();
        attributes.leave_to(&mut left);
        (list, Value::Object(left))
    }

    #[test]
    fn prompts_of_openllmetry_become_messages_in_order() {
        let flat = json!({
            "gen_ai.prompt.10.role": "user", "gen_ai.prompt.10.content": "later",
            "gen_ai.prompt.0.role": "system", "gen_ai.prompt.0.content": "be brief",
            "gen_ai.prompt.2.role": "assistant",
            "gen_ai.prompt.2.tool_calls.0.id": "call_1", "gen_ai.prompt.2.tool_calls.0.name": "add",
            "gen_ai.prompt.2.tool_calls.0.arguments": "{\"a\":1}",
            "gen_ai.prompt.3.role": "tool", "gen_ai.prompt.3.tool_call_id": "call_1",
            "gen_ai.prompt.3.content": "[{\"type\":\"text\",\"text\":\"2\"}]",
            "gen_ai.prompt.name": "not a message",
        });
        let (messages, left) = list(Family::Prompts, flat);
        let wanted = json!([
            {"role": "system", "content": "be brief"},
            {"role": "assistant", "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": "{\"a\":1}"}}]},
            {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "2"}]},
            {"role": "user", "content": "later"},
        ]);
        assert_eq!((messages, left), (wanted, json!({"gen_ai.prompt.name": "not a message"})));
    }

    #[test]
    fn messages_of_openinference_take_the_same_shape() {
        let flat = json!({
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.contents.0.message_content.type": "text",
            "llm.input_messages.0.message.contents.0.message_content.text": "what is it?",
            "llm.input_messages.0.message.contents.1.message_content.type": "image",
            "llm.input_messages.0.message.contents.1.message_content.image.image.url": "https://x/y.png",
            "llm.input_messages.1.message.role": "assistant",
            "llm.input_messages.1.message.tool_calls.0.tool_call.id": "c",
            "llm.input_messages.1.message.tool_calls.0.tool_call.function.name": "look",
            "llm.input_messages.1.message.tool_calls.0.tool_call.function.arguments": "{}",
            "llm.input_messages.2.message.role": "function",
            "llm.input_messages.2.message.function_call_name": "old",
            "llm.input_messages.2.message.function_call_arguments_json": "{}",
        });
        let wanted = json!([
            {"role": "user", "content": [
                {"type": "text", "text": "what is it?"},
                {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]},
            {"role": "assistant", "tool_calls": [
                {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}]},
            {"role": "function", "function_call": {"name": "old", "arguments": "{}"}},
        ]);
        assert_eq!(list(Family::InputMessages, flat), (wanted, json!({})));
    }

    #[test]
    fn an_answer_without_a_role_is_the_assistants() {
        let flat = json!({"gen_ai.completion.0.content": "4", "gen_ai.completion.0.finish_reason": "stop"});
        let wanted = json!([{"content": "4", "finish_reason": "stop", "role": "assistant"}]);
        assert_eq!(list(Family::Completions, flat).0, wanted);
    }

    #[test]
    fn documents_become_a_list() {
        let flat = json!({
            "retrieval.documents.0.document.id": "7", "retrieval.documents.0.document.content": "tides",
            "retrieval.documents.0.document.score": 0.5, "retrieval.documents.0.document.metadata": "{\"p\":1}",
        });
        let wanted = json!([{"id": "7", "content": "tides", "score": 0.5, "metadata": {"p": 1}}]);
        assert_eq!(list(Family::Documents, flat).0, wanted);
    }

    #[test]
    fn numbers_too_large_or_missing_stay_attributes() {
        let flat = json!({"gen_ai.prompt.99999999999.role": "user", "gen_ai.prompt.-1.role": "x", "gen_ai.prompt..a": 1});
        assert_eq!(list(Family::Prompts, flat.clone()), (Value::Null, flat));
    }

    #[test]
    fn a_list_that_repeats_the_whole_is_dropped_and_another_is_kept() {
        let whole = Json::parse(
            r#"{"messages":[{"content":"a long enough \"first\" text"},{"content":"and then the second one"}]}"#,
        )
        .unwrap();
        let left = |second: &str| {
            let mut attributes = Attributes::new(attributes(json!({
                "llm.input_messages.1.message.content": second,
                "llm.input_messages.0.message.content": "a long enough \"first\" text",
                "llm.input_messages.0.message.role": "user",
            })));
            drop_repeated(&mut attributes, Family::InputMessages, &whole);
            let mut left = crate::kind::Attributes::new();
            attributes.leave_to(&mut left);
            left.len()
        };
        assert_eq!((left("and then the second one"), left("something else entirely")), (0, 3));
    }
}
