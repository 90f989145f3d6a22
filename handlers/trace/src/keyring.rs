//! Whether an API key opens a project, and what it may do there.

use std::sync::Arc;

use crate::id::Scope;
use crate::identity::{ApiKey, ApiKeyId, ApiKeyText, Permissions, SecretHash};
use crate::ports::{ApiKeys, Clock, Revocation, Revocations, StoreError};
use crate::remembered::Remembered;

/// Keys whose check is remembered.
const CAPACITY: usize = 10_000;

/// Who holds a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHolder {
    /// The key; `None` for a pre-configured one.
    pub key: Option<ApiKeyId>,
    /// The project it opens; nil for a pre-configured one.
    pub scope: Scope,
    /// What it may do.
    pub permissions: Permissions,
}

/// Why a key does not open anything.
#[derive(Debug, thiserror::Error)]
pub enum KeyRefusal {
    /// It is no key, or nobody's.
    #[error("the API key is not valid")]
    Unknown,
    /// It has expired.
    #[error("the API key has expired")]
    Expired,
    /// It cannot be checked now.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Checks API keys: those of the store, then those the server was started with.
///
/// A successful check is remembered for up to a minute, and forgotten at once when the key is revoked.
pub struct Keyring {
    keys: Arc<dyn ApiKeys>,
    clock: Arc<dyn Clock>,
    /// By the hash of the whole key, so that no key lies in memory.
    known: Remembered<String, ApiKey>,
    preconfigured: Vec<SecretHash>,
}

impl Keyring {
    /// Returns a keyring over these keys.
    pub fn new(
        keys: Arc<dyn ApiKeys>,
        clock: Arc<dyn Clock>,
        revocations: Arc<dyn Revocations>,
        preconfigured: &[ApiKeyText],
    ) -> Self {
        let concerns = |revocation: &Revocation, _: &String, key: &ApiKey| match revocation {
            Revocation::Key { id } => *id == key.id,
            Revocation::Org { id } => *id == key.org,
            Revocation::User { .. } => false,
            Revocation::All => true,
        };
        let known = Remembered::new(CAPACITY, Arc::clone(&clock), revocations, concerns);
        let preconfigured = preconfigured.iter().map(ApiKeyText::hash).collect();
        Self { keys, clock, known, preconfigured }
    }

    /// Returns who holds the key.
    pub async fn check(&self, text: &str) -> Result<KeyHolder, KeyRefusal> {
        let text = ApiKeyText::parse(text).ok_or(KeyRefusal::Unknown)?;
        let hash = text.hash();
        let stored = self.known.get_or_ask(&hash.as_str().to_owned(), self.ask(&text, &hash)).await?;
        let Some(key) = stored else { return self.preconfigured(&hash) };
        if key.expires_at.is_some_and(|end| end <= self.clock.now()) {
            return Err(KeyRefusal::Expired);
        }
        let scope = Scope { org: key.org, project: key.project };
        Ok(KeyHolder { key: Some(key.id), scope, permissions: key.permissions })
    }

    async fn ask(&self, text: &ApiKeyText, hash: &SecretHash) -> Result<Option<ApiKey>, StoreError> {
        let mut found = None;
        // All keys that share the prefix are compared, so that the time tells nothing about which one fits.
        for stored in self.keys.find_keys(text.prefix()).await? {
            if stored.hash.matches(hash) {
                found = Some(stored.key);
            }
        }
        if let Some(key) = &found {
            // Asked at most once a minute and process, so this is when the use is noted.
            if let Err(error) = self.keys.touch_keys(&[(key.id, self.clock.now())]).await {
                tracing::warn!(%error, "the use of a key could not be noted");
            }
        }
        Ok(found)
    }

    fn preconfigured(&self, hash: &SecretHash) -> Result<KeyHolder, KeyRefusal> {
        let fits = self.preconfigured.iter().fold(false, |fits, known| known.matches(hash) | fits);
        let holder = KeyHolder { key: None, scope: Scope::LOCAL, permissions: Permissions::ALL };
        fits.then_some(holder).ok_or(KeyRefusal::Unknown)
    }
}

/// Reads a comma list of `key` or `name:key`. Returns the keys, and how many entries are none.
pub fn preconfigured_keys(list: &str) -> (Vec<ApiKeyText>, usize) {
    let entries: Vec<&str> = list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
    let key = |entry: &&str| {
        let (_, named) = entry.split_once(':').unwrap_or(("", entry));
        ApiKeyText::parse(entry).or_else(|| ApiKeyText::parse(named.trim()))
    };
    let keys: Vec<ApiKeyText> = entries.iter().filter_map(key).collect();
    let ignored = entries.len() - keys.len();
    (keys, ignored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preconfigured_keys_may_have_names_and_bad_ones_are_counted() {
        let (keys, ignored) =
            preconfigured_keys("tw_sk_0123456789abcdef, ci:tw_sk_fedcba9876543210 ,,sk_x,tw_sk_short,n:");
        let texts: Vec<&str> = keys.iter().map(ApiKeyText::reveal).collect();
        assert_eq!(texts, ["tw_sk_0123456789abcdef", "tw_sk_fedcba9876543210"]);
        assert_eq!(ignored, 3);
    }
}
