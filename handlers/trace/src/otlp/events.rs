//! Events of a span: messages of a call, exceptions, and all others.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use serde_json::{Map, Value};

use super::value;
use crate::json::Json;
use crate::kind::Attributes as JsonMap;
use crate::time::Timestamp;

const DETAILS: &str = "gen_ai.client.inference.operation.details";
const PROMPT: &str = "gen_ai.content.prompt";
const COMPLETION: &str = "gen_ai.content.completion";
const CHOICE: &str = "gen_ai.choice";

/// The events of one span. What is taken is gone; what nobody took is kept with the span.
pub(super) struct Events(Vec<Event>);

impl Events {
    pub(super) fn new(events: Vec<Event>) -> Self {
        Self(events)
    }

    /// Returns what an exception said.
    pub(super) fn exception(&self) -> Option<String> {
        let exceptions = self.0.iter().filter(|event| event.name == "exception");
        exceptions.flat_map(|event| &event.attributes).find_map(|attribute| {
            match value_of(attribute, "exception.message")? {
                Any::StringValue(text) if !text.trim().is_empty() => Some(value::clean(text.clone())),
                _ => None,
            }
        })
    }

    /// Takes what went in: the messages and system instructions of an event about the whole call, a prompt, or
    /// one event per message.
    pub(super) fn take_input(&mut self) -> Option<(Any, Option<Any>)> {
        if self.0.is_empty() {
            return None;
        }
        if let Some(messages) = self.take_attribute(DETAILS, "gen_ai.input.messages") {
            return Some((messages, self.take_attribute(DETAILS, "gen_ai.system_instructions")));
        }
        self.take_attribute(PROMPT, "gen_ai.prompt").map(|prompt| (prompt, None))
    }

    /// Takes what came out, as [`Events::take_input`] takes what went in.
    pub(super) fn take_output(&mut self) -> Option<Any> {
        if self.0.is_empty() {
            return None;
        }
        self.take_attribute(DETAILS, "gen_ai.output.messages")
            .or_else(|| self.take_attribute(COMPLETION, "gen_ai.completion"))
    }

    /// Takes the events that are one message of the prompt each.
    pub(super) fn take_messages(&mut self) -> Option<Json> {
        let role = |name: &str| Some(name.strip_prefix("gen_ai.")?.strip_suffix(".message")?.to_owned());
        self.take_each(role)
    }

    /// Takes the events that are one answer each.
    pub(super) fn take_choices(&mut self) -> Option<Json> {
        self.take_each(|name| (name == CHOICE).then(|| "assistant".to_owned()))
    }

    fn take_each(&mut self, role_of: impl Fn(&str) -> Option<String>) -> Option<Json> {
        let mut messages = Vec::new();
        self.0.retain_mut(|event| {
            let Some(role) = role_of(&event.name) else { return true };
            messages.push(message(role, std::mem::take(&mut event.attributes)));
            false
        });
        (!messages.is_empty()).then(|| Json::from_serialize(&messages))
    }

    fn take_attribute(&mut self, event: &str, key: &str) -> Option<Any> {
        let events = self.0.iter_mut().filter(|candidate| candidate.name == event);
        for event in events {
            let at = event
                .attributes
                .iter()
                .position(|attribute| value_of(attribute, key).is_some_and(|value| !value::is_empty(value)));
            if let Some(at) = at {
                return event.attributes.remove(at).value.and_then(|any| any.value);
            }
        }
        None
    }

    /// Returns what nobody took as a list, oldest first; `None` when nothing is left.
    pub(super) fn leave(self) -> Option<Value> {
        let all_taken = |event: &Event| {
            matches!(event.name.as_str(), DETAILS | PROMPT | COMPLETION) && event.attributes.is_empty()
        };
        let left: Vec<Value> =
            self.0.into_iter().filter(|event| !all_taken(event)).map(event_value).collect();
        (!left.is_empty()).then_some(Value::Array(left))
    }
}

/// Returns links to other spans as a list; `None` when there are none.
pub(super) fn links(links: Vec<Link>) -> Option<Value> {
    if links.is_empty() {
        return None;
    }
    let link = |link: Link| {
        let mut shown = Map::new();
        shown.insert("trace_id".to_owned(), Value::from(super::span::hex(&link.trace_id)));
        shown.insert("span_id".to_owned(), Value::from(super::span::hex(&link.span_id)));
        if !link.trace_state.is_empty() {
            shown.insert("trace_state".to_owned(), Value::from(value::clean(link.trace_state)));
        }
        if !link.attributes.is_empty() {
            shown.insert("attributes".to_owned(), Value::Object(value::object(link.attributes)));
        }
        Value::Object(shown)
    };
    Some(Value::Array(links.into_iter().map(link).collect()))
}

