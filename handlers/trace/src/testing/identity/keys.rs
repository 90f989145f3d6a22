use async_trait::async_trait;

use super::MemoryIdentity;
use crate::id::OrgId;
use crate::identity::{ApiKey, ApiKeyId};
use crate::ports::{ApiKeys, KeyOutcome, NewApiKey, StoreError, StoredKey};
use crate::time::Timestamp;

#[async_trait]
impl ApiKeys for MemoryIdentity {
    async fn list_keys(&self, org: OrgId) -> Result<Vec<ApiKey>, StoreError> {
        let state = self.state();
        Ok(state.keys.iter().map(|stored| &stored.key).filter(|key| key.org == org).cloned().collect())
    }

    async fn create_key(
        &self,
        org: OrgId,
        new: NewApiKey,
        limit: Option<u64>,
    ) -> Result<KeyOutcome, StoreError> {
        let mut state = self.state();
        let count = state.keys.iter().filter(|stored| stored.key.org == org).count() as u64;
        if limit.is_some_and(|limit| count >= limit) {
            return Ok(KeyOutcome::LimitReached);
        }
        let key = ApiKey {
            id: ApiKeyId(state.id()),
            org,
            project: new.project,
            name: new.name,
            prefix: new.prefix,
            permissions: new.permissions,
            created_at: self.clock.now(),
            last_used_at: None,
            expires_at: new.expires_at,
        };
        state.keys.push(StoredKey { key: key.clone(), hash: new.hash });
        Ok(KeyOutcome::Created(key))
    }

    async fn find_keys(&self, prefix: &str) -> Result<Vec<StoredKey>, StoreError> {
        Ok(self.state().keys.iter().filter(|stored| stored.key.prefix == prefix).cloned().collect())
    }

    async fn org_of_key(&self, id: ApiKeyId) -> Result<Option<OrgId>, StoreError> {
        Ok(self.state().keys.iter().find(|stored| stored.key.id == id).map(|stored| stored.key.org))
    }

    async fn delete_key(&self, org: OrgId, id: ApiKeyId) -> Result<bool, StoreError> {
        let mut state = self.state();
        let before = state.keys.len();
        state.keys.retain(|stored| !(stored.key.org == org && stored.key.id == id));
        Ok(state.keys.len() < before)
    }

    async fn touch_keys(&self, used: &[(ApiKeyId, Timestamp)]) -> Result<(), StoreError> {
        for stored in &mut self.state().keys {
            if let Some((_, at)) = used.iter().find(|(id, _)| *id == stored.key.id) {
                stored.key.last_used_at = Some(*at);
            }
        }
        Ok(())
    }
}
