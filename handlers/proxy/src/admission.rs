//! Who may use the proxy, and for which project.

use std::sync::Arc;

use async_trait::async_trait;
use trace::id::Scope;
use trace::identity::Permission;
use trace::keyring::{KeyRefusal, Keyring};
use trace::quota::Quota;

/// A caller that may use the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Whose call it is.
    pub scope: Scope,
    /// Whether the call is recorded; a project beyond its limit is served without.
    pub recorded: bool,
}

/// Why a caller may not use the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No key was sent.
    #[error("a Traceway key is required: send it as X-Traceway-Api-Key")]
    Missing,
    /// The key is not valid.
    #[error("the Traceway key is not valid")]
    Invalid,
    /// The key may not write traces.
    #[error("this needs the scope traces_write")]
    Scope,
    /// The key cannot be checked now.
    #[error("keys cannot be checked now")]
    Unavailable,
}

/// Tells who calls.
#[async_trait]
pub trait Admission: Send + Sync {
    /// Returns whose call it is, by the Traceway key the request carried.
    async fn admit(&self, key: Option<&str>) -> Result<Admitted, Refusal>;
}

/// Local mode: everybody is the one local user.
#[derive(Clone, Copy, Debug, Default)]
pub struct Everyone;

#[async_trait]
impl Admission for Everyone {
    async fn admit(&self, _key: Option<&str>) -> Result<Admitted, Refusal> {
        Ok(Admitted { scope: Scope::LOCAL, recorded: true })
    }
}

/// The cloud: whoever holds a key that may write traces.
pub struct KeyHolders {
    keyring: Arc<Keyring>,
    quota: Arc<Quota>,
}

impl KeyHolders {
    /// Returns an admission by these keys, which records as long as the plan has room.
    pub fn new(keyring: Arc<Keyring>, quota: Arc<Quota>) -> Self {
        Self { keyring, quota }
    }
}

#[async_trait]
impl Admission for KeyHolders {
    async fn admit(&self, key: Option<&str>) -> Result<Admitted, Refusal> {
        let holder =
            self.keyring.check(key.ok_or(Refusal::Missing)?).await.map_err(|refusal| match refusal {
                KeyRefusal::Unknown | KeyRefusal::Expired => Refusal::Invalid,
                KeyRefusal::Store(error) => {
                    tracing::warn!(%error, "a key could not be checked");
                    Refusal::Unavailable
                }
            })?;
        if !holder.permissions.contains(Permission::TracesWrite) {
            return Err(Refusal::Scope);
        }
        // Recording has the last word on what fits, so a count that is not known now keeps nothing back.
        let recorded = self.quota.has_room(holder.scope.org).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "whether the plan has room could not be found out");
            true
        });
        Ok(Admitted { scope: holder.scope, recorded })
    }
}
