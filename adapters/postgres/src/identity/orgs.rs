use async_trait::async_trait;
use sqlx::PgConnection;
use trace::id::OrgId;
use trace::identity::{Email, Member, Org, Plan, Role, UserId};
use trace::ports::{MemberChange, Orgs, StoreError};
use trace::time::Timestamp;
use uuid::Uuid;

use super::rows::{MemberRow, OrgRow, email, plan};
use super::{PostgresIdentity, accounts, lock_org};
use crate::sql::{At, integer, text, unavailable};

#[async_trait]
impl Orgs for PostgresIdentity {
    async fn find_org(&self, id: OrgId) -> Result<Option<Org>, StoreError> {
        let row: Option<OrgRow> = sqlx::query_as(
            "SELECT id AS org_id, name AS org_name, slug AS org_slug, plan FROM organizations WHERE id = $1",
        )
        .bind(id.0)
        .fetch_optional(self.database.pool())
        .await
        .map_err(unavailable)?;
        row.map(OrgRow::org).transpose()
    }

    async fn list_orgs(&self, after: Option<OrgId>, limit: usize) -> Result<Vec<Org>, StoreError> {
        let rows: Vec<OrgRow> = sqlx::query_as(
            "SELECT id AS org_id, name AS org_name, slug AS org_slug, plan FROM organizations
             WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2",
        )
        .bind(after.map(|org| org.0))
        .bind(integer(limit))
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        rows.into_iter().map(OrgRow::org).collect()
    }

    async fn list_members(&self, id: OrgId) -> Result<Vec<Member>, StoreError> {
        let rows: Vec<MemberRow> = sqlx::query_as(
            "SELECT u.id, u.email, u.name, m.role FROM memberships m JOIN users u ON u.id = m.user_id
             WHERE m.org_id = $1 ORDER BY m.created_at, u.id",
        )
        .bind(id.0)
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        rows.into_iter().map(MemberRow::member).collect()
    }

    async fn admins(&self, id: OrgId) -> Result<Vec<Email>, StoreError> {
        let rows: Vec<String> = sqlx::query_scalar(
            "SELECT u.email FROM memberships m JOIN users u ON u.id = m.user_id
             WHERE m.org_id = $1 AND m.role IN ('owner', 'admin') ORDER BY m.created_at, u.id",
        )
        .bind(id.0)
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        rows.iter().map(|row| email(row)).collect()
    }

    async fn set_role(
        &self,
        id: OrgId,
        member: UserId,
        role: Role,
        by: Role,
    ) -> Result<MemberChange, StoreError> {
        let mut transaction = self.database.pool().begin().await.map_err(unavailable)?;
        let found = match find_changeable(&mut transaction, id, member, by, Some(role)).await? {
            Ok(found) => found,
            Err(refusal) => return Ok(refusal),
        };
        sqlx::query(
            "UPDATE memberships SET role = $3, updated_at = now() WHERE org_id = $1 AND user_id = $2",
        )
        .bind(id.0)
        .bind(member.0)
        .bind(role.as_str())
        .execute(&mut *transaction)
        .await
        .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(MemberChange::Done(Member { role, ..found }))
    }

    async fn remove_member(
        &self,
        id: OrgId,
        member: UserId,
        by: Role,
        at: Timestamp,
    ) -> Result<MemberChange, StoreError> {
        let mut transaction = self.database.pool().begin().await.map_err(unavailable)?;
        let found = match find_changeable(&mut transaction, id, member, by, None).await? {
            Ok(found) => found,
            Err(refusal) => return Ok(refusal),
        };
        sqlx::query("DELETE FROM memberships WHERE org_id = $1 AND user_id = $2")
            .bind(id.0)
            .bind(member.0)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        accounts::end_sessions(&mut transaction, member, at).await?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(MemberChange::Done(found))
    }

    async fn set_plan(&self, id: OrgId, to: Plan) -> Result<Option<Plan>, StoreError> {
        let before: Option<String> = sqlx::query_scalar(
            "UPDATE organizations o SET plan = $2, updated_at = now()
             FROM (SELECT id, plan FROM organizations WHERE id = $1 FOR UPDATE) AS old
             WHERE o.id = old.id RETURNING old.plan",
        )
        .bind(id.0)
        .bind(to.as_str())
        .fetch_optional(self.database.pool())
        .await
        .map_err(unavailable)?;
        before.map(|word| plan(&word)).transpose()
    }

    async fn apply_webhook(
        &self,
        webhook_id: &str,
        change: Option<(OrgId, Plan)>,
        sent_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.database.pool().begin().await.map_err(unavailable)?;
        // A repeat at the same moment waits here for the first to end.
        let new = sqlx::query("INSERT INTO webhooks (id) VALUES ($1) ON CONFLICT (id) DO NOTHING")
            .bind(text(webhook_id))
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        if new.rows_affected() == 0 {
            return Ok(false);
        }
        if let Some((org, plan)) = change {
            sqlx::query(
                "UPDATE organizations SET plan = $2, plan_set_at = $3, updated_at = now()
                 WHERE id = $1 AND (plan_set_at IS NULL OR plan_set_at <= $3)",
            )
            .bind(org.0)
            .bind(plan.as_str())
            .bind(At(sent_at))
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(true)
    }
}

/// Returns the member if somebody with the role `by` may make them `to`, or remove them; else why not.
async fn find_changeable(
    connection: &mut PgConnection,
    org: OrgId,
    member: UserId,
    by: Role,
    to: Option<Role>,
) -> Result<Result<Member, MemberChange>, StoreError> {
    if !lock_org(connection, org).await? {
        return Ok(Err(MemberChange::Missing));
    }
    let row: Option<MemberRow> = sqlx::query_as(
        "SELECT u.id, u.email, u.name, m.role FROM memberships m JOIN users u ON u.id = m.user_id
         WHERE m.org_id = $1 AND m.user_id = $2",
    )
    .bind(org.0)
    .bind(member.0)
    .fetch_optional(&mut *connection)
    .await
    .map_err(unavailable)?;
    let Some(found) = row.map(MemberRow::member).transpose()? else {
        return Ok(Err(MemberChange::Missing));
    };
    let concerns_owner = found.role == Role::Owner || to == Some(Role::Owner);
    if concerns_owner && by != Role::Owner {
        return Ok(Err(MemberChange::OwnersOnly));
    }
    if found.role == Role::Owner && to != Some(Role::Owner) {
        let other: Option<Uuid> = sqlx::query_scalar(
            "SELECT user_id FROM memberships WHERE org_id = $1 AND role = 'owner' AND user_id <> $2 LIMIT 1",
        )
        .bind(org.0)
        .bind(member.0)
        .fetch_optional(connection)
        .await
        .map_err(unavailable)?;
        if other.is_none() {
            return Ok(Err(MemberChange::LastOwner));
        }
    }
    Ok(Ok(found))
}
