//! Texts as the service can filter them: at most 4 KiB, searched by pattern.

use crate::client::Filter;

/// The longest text kept whole, in bytes.
const MAX_KEY: usize = 3_000;

/// The bytes kept of a longer one.
const KEPT: usize = 2_900;

/// Stands between the start of a long text and the hash of all of it.
const CUT: char = '\u{1}';

/// Returns a text to filter and sort by: the text itself, or the start and the hash of a long one.
pub(crate) fn key(text: &str) -> String {
    if text.len() <= MAX_KEY {
        return text.to_owned();
    }
    let start = &text[..text.floor_char_boundary(KEPT)];
    format!("{start}{CUT}{}", blake3::hash(text.as_bytes()).to_hex())
}

/// Returns whether [`key`] keeps a text whole.
pub(crate) fn is_whole(text: &str) -> bool {
    text.len() <= MAX_KEY
}

/// What a search for part of a text may get wrong about texts that were cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// They match, since their end is not known.
    Match,
    /// They match by their start alone.
    ByStart,
}

/// Returns the filter of texts that have `part` in them. Both are in lower case where case does not matter.
pub(crate) fn having(attribute: &'static str, part: &str, cut: Cut) -> Filter {
    let any_cut = || Filter::glob(attribute, format!("*{CUT}*"));
    if part.is_empty() {
        return Filter::present(attribute);
    }
    if part.len() > MAX_KEY {
        return if cut == Cut::Match { any_cut() } else { Filter::Nothing };
    }
    let found = Filter::glob(attribute, format!("*{}*", escaped(part)));
    if cut == Cut::Match { Filter::any([found, any_cut()]) } else { found }
}

/// Returns a text as a pattern that matches just it.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\' | '!' | ',') {
            pattern.extend(['[', c, ']']);
        } else {
            pattern.push(c);
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_keep_their_start_and_stay_apart() {
        let long = "é".repeat(2_000);
        assert_eq!(key("short"), "short");
        assert!(key(&long).len() <= MAX_KEY && key(&long).starts_with("éé"));
        assert_ne!(key(&long), key(&format!("{long}x")));
        assert!(is_whole("short") && !is_whole(&long));
    }

    #[test]
    fn a_pattern_means_its_text_alone() {
        assert_eq!(escaped("a*[b]\\{c,d}?"), "a[*][[]b[]][\\][{]c[,]d[}][?]");
    }
}
