//! Where the text of a payload is: in the span's own row when it is short, else in parts that payloads share.
//!
//! A manifest is one of `t…` or `z…`, the text itself ([`crate::packed`]); `p` and the packed list of parts with the
//! skeleton they go into; `m` and the id of a part that is such a list, too long for a row.

use trace::json::Json;
use trace::payload::{Stored, split};
use trace::ports::StoreError;
use uuid::Uuid;

use crate::ids;
use crate::packed::{pack, pack_bytes, unpack, unpack_bytes};
use crate::parts::NewParts;

/// The longest manifest a span's row keeps.
const MAX_INLINE: usize = 4_096;

const LIST: char = 'p';
const LIST_IN_PART: char = 'm';

/// Returns the manifest of a payload and adds the parts it names to `parts`.
pub(crate) fn of(json: &Json, parts: &mut NewParts) -> String {
    let text = json.as_str();
    // Much longer ones would not fit even when compressed.
    if text.len() <= MAX_INLINE * 16 {
        let packed = pack(text);
        if packed.len() <= MAX_INLINE {
            return packed;
        }
    }
    let list = List::of(json, parts).encode();
    let packed = pack_bytes(&list);
    if packed.len() < MAX_INLINE {
        return format!("{LIST}{packed}");
    }
    format!("{LIST_IN_PART}{}", parts.add(list).simple())
}

/// A manifest read back.
#[derive(Debug)]
pub(crate) enum Manifest {
    /// The payload itself.
    Text(String),
    /// What it is made of.
    List(List),
    /// The part that says what it is made of.
    Part(Uuid),
}

impl Manifest {
    pub(crate) fn decode(stored: &str) -> Result<Self, StoreError> {
        if let Some(id) = stored.strip_prefix(LIST_IN_PART) {
            return Uuid::parse_str(id).map(Self::Part).map_err(corrupt);
        }
        match stored.strip_prefix(LIST) {
            Some(packed) => List::decode(&unpack_bytes(packed)?).map(Self::List),
            None => unpack(stored).map(Self::Text),
        }
    }
}

/// The parts of a payload and the skeleton they go into, in which they are numbered from 0.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct List {
    pub(crate) parts: Vec<Uuid>,
    skeleton: Vec<u8>,
}

impl List {
    fn of(json: &Json, new: &mut NewParts) -> Self {
        let split = split(json);
        let mut parts: Vec<Uuid> = Vec::new();
        let mut numbers = std::collections::HashMap::new();
        let mut ids = Vec::with_capacity(split.parts.len());
        for part in &split.parts {
            let id = ids::part(&part.hash);
            let number = *numbers.entry(id).or_insert_with(|| {
                new.add_known(id, part.text);
                parts.push(id);
                parts.len() as u64 - 1
            });
            ids.push(number);
        }
        Self { parts, skeleton: split.skeleton.encode(&ids) }
    }

    /// The number of parts in four bytes, their ids, the skeleton.
    fn encode(&self) -> Vec<u8> {
        let count = u32::try_from(self.parts.len()).expect("a payload is cut into 20 000 parts at most");
        let mut out = Vec::with_capacity(4 + self.parts.len() * 16 + self.skeleton.len());
        out.extend_from_slice(&count.to_le_bytes());
        for part in &self.parts {
            out.extend_from_slice(part.as_bytes());
        }
        out.extend_from_slice(&self.skeleton);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let short = || corrupt("a list of parts ends early");
        let (count, rest) = bytes.split_first_chunk().ok_or_else(short)?;
        let length = usize::try_from(u32::from_le_bytes(*count)).ok().and_then(|count| count.checked_mul(16));
        let (ids, skeleton) = rest.split_at_checked(length.ok_or_else(short)?).ok_or_else(short)?;
        let id = |bytes: &[u8]| Uuid::from_slice(bytes).map_err(corrupt);
        Ok(Self { parts: ids.chunks(16).map(id).collect::<Result<_, _>>()?, skeleton: skeleton.to_vec() })
    }

    /// Puts the payload together.
    pub(crate) fn join<'p>(&self, text: impl Fn(Uuid) -> Option<&'p str>) -> Result<Json, StoreError> {
        let skeleton = Stored::decode(&self.skeleton).map_err(corrupt)?;
        let part = |number: u64| text(*self.parts.get(usize::try_from(number).ok()?)?);
        skeleton.join(part).map_err(corrupt)
    }
}

fn corrupt(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::corrupt("payload", error)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn chat(turns: usize) -> Json {
        let noise = |turn: usize| blake3::hash(&turn.to_le_bytes()).to_hex().to_string();
        let message =
            |turn| format!(r#"{{"role":"user","content":"{} {}"}}"#, noise(turn), noise(turn + 10_000));
        let messages: Vec<String> = (0..turns).map(message).collect();
        Json::parse(&format!(r#"{{"model":"m","messages":[{}]}}"#, messages.join(","))).unwrap()
    }

    #[test]
    fn short_payloads_stay_in_the_row_and_long_ones_name_their_parts() {
        for (turns, kind) in [(2, 't'), (100, 'p'), (1_000, 'm')] {
            let mut parts = NewParts::default();
            let json = chat(turns);
            let stored = of(&json, &mut parts);
            assert!(stored.len() <= MAX_INLINE && (stored.starts_with(kind) || stored.starts_with('z')));
            let texts = parts.into_map();
            let list = match Manifest::decode(&stored).unwrap() {
                Manifest::Text(text) => {
                    assert_eq!((text.as_str(), texts.len()), (json.as_str(), 0));
                    continue;
                }
                Manifest::List(list) => list,
                Manifest::Part(id) => List::decode(&texts[&id]).unwrap(),
            };
            assert_eq!(list.parts.len(), turns);
            let text = |id| texts.get(&id).map(|bytes: &Vec<u8>| std::str::from_utf8(bytes).unwrap());
            assert_eq!(list.join(text).unwrap(), json);
        }
    }

    #[test]
    fn broken_manifests_are_corrupt() {
        for stored in ["", "x", "p", "pzAA", "m123"] {
            assert!(Manifest::decode(stored).is_err(), "{stored:?}");
        }
        assert!(List::decode(&[255, 255, 255, 255, 0]).is_err());
    }
}
