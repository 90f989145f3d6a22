//! The proxy of the cloud: whoever has a key that may write traces.

use std::sync::Arc;

use async_trait::async_trait;
use trace::identity::Permission;
use trace::keyring::{KeyRefusal, Keyring};
use trace::quota::Quota;

use crate::admission::{Admission, Admitted, Refusal};

/// Admits the holders of API keys, and records their calls while their plan has room.
pub struct Members {
    keyring: Arc<Keyring>,
    quota: Arc<Quota>,
}

impl Members {
    /// Returns an admission by these keys and this quota.
    pub fn new(keyring: Arc<Keyring>, quota: Arc<Quota>) -> Self {
        Self { keyring, quota }
    }
}

#[async_trait]
impl Admission for Members {
    async fn admit(&self, key: Option<&str>) -> Result<Admitted, Refusal> {
        let key = key.ok_or(Refusal::Missing)?;
        let holder = self.keyring.check(key).await.map_err(|refusal| match refusal {
            KeyRefusal::Unknown | KeyRefusal::Expired => Refusal::Invalid,
            KeyRefusal::Store(error) => {
                tracing::warn!(%error, "a key cannot be checked");
                Refusal::Unavailable
            }
        })?;
        if !holder.permissions.contains(Permission::TracesWrite) {
            return Err(Refusal::Scope);
        }
        // A count that cannot be read is no reason to lose a record: the way in counts again.
        let recorded = self.quota.has_room(holder.scope.org).await.unwrap_or(true);
        Ok(Admitted { scope: holder.scope, recorded })
    }
}
