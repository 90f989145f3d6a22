//! The attributes of one span, indexed once and consumed piece by piece.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;

use super::names::{Family, Name};
use super::value;
use crate::json::Json;
use crate::kind::Attributes as Map;

/// The attributes of one span. What is taken is gone; what nobody took is kept with the span.
pub(super) struct Attributes {
    entries: Vec<KeyValue>,
    /// Where the first non-empty attribute of each name is, plus one; 0 where there is none.
    slots: [u32; Name::COUNT],
    families: [Vec<u32>; Family::COUNT],
}

impl Attributes {
    /// Indexes attributes in one pass.
    pub(super) fn new(entries: Vec<KeyValue>) -> Self {
        let mut slots = [0; Name::COUNT];
        let mut families: [Vec<u32>; Family::COUNT] = Default::default();
        for (at, entry) in (0_u32..).zip(&entries) {
            if value_of(entry).is_none_or(value::is_empty) {
                continue;
            }
            if let Some(name) = Name::find(&entry.key) {
                let slot = &mut slots[name as usize];
                if *slot == 0 {
                    *slot = at + 1;
                }
            } else if let Some(family) = Family::find(&entry.key) {
                families[family as usize].push(at);
            }
        }
        Self { entries, slots, families }
    }

    /// Returns a value that is there, not empty and not taken.
    pub(super) fn get(&self, name: Name) -> Option<&Any> {
        let at = self.slots[name as usize].checked_sub(1)?;
        value_of(&self.entries[at as usize])
    }

    /// Returns whether a value is there, not empty and not taken.
    pub(super) fn has(&self, name: Name) -> bool {
        self.get(name).is_some()
    }

    /// Returns a value that is text.
    pub(super) fn text(&self, name: Name) -> Option<&str> {
        match self.get(name) {
            Some(Any::StringValue(text)) => Some(text),
            _ => None,
        }
    }

    /// Takes a value.
    pub(super) fn take(&mut self, name: Name) -> Option<Any> {
        let at = self.slots[name as usize].checked_sub(1)?;
        self.take_at(at)
    }

    /// Takes the first of `names` that is there, and the later ones that only repeat it.
    pub(super) fn take_first(&mut self, names: &[Name]) -> Option<Any> {
        let at = names.iter().position(|name| self.has(*name))?;
        for later in &names[at + 1..] {
            if self.get(*later).is_some() && self.get(*later) == self.get(names[at]) {
                self.take(*later);
            }
        }
        self.take(names[at])
    }

    /// Takes the first of `names` that is there as text.
    pub(super) fn take_text(&mut self, names: &[Name]) -> Option<String> {
        self.take_first(names).map(value::text)
    }

    /// Takes the first of `names` that is there as what went in or came out.
    pub(super) fn take_payload(&mut self, names: &[Name]) -> Option<Json> {
        self.take_first(names).map(value::payload)
    }

    /// Returns a value that is a count.
    pub(super) fn count(&self, name: Name) -> Option<u64> {
        self.get(name).and_then(value::count)
    }

    /// Returns whether a family has members that were not taken.
    pub(super) fn has_family(&self, family: Family) -> bool {
        !self.families[family as usize].is_empty()
    }

    /// Returns the members of a family in the order they came: where they are, the key without the family's
    /// prefix, and the value.
    pub(super) fn family(&self, family: Family) -> impl Iterator<Item = (u32, &str, &Any)> {
        self.families[family as usize].iter().filter_map(move |at| {
            let entry = &self.entries[*at as usize];
            Some((*at, &entry.key[family.prefix().len()..], value_of(entry)?))
        })
    }

    /// Returns a member of a family, as [`Attributes::family`] numbers it.
    pub(super) fn peek_at(&self, at: u32) -> Option<&Any> {
        value_of(&self.entries[at as usize])
    }

    /// Takes a member of a family, as [`Attributes::family`] numbers it.
    pub(super) fn take_at(&mut self, at: u32) -> Option<Any> {
        self.entries[at as usize].value.take()?.value
    }

    /// Forgets a family that was taken member by member.
    pub(super) fn close_family(&mut self, family: Family) {
        self.families[family as usize].clear();
    }

    /// Drops a family whole.
    pub(super) fn drop_family(&mut self, family: Family) {
        for at in std::mem::take(&mut self.families[family as usize]) {
            self.take_at(at);
        }
    }

    /// Adds what nobody took to `map`, in the order it came. Of repeated keys the first wins.
    pub(super) fn leave_to(self, map: &mut Map) {
        for KeyValue { key, value, .. } in self.entries {
            if let Some(value) = value.and_then(|any| any.value) {
                map.entry(value::clean(key)).or_insert_with(|| value::attribute(value));
            }
        }
    }
}

fn value_of(entry: &KeyValue) -> Option<&Any> {
    entry.value.as_ref()?.value.as_ref()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::otlp::testing::attributes;

    #[test]
    fn the_first_non_empty_value_is_taken_and_the_rest_is_left_in_order() {
        let mut found = Attributes::new(attributes(json!({
            "z": 1, "gen_ai.response.model": "", "gen_ai.request.model": "m", "llm.model_name": "m",
            "ai.model.id": "other", "a": [], "flag": false,
        })));
        let names = [Name::ResponseModel, Name::RequestModel, Name::AiModelId, Name::LlmModel];
        assert_eq!(found.take_text(&names).as_deref(), Some("m"));
        assert_eq!(found.take_text(&names[..2]), None);
        let mut left = Map::new();
        found.leave_to(&mut left);
        let wanted = json!({
            "z": 1, "gen_ai.response.model": "", "ai.model.id": "other", "a": [], "flag": false
        });
        assert_eq!(json!(left), wanted);
        assert_eq!(left.keys().next().map(String::as_str), Some("z"));
    }
}
