//! Streams of the `OpenAI` Responses API.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::members::Members;
use super::object::{Object, array};

/// A response assembled from its events. The last event brings it whole; what came before counts when the stream breaks,
/// and when the last event brings no output, as that of a response that failed.
#[derive(Default)]
pub(super) struct Response {
    latest: Option<Box<RawValue>>,
    items: BTreeMap<u64, Item>,
    ended: bool,
}

/// One output item.
#[derive(Default)]
struct Item {
    whole: Option<Box<RawValue>>,
    done: bool,
    texts: BTreeMap<u64, Piece>,
    summaries: BTreeMap<u64, String>,
    arguments: String,
    code: String,
}

/// One content part of an item.
#[derive(Default)]
struct Piece {
    part: Part,
    text: String,
}

/// What a content part holds.
#[derive(Clone, Copy, Default)]
enum Part {
    #[default]
    Text,
    Refusal,
    Reasoning,
}

/// Returns whether an event of type `word` belongs to a response stream.
pub(super) fn is_event(word: &str) -> bool {
    word.starts_with("response.")
}

impl Response {
    /// Adds an event of type `word`.
    pub(super) fn add(&mut self, word: &str, event: &Members<'_>) {
        if let Some(response) = event.some("response") {
            self.latest = Some(response.to_owned());
        }
        self.ended |= matches!(
            word,
            "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled"
        );
        if self.ended {
            if event.object("response").is_some_and(|response| has_output(&response)) {
                self.items.clear();
            }
            return;
        }
        let Some(index) = event.count("output_index") else { return };
        let item = self.items.entry(index).or_default();
        match word {
            "response.output_item.added" | "response.output_item.done" => {
                item.done = word.ends_with("done");
                item.whole = event.some("item").map(RawValue::to_owned);
            }
            "response.output_text.delta" | "response.refusal.delta" | "response.reasoning_text.delta" => {
                let piece = item.texts.entry(event.count("content_index").unwrap_or(0)).or_default();
                piece.part = match word {
                    "response.refusal.delta" => Part::Refusal,
                    "response.reasoning_text.delta" => Part::Reasoning,
                    _ => Part::Text,
                };
                piece.text.push_str(&event.text("delta").unwrap_or_default());
            }
            "response.reasoning_summary_text.delta" => {
                let summary = item.summaries.entry(event.count("summary_index").unwrap_or(0)).or_default();
                summary.push_str(&event.text("delta").unwrap_or_default());
            }
            "response.function_call_arguments.delta"
            | "response.custom_tool_call_input.delta"
            | "response.mcp_call_arguments.delta" => {
                item.arguments.push_str(&event.text("delta").unwrap_or_default());
            }
            "response.code_interpreter_call_code.delta" => {
                item.code.push_str(&event.text("delta").unwrap_or_default());
            }
            _ => {}
        }
    }

    /// Returns whether the response has come to its end, well or not.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Returns the text of the response, as far as it came.
    pub(super) fn json(&self) -> String {
        let Some(latest) = &self.latest else {
            let mut object = Object::new();
            object.json("output", &self.output());
            return object.finish();
        };
        let Some(members) = Members::read(latest.get()).filter(|_| !self.items.is_empty()) else {
            return latest.get().to_owned();
        };
        let mut object = Object::new();
        for (name, value) in members.iter().filter(|(name, _)| *name != "output") {
            object.raw(name, value);
        }
        object.json("output", &self.output());
        object.finish()
    }

    fn output(&self) -> String {
        array(self.items.values().map(Item::json))
    }
}

/// Returns whether a response says what came out.
fn has_output(response: &Members<'_>) -> bool {
    response.array("output").is_some_and(|items| !items.is_empty())
}

impl Item {
    fn json(&self) -> String {
        if let Some(whole) = self.whole.as_ref().filter(|_| self.done) {
            return whole.get().to_owned();
        }
        let content = array(self.texts.values().map(Piece::json));
        let summary = array(self.summaries.values().map(|text| part("summary_text", "text", text)));
        let mut grown = Vec::new();
        if !self.texts.is_empty() {
            grown.push(("content", content));
        }
        if !self.summaries.is_empty() {
            grown.push(("summary", summary));
        }
        let members = self.whole.as_ref().and_then(|whole| Members::read(whole.get()));
        let mut object = Object::new();
        let is_custom = members.as_ref().is_some_and(|members| members.get("input").is_some());
        let argument = if is_custom { "input" } else { "arguments" };
        for (name, value) in members.iter().flat_map(Members::iter) {
            let replaced = grown.iter().any(|(member, _)| *member == name)
                || (name == argument && !self.arguments.is_empty())
                || (name == "code" && !self.code.is_empty());
            if !replaced {
                object.raw(name, value);
            }
        }
        for (name, value) in &grown {
            object.json(name, value);
        }
        if !self.arguments.is_empty() {
            object.text(argument, &self.arguments);
        }
        if !self.code.is_empty() {
            object.text("code", &self.code);
        }
        object.finish()
    }
}

impl Piece {
    fn json(&self) -> String {
        match self.part {
            Part::Text => part("output_text", "text", &self.text),
            Part::Refusal => part("refusal", "refusal", &self.text),
            Part::Reasoning => part("reasoning_text", "text", &self.text),
        }
    }
}

fn part(kind: &str, member: &str, text: &str) -> String {
    let mut object = Object::new();
    object.text("type", kind);
    object.text(member, text);
    object.finish()
}
