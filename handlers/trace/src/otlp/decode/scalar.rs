//! Texts, numbers and enumerations as senders write them in JSON.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Returns what a member holds, or the default where it is `null`.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A text. Half of a surrogate pair, which JavaScript can send, becomes U+FFFD.
#[derive(Debug, Default)]
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl Visitor<'_> for TextVisitor {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            // serde_json hands out a lone surrogate only as bytes.
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(String::from_utf8_lossy(bytes).into_owned()))
            }
        }
        deserializer.deserialize_bytes(TextVisitor)
    }
}

/// A JSON scalar; lists and objects, which have no place where one is expected, read as nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Scalar {
    #[default]
    Nothing,
    Bool(bool),
    Int(i64),
    /// A whole number beyond `i64`.
    Large(u64),
    Double(f64),
    Text(String),
}

impl Scalar {
    /// Returns a point in time or a count: negative numbers and what is no number are 0.
    pub(super) fn unsigned(&self) -> u64 {
        match self {
            Self::Int(number) => u64::try_from(*number).unwrap_or(0),
            Self::Large(number) => *number,
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
            Self::Double(number) => *number as u64,
            Self::Text(text) => {
                let text = text.trim();
                text.parse().unwrap_or_else(|_| Self::Double(text.parse().unwrap_or(0.0)).unsigned())
            }
            Self::Nothing | Self::Bool(_) => 0,
        }
    }

    /// Returns the 32-bit number, 0 where there is none.
    pub(super) fn small(&self) -> u32 {
        u32::try_from(self.unsigned()).unwrap_or(0)
    }

    /// Returns the number of an enumeration: sent as such, as text, or as one of `words`, which may follow a
    /// prefix and count from 0. Anything else is 0.
    pub(super) fn number_of(&self, words: &[&str]) -> i32 {
        let Self::Text(text) = self else {
            return i32::try_from(self.unsigned()).unwrap_or(0);
        };
        let is_word = |word: &&str| {
            let start = text.len().wrapping_sub(word.len());
            text.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(word))
        };
        let at = words.iter().position(is_word).and_then(|at| i32::try_from(at).ok());
        at.or_else(|| text.trim().parse().ok()).unwrap_or(0)
    }

    /// Returns the bytes a hex text spells, or nothing where it is none.
    pub(super) fn hex(&self) -> Vec<u8> {
        let Self::Text(text) = self else { return Vec::new() };
        let digits: Option<Vec<u8>> = text.bytes().map(hex_digit).collect();
        match digits {
            Some(digits) if digits.len().is_multiple_of(2) => {
                digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a string")
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar::Int(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Scalar, E> {
        Ok(i64::try_from(number).map_or(Scalar::Large(number), Scalar::Int))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Scalar, E> {
        Ok(Scalar::Double(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Scalar, E> {
        Ok(Scalar::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scalar, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Nothing)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Scalar, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Nothing)
    }
}
