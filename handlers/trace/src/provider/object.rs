//! Writing JSON objects member by member.

use serde_json::value::RawValue;

use crate::json::Json;

/// An object being written.
pub(super) struct Object(String);

impl Object {
    pub(super) fn new() -> Self {
        Self("{".to_owned())
    }

    /// Adds a member whose value is JSON text already.
    pub(super) fn json(&mut self, name: &str, value: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        quote(name, &mut self.0);
        self.0.push(':');
        self.0.push_str(value);
    }

    /// Adds a member.
    pub(super) fn raw(&mut self, name: &str, value: &RawValue) {
        self.json(name, value.get());
    }

    /// Adds a member that is a string.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        let mut quoted = String::with_capacity(value.len() + 2);
        quote(value, &mut quoted);
        self.json(name, &quoted);
    }

    /// Returns the text of the object.
    pub(super) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Returns the text of an array of JSON texts.
pub(super) fn array<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> String {
    let mut out = "[".to_owned();
    for item in items {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(item.as_ref());
    }
    out.push(']');
    out
}

/// Appends `text` as a JSON string.
pub(super) fn quote(text: &str, out: &mut String) {
    out.push_str(&serde_json::to_string(text).expect("a string has a JSON form"));
}

/// Returns written text as a value.
pub(super) fn value(text: &str) -> Json {
    Json::parse(text).unwrap_or_else(|_| Json::string(text))
}
