//! Halves of surrogate pairs in JSON, which JavaScript writes when it cuts a string in the middle of a character.

/// Returns the text with U+FFFD for each half of a pair, or `None` when there is none.
///
/// JSON allows such an escape, and no Rust string can hold what it says.
pub(crate) fn without_halves(json: &str) -> Option<String> {
    let mut out = String::new();
    let mut kept = 0;
    let mut at = 0;
    let bytes = json.as_bytes();
    while let Some(found) = memchr::memchr(b'\\', &bytes[at..]) {
        at += found;
        let Some(unit) = unit(&bytes[at..]) else {
            // The backslash and what it stands before.
            at = (at + 2).min(bytes.len());
            continue;
        };
        let is_pair = (0xD800..0xDC00).contains(&unit)
            && self::unit(&bytes[at + 6..]).is_some_and(|low| (0xDC00..0xE000).contains(&low));
        if (0xD800..0xE000).contains(&unit) && !is_pair {
            out.push_str(&json[kept..at]);
            out.push_str("\\ufffd");
            kept = at + 6;
        }
        at += if is_pair { 12 } else { 6 };
    }
    if kept == 0 {
        return None;
    }
    out.push_str(&json[kept..]);
    Some(out)
}

/// Returns the UTF-16 unit of an escape that begins here.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    let digits = std::str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_and_all_else_stays() {
        for (json, without) in [
            (r#"{"a":"cut \ud83d"}"#, Some(r#"{"a":"cut \ufffd"}"#)),
            (r#""\uDE00\ud83d\ud83d\ude00x""#, Some(r#""\ufffd\ufffd\ud83d\ude00x""#)),
            (r#""\ud83d\n\u00e9""#, Some(r#""\ufffd\n\u00e9""#)),
            (r#""\ud83d\ude00""#, None),
            // An escaped backslash before a `u`.
            (r#""\\ud83d""#, None),
            (r#""\u12""#, None),
            ("\"é\\", None),
        ] {
            assert_eq!(without_halves(json).as_deref(), without, "{json}");
        }
    }
}
