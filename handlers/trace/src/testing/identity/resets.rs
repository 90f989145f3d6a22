use async_trait::async_trait;

use super::MemoryIdentity;
use crate::identity::{SecretHash, UserId};
use crate::ports::{Resets, StoreError};
use crate::time::Timestamp;

#[async_trait]
impl Resets for MemoryIdentity {
    async fn create_reset(
        &self,
        user: UserId,
        token: &SecretHash,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut state = self.state();
        state.resets.retain(|(of, ..)| *of != user);
        state.resets.push((user, token.clone(), expires_at));
        Ok(())
    }

    async fn use_reset(
        &self,
        token: &SecretHash,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<Option<UserId>, StoreError> {
        let mut state = self.state();
        let is_good = |(_, hash, end): &(UserId, SecretHash, Timestamp)| hash.matches(token) && *end > now;
        let Some(place) = state.resets.iter().position(is_good) else { return Ok(None) };
        let (id, ..) = state.resets.remove(place);
        for (user, hash) in &mut state.users {
            if user.id == id {
                password_hash.clone_into(hash);
            }
        }
        state.end_sessions(id, now);
        Ok(Some(id))
    }
}
