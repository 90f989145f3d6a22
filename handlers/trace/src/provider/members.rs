//! JSON objects read one level at a time.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::count;

/// The members of an object, each value still text.
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Reads an object, or returns `None` when `text` is anything else.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Reads an object in UTF-8 bytes.
    pub(super) fn read_bytes(bytes: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Returns a member; the last one wins, as in every JSON reader.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    /// Returns a member that is there and not `null`.
    pub(super) fn some(&self, name: &str) -> Option<&'a RawValue> {
        self.get(name).filter(|raw| raw.get() != "null")
    }

    /// Returns a member that is an object.
    pub(super) fn object(&self, name: &str) -> Option<Self> {
        Self::read(self.get(name)?.get())
    }

    /// Returns the elements of a member that is an array.
    pub(super) fn array(&self, name: &str) -> Option<Vec<&'a RawValue>> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// Returns a member that is a string.
    pub(super) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        text(self.get(name)?)
    }

    /// Returns a member that is a count.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        count(self.get(name)?)
    }

    /// Returns all members in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), *value))
    }
}

/// Returns the content of a JSON string. Half of a surrogate pair becomes U+FFFD.
pub(super) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    if !raw.get().starts_with('"') {
        return None;
    }
    match serde_json::from_str::<Text<'_>>(raw.get()) {
        Ok(text) => Some(text.0),
        // serde_json hands out a lone surrogate only as bytes.
        Err(_) => serde_json::from_str::<Bytes>(raw.get())
            .ok()
            .map(|bytes| Cow::Owned(String::from_utf8_lossy(&bytes.0).into_owned())),
    }
}

/// Returns a number that is a count: whole, not negative, not beyond all sense.
pub(super) fn count(raw: &RawValue) -> Option<u64> {
    let text = raw.get();
    let number = text.parse().ok().or_else(|| count::whole(text.parse().ok()?));
    number.filter(|number| *number <= count::MAX)
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((Text(key), value)) = map.next_entry()? {
            members.push((key, value));
        }
        Ok(Members(members))
    }
}

struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BytesVisitor;
        impl Visitor<'_> for BytesVisitor {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(BytesVisitor)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn half_a_surrogate_pair_reads_as_the_replacement_character() {
        let members = Members::read(r#"{"a":"x\ud83d","b":"\ud83d\ude00","c":1}"#).unwrap();
        assert!(members.text("a").unwrap().starts_with("x\u{fffd}"));
        assert_eq!(members.text("b").unwrap(), "😀");
        assert_eq!(members.text("c"), None);
    }

    #[test]
    fn counts_are_whole_and_not_negative() {
        let members = Members::read(r#"{"a":3,"b":3.0,"c":-1,"d":1.5,"e":"3","f":null,"g":1e400}"#).unwrap();
        let counts = ["a", "b", "c", "d", "e", "f", "g"].map(|name| members.count(name));
        assert_eq!(counts, [Some(3), Some(3), None, None, None, None, None]);
    }

    #[test]
    fn the_last_of_repeated_members_wins() {
        assert_eq!(Members::read(r#"{"a":1,"a":2}"#).unwrap().count("a"), Some(2));
    }
}
