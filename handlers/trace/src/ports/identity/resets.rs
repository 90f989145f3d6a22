use async_trait::async_trait;

use crate::identity::{SecretHash, UserId};
use crate::ports::StoreError;
use crate::time::Timestamp;

/// Password resets.
#[async_trait]
pub trait Resets: Send + Sync {
    /// Remembers a reset, and forgets earlier ones of the user.
    async fn create_reset(
        &self,
        user: UserId,
        token: &SecretHash,
        expires_at: Timestamp,
    ) -> Result<(), StoreError>;

    /// Uses a reset: sets the password, uses the token up and refuses sessions issued before `now`, all or
    /// nothing. Returns the user, or `None` when the token is unknown, used or expired.
    async fn use_reset(
        &self,
        token: &SecretHash,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<Option<UserId>, StoreError>;
}
