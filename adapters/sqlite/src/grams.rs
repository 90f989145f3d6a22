//! Texts and needles as the trigram index sees them.
//!
//! The index only names candidates, so it may know too much but never too little: whatever the exact check finds in
//! a text must have left its trigrams in the index. What is left out all the same, [`crate::documents`] says.

use std::collections::HashSet;

/// Separates what does not belong together. Two end a text, so that each of its last characters begins a trigram.
pub(crate) const BREAK: char = '\u{1}';

/// What a document says that answers to every needle.
pub(crate) const ALWAYS: &str = "\u{2}\u{2}\u{2}";

/// Trigrams asked for at once. More of them cost more than the few candidates they would rule out.
const ASKED: usize = 4;

/// Appends plain text to a document.
pub(crate) fn add_plain(document: &mut String, text: &str) {
    document.push_str(&lower(text));
    document.push(BREAK);
    document.push(BREAK);
}

/// Appends compact JSON to a document: as it is written, and as its strings read around every escape.
pub(crate) fn add_json(document: &mut String, text: &str) {
    add_plain(document, text);
    if text.contains('\\') {
        let read = around_escapes(text);
        add_plain(document, &read);
    }
}

/// Returns text in the lower case of the exact check, but with one sigma: which one a check sees depends on what
/// stands around it.
fn lower(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.to_lowercase().replace('ς', "σ") }
}

/// Returns the stretches of `text` that read differently without escapes: each unescaped character with the two on
/// either side of it.
fn around_escapes(text: &str) -> String {
    let mut out = String::new();
    // Characters that an escape may still follow closely, and how many more follow one.
    let mut pending: [Option<char>; 2] = [None, None];
    let mut follow = 0;
    let mut rest = text.chars();
    let skip = |out: &mut String, char: Option<char>| {
        if char.is_some() && !out.ends_with(BREAK) {
            out.push(BREAK);
        }
    };
    while let Some(char) = rest.next() {
        if char == '\\' {
            out.extend(std::mem::take(&mut pending).into_iter().flatten());
            out.push(unescape(&mut rest));
            follow = 2;
        } else if follow > 0 {
            out.push(char);
            follow -= 1;
        } else {
            let [first, second] = pending;
            skip(&mut out, first);
            pending = [second, Some(char)];
        }
    }
    for char in pending {
        skip(&mut out, char);
    }
    out
}

/// Reads an escape after its backslash.
fn unescape(rest: &mut std::str::Chars<'_>) -> char {
    match rest.next() {
        Some('n') => '\n',
        Some('t') => '\t',
        Some('r') => '\r',
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('u') => {
            let first = hex(rest);
            let is_pair = (0xD800..0xDC00).contains(&first) && rest.as_str().starts_with("\\u");
            if !is_pair {
                return char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
            let mut ahead = rest.clone();
            ahead.next();
            ahead.next();
            let second = hex(&mut ahead);
            match second.checked_sub(0xDC00).filter(|low| *low < 0x400) {
                Some(low) => {
                    *rest = ahead;
                    char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + low)
                        .unwrap_or(char::REPLACEMENT_CHARACTER)
                }
                None => char::REPLACEMENT_CHARACTER,
            }
        }
        Some(other) => other,
        None => char::REPLACEMENT_CHARACTER,
    }
}

fn hex(rest: &mut std::str::Chars<'_>) -> u32 {
    let digits: String = rest.by_ref().take(4).collect();
    u32::from_str_radix(&digits, 16).unwrap_or(0)
}

/// What to ask the index for a needle.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ask {
    /// Documents with all of these trigrams.
    All(Vec<String>),
    /// Documents with any trigram that begins so.
    Beginning(String),
    /// Nothing: the needle is so short or so much a matter of punctuation that only reading tells.
    Nothing,
}

/// Returns what a document with part of `needle` in it must have.
///
/// A payload is indexed in pieces. A needle is cut wherever it may lie over a seam between two of them, and its
/// longest piece asked for.
pub(crate) fn ask(needle: &str) -> Ask {
    let needle: Vec<char> = lower(needle).chars().collect();
    let mut pieces: Vec<&[char]> = Vec::new();
    let mut start = 0;
    for at in 1..needle.len() {
        if is_seam(needle[at - 1], needle[at]) {
            pieces.push(&needle[start..at]);
            start = at;
        }
    }
    pieces.push(needle.get(start..).unwrap_or_default());
    let longest = pieces.into_iter().max_by_key(|piece| piece.len()).unwrap_or_default();
    match longest {
        // A lone letter of a small alphabet is nearly everywhere.
        [] | ['\0'..='\u{7f}'] => Ask::Nothing,
        [_] | [_, _] => Ask::Beginning(longest.iter().collect()),
        _ => Ask::All(rarest(longest)),
    }
}

/// Returns whether a payload may be cut between two characters: before or after an element of a list or a value.
fn is_seam(before: char, after: char) -> bool {
    let opens = matches!(before, '[' | ',' | ':') && matches!(after, '{' | '[' | '"');
    let closes = matches!(before, '}' | ']' | '"') && matches!(after, ',' | ']' | '}');
    opens || closes
}

