//! Streams of Ollama: one object per line.

use indexmap::IndexMap;
use serde_json::value::RawValue;

use super::members::Members;
use super::merge::Merged;
use super::object::Object;

/// Members whose pieces are joined; of all others the last one counts.
const GROWN: [&str; 3] = ["message", "response", "thinking"];

/// An answer assembled from its lines.
#[derive(Default)]
pub(super) struct Lines {
    last: IndexMap<String, Box<RawValue>>,
    grown: Merged,
    ended: bool,
}

/// Returns whether `line` belongs to an answer.
pub(super) fn is_line(line: &Members<'_>) -> bool {
    line.get("done").is_some() && (line.get("message").is_some() || line.get("response").is_some())
}

impl Lines {
    /// Adds a line.
    pub(super) fn add(&mut self, line: &Members<'_>) {
        for (name, value) in line.iter() {
            if GROWN.contains(&name) {
                self.grown.add_member(name, value);
            } else {
                self.last.insert(name.to_owned(), value.to_owned());
            }
        }
        self.ended |= line.get("done").is_some_and(|done| done.get() == "true");
    }

    /// Returns whether the last line has come.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Returns the text of the last line with everything that came before it.
    pub(super) fn json(&self) -> String {
        let mut object = Object::new();
        for (name, value) in self.grown.members() {
            object.json(name, &value);
        }
        for (name, value) in &self.last {
            object.raw(name, value);
        }
        object.finish()
    }
}