fn event_value(event: Event) -> Value {
    let mut shown = Map::new();
    shown.insert("name".to_owned(), Value::from(value::clean(event.name)));
    if event.time_unix_nano != 0 {
        let time = Timestamp::from_nanos(event.time_unix_nano);
        shown.insert("time".to_owned(), Value::from(time.to_string()));
    }
    if !event.attributes.is_empty() {
        shown.insert("attributes".to_owned(), Value::Object(value::object(event.attributes)));
    }
    Value::Object(shown)
}

fn value_of<'a>(attribute: &'a KeyValue, key: &str) -> Option<&'a Any> {
    if attribute.key == key { attribute.value.as_ref()?.value.as_ref() } else { None }
}

/// Returns an event about one message as that message. Some senders put its body into one attribute, some
/// spread it, and a choice holds the message one level down.
fn message(role: String, attributes: Vec<KeyValue>) -> Value {
    let mut members: JsonMap = Map::new();
    for (key, value) in value::object(attributes) {
        match (key.as_str(), value) {
            ("gen_ai.system" | "gen_ai.provider.name" | "event.name", _) => {}
            ("gen_ai.event.content" | "event.body" | "body" | "message", Value::Object(body)) => {
                for (member, value) in body {
                    match (member.as_str(), value) {
                        ("message", Value::Object(inner)) => members.extend(inner),
                        (_, value) => {
                            members.insert(member, value);
                        }
                    }
                }
            }
            ("gen_ai.event.content" | "message", value) => {
                members.insert("content".to_owned(), value);
            }
            (_, value) => {
                members.insert(key, value);
            }
        }
    }
    let mut message = Map::with_capacity(members.len() + 1);
    message.insert("role".to_owned(), members.shift_remove("role").unwrap_or(Value::String(role)));
    message.extend(members);
    Value::Object(message)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use serde_json::json;

    use super::*;
    use crate::otlp::testing::event;

    #[test]
    fn message_events_become_messages_however_they_are_written() {
        let mut events = Events::new(vec![
            event("gen_ai.system.message", json!({"gen_ai.system": "openai", "content": "be brief"})),
            event(
                "gen_ai.user.message",
                json!({"gen_ai.event.content": "{\"role\":\"user\",\"content\":\"hi\"}"}),
            ),
            event(
                "gen_ai.choice",
                json!({
                "index": 0, "finish_reason": "stop", "message": "{\"role\":\"assistant\",\"content\":\"hello\"}"}),
            ),
            event(
                "gen_ai.choice",
                json!({
                "gen_ai.event.content": "{\"index\":1,\"message\":{\"content\":\"hey\"}}"}),
            ),
            event("other", json!({})),
        ]);
        let input: Value = events.take_messages().unwrap().read().unwrap();
        assert_eq!(
            input,
            json!([{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}])
        );
        let output: Value = events.take_choices().unwrap().read().unwrap();
        let wanted = json!([
            {"role": "assistant", "index": 0, "finish_reason": "stop", "content": "hello"},
            {"role": "assistant", "index": 1, "content": "hey"},
        ]);
        assert_eq!(output, wanted);
        assert_eq!(events.leave(), Some(json!([{"name": "other"}])));
    }

    #[test]
    fn content_events_hold_prompt_and_completion() {
        let mut events = Events::new(vec![
            event("gen_ai.content.prompt", json!({"gen_ai.prompt": "p"})),
            event("gen_ai.content.completion", json!({"gen_ai.completion": "c"})),
        ]);
        assert_eq!(events.take_input(), Some((Any::StringValue("p".to_owned()), None)));
        assert_eq!(events.take_output(), Some(Any::StringValue("c".to_owned())));
        assert_eq!(events.leave(), None);
    }

    #[test]
    fn the_exceptions_message_is_found() {
        let events = Events::new(vec![
            event("exception", json!({"exception.type": "ValueError", "exception.message": "  "})),
            event("exception", json!({"exception.message": "boom"})),
        ]);
        assert_eq!(events.exception().as_deref(), Some("boom"));
        assert_eq!(events.leave().unwrap().as_array().unwrap().len(), 2);
    }
}
