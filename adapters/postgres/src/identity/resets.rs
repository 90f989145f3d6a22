use async_trait::async_trait;
use sqlx::PgConnection;
use trace::identity::{SecretHash, UserId};
use trace::ports::{Resets, StoreError};
use trace::time::Timestamp;
use uuid::Uuid;

use super::PostgresIdentity;
use crate::sql::{At, unavailable};

#[async_trait]
impl Resets for PostgresIdentity {
    async fn create_reset(
        &self,
        user: UserId,
        token: &SecretHash,
        expires_at: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO password_reset_tokens (id, user_id, token_hash, expires_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (user_id) DO UPDATE SET id = excluded.id, token_hash = excluded.token_hash,
                 expires_at = excluded.expires_at, used = false, created_at = now(), updated_at = now()",
        )
        .bind(Uuid::now_v7())
        .bind(user.0)
        .bind(token.as_str())
        .bind(At(expires_at))
        .execute(self.database.pool())
        .await
        .map(|_| ())
        .map_err(unavailable)
    }

    async fn use_reset(
        &self,
        token: &SecretHash,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<Option<UserId>, StoreError> {
        let mut transaction = self.database.pool().begin().await.map_err(unavailable)?;
        let Some(user) = use_up(&mut transaction, token, now).await? else {
            return Ok(None);
        };
        sqlx::query(
            "UPDATE users SET password_hash = $2, updated_at = now(),
                 sessions_valid_after = greatest(sessions_valid_after, $3)
             WHERE id = $1",
        )
        .bind(user.0)
        .bind(password_hash)
        .bind(At(now))
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(Some(user))
    }
}

/// Uses a token up if it is valid. Of many at once, the first to lock the row does.
async fn use_up(
    connection: &mut PgConnection,
    token: &SecretHash,
    now: Timestamp,
) -> Result<Option<UserId>, StoreError> {
    let user: Option<Uuid> = sqlx::query_scalar(
        "UPDATE password_reset_tokens SET used = true, updated_at = now()
         WHERE token_hash = $1 AND NOT used AND expires_at > $2 RETURNING user_id",
    )
    .bind(token.as_str())
    .bind(At(now))
    .fetch_optional(connection)
    .await
    .map_err(unavailable)?;
    Ok(user.map(UserId))
}
