//! Payload parts: what conversations repeat every turn, stored once.
//!
//! The request of a chat carries the whole conversation so far. [`split`] cuts a payload into parts — each message,
//! tool definition and system prompt — named by their BLAKE3 hash, and a [`Skeleton`] that says where they go. A store
//! keeps each part once per project and with every payload only its skeleton, in which parts are small numbers of the
//! store's own. [`Stored::join`] gives back the same text byte for byte.

mod encoding;
mod scan;

pub use encoding::{CorruptSkeleton, Stored};

use crate::json::Json;

/// A part shorter than this, in bytes, costs more to name than to repeat.
const MIN_PART: usize = 48;

/// Parts of one payload; what comes after stays in the skeleton, so that hostile input stays cheap.
const MAX_PARTS: usize = 20_000;

/// Members of a request whose elements come again in later requests.
const LISTS: [&str; 9] =
    ["messages", "tools", "functions", "input", "contents", "system", "prompt", "input_messages", "history"];

/// Members of a request whose text comes again in later requests.
const TEXTS: [&str; 4] = ["system", "instructions", "prompt", "input"];

/// A piece of a payload that other payloads may hold too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// The BLAKE3 hash of the text, which names it.
    pub hash: [u8; 32],
    /// One compact JSON value.
    pub text: &'a str,
}

/// Where the parts of a payload go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skeleton<'a> {
    pieces: Vec<Piece<'a>>,
}

/// A stretch of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece<'a> {
    /// Text that is not shared.
    Literal(&'a str),
    /// So many next parts, with a comma between each two.
    Parts(usize),
}

/// A payload cut into parts and the skeleton that holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split<'a> {
    /// Where the parts go.
    pub skeleton: Skeleton<'a>,
    /// The parts in order; one that occurs twice is here twice.
    pub parts: Vec<Part<'a>>,
}

/// Cuts a payload into parts. Takes time and memory proportional to its length, however it is built.
pub fn split(json: &Json) -> Split<'_> {
    let text = json.as_str();
    let mut cutter = Cutter { text, done: 0, pieces: Vec::new(), parts: Vec::new() };
    match text.as_bytes().first() {
        Some(b'[') => cutter.list(0),
        Some(b'{') => {
            for (name, value) in scan::members(text, 0) {
                let first = text.as_bytes()[value.start];
                if first == b'[' && LISTS.contains(&name) {
                    cutter.list(value.start);
                } else if first == b'"' && TEXTS.contains(&name) {
                    cutter.part(value);
                }
            }
        }
        _ => {}
    }
    cutter.finish()
}

struct Cutter<'a> {
    text: &'a str,
    /// Everything before is in `pieces`.
    done: usize,
    pieces: Vec<Piece<'a>>,
    parts: Vec<Part<'a>>,
}

impl<'a> Cutter<'a> {
    /// Takes the elements of the list at `start` that are objects, lists or texts as parts.
    fn list(&mut self, start: usize) {
        for element in scan::elements(self.text, start) {
            if matches!(self.text.as_bytes()[element.start], b'{' | b'[' | b'"') {
                self.part(element);
            }
        }
    }

    fn part(&mut self, range: std::ops::Range<usize>) {
        if range.len() < MIN_PART || self.parts.len() >= MAX_PARTS {
            return;
        }
        let between = &self.text[self.done..range.start];
        match self.pieces.last_mut() {
            Some(Piece::Parts(count)) if between == "," => *count += 1,
            _ => {
                self.literal(between);
                self.pieces.push(Piece::Parts(1));
            }
        }
        let text = &self.text[range.clone()];
        self.parts.push(Part { hash: *blake3::hash(text.as_bytes()).as_bytes(), text });
        self.done = range.end;
    }

    fn literal(&mut self, text: &'a str) {
        if !text.is_empty() {
            self.pieces.push(Piece::Literal(text));
        }
    }

    fn finish(mut self) -> Split<'a> {
        self.literal(&self.text[self.done..]);
        Split { skeleton: Skeleton { pieces: self.pieces }, parts: self.parts }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::collections::HashMap;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Numbers parts as a store would: the same text has the same number.
    #[derive(Default)]
    struct Store {
        ids: HashMap<[u8; 32], u64>,
        texts: HashMap<u64, String>,
    }

