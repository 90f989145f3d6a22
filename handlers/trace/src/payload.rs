//! Payload parts: what conversations repeat every turn, stored once.
//!
//! The request of a chat carries the whole conversation so far. [`split`] cuts a payload into parts — each message,
//! tool definition and system prompt — named by their BLAKE3 hash, and a [`Skeleton`] that says where they go. A store
//! keeps each part once per project and with every payload only its skeleton, in which parts are small numbers of the
//! store's own. [`Stored::join`] gives back the same text byte for byte.

mod encoding;
pub(crate) mod scan;

use std::ops::Range;

pub use encoding::{CorruptSkeleton, Stored};

use crate::json::Json;

/// A part shorter than this, in bytes, costs more to name than to repeat.
const MIN_PART: usize = 48;

/// Parts of one payload; what comes after stays in the skeleton, so that hostile input stays cheap.
const MAX_PARTS: usize = 20_000;

/// A piece of a message from this length on, in bytes, such as an image or a document, is a part of its own, so that
/// another question about it stores it no second time. Shorter ones do not pay: the rest of a message that is cut stays
/// in the skeleton of each later turn.
const LONG_CONTENT: usize = 4096;

/// The most that may stay in the skeleton of a message that is cut, in bytes.
const MAX_AROUND: usize = 512;

/// Members of a request whose elements come again in later requests.
const LISTS: [&str; 10] = [
    "messages",
    "tools",
    "functions",
    "input",
    "contents",
    "system",
    "prompt",
    "input_messages",
    "system_instructions",
    "history",
];

/// Members of a request whose text comes again in later requests, some as an object around it.
const TEXTS: [&str; 6] =
    ["system", "instructions", "prompt", "input", "systemInstruction", "system_instruction"];

