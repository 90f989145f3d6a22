use async_trait::async_trait;

use crate::id::{OrgId, ProjectId};
use crate::identity::{ApiKey, ApiKeyId, Permissions, SecretHash};
use crate::ports::StoreError;
use crate::time::Timestamp;

/// A key to be created.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// The project it opens.
    pub project: ProjectId,
    /// A name for people.
    pub name: String,
    /// Its first characters.
    pub prefix: String,
    /// Its hash.
    pub hash: SecretHash,
    /// What it may do.
    pub permissions: Permissions,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// A key and what a caller's key is compared with.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// The key.
    pub key: ApiKey,
    /// Its hash, to be compared in constant time.
    pub hash: SecretHash,
}

/// What came of creating a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOutcome {
    /// The key.
    Created(ApiKey),
    /// The organisation has as many keys as its plan allows.
    LimitReached,
}

/// API keys.
#[async_trait]
pub trait ApiKeys: Send + Sync {
    /// Returns the keys of an organisation, the oldest first.
    async fn list_keys(&self, org: OrgId) -> Result<Vec<ApiKey>, StoreError>;

    /// Creates a key, unless the organisation has `limit` keys already, also when many are created at once.
    async fn create_key(
        &self,
        org: OrgId,
        new: NewApiKey,
        limit: Option<u64>,
    ) -> Result<KeyOutcome, StoreError>;

    /// Returns all keys with these first characters; the caller compares hashes. Expired keys are among them.
    async fn find_keys(&self, prefix: &str) -> Result<Vec<StoredKey>, StoreError>;

    /// Returns whose key this is, so that a foreign key can be told from one that does not exist.
    async fn org_of_key(&self, id: ApiKeyId) -> Result<Option<OrgId>, StoreError>;

    /// Deletes a key of the organisation. Returns whether it was there.
    async fn delete_key(&self, org: OrgId, id: ApiKeyId) -> Result<bool, StoreError>;

    /// Notes that keys were used. Called in the background, at most once a minute and key.
    async fn touch_keys(&self, used: &[(ApiKeyId, Timestamp)]) -> Result<(), StoreError>;
}
