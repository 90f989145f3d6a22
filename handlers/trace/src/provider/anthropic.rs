//! Streams of Anthropic messages.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::value::RawValue;

use super::members::{Members, count};
use super::object::{Object, array};

type Owned = IndexMap<String, Box<RawValue>>;

/// A message assembled from its events.
#[derive(Default)]
pub(super) struct Message {
    top: Owned,
    usage: Owned,
    blocks: BTreeMap<u64, Block>,
    ended: bool,
}

/// One content block.
#[derive(Default)]
struct Block {
    start: Owned,
    text: String,
    thinking: String,
    signature: String,
    input: String,
    citations: Vec<Box<RawValue>>,
}

/// Returns whether `event` belongs to a message stream.
pub(super) fn is_event(word: &str) -> bool {
    word.starts_with("content_block_") || matches!(word, "message_start" | "message_delta" | "message_stop")
}

impl Message {
    /// Adds an event of type `word`.
    pub(super) fn add(&mut self, word: &str, event: &Members<'_>) {
        match word {
            "message_start" => {
                let Some(message) = event.object("message") else { return };
                lay_over(&mut self.top, &message);
                if let Some(usage) = message.object("usage") {
                    count_up(&mut self.usage, &usage);
                }
            }
            "content_block_start" => {
                if let Some(start) = event.object("content_block") {
                    let block = self.block(event);
                    lay_over(&mut block.start, &start);
                    block.text.push_str(&start.text("text").unwrap_or_default());
                    block.thinking.push_str(&start.text("thinking").unwrap_or_default());
                    block.signature.push_str(&start.text("signature").unwrap_or_default());
                }
            }
            "content_block_delta" => {
                if let Some(delta) = event.object("delta") {
                    self.block(event).add(&delta);
                }
            }
            "message_delta" => {
                if let Some(delta) = event.object("delta") {
                    lay_over(&mut self.top, &delta);
                    self.ended |= delta.some("stop_reason").is_some();
                }
                if let Some(usage) = event.object("usage") {
                    count_up(&mut self.usage, &usage);
                }
            }
            "message_stop" => self.ended = true,
            _ => {}
        }
    }

    /// Returns whether the message has come to its end.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Returns the text of the message as it would have been without streaming.
    pub(super) fn json(&self) -> String {
        let mut object = Object::new();
        let content = array(self.blocks.values().map(Block::json));
        let mut content_written = false;
        for (name, value) in self.top.iter().filter(|(name, _)| *name != "usage") {
            if name == "content" {
                object.json(name, &content);
                content_written = true;
            } else {
                object.raw(name, value);
            }
        }
        if !content_written {
            object.json("content", &content);
        }
        let mut usage = Object::new();
        for (name, value) in &self.usage {
            usage.raw(name, value);
        }
        object.json("usage", &usage.finish());
        object.finish()
    }

    fn block(&mut self, event: &Members<'_>) -> &mut Block {
        self.blocks.entry(event.count("index").unwrap_or(0)).or_default()
    }
}

impl Block {
    fn add(&mut self, delta: &Members<'_>) {
        let (grown, member) = match delta.text("type").as_deref() {
            Some("text_delta") => (&mut self.text, "text"),
            Some("input_json_delta") => (&mut self.input, "partial_json"),
            Some("thinking_delta") => (&mut self.thinking, "thinking"),
            Some("signature_delta") => (&mut self.signature, "signature"),
            Some("citations_delta") => {
                self.citations.extend(delta.some("citation").map(RawValue::to_owned));
                return;
            }
            _ => return,
        };
        grown.push_str(&delta.text(member).unwrap_or_default());
    }

    fn json(&self) -> String {
        let mut object = Object::new();
        let grown = [("text", &self.text), ("thinking", &self.thinking), ("signature", &self.signature)];
        let is_grown = |name: &str| grown.iter().any(|(member, text)| *member == name && !text.is_empty());
        for (name, value) in &self.start {
            let replaced = is_grown(name)
                || (name == "input" && !self.input.is_empty())
                || (name == "citations" && !self.citations.is_empty());
            if !replaced {
                object.raw(name, value);
            }
        }
        for (name, text) in grown.into_iter().filter(|(_, text)| !text.is_empty()) {
            object.text(name, text);
        }
        if !self.input.is_empty() {
            // A stream that broke leaves half an object, which is kept as text.
            match serde_json::from_str::<&RawValue>(&self.input) {
                Ok(input) => object.raw("input", input),
                Err(_) => object.text("input", &self.input),
            }
        }
        if !self.citations.is_empty() {
            object.json("citations", &array(self.citations.iter().map(|citation| citation.get())));
        }
        object.finish()
    }
}

/// Adds the counts of an event. They only grow, and some providers repeat those of the first event as 0.
fn count_up(old: &mut Owned, new: &Members<'_>) {
    for (name, value) in new.iter() {
        let before = old.get(name).and_then(|before| count(before));
        let is_less = count(value).is_some_and(|now| before.is_some_and(|before| now < before));
        if !is_less && (value.get() != "null" || !old.contains_key(name)) {
            old.insert(name.to_owned(), value.to_owned());
        }
    }
}

fn lay_over(old: &mut Owned, new: &Members<'_>) {
    for (name, value) in new.iter() {
        if value.get() != "null" || !old.contains_key(name) {
            old.insert(name.to_owned(), value.to_owned());
        }
    }
}
