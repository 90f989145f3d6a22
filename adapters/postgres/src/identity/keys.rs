use async_trait::async_trait;
use trace::id::OrgId;
use trace::identity::{ApiKey, ApiKeyId};
use trace::ports::{ApiKeys, KeyOutcome, NewApiKey, StoreError, StoredKey};
use trace::time::Timestamp;
use uuid::Uuid;

use super::rows::{KeyRow, scopes};
use super::{PostgresIdentity, has_room, lock_org};
use crate::sql::{At, text, unavailable};

#[async_trait]
impl ApiKeys for PostgresIdentity {
    async fn list_keys(&self, org: OrgId) -> Result<Vec<ApiKey>, StoreError> {
        let rows: Vec<KeyRow> = sqlx::query_as(
            "SELECT id, org_id, project_id, name, key_prefix, key_hash, scopes::text AS scopes, created_at,
                    last_used_at, expires_at
             FROM api_keys WHERE org_id = $1 ORDER BY created_at, id",
        )
        .bind(org.0)
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        rows.into_iter().map(|row| Ok(row.stored()?.key)).collect()
    }

    async fn create_key(
        &self,
        org: OrgId,
        new: NewApiKey,
        limit: Option<u64>,
    ) -> Result<KeyOutcome, StoreError> {
        let mut transaction = self.database.pool().begin().await.map_err(unavailable)?;
        lock_org(&mut transaction, org).await?;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM api_keys WHERE org_id = $1")
            .bind(org.0)
            .fetch_one(&mut *transaction)
            .await
            .map_err(unavailable)?;
        if !has_room(count, limit) {
            return Ok(KeyOutcome::LimitReached);
        }
        // The clock, not the start of the transaction, which lies before the wait: keys are listed by this.
        let row: KeyRow = sqlx::query_as(
            "INSERT INTO api_keys (id, org_id, project_id, name, key_prefix, key_hash, scopes, expires_at,
                                   created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7::text::json, $8, clock_timestamp())
             RETURNING id, org_id, project_id, name, key_prefix, key_hash, scopes::text AS scopes, created_at,
                       last_used_at, expires_at",
        )
        .bind(Uuid::now_v7())
        .bind(org.0)
        .bind(new.project.0)
        .bind(text(&new.name))
        .bind(text(&new.prefix))
        .bind(new.hash.as_str())
        .bind(scopes(new.permissions))
        .bind(new.expires_at.map(At))
        .fetch_one(&mut *transaction)
        .await
        .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(KeyOutcome::Created(row.stored()?.key))
    }

    async fn find_keys(&self, prefix: &str) -> Result<Vec<StoredKey>, StoreError> {
        let rows: Vec<KeyRow> = sqlx::query_as(
            "SELECT id, org_id, project_id, name, key_prefix, key_hash, scopes::text AS scopes, created_at,
                    last_used_at, expires_at
             FROM api_keys WHERE key_prefix = $1 ORDER BY created_at, id",
        )
        .bind(text(prefix))
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        rows.into_iter().map(KeyRow::stored).collect()
    }

    async fn org_of_key(&self, id: ApiKeyId) -> Result<Option<OrgId>, StoreError> {
        let org: Option<Uuid> = sqlx::query_scalar("SELECT org_id FROM api_keys WHERE id = $1")
            .bind(id.0)
            .fetch_optional(self.database.pool())
            .await
            .map_err(unavailable)?;
        Ok(org.map(OrgId))
    }

    async fn delete_key(&self, org: OrgId, id: ApiKeyId) -> Result<bool, StoreError> {
        sqlx::query("DELETE FROM api_keys WHERE org_id = $1 AND id = $2")
            .bind(org.0)
            .bind(id.0)
            .execute(self.database.pool())
            .await
            .map(|done| done.rows_affected() == 1)
            .map_err(unavailable)
    }

    async fn touch_keys(&self, used: &[(ApiKeyId, Timestamp)]) -> Result<(), StoreError> {
        if used.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = used.iter().map(|(id, _)| id.0).collect();
        let times: Vec<i64> = used.iter().map(|(_, at)| at.as_micros()).collect();
        // Rows are locked by id, so that two processes that saw the same keys do not wait for each other.
        sqlx::query(
            "WITH used AS (
                 SELECT id, max(micros) AS micros FROM unnest($1::uuid[], $2::bigint[]) AS u (id, micros)
                 GROUP BY id
             ), locked AS (
                 SELECT id FROM api_keys WHERE id IN (SELECT id FROM used) ORDER BY id FOR UPDATE
             )
             UPDATE api_keys k
             SET last_used_at = greatest(k.last_used_at, 'epoch'::timestamptz + used.micros * interval '1 microsecond')
             FROM used JOIN locked ON locked.id = used.id WHERE k.id = locked.id",
        )
        .bind(ids)
        .bind(times)
        .execute(self.database.pool())
        .await
        .map(|_| ())
        .map_err(unavailable)
    }
}