    impl Store {
        fn put(&mut self, json: &Json) -> Vec<u8> {
            let split = split(json);
            let mut ids = Vec::new();
            for part in &split.parts {
                let next = self.ids.len() as u64 + 1;
                let id = *self.ids.entry(part.hash).or_insert(next);
                self.texts.insert(id, part.text.to_owned());
                ids.push(id);
            }
            split.skeleton.encode(&ids)
        }

        fn get(&self, bytes: &[u8]) -> Json {
            let stored = Stored::decode(bytes).unwrap();
            stored.join(|id| self.texts.get(&id).map(String::as_str)).unwrap()
        }
    }

    fn chat(turns: usize) -> Json {
        let mut messages = vec![json!({"role": "system", "content": "You are helpful. ".repeat(20)})];
        for turn in 0..turns {
            messages
                .push(json!({"role": "user", "content": format!("question {turn} {}", "words ".repeat(20))}));
            messages.push(json!({"role": "assistant", "content": format!("answer {turn} {}", "more words ".repeat(20))}));
        }
        Json::from_serialize(&json!({"model": "gpt-4o", "messages": messages, "temperature": 0.5}))
    }

    #[test]
    fn a_conversation_of_a_hundred_turns_stores_each_message_once() {
        let mut store = Store::default();
        let mut skeletons = 0;
        for turn in 1..=100 {
            let body = chat(turn);
            let bytes = store.put(&body);
            skeletons += bytes.len();
            assert_eq!(store.get(&bytes), body);
        }
        assert_eq!(store.texts.len(), 201);
        assert!(skeletons < 100 * 80, "{skeletons} bytes of skeletons");
    }

    #[test]
    fn every_known_shape_is_cut() {
        let long = "x".repeat(100);
        for (shape, parts) in [
            (json!([{"role": "user", "content": long}, {"role": "user", "content": "short"}]), 1),
            (json!({"system": long, "messages": [{"role": "user", "content": long}]}), 2),
            (json!({"instructions": long, "input": long}), 2),
            (json!({"input": [long, long]}), 2),
            (json!({"contents": [{"parts": [{"text": long}]}], "tools": [{"a": long}]}), 2),
            (json!({"other": [{"a": long}]}), 0),
            (json!([1, 2, 3]), 0),
            (json!(long), 0),
            (json!(null), 0),
        ] {
            assert_eq!(split(&Json::from_serialize(&shape)).parts.len(), parts, "{shape}");
        }
    }

    #[test]
    fn hostile_payloads_come_back_whole() {
        let mut store = Store::default();
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let many = format!("[{}{{}}]", format!("{{\"k\":\"{}\"}},", "v".repeat(60)).repeat(30_000));
        let escapes = r#"{"messages":[{"role":"user","content":"a\\\"]},[{\\\\"},"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["]}"#;
        for text in [deep.as_str(), &many, escapes, "{}", "[]", r#"{"messages":[]}"#] {
            let json = Json::parse(text).unwrap();
            let bytes = store.put(&json);
            assert_eq!(store.get(&bytes), json);
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let text =
            proptest::collection::vec(any::<char>(), 0..70).prop_map(|c| Value::from(String::from_iter(c)));
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text
        ];
        let key = prop_oneof![Just("messages"), Just("input"), Just("system"), Just("tools"), Just("k\"ey")];
        leaf.prop_recursive(4, 60, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec((key.clone(), inner), 0..5).prop_map(|members| members
                    .into_iter()
                    .map(|(k, v)| (k.to_owned(), v))
                    .collect::<Value>()),
            ]
        })
    }

    proptest! {
        #[test]
        fn joining_gives_back_the_same_text(value in any_json()) {
            let (json, mut store) = (Json::from_serialize(&value), Store::default());
            let bytes = store.put(&json);
            prop_assert_eq!(store.get(&bytes), json);
        }

        #[test]
        fn garbage_is_corrupt_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(stored) = Stored::decode(&bytes) {
                let _ = stored.join(|_| Some("1"));
            }
        }
    }
}
