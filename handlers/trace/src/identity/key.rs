use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::SecretHash;

/// What every API key starts with.
pub const KEY_START: &str = "tw_sk_";

/// How many characters of a key are stored and shown, and looked up by.
pub const KEY_PREFIX_LENGTH: usize = 16;

/// The shortest pre-configured key, in characters.
pub const PRECONFIGURED_KEY_MIN: usize = 16;

/// The text of an API key: `tw_sk_` and 24 random bytes as base64url, 38 characters in all.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ApiKeyText(String);

impl ApiKeyText {
    /// Returns the key made of these random bytes.
    pub fn from_random(bytes: [u8; 24]) -> Self {
        Self(format!("{KEY_START}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Returns the key if the text looks like one: the right start, printable ASCII, 16 to 256 characters.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (PRECONFIGURED_KEY_MIN..=256).contains(&text.len());
        let is_key = fits && text.starts_with(KEY_START) && text.bytes().all(|b| b.is_ascii_graphic());
        is_key.then(|| Self(text.to_owned()))
    }

    /// Returns the whole key, which is shown once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns the first characters, by which it is looked up and recognised.
    pub fn prefix(&self) -> &str {
        &self.0[..KEY_PREFIX_LENGTH.min(self.0.len())]
    }

    /// Returns what is stored.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for ApiKeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_38_characters_and_reads_back() {
        let key = ApiKeyText::from_random([9; 24]);
        assert_eq!(key.reveal().len(), 38);
        assert_eq!(key.prefix().len(), 16);
        assert_eq!(ApiKeyText::parse(key.reveal()), Some(key.clone()));
        assert_eq!(format!("{key:?}"), "[redacted]");
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in
            ["", "tw_sk_", "tw_sk_short", "sk-0123456789abcdef", "tw_sk_with spaces in", "tw_sk_é234567890"]
        {
            assert_eq!(ApiKeyText::parse(text), None, "{text:?}");
        }
    }
}
