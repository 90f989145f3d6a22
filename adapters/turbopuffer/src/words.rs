//! The words of payloads and of what is searched in them.
//!
//! A payload is indexed by the set of its words, all of them however long it is: a set grows slowly, and which
//! payload really has a text is verified on the payload. Words are made here instead of by the service, so that a
//! text is found wherever it starts after something that is neither letter nor digit.

use std::collections::HashSet;

use trace::json::Json;

use crate::client::{Filter, LastWord};

/// Longer words are cut, in bytes: the service knows none above 254.
const MAX_WORD: usize = 60;

/// Words of one payload side; beyond, it counts as having every word.
const MAX_WORDS_BYTES: usize = 4 << 20;

/// Words of a search that are looked up; the rest is verified.
const MAX_SEARCHED: usize = 24;

/// The words of one side of a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Words {
    /// All of them, each once.
    Known(Vec<String>),
    /// Too many.
    Many,
}

impl Words {
    /// Returns the words of a payload: of its text, and of its strings without escapes.
    pub(crate) fn of(json: &Json) -> Self {
        let mut set = Set::default();
        let text = json.as_str();
        set.add(text);
        // What escapes stand for may be words, and what they hide the ends of words.
        if text.contains('\\') {
            unescaped(text, |string| set.add(string));
        }
        if set.bytes > MAX_WORDS_BYTES { Self::Many } else { Self::Known(set.words) }
    }

    /// Returns about how many bytes they take.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Known(words) => words.iter().map(|word| word.len() + 3).sum(),
            Self::Many => 0,
        }
    }
}

#[derive(Default)]
struct Set {
    seen: HashSet<String>,
    words: Vec<String>,
    bytes: usize,
}

impl Set {
    fn add(&mut self, text: &str) {
        let lower = text.to_lowercase();
        for word in words(&lower) {
            if self.bytes > MAX_WORDS_BYTES {
                return;
            }
            if !self.seen.contains(word) {
                self.seen.insert(word.to_owned());
                self.words.push(word.to_owned());
                self.bytes += word.len() + 3;
            }
        }
    }
}

/// Calls `found` with each string that has an escape in it, without its escapes.
fn unescaped(text: &str, mut found: impl FnMut(&str)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(start) = bytes[at..].iter().position(|byte| *byte == b'"').map(|step| at + step) {
        let (mut end, mut escaped) = (start + 1, false);
        while end < bytes.len() && bytes[end] != b'"' {
            let escape = bytes[end] == b'\\';
            escaped |= escape;
            end += if escape { 2 } else { 1 };
        }
        at = (end + 1).min(bytes.len());
        if escaped && let Ok(string) = serde_json::from_str::<String>(&text[start..at]) {
            found(&string);
        }
    }
}

/// Returns the words of a text in lower case: runs of letters and digits, and symbols beyond ASCII each alone.
fn words(lower: &str) -> impl Iterator<Item = &str> {
    let mut rest = lower;
    std::iter::from_fn(move || {
        loop {
            let first = rest.chars().next()?;
            if first.is_alphanumeric() {
                let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
                let (word, after) = rest.split_at(end);
                rest = after;
                return Some(cut(word));
            }
            let (symbol, after) = rest.split_at(first.len_utf8());
            rest = after;
            if !first.is_ascii() && !first.is_whitespace() {
                return Some(symbol);
            }
        }
    })
}

fn cut(word: &str) -> &str {
    &word[..word.floor_char_boundary(MAX_WORD)]
}

/// A text to be searched for in payloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Search {
    words: Vec<String>,
    last: LastWord,
    /// Whether having the words means having the text.
    pub(crate) exact: bool,
}

impl Search {
    /// Returns the words of a search, or `None` when it has none to look up.
    pub(crate) fn of(needle: &str) -> Option<Self> {
        let lower = needle.to_lowercase();
        let all: Vec<&str> = words(&lower).collect();
        let [.., last_word] = all[..] else { return None };
        let whole = all.len() <= MAX_SEARCHED;
        // The word the needle ends in may go on in the payload.
        let open = lower.ends_with(char::is_alphanumeric) && last_word.len() < MAX_WORD;
        let last = if whole && open { LastWord::Start } else { LastWord::Whole };
        let exact = all.len() == 1 && last_word == lower && last_word.len() < MAX_WORD;
        let words = all.iter().take(MAX_SEARCHED).map(|&word| word.to_owned()).collect();
        Some(Self { words, last, exact })
    }

    /// Returns the filter of rows whose words are all in `words`, or `many` instead.
    pub(crate) fn filter(&self, words: &'static str, many: &'static str) -> Filter {
        let found = Filter::Words(words, self.words.clone(), self.last);
        Filter::any([found, Filter::eq(many, true)])
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn of(json: &str) -> Vec<String> {
        match Words::of(&Json::parse(json).unwrap()) {
            Words::Known(words) => words,
            Words::Many => panic!("too many"),
        }
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        assert_eq!(
            of(r#"{"Role":"a_b-C.d 4711 東京タワー🦀 Straße"}"#),
            ["role", "a", "b", "c", "d", "4711", "東京タワー", "🦀", "straße"]
        );
    }

    #[test]
    fn escapes_hide_no_words() {
        let words = of(r#"["caf\u00e9","one\nline"]"#);
        for word in ["café", "line", "nline", "one", "u00e9"] {
            assert!(words.iter().any(|own| own == word), "{word} in {words:?}");
        }
    }

    #[test]
    fn a_search_may_end_inside_a_word_but_not_start_in_one() {
        let search = Search::of("refund my ord").unwrap();
        assert_eq!((search.words.len(), search.last, search.exact), (3, LastWord::Start, false));
        assert_eq!(Search::of("\"user\"").unwrap().last, LastWord::Whole);
        assert!(Search::of("REFUND").unwrap().exact);
        assert_eq!(Search::of("{\""), None);
    }

    #[test]
    fn a_payload_of_too_many_words_has_them_all() {
        let text = (0..900_000).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(Words::of(&Json::string(&text)), Words::Many);
    }
}
