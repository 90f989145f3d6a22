//! Merging the pieces of a streamed object, whatever its members.
//!
//! All providers that stream choices follow one rule: text grows, lists grow, elements with an `index` are
//! merged with those of the same index, and anything else is replaced. Members nobody has heard of yet are
//! kept by the same rule.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::value::RawValue;

use super::members::{Members, text};
use super::object::{Object, array, quote};

/// Members that are sent whole, often again with each piece.
const WHOLE: [&str; 8] =
    ["id", "type", "name", "role", "object", "finish_reason", "native_finish_reason", "stop_reason"];

/// How deep pieces are merged; below, the last one wins.
const DEPTH: u8 = 6;

/// An object that grows by pieces.
#[derive(Default)]
pub(super) struct Merged(IndexMap<String, Part>);

enum Part {
    Text(String),
    Items(Vec<Box<RawValue>>),
    Indexed(BTreeMap<u64, Merged>),
    Object(Merged),
    Last(Box<RawValue>),
}

impl Merged {
    /// Adds one member of a piece.
    pub(super) fn add_member(&mut self, name: &str, value: &RawValue) {
        self.add_member_at(name, value, DEPTH);
    }

    /// Returns whether a member is there and not `null`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|part| !part.is_null())
    }

    /// Returns the members, each with the text of its value.
    pub(super) fn members(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(name, part)| (name.as_str(), part.json()))
    }

    /// Returns the text of the object.
    pub(super) fn json(&self) -> String {
        let mut object = Object::new();
        for (name, value) in self.members() {
            object.json(name, &value);
        }
        object.finish()
    }

    fn add_at(&mut self, piece: &Members<'_>, depth: u8) {
        for (name, value) in piece.iter() {
            self.add_member_at(name, value, depth);
        }
    }

    fn add_member_at(&mut self, name: &str, value: &RawValue, depth: u8) {
        let Some(part) = self.0.get_mut(name) else {
            self.0.insert(name.to_owned(), Part::new(name, value, depth));
            return;
        };
        if value.get() != "null" {
            part.add(name, value, depth);
        }
    }
}

impl Part {
    fn new(name: &str, value: &RawValue, depth: u8) -> Self {
        let last = || Self::Last(value.to_owned());
        if depth == 0 {
            return last();
        }
        match value.get().as_bytes().first() {
            Some(b'"') if !WHOLE.contains(&name) => {
                text(value).map_or_else(last, |text| Self::Text(text.into_owned()))
            }
            Some(b'{') => match Members::read(value.get()) {
                Some(members) => {
                    let mut merged = Merged::default();
                    merged.add_at(&members, depth - 1);
                    Self::Object(merged)
                }
                None => last(),
            },
            Some(b'[') => {
                let items = elements(value);
                if !items.is_empty() && items.iter().all(|item| index_of(item).is_some()) {
                    let mut indexed = Self::Indexed(BTreeMap::new());
                    indexed.add(name, value, depth);
                    indexed
                } else {
                    Self::Items(items.into_iter().map(RawValue::to_owned).collect())
                }
            }
            _ => last(),
        }
    }

    fn add(&mut self, name: &str, value: &RawValue, depth: u8) {
        match self {
            Self::Text(so_far) => {
                if let Some(more) = text(value) {
                    so_far.push_str(&more);
                    return;
                }
                // Some providers turn from plain text to typed parts in the middle of an answer.
                if value.get().starts_with('[')
                    && let Ok(first) = serde_json::value::to_raw_value(so_far)
                {
                    let mut items = vec![first];
                    items.extend(elements(value).into_iter().map(RawValue::to_owned));
                    *self = Self::Items(items);
                    return;
                }
            }
            Self::Items(items) => {
                // An empty list of tool calls may come before the first one with an index.
                if value.get().starts_with('[') && !items.is_empty() {
                    items.extend(elements(value).into_iter().map(RawValue::to_owned));
                    return;
                }
            }
            Self::Indexed(indexed) => {
                for item in elements(value) {
                    let index = index_of(item).unwrap_or_else(|| next_index(indexed, item));
                    if let Some(members) = Members::read(item.get()) {
                        indexed.entry(index).or_default().add_at(&members, depth.saturating_sub(1));
                    }
                }
                return;
            }
            Self::Object(merged) => {
                if let Some(members) = Members::read(value.get()) {
                    merged.add_at(&members, depth.saturating_sub(1));
                    return;
                }
            }
            Self::Last(old) => {
                // An empty repeat of something sent whole says nothing.
                if value.get() == "\"\"" && old.get() != "null" {
                    return;
                }
            }
        }
        *self = Self::new(name, value, depth);
    }

    fn is_null(&self) -> bool {
        matches!(self, Self::Last(raw) if raw.get() == "null")
    }

    fn json(&self) -> String {
        match self {
            Self::Text(text) => {
                let mut out = String::with_capacity(text.len() + 2);
                quote(text, &mut out);
                out
            }
            Self::Items(items) => array(items.iter().map(|item| item.get())),
            // The index only tells pieces apart; an answer that is not streamed has none.
            Self::Indexed(indexed) => array(indexed.values().map(|merged| {
                let mut object = Object::new();
                for (name, value) in merged.members().filter(|(name, _)| *name != "index") {
                    object.json(name, &value);
                }
                object.finish()
            })),
            Self::Object(merged) => merged.json(),
            Self::Last(raw) => raw.get().to_owned(),
        }
    }
}

fn elements(value: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(value.get()).unwrap_or_default()
}

fn index_of(item: &RawValue) -> Option<u64> {
    Members::read(item.get())?.count("index")
}

/// Returns where an element without an index belongs: a new place when it has an id, else the last one.
fn next_index(indexed: &BTreeMap<u64, Merged>, item: &RawValue) -> u64 {
    let last = indexed.keys().next_back().copied();
    let is_new = Members::read(item.get()).is_some_and(|members| members.some("id").is_some());
    match last {
        Some(last) if is_new => last.saturating_add(1),
        Some(last) => last,
        None => 0,
    }
}
