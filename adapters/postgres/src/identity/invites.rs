use async_trait::async_trait;
use sqlx::PgConnection;
use trace::id::{OrgId, ProjectId};
use trace::identity::{DEFAULT_PROJECT, Email, Invite, InviteId, SecretHash, User};
use trace::ports::{Acceptance, InviteOutcome, Invites, NewInvite, StoreError};
use trace::time::Timestamp;
use uuid::Uuid;

use super::rows::{InviteRow, UserRow};
use super::{PostgresIdentity, accounts, has_room, lock_org};
use crate::sql::{At, unavailable};

#[async_trait]
impl Invites for PostgresIdentity {
    async fn list_invites(&self, org: OrgId, now: Timestamp) -> Result<Vec<Invite>, StoreError> {
        let rows: Vec<InviteRow> = sqlx::query_as(
            "SELECT id, org_id, email, role, invited_by, expires_at, created_at FROM invites
             WHERE org_id = $1 AND expires_at > $2 ORDER BY created_at, id",
        )
        .bind(org.0)
        .bind(At(now))
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        rows.into_iter().map(InviteRow::invite).collect()
    }

    async fn create_invite(
        &self,
        org: OrgId,
        new: NewInvite,
        limit: Option<u64>,
        now: Timestamp,
    ) -> Result<InviteOutcome, StoreError> {
        let mut transaction = self.database.pool().begin().await.map_err(unavailable)?;
        lock_org(&mut transaction, org).await?;
        if is_member(&mut transaction, org, &new.email).await? {
            return Ok(InviteOutcome::AlreadyMember);
        }
        // The one that is replaced takes no seat besides.
        let taken: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM memberships WHERE org_id = $1)
                  + (SELECT count(*) FROM invites WHERE org_id = $1 AND email <> $2 AND expires_at > $3)",
        )
        .bind(org.0)
        .bind(new.email.as_str())
        .bind(At(now))
        .fetch_one(&mut *transaction)
        .await
        .map_err(unavailable)?;
        if !has_room(taken, limit) {
            return Ok(InviteOutcome::LimitReached);
        }
        let row: InviteRow = sqlx::query_as(
            "INSERT INTO invites (id, org_id, email, role, invited_by, token_hash, expires_at, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp())
             ON CONFLICT (org_id, email) DO UPDATE SET id = excluded.id, role = excluded.role,
                 invited_by = excluded.invited_by, token_hash = excluded.token_hash,
                 expires_at = excluded.expires_at, created_at = excluded.created_at, updated_at = now()
             RETURNING id, org_id, email, role, invited_by, expires_at, created_at",
        )
        .bind(Uuid::now_v7())
        .bind(org.0)
        .bind(new.email.as_str())
        .bind(new.role.as_str())
        .bind(new.invited_by.0)
        .bind(new.token.as_str())
        .bind(At(new.expires_at))
        .fetch_one(&mut *transaction)
        .await
        .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(InviteOutcome::Created(row.invite()?))
    }

    async fn renew_invite(
        &self,
        org: OrgId,
        id: InviteId,
        token: &SecretHash,
    ) -> Result<Option<Invite>, StoreError> {
        let row: Option<InviteRow> = sqlx::query_as(
            "UPDATE invites SET token_hash = $3, updated_at = now() WHERE org_id = $1 AND id = $2
             RETURNING id, org_id, email, role, invited_by, expires_at, created_at",
        )
        .bind(org.0)
        .bind(id.0)
        .bind(token.as_str())
        .fetch_optional(self.database.pool())
        .await
        .map_err(unavailable)?;
        row.map(InviteRow::invite).transpose()
    }

    async fn delete_invite(&self, org: OrgId, id: InviteId) -> Result<bool, StoreError> {
        sqlx::query("DELETE FROM invites WHERE org_id = $1 AND id = $2")
            .bind(org.0)
            .bind(id.0)
            .execute(self.database.pool())
            .await
            .map(|done| done.rows_affected() == 1)
            .map_err(unavailable)
    }

    async fn find_invite(&self, token: &SecretHash) -> Result<Option<Invite>, StoreError> {
        let mut connection = self.database.pool().acquire().await.map_err(unavailable)?;
        find_invite(&mut connection, token).await
    }

    async fn accept(
        &self,
        token: &SecretHash,
        name: &str,
        password_hash: &str,
        seats: Option<u64>,
        now: Timestamp,
    ) -> Result<Acceptance, StoreError> {
        let mut transaction = self.database.pool().begin().await.map_err(unavailable)?;
        let Some(seen) = find_invite(&mut transaction, token).await? else {
            return Ok(Acceptance::Unknown);
        };
        // Organisation first, as everybody locks: what the invite is, is read again behind the lock.
        lock_org(&mut transaction, seen.org).await?;
        let Some(invite) = find_invite(&mut transaction, token).await? else {
            return Ok(Acceptance::Unknown);
        };
        if invite.expires_at <= now {
            return Ok(Acceptance::Expired);
        }
        let user = find_or_insert(&mut transaction, &invite.email, name, password_hash).await?;
        if is_member(&mut transaction, invite.org, &invite.email).await? {
            return Ok(Acceptance::AlreadyMember);
        }
        let members: i64 = sqlx::query_scalar("SELECT count(*) FROM memberships WHERE org_id = $1")
            .bind(invite.org.0)
            .fetch_one(&mut *transaction)
            .await
            .map_err(unavailable)?;
        if !has_room(members, seats) {
            return Ok(Acceptance::LimitReached);
        }
        accounts::insert_membership(&mut transaction, user.id, invite.org, invite.role).await?;
        sqlx::query("DELETE FROM invites WHERE id = $1")
            .bind(invite.id.0)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        let project = first_project(&mut transaction, invite.org).await?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(Acceptance::Joined { user, org: invite.org, project, role: invite.role })
    }
}