fn rarest(piece: &[char]) -> Vec<String> {
    let distinct: HashSet<&[char]> = piece.windows(3).collect();
    let mut trigrams: Vec<&[char]> = distinct.into_iter().collect();
    trigrams.sort_by_key(|trigram| (trigram.iter().map(|char| commonness(*char)).product::<u64>(), *trigram));
    trigrams.iter().take(ASKED).map(|trigram| trigram.iter().collect()).collect()
}

/// Returns about how often a character stands in English prose and JSON, per thousand.
fn commonness(char: char) -> u64 {
    match char {
        ' ' => 170,
        'e' => 100,
        't' => 75,
        'a' | 'o' | 'i' | 'n' => 60,
        's' | 'r' => 52,
        'h' | 'l' | '"' => 40,
        'd' | 'c' | 'u' | 'm' => 25,
        'p' | 'f' | 'g' | 'w' | 'y' | 'b' | ',' | ':' => 15,
        'v' | 'k' | '.' | '\n' | '0'..='9' => 8,
        _ => 2,
    }
}

impl Ask {
    /// Returns the expression to match, unless it takes the index itself to tell.
    pub(crate) fn expression(&self) -> Option<String> {
        let Self::All(trigrams) = self else { return None };
        Some(format!("({}) OR \"{ALWAYS}\"", quoted(trigrams, " AND ")))
    }
}

/// Returns an expression of trigrams.
pub(crate) fn quoted(trigrams: &[String], operator: &str) -> String {
    let quoted: Vec<String> =
        trigrams.iter().map(|trigram| format!("\"{}\"", trigram.replace('"', "\"\""))).collect();
    quoted.join(operator)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use trace::json::Json;
    use trace::text::Needle;

    use super::*;

    fn grams(document: &str) -> HashSet<String> {
        document.chars().collect::<Vec<_>>().windows(3).map(|gram| gram.iter().collect()).collect()
    }

    fn may_hold(document: &str, needle: &str) -> bool {
        let grams = grams(document);
        match ask(needle) {
            Ask::All(wanted) => wanted.iter().all(|gram| grams.contains(gram)),
            Ask::Beginning(start) => grams.iter().any(|gram| gram.starts_with(&start)),
            Ask::Nothing => true,
        }
    }

    fn document(json: &str) -> String {
        let mut document = String::new();
        add_json(&mut document, json);
        document
    }

    #[test]
    fn needles_are_cut_at_seams_and_asked_by_their_rarest_trigrams() {
        assert_eq!(
            ask("refund"),
            Ask::All(vec!["efu".into(), "ref".into(), "fun".into(), "und".into()].into_iter().collect())
                .sorted()
        );
        assert_eq!(ask("x"), Ask::Nothing);
        assert_eq!(ask("東"), Ask::Beginning("東".to_owned()));
        assert_eq!(ask("ab"), Ask::Beginning("ab".to_owned()));
        assert_eq!(ask("\",\""), Ask::Nothing);
    }

    impl Ask {
        /// Ties are broken by the letters, which is of no interest.
        fn sorted(self) -> Self {
            let Self::All(mut trigrams) = self else { return self };
            trigrams.sort_by_key(|trigram| {
                (trigram.chars().map(commonness).product::<u64>(), trigram.chars().collect::<Vec<_>>())
            });
            Self::All(trigrams)
        }
    }

    #[test]
    fn escapes_are_indexed_as_written_and_as_read() {
        let json = r#"{"a":"one\ntwo \"three\" caf\u00e9 \ud83e\udd80 c:\\dir"}"#;
        let document = document(json);
        for needle in [
            "one\ntwo",
            r"one\ntwo",
            "ntwo",
            "o \"three\" c",
            "café",
            "u00e9",
            "🦀",
            "é 🦀 c",
            r"c:\dir",
            "TWO",
        ] {
            assert!(Needle::new(needle).is_in_json(&Json::parse(json).unwrap()), "{needle}");
            assert!(may_hold(&document, needle), "{needle}");
        }
        assert!(!may_hold(&document, "absent"));
    }

    proptest::proptest! {
        #[test]
        fn what_a_check_finds_the_index_knows(
            text in proptest::collection::vec(proptest::sample::select("abAB\"\\\n\tÉéßΣσς東🦀{}[],: ".chars().collect::<Vec<_>>()), 0..40),
            from in 0_usize..40,
            length in 1_usize..10,
            escaped in proptest::bool::ANY,
        ) {
            let text: String = text.into_iter().collect();
            let mut json = serde_json::to_string(&text).unwrap();
            if escaped {
                json = json.replace('é', "\\u00e9").replace('🦀', "\\ud83e\\udd80");
            }
            let document = document(&json);
            let parsed = Json::parse(&json).unwrap();
            for whole in [&text, &json] {
                let needle: String = whole.chars().skip(from).take(length).collect();
                if !needle.is_empty() && Needle::new(&needle).is_in_json(&parsed) {
                    proptest::prop_assert!(may_hold(&document, &needle), "{:?} in {}", needle, json);
                }
            }
        }
    }
}
