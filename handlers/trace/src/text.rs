//! Text search: whether a needle occurs in a name or a payload, in any case.
//!
//! A payload matches on its compact JSON text and on its string values as their authors wrote them, so that both
//! `"role":"user"` and a sentence with a quote or a line break are found.

use memchr::memmem;

use crate::json::Json;

/// Text to be looked for, in any case.
#[derive(Clone, Debug)]
pub struct Needle {
    /// In lower case.
    lower: String,
    finder: memmem::Finder<'static>,
    case: Case,
    /// Made of characters that JSON writes as they are, but for `\u` escapes that nobody needs.
    plain: bool,
}

/// What has to be done to a text for comparing it with a needle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    /// Nothing: the needle's characters have no case.
    None,
    /// ASCII letters in lower case.
    Ascii,
    /// All letters in lower case.
    Unicode,
}

/// Bytes of a text that are turned to lower case at a time.
const STEP: usize = 4096;

impl Needle {
    /// Returns a needle; an empty one occurs everywhere.
    pub fn new(text: &str) -> Self {
        let lower = text.to_lowercase();
        let case = if lower.chars().all(|c| c.to_uppercase().eq([c])) {
            Case::None
        } else if lower.is_ascii() {
            Case::Ascii
        } else {
            Case::Unicode
        };
        let as_written = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\' | b'/');
        let plain = lower.bytes().all(as_written);
        Self { finder: memmem::Finder::new(&lower).into_owned(), lower, case, plain }
    }

    /// Returns the needle in lower case.
    pub fn as_lower(&self) -> &str {
        &self.lower
    }

    /// Returns whether the needle occurs in plain text, such as a name.
    pub fn is_in(&self, text: &str) -> bool {
        match self.case {
            Case::None => self.finder.find(text.as_bytes()).is_some(),
            Case::Ascii => self.is_in_ascii(text.as_bytes()),
            Case::Unicode => self.finder.find(text.to_lowercase().as_bytes()).is_some(),
        }
    }

    /// Looks through the text in steps that overlap by a needle, so that it is never copied whole.
    fn is_in_ascii(&self, text: &[u8]) -> bool {
        let overlap = self.lower.len() - 1;
        if overlap >= STEP / 2 {
            return self.finder.find(&text.to_ascii_lowercase()).is_some();
        }
        let mut buffer = [0; STEP];
        let mut rest = text;
        while rest.len() > overlap {
            let step = &mut buffer[..rest.len().min(STEP)];
            step.copy_from_slice(&rest[..step.len()]);
            step.make_ascii_lowercase();
            if self.finder.find(step).is_some() {
                return true;
            }
            rest = &rest[step.len() - overlap..];
        }
        false
    }

    /// Returns whether the needle occurs in a payload.
    pub fn is_in_json(&self, json: &Json) -> bool {
        self.is_in_compact(json.as_str())
    }

    /// Returns whether the needle occurs in a stretch of compact JSON, such as a payload part.
    ///
    /// Strings cut off at the ends of the stretch count as text without escapes.
    pub fn is_in_compact(&self, text: &str) -> bool {
        self.is_in(text)
            || self.may_be_escaped(text) && escaped_strings(text).any(|string| self.is_in(&string))
    }

    /// Returns whether escapes may hide the needle in `text`: what they stand for is mostly no part of it.
    fn may_be_escaped(&self, text: &str) -> bool {
        let printable = |at: usize| matches!(text.as_bytes().get(at + 4), Some(b'2'..=b'7'));
        !self.plain || memmem::find_iter(text.as_bytes(), "\\u00").any(printable)
    }
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

    #[test]
    fn letters_escaped_without_need_are_found() {
        assert!(found("refund", r#"["a \u0072efund\n"]"#));
        assert!(found("a/b", r#"["a\/b"]"#));
        assert!(found("x<y", r#"["x\u003cy"]"#));
        assert!(!found("nx", r#"["a\u000ax"]"#));
    }

    #[test]
    fn needles_over_the_seams_of_long_texts_are_found() {
        for before in STEP - 10..STEP + 10 {
            for length in [1, 2, 9, STEP / 2, STEP / 2 + 1, STEP + 1] {
                let needle = "Ab".repeat(length / 2 + 1);
                let (start, end) = ("-".repeat(before), "-".repeat(STEP));
                assert!(Needle::new(&needle).is_in(&format!("{start}{}{end}", needle.to_uppercase())));
                assert!(!Needle::new(&format!("{needle}!")).is_in(&format!("{start}{needle}{end}")));
            }
        }
    }

    #[test]
    fn made_up_text_is_searched_as_fast_as_any() {
        let text = "a".repeat(8 << 20);
        for length in [1_000, 10_000] {
            assert!(!Needle::new(&format!("{}b", "a".repeat(length))).is_in(&text));
        }
    }

    proptest::proptest! {
        #[test]
        fn a_needle_is_found_where_lower_case_text_holds_it(text in "[a-cA-Cé東\"\n]{0,40}", needle in "[a-cA-Cé東\"\n]{0,4}") {
            let wanted = text.to_lowercase().contains(&needle.to_lowercase());
            proptest::prop_assert_eq!(Needle::new(&needle).is_in(&text), wanted);
            if wanted {
                proptest::prop_assert!(Needle::new(&needle).is_in_json(&Json::string(&text)));
            }
        }

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
