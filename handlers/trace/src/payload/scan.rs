//! Finds the elements and members of compact JSON one level at a time, without recursion.

use std::ops::Range;

/// Returns the index after the JSON value that starts at `start`.
fn value_end(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at = string_end(bytes, at);
                if depth == 0 {
                    return at;
                }
            }
            b'[' | b'{' => {
                depth += 1;
                at += 1;
            }
            b']' | b'}' => {
                // A number or word ends where its list does.
                if depth == 0 {
                    return at;
                }
                depth -= 1;
                at += 1;
                if depth == 0 {
                    return at;
                }
            }
            b',' if depth == 0 => return at,
            _ => at += 1,
        }
    }
    at
}

/// Returns the index after the closing quote of the string that starts at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(step) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += step;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

/// Returns the ranges of the elements of the list that starts at `start`.
pub(crate) fn elements(text: &str, start: usize) -> impl Iterator<Item = Range<usize>> + '_ {
    let bytes = text.as_bytes();
    let mut at = start + 1;
    std::iter::from_fn(move || {
        if bytes.get(at).is_none_or(|byte| *byte == b']') {
            return None;
        }
        let end = value_end(bytes, at);
        let found = at..end;
        at = end + usize::from(bytes.get(end) == Some(&b','));
        (!found.is_empty()).then_some(found)
    })
}

/// Returns the names, as written, and the ranges of the values of the object that starts at `start`.
pub(crate) fn members(text: &str, start: usize) -> impl Iterator<Item = (&str, Range<usize>)> + '_ {
    let bytes = text.as_bytes();
    let mut at = start + 1;
    std::iter::from_fn(move || {
        if bytes.get(at) != Some(&b'"') {
            return None;
        }
        let name_end = string_end(bytes, at);
        let name = text.get(at + 1..name_end - 1)?;
        let value = name_end + 1;
        let end = value_end(bytes, value);
        at = end + usize::from(bytes.get(end) == Some(&b','));
        (value < end).then_some((name, value..end))
    })
}
