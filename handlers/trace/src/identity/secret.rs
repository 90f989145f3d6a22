use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A secret that is sent in a link and stored only as its hash: 32 random bytes as base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretToken(String);

impl SecretToken {
    /// Returns the token made of these random bytes.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Returns a token as somebody sent it; whether it is one of ours, its hash decides.
    pub fn from_client(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Returns the text for the link.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns what is stored.
    pub fn hash(&self) -> SecretHash {
        SecretHash::of(&self.0)
    }
}

impl fmt::Debug for SecretToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The SHA-256 of a secret as 64 hex digits. Secrets with 24 or more random bytes need no slower hash.
#[derive(Clone, Debug)]
pub struct SecretHash(String);

impl SecretHash {
    /// Returns the hash of a secret.
    pub fn of(secret: &str) -> Self {
        Self(hex::encode(Sha256::digest(secret.as_bytes())))
    }

    /// Returns a hash as it was stored.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// Returns what is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares in a time that does not depend on where the two differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_shown_and_its_hash_is_stable() {
        let token = SecretToken::from_random([7; 32]);
        assert_eq!(format!("{token:?}"), "[redacted]");
        assert_eq!(token.reveal().len(), 43);
        assert!(token.hash().matches(&SecretToken::from_client(token.reveal()).hash()));
        assert!(!token.hash().matches(&SecretHash::of("other")));
        assert_eq!(token.hash().as_str().len(), 64);
    }
}
