//! What went into a span and came out, whichever convention carries it.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use serde_json::Value;
use serde_json::value::RawValue;

use super::attributes::Attributes;
use super::events::Events;
use super::kind::{Class, ai_operation};
use super::messages::{drop_repeated, take_list};
use super::names::{Family, Name};
use super::value;
use crate::json::Json;
use crate::span::Payload;

/// Takes input and output of a span from its attributes and events.
pub(super) fn take_payload(attributes: &mut Attributes, events: &mut Events, class: Class) -> Payload {
    let input = if class == Class::Tool {
        attributes.take_payload(&[Name::ToolCallArguments, Name::AiToolCallArgs])
    } else {
        None
    };
    let output = if class == Class::Tool {
        attributes.take_payload(&[Name::ToolCallResult, Name::AiToolCallResult])
    } else {
        None
    };
    let ai_sdk = class != Class::Tool && ai_operation(attributes).is_some();
    Payload {
        input: input.or_else(|| take_input(attributes, events, class)),
        output: output.or_else(|| take_output(attributes, events, ai_sdk)),
    }
}

fn take_input(attributes: &mut Attributes, events: &mut Events, class: Class) -> Option<Json> {
    if let Some(messages) = attributes.take(Name::InputMessages) {
        return Some(with_instructions(messages, attributes.take(Name::SystemInstructions)));
    }
    attributes
        .take_payload(&[Name::Prompt])
        .or_else(|| take_list(attributes, Family::Prompts))
        .or_else(|| events.take_input().map(|(messages, system)| with_instructions(messages, system)))
        .or_else(|| events.take_messages())
        // Instructions without messages still say what went in.
        .or_else(|| attributes.take(Name::SystemInstructions).map(instructions_alone))
        .or_else(|| {
            let names =
                [Name::AiPromptMessages, Name::AiPrompt, Name::AiValue, Name::AiValues, Name::AiDocuments];
            attributes.take_payload(&names)
        })
        .or_else(|| take_io_value(attributes, Name::InputValue, Name::InputMimeType, Family::InputMessages))
        .or_else(|| take_list(attributes, Family::InputMessages))
        .or_else(|| (class == Class::Tool).then(|| attributes.take_payload(&[Name::ToolParameters]))?)
        .or_else(|| attributes.take_payload(&[Name::TraceloopInput]))
}

fn take_output(attributes: &mut Attributes, events: &mut Events, ai_sdk: bool) -> Option<Json> {
    attributes
        .take_payload(&[Name::OutputMessages, Name::Completion])
        .or_else(|| take_list(attributes, Family::Completions))
        .or_else(|| events.take_output().map(value::payload))
        .or_else(|| events.take_choices())
        .or_else(|| take_ai_output(attributes))
        .or_else(|| attributes.take_payload(&[Name::AiEmbedding, Name::AiEmbeddings, Name::AiRanking]))
        .or_else(|| {
            take_io_value(attributes, Name::OutputValue, Name::OutputMimeType, Family::OutputMessages)
        })
        .or_else(|| take_list(attributes, Family::OutputMessages))
        .or_else(|| take_list(attributes, Family::Documents))
        .or_else(|| attributes.take_payload(&[Name::TraceloopOutput]))
        .or_else(|| ai_sdk.then(|| Json::from_serialize(&Value::Null)))
}

/// Takes `input.value` or `output.value`, and with it the flattened list that only repeats it.
fn take_io_value(attributes: &mut Attributes, name: Name, mime: Name, repeated: Family) -> Option<Json> {
    let said_json = attributes.text(mime).is_some_and(|mime| mime.starts_with("application/json"));
    let json = match attributes.take(name)? {
        Any::StringValue(text) if said_json => Json::parse(&text).unwrap_or_else(|_| Json::string(&text)),
        other => value::payload(other),
    };
    attributes.take(mime);
    drop_repeated(attributes, repeated, &json);
    Some(json)
}

/// Returns messages with the system instructions, which are parts of a message, as the first of them.
fn with_instructions(messages: Any, instructions: Option<Any>) -> Json {
    let messages = value::payload(messages);
    let Some(instructions) = instructions else { return messages };
    let system = system_message(instructions);
    let Some(list) = messages.read::<Vec<&RawValue>>() else {
        let text = format!(r#"{{"system":{system},"messages":{}}}"#, messages.as_str());
        return Json::from_compact(text).unwrap_or(messages);
    };
    let comma = if list.is_empty() { "" } else { "," };
    let rest = &messages.as_str()[1..];
    let text = format!("[{system}{comma}{rest}");
    Json::from_compact(text).unwrap_or(messages)
}

fn instructions_alone(instructions: Any) -> Json {
    let text = format!("[{}]", system_message(instructions));
    Json::from_compact(text).unwrap_or_else(|_| Json::from_serialize(&Value::Null))
}

/// Returns system instructions as the text of a message.
fn system_message(instructions: Any) -> String {
    let instructions = value::payload(instructions);
    let member = if instructions.as_str().starts_with('[') { "parts" } else { "content" };
    format!(r#"{{"role":"system","{member}":{}}}"#, instructions.as_str())
}

/// Takes what an AI SDK operation answered as one object; `None` when it answered nothing.
fn take_ai_output(attributes: &mut Attributes) -> Option<Json> {
    let mut answer = String::new();
    for (member, names) in [
        ("text", &[Name::AiText][..]),
        ("reasoning", &[Name::AiReasoning]),
        ("object", &[Name::AiObject]),
        ("tool_calls", &[Name::AiToolCalls]),
        ("finish_reason", &[Name::AiFinishReason]),
        ("ms_to_first_chunk", &[Name::AiMsToFirstChunk]),
        ("ms_to_finish", &[Name::AiMsToFinish]),
        ("avg_completion_tokens_per_sec", &[Name::AiAvgCompletionTokens, Name::AiAvgOutputTokens]),
    ] {
        let Some(value) = attributes.take_first(names) else { continue };
        let value = match (member, value) {
            // An answer stays the text the model wrote.
            ("text" | "reasoning", Any::StringValue(text)) => Json::string(&text),
            (_, value) => value::payload(value),
        };
        answer.push_str(if answer.is_empty() { "{\"" } else { ",\"" });
        answer.push_str(member);
        answer.push_str("\":");
        answer.push_str(value.as_str());
    }
    if answer.is_empty() {
        return None;
    }
    answer.push('}');
    Json::from_compact(answer).ok()
}
