//! Streams of choices: chat completions and text completions.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::value::RawValue;

use super::members::Members;
use super::merge::Merged;
use super::object::{Object, array};

/// An answer assembled from its chunks.
pub(super) struct Choices {
    kind: Kind,
    top: IndexMap<String, Box<RawValue>>,
    merged: BTreeMap<u64, Merged>,
}

/// Which of the two it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Messages, each chunk a `delta`.
    Chat,
    /// Plain `text`.
    Text,
}

impl Kind {
    /// Returns what kind of chunk `event` is, if it is one.
    pub(super) fn of(event: &Members<'_>) -> Option<Self> {
        let choices = event.array("choices")?;
        match event.text("object").as_deref() {
            Some("chat.completion.chunk" | "chat.completion") => return Some(Self::Chat),
            Some("text_completion") => return Some(Self::Text),
            _ => {}
        }
        let first = Members::read(choices.first()?.get())?;
        if first.get("delta").is_some() || first.get("message").is_some() {
            return Some(Self::Chat);
        }
        first.get("text").map(|_| Self::Text)
    }
}

impl Choices {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, top: IndexMap::new(), merged: BTreeMap::new() }
    }

    /// Adds a chunk.
    pub(super) fn add(&mut self, chunk: &Members<'_>) {
        for (name, value) in chunk.iter() {
            let is_new = !self.top.contains_key(name);
            if name != "choices" && name != "object" && (is_new || !says_nothing(value)) {
                self.top.insert(name.to_owned(), value.to_owned());
            }
        }
        for choice in chunk.array("choices").unwrap_or_default() {
            let Some(choice) = Members::read(choice.get()) else { continue };
            let merged = self.merged.entry(choice.count("index").unwrap_or(0)).or_default();
            for (name, value) in choice.iter().filter(|(name, _)| *name != "index") {
                merged.add_member(name, value);
            }
        }
    }

    /// Returns whether the answer has come to its end, as far as its chunks say: that of every choice.
    pub(super) fn ended(&self) -> bool {
        !self.merged.is_empty() && self.merged.values().all(|choice| choice.has("finish_reason"))
    }

    /// Returns the text of the answer as it would have been without streaming.
    pub(super) fn json(&self) -> String {
        let (word, renamed) = match self.kind {
            Kind::Chat => ("chat.completion", "message"),
            Kind::Text => ("text_completion", "delta"),
        };
        let rename = |name: &str| -> String { if name == "delta" { renamed } else { name }.to_owned() };
        let mut object = Object::new();
        if let Some(id) = self.top.get("id") {
            object.raw("id", id);
        }
        object.text("object", word);
        let choices = self.merged.iter().map(|(index, merged)| {
            let mut choice = Object::new();
            choice.json("index", &index.to_string());
            for (name, value) in merged.members() {
                choice.json(&rename(name), &value);
            }
            choice.finish()
        });
        let choices = array(choices);
        for (name, value) in self.top.iter().filter(|(name, _)| !matches!(name.as_str(), "id" | "usage")) {
            object.raw(name, value);
        }
        object.json("choices", &choices);
        if let Some(usage) = self.top.get("usage") {
            object.raw("usage", usage);
        }
        object.finish()
    }
}

/// Returns whether a repeated member adds nothing: some providers blank `id` or `usage` in later chunks.
fn says_nothing(value: &RawValue) -> bool {
    matches!(value.get(), "null" | "\"\"")
}
