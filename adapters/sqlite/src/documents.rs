//! Documents of the text index: what of parts, names and payloads it takes in.
//!
//! A document keeps every trigram of its text, with one exception: the inside of long stretches that look like base64.
//! Nobody looks for words there, and a picture has so many trigrams that it would answer to most of them.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::grams::{ALWAYS, BREAK, add_json, add_plain};

/// Text of a document, about: the longer, the fewer documents; the shorter, the fewer that hold a trigram by chance.
const DOCUMENT_BYTES: usize = 1_500;

/// Documents longer than this are told by their distinct trigrams.
const LONG: usize = 64 << 10;

/// Distinct trigrams beyond which a document answers to nearly everything, and is made to answer to all.
const MOST_TRIGRAMS: usize = 100_000;

/// Characters of a stretch before its inside may be left out.
const STRETCH: usize = 1_024;

/// Characters at the start of a stretch that stay.
const HEAD: usize = 64;

/// Characters looked at together, and how many different ones of them are more than words have.
const WINDOW: usize = 512;
const MANY_DIFFERENT: u32 = 40;

/// Returns the documents of a chunk: a few parts each, named by the first of them.
pub(crate) fn documents(chunk: i64, parts: &[String]) -> Vec<(i64, String)> {
    let mut documents: Vec<(i64, String)> = Vec::new();
    for (part, text) in (chunk..).zip(parts).filter(|(_, text)| !text.is_empty()) {
        let text = without_noise(text);
        match documents.last_mut() {
            Some((_, document)) if document.len() + text.len() <= DOCUMENT_BYTES => {
                add_json(document, &text);
            }
            _ => {
                let mut document = String::new();
                add_json(&mut document, &text);
                documents.push((part, document));
            }
        }
    }
    documents.into_iter().map(|(part, document)| (part, condensed(document))).collect()
}

/// Returns the document of a span: its name, and what its payload does not share.
pub(crate) fn document(name: &str, literals: &[String]) -> String {
    let mut text = String::new();
    add_plain(&mut text, name);
    for literal in literals {
        add_json(&mut text, &without_noise(literal));
    }
    condensed(text)
}

/// Returns text without the inside of what looks like base64.
fn without_noise(text: &str) -> Cow<'_, str> {
    let mut kept = String::new();
    let mut done = 0;
    for (start, end) in stretches(text.as_bytes()) {
        let mut at = start + HEAD;
        while at + WINDOW <= end {
            let next = at + WINDOW;
            if is_noise(&text.as_bytes()[at..next]) {
                kept.push_str(&text[done..at]);
                if !kept.ends_with(BREAK) {
                    kept.push(BREAK);
                }
                done = next;
            }
            at = next;
        }
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    kept.push_str(&text[done..]);
    Cow::Owned(kept)
}

/// Returns where long stretches of the letters of base64 start and end, looking at few of the others.
fn stretches(text: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let first = text.get(from..from + STRETCH)?;
            if let Some(other) = first.iter().rposition(|byte| !is_letter(*byte)) {
                from += other + 1;
                continue;
            }
            let rest = &text[from + STRETCH..];
            let more = rest.iter().position(|byte| !is_letter(*byte)).unwrap_or(rest.len());
            let stretch = (from, from + STRETCH + more);
            from = stretch.1;
            return Some(stretch);
        }
    })
}

/// Returns whether a byte is a letter of either base64, or of an escape of a line break or slash in it.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=' | b'\\')
}

fn is_noise(window: &[u8]) -> bool {
    let seen = window.iter().fold(0_u128, |seen, byte| seen | 1 << (byte & 0x7f));
    seen.count_ones() >= MANY_DIFFERENT
}

/// Returns a document with the same trigrams, shorter when it is long.
fn condensed(document: String) -> String {
    if document.len() <= LONG { document } else { distinct(&document) }
}

/// Returns a document with the same trigrams, most of them once, or [`ALWAYS`] when they are too many.
fn distinct(document: &str) -> String {
    let mut seen = HashSet::new();
    let mut out = String::new();
    let mut window = ['\0'; 3];
    // How many characters of the text have gone by since the last one that was taken over.
    let mut gap = usize::MAX;
    for (at, char) in document.chars().enumerate() {
        window = [window[1], window[2], char];
        gap = gap.saturating_add(1);
        if at < 2 || !seen.insert(window) {
            continue;
        }
        if seen.len() > MOST_TRIGRAMS {
            return ALWAYS.to_owned();
        }
        if gap > 3 {
            out.push(BREAK);
        }
        out.extend(&window[3 - gap.min(3)..]);
        gap = 0;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grams(document: &str) -> HashSet<[char; 3]> {
        let chars: Vec<char> = document.chars().collect();
        chars.windows(3).map(|gram| [gram[0], gram[1], gram[2]]).collect()
    }

    /// Returns characters that follow no pattern.
    fn noise(letters: &str, length: usize) -> String {
        let letters: Vec<char> = letters.chars().collect();
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            letters[usize::try_from(state >> 33).unwrap_or(0) % letters.len()]
        };
        (0..length).map(|_| next()).collect()
    }

    fn base64(length: usize) -> String {
        noise("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", length)
    }

    #[test]
    fn of_a_picture_only_what_stands_around_it_is_kept() {
        let picture = base64(3_000_000);
        let text = format!(r#"{{"url":"data:image/png;base64,{picture}","detail":"low"}}"#);
        let documents = documents(7, &[text]);
        assert_eq!(documents.len(), 1);
        let document = &documents[0].1;
        assert!(document.len() < 2_000, "{}", document.len());
        let head = picture[..HEAD].to_ascii_lowercase();
        assert!(document.contains("data:image/png;base64,") && document.contains(r#"","detail":"low""#));
        assert!(document.contains(&head));
    }

    #[test]
    fn long_words_and_short_noise_are_no_pictures() {
        let filler = "x".repeat(5_000);
        let digits = noise("0123456789abcdef", 5_000);
        for text in [format!("{filler}needle{filler}"), digits, base64(1_000), format!("é{}é", base64(600))]
        {
            assert!(matches!(without_noise(&text), Cow::Borrowed(_)));
        }
        let wrapped: Vec<String> = (0..40).map(|_| base64(76)).collect();
        assert!(without_noise(&wrapped.join("\\n")).len() < 1_500);
    }

    #[test]
    fn a_long_document_keeps_its_trigrams_and_little_else() {
        let words = noise("abcdefgh ,é東", 300_000);
        let mut document = String::new();
        add_plain(&mut document, &words);
        let short = condensed(document.clone());
        assert!(short.len() < 20_000, "{}", short.len());
        assert!(grams(&short).is_superset(&grams(&document)));
    }

    #[test]
    fn a_document_of_nearly_everything_answers_to_all() {
        let letters: String = ('一'..'鿿').collect();
        assert_eq!(document(&noise(&letters, 200_000), &[]), ALWAYS);
    }

    proptest::proptest! {
        #[test]
        fn condensing_loses_no_trigram(text in "[ab\u{1}é]{0,40}", more in "[abc]{0,40}") {
            let document = format!("abab{text}{more}{text}");
            proptest::prop_assert!(grams(&distinct(&document)).is_superset(&grams(&document)));
        }
    }
}