async fn find_invite(
    connection: &mut PgConnection,
    token: &SecretHash,
) -> Result<Option<Invite>, StoreError> {
    let row: Option<InviteRow> = sqlx::query_as(
        "SELECT id, org_id, email, role, invited_by, expires_at, created_at FROM invites WHERE token_hash = $1",
    )
    .bind(token.as_str())
    .fetch_optional(connection)
    .await
    .map_err(unavailable)?;
    row.map(InviteRow::invite).transpose()
}

async fn is_member(connection: &mut PgConnection, org: OrgId, email: &Email) -> Result<bool, StoreError> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM memberships m JOIN users u ON u.id = m.user_id
                        WHERE m.org_id = $1 AND u.email = $2)",
    )
    .bind(org.0)
    .bind(email.as_str())
    .fetch_one(connection)
    .await
    .map_err(unavailable)
}

/// Returns the user with the address, creating one when there is none.
async fn find_or_insert(
    connection: &mut PgConnection,
    email: &Email,
    name: &str,
    password_hash: &str,
) -> Result<User, StoreError> {
    if let Some(user) = accounts::insert_user(connection, email, name, password_hash).await? {
        return Ok(user);
    }
    let row: UserRow = sqlx::query_as(
        "SELECT id, email, name, password_hash, sessions_valid_after FROM users WHERE email = $1",
    )
    .bind(email.as_str())
    .fetch_one(connection)
    .await
    .map_err(unavailable)?;
    row.user()
}

/// Returns the organisation's default project.
async fn first_project(connection: &mut PgConnection, org: OrgId) -> Result<ProjectId, StoreError> {
    let id: Uuid = sqlx::query_scalar(
        "SELECT id FROM projects WHERE org_id = $1 ORDER BY slug <> $2, created_at, id LIMIT 1",
    )
    .bind(org.0)
    .bind(DEFAULT_PROJECT)
    .fetch_one(connection)
    .await
    .map_err(unavailable)?;
    Ok(ProjectId(id))
}
