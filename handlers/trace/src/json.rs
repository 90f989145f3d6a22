//! JSON values kept as the text they came in.
//!
//! Inputs and outputs are stored and shown, never computed with, so they stay text: numbers keep every
//! digit, members keep their order, and a value nested a million deep costs no stack.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON value as compact text: valid JSON without white space between tokens.
#[derive(Clone)]
pub struct Json(Arc<RawValue>);

impl Json {
    /// Returns the value written in `text`, which must be one JSON value.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let raw: &RawValue = serde_json::from_str(text)?;
        Ok(Self::from_raw(raw))
    }

    /// Returns the value written in `bytes`, which must be one JSON value in UTF-8.
    pub fn parse_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        let raw: &RawValue = serde_json::from_slice(bytes)?;
        Ok(Self::from_raw(raw))
    }

    /// Returns the value that serde already checked.
    pub fn from_raw(raw: &RawValue) -> Self {
        Self::from_compact(compact(raw.get())).expect("compacting valid JSON gives valid JSON")
    }

    /// Returns a JSON string with the given content.
    pub fn string(content: &str) -> Self {
        Self::from_serialize(&content)
    }

    /// Returns `value` as JSON; a value that has no JSON form becomes `null`.
    pub fn from_serialize<T: Serialize + ?Sized>(value: &T) -> Self {
        let text = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
        Self::from_compact(compact(&text)).expect("serde_json writes valid JSON")
    }

    /// Wraps text that is already compact, such as what a store kept; an error means it is no JSON.
    pub fn from_compact(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(|raw| Self(Arc::from(raw)))
    }

    /// Returns the compact text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Returns the value as raw JSON, for reading one level at a time.
    pub fn as_raw(&self) -> &RawValue {
        &self.0
    }

    /// Returns the value read into `T`, or `None` when it has another shape.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Option<T> {
        serde_json::from_str(self.as_str()).ok()
    }

    /// Returns whether the value is `null`.
    pub fn is_null(&self) -> bool {
        self.as_str() == "null"
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Json {}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_raw(&Box::<RawValue>::deserialize(deserializer)?))
    }
}

/// Returns `text`, which is valid JSON, without white space between tokens and with an escaped NUL in a
/// string replaced by U+FFFD, since no store and no terminal takes a NUL.
fn compact(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b' ' | b'\t' | b'\n' | b'\r' => at += 1,
            b'"' => {
                let end = string_end(bytes, at);
                copy_string(&bytes[at..end], &mut out);
                at = end;
            }
            byte => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).expect("removing ASCII white space and escapes keeps UTF-8 whole")
}

/// Returns the index after the closing quote of the string that starts at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(step) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        at += step;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

fn copy_string(string: &[u8], out: &mut Vec<u8>) {
    if memchr::memmem::find(string, b"\\u0000").is_none() {
        out.extend_from_slice(string);
        return;
    }
    let mut at = 0;
    while at < string.len() {
        let escape = string[at] == b'\\';
        if escape && string[at..].starts_with(b"\\u0000") {
            out.extend_from_slice(b"\\ufffd");
            at += 6;
            continue;
        }
        let width = if escape { 2 } else { 1 };
        let end = (at + width).min(string.len());
        out.extend_from_slice(&string[at..end]);
        at = end;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn white_space_goes_and_everything_else_stays() {
        let kept =
            Json::parse("{ \"b\" : [ 1.50, 1e400 ,\n 12345678901234567890123 ],\t\"a\":\"x \\\" y\" }")
                .unwrap();
        assert_eq!(kept.as_str(), r#"{"b":[1.50,1e400,12345678901234567890123],"a":"x \" y"}"#);
        assert_eq!(serde_json::to_string(&kept).unwrap(), kept.as_str());
    }

    #[test]
    fn escaped_nul_becomes_the_replacement_character() {
        let kept = Json::parse(r#"["a\u0000b","\\u0000"]"#).unwrap();
        assert_eq!(kept.as_str(), r#"["a\ufffdb","\\u0000"]"#);
    }

    #[test]
    fn a_value_nested_very_deep_is_kept() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(Json::parse(&deep).unwrap().as_str(), deep);
    }

    #[test]
    fn text_that_is_no_json_is_refused() {
        for text in ["", "{", "[1,]", "nul", "\"a", "{} {}"] {
            assert!(Json::parse(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn compacting_keeps_the_meaning(text in proptest::collection::vec(proptest::char::any(), 0..40)) {
            let value = serde_json::json!({ "k": text.iter().collect::<String>(), "n": [1, 2.5, null] });
            let kept = Json::parse(&serde_json::to_string_pretty(&value).unwrap()).unwrap();
            let meant: serde_json::Value = serde_json::from_str(kept.as_str()).unwrap();
            let wanted = serde_json::to_string(&value).unwrap().replace("\\u0000", "\\ufffd");
            proptest::prop_assert_eq!(meant, serde_json::from_str::<serde_json::Value>(&wanted).unwrap());
        }
    }
}