/// Members of a message that list its pieces.
const CONTENTS: [&str; 2] = ["content", "parts"];

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
                } else if matches!(first, b'"' | b'{') && TEXTS.contains(&name) {
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
            match (self.text.as_bytes()[element.start], self.contents(&element)) {
                (b'{', Some(contents)) => {
                    scan::elements(self.text, contents).for_each(|piece| self.part(piece));
                }
                (b'{' | b'[' | b'"', _) => self.part(element),
                _ => {}
            }
        }
    }

    /// Returns where the pieces of a message start when a long one among them is worth cutting the message for.
    fn contents(&self, message: &Range<usize>) -> Option<usize> {
        if message.len() < LONG_CONTENT || self.text.as_bytes()[message.start] != b'{' {
            return None;
        }
        let is_list = |value: &Range<usize>| self.text.as_bytes()[value.start] == b'[';
        let mut members = scan::members(self.text, message.start);
        let (_, list) = members.find(|(name, value)| CONTENTS.contains(name) && is_list(value))?;
        let (mut longest, mut around) = (0, message.len());
        for piece in scan::elements(self.text, list.start).filter(|piece| piece.len() >= MIN_PART) {
            longest = longest.max(piece.len());
            around -= piece.len();
        }
        (longest >= LONG_CONTENT && around <= MAX_AROUND).then_some(list.start)
    }

    fn part(&mut self, range: Range<usize>) {
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
            (json!({"systemInstruction": {"parts": [{"text": long}]}}), 1),
            (json!({"other": [{"a": long}]}), 0),
            (json!([1, 2, 3]), 0),
            (json!(long), 0),
            (json!(null), 0),
        ] {
            assert_eq!(split(&Json::from_serialize(&shape)).parts.len(), parts, "{shape}");
        }
    }

    #[test]
    fn the_same_image_under_another_question_is_stored_once() {
        let image = json!({"type": "image_url", "image_url": {"url": format!("data:{}", "iVBORw0KGgo".repeat(1000))}});
        let ask = |question: &str| {
            let text = json!({"type": "text", "text": format!("{question} {}", "please ".repeat(10))});
            Json::from_serialize(&json!({"messages": [
                {"role": "user", "content": [text, image, {"type": "text", "text": "?"}]},
                {"role": "assistant", "content": "a".repeat(100)},
            ]}))
        };
        let mut store = Store::default();
        for question in ["what is this", "who drew this"] {
            let bytes = store.put(&ask(question));
            assert_eq!(store.get(&bytes), ask(question));
            assert!(bytes.len() < 300, "{} bytes of skeleton", bytes.len());
        }
        assert_eq!(store.texts.len(), 4, "two questions, the image, the answer");
    }

    #[test]
    fn a_message_with_much_around_its_pieces_stays_whole() {
        let (long, around) = ("x".repeat(LONG_CONTENT), "y".repeat(MAX_AROUND));
        let message = json!({"messages": [{"role": "user", "content": [{"text": long}], "other": around}]});
        let message = Json::from_serialize(&message);
        let split = split(&message);
        assert!(split.parts.len() == 1 && split.parts[0].text.contains("other"));
    }

    #[test]
    fn a_loop_with_long_tool_results_takes_a_small_part_of_its_text() {
        let result = |turn: usize| {
            let block = json!({"type": "tool_result", "tool_use_id": format!("toolu_{turn}"),
                "content": [{"type": "text", "text": format!("{turn} {}", "output ".repeat(700))}]});
            json!({"role": "user", "content": [block]})
        };
        let call = |turn: usize| {
            let block = json!({"type": "tool_use", "id": format!("toolu_{turn}"), "name": "run", "input": {"n": turn}});
            json!({"role": "assistant", "content": [block]})
        };
        let (mut store, mut naive, mut kept) = (Store::default(), 0, 0);
        let mut messages = Vec::new();
        for turn in 0..100 {
            messages.extend([call(turn), result(turn)]);
            let body = Json::from_serialize(&json!({"model": "claude", "messages": messages}));
            let bytes = store.put(&body);
            (naive, kept) = (naive + body.as_str().len(), kept + bytes.len());
            assert_eq!(store.get(&bytes), body);
        }
        kept += store.texts.values().map(String::len).sum::<usize>();
        assert!(kept * 25 < naive, "{kept} bytes of {naive}, before compression");
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

    #[test]
    fn a_skeleton_of_more_parts_than_are_ever_cut_is_corrupt() {
        // Parts, 20 000 of them in one run that starts at the id after the last.
        let piece = [1, 0xa0, 0x9c, 0x01, 2, 0x9f, 0x9c, 0x01];
        let skeleton = |pieces: usize| [&[1][..], &piece.repeat(pieces)].concat();
        assert_eq!(Stored::decode(&skeleton(1)).unwrap().ids().len(), MAX_PARTS);
        assert_eq!(Stored::decode(&skeleton(100_000)), Err(CorruptSkeleton::Unreadable));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let text =
            proptest::collection::vec(any::<char>(), 0..70).prop_map(|c| Value::from(String::from_iter(c)));
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (4000..4200_usize).prop_map(|length| Value::from("long".repeat(length / 4))),
            text
        ];
        let key =
            proptest::sample::select(&["messages", "input", "system", "tools", "content", "parts", "k\"ey"]);
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
        fn messages_of_any_pieces_come_back_whole(
            messages in proptest::collection::vec(
                proptest::collection::vec(prop_oneof![0..100_usize, 4000..4300_usize], 0..5), 0..6),
            around in prop_oneof![0..100_usize, 400..600_usize],
        ) {
            let piece = |length: &usize| json!({"type": "text", "text": "\"x".repeat(length / 3)});
            let message = |pieces: &Vec<usize>| {
                json!({"role": "r".repeat(around), "content": pieces.iter().map(piece).collect::<Vec<_>>(), "n": 1})
            };
            let body = json!({"messages": messages.iter().map(message).collect::<Vec<_>>()});
            let (json, mut store) = (Json::from_serialize(&body), Store::default());
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
