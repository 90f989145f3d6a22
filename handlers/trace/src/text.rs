//! Text search: whether a needle occurs in a name or a payload, in any case.
//!
//! A payload matches on its compact JSON text and on its string values as their authors wrote them, so that both
//! `"role":"user"` and a sentence with a quote or a line break are found.

use crate::json::Json;

/// Text to be looked for, in any case.
#[derive(Clone, Debug)]
pub struct Needle {
    /// In lower case.
    lower: String,
    ascii: bool,
}

impl Needle {
    /// Returns a needle; an empty one occurs everywhere.
    pub fn new(text: &str) -> Self {
        let lower = text.to_lowercase();
        Self { ascii: lower.is_ascii(), lower }
    }

    /// Returns the needle in lower case.
    pub fn as_lower(&self) -> &str {
        &self.lower
    }

    /// Returns whether the needle occurs in plain text, such as a name.
    pub fn is_in(&self, text: &str) -> bool {
        if self.ascii {
            find_ascii(text.as_bytes(), self.lower.as_bytes())
        } else {
            text.to_lowercase().contains(&self.lower)
        }
    }

    /// Returns whether the needle occurs in a payload.
    pub fn is_in_json(&self, json: &Json) -> bool {
        self.is_in_compact(json.as_str())
    }

    /// Returns whether the needle occurs in a stretch of compact JSON, such as a payload part.
    ///
    /// Strings cut off at the ends of the stretch count as text without escapes.
    pub fn is_in_compact(&self, text: &str) -> bool {
        self.is_in(text) || escaped_strings(text).any(|string| self.is_in(&string))
    }
}

/// Looks for an ASCII needle in lower case, in time proportional to the text for all but made-up input.
fn find_ascii(text: &[u8], needle: &[u8]) -> bool {
    let Some((&first, rest)) = needle.split_first() else { return true };
    let mut at = 0;
    while let Some(step) = text.get(at..).and_then(|t| memchr::memchr2(first, first.to_ascii_uppercase(), t))
    {
        at += step + 1;
        match text.get(at..at + rest.len()) {
            Some(candidate) if candidate.eq_ignore_ascii_case(rest) => return true,
            Some(_) => {}
            None => return false,
        }
    }
    false
}

/// Returns the strings of compact JSON that hold an escape, without their escapes.
fn escaped_strings(text: &str) -> impl Iterator<Item = String> + '_ {
    let bytes = text.as_bytes();
    let mut at = if memchr::memchr(b'\\', bytes).is_some() { 0 } else { bytes.len() };
    std::iter::from_fn(move || {
        while let Some(step) = bytes.get(at..).and_then(|rest| memchr::memchr(b'"', rest)) {
            let start = at + step;
            let (mut end, mut escaped) = (start + 1, false);
            while let Some(step) = bytes.get(end..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
                end += step;
                if bytes[end] == b'"' {
                    break;
                }
                escaped = true;
                end += 2;
            }
            at = end + 1;
            if escaped
                && let Some(string) = text.get(start..at)
                && let Ok(string) = serde_json::from_str(string)
            {
                return Some(string);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn found(needle: &str, json: &str) -> bool {
        Needle::new(needle).is_in_json(&Json::parse(json).unwrap())
    }

    #[test]
    fn case_does_not_matter_in_any_script() {
        assert!(found("REFUND", r#"{"q":"a refund please"}"#));
        assert!(found("straße", r#"["Die STRAßE"]"#));
        assert!(found("ÉTÉ", r#"["l'été"]"#));
        assert!(!found("refunds", r#"["refund"]"#));
    }

    #[test]
    fn the_compact_text_and_the_words_as_written_both_match() {
        let json = r#"{ "role" : "user", "content": "He said \"hi\"\nand left; caf\u00e9" }"#;
        for needle in [r#""role":"user""#, "said \"hi\"", "hi\"\nand", r"\nand", "café", r#"\"hi"#] {
            assert!(found(needle, json), "{needle}");
        }
    }

    #[test]
    fn needles_inside_words_and_of_one_character_are_found() {
        assert!(found("fun", r#"["refund"]"#));
        assert!(found("東", r#"["東京"]"#));
        assert!(found("", "[]"));
    }

    proptest::proptest! {
        #[test]
        fn every_piece_of_a_string_is_found(
            text in proptest::collection::vec(proptest::char::any(), 1..30),
            from in 0_usize..30,
            length in 1_usize..8,
        ) {
            let text: Vec<char> = text.into_iter().filter(|c| *c != '\0').collect();
            proptest::prop_assume!(from < text.len());
            let piece: String = text[from..(from + length).min(text.len())].iter().collect();
            let json = Json::from_serialize(&text.iter().collect::<String>());
            // Lower-casing may depend on neighbours (final sigma), which a piece does not have.
            proptest::prop_assume!(!piece.contains('Σ'));
            proptest::prop_assert!(Needle::new(&piece).is_in_json(&json));
        }

        #[test]
        fn any_text_is_searched_without_a_panic(text in ".*", needle in ".*") {
            let _ = Needle::new(&needle).is_in_compact(&text);
        }
    }
}
