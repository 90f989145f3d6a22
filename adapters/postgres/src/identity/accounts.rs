use async_trait::async_trait;
use sqlx::PgConnection;
use trace::id::{OrgId, ProjectId};
use trace::identity::{DEFAULT_PROJECT, Email, Membership, Role, User, UserId};
use trace::ports::{Accounts, NewAccount, SignedUp, StoreError, UserWithPassword};
use trace::time::Timestamp;
use uuid::Uuid;

use super::PostgresIdentity;
use super::rows::{MembershipRow, UserRow};
use crate::sql::{At, text, unavailable};

#[async_trait]
impl Accounts for PostgresIdentity {
    async fn sign_up(&self, account: NewAccount) -> Result<Option<SignedUp>, StoreError> {
        let mut transaction = self.database.pool().begin().await.map_err(unavailable)?;
        let user =
            insert_user(&mut transaction, &account.email, &account.name, &account.password_hash).await?;
        let Some(user) = user else {
            return Ok(None);
        };
        let org = insert_org(&mut transaction, &account.org_name, &account.org_slug).await?;
        let project = ProjectId(Uuid::now_v7());
        sqlx::query("INSERT INTO projects (id, org_id, name, slug) VALUES ($1, $2, 'Default', $3)")
            .bind(project.0)
            .bind(org.0)
            .bind(DEFAULT_PROJECT)
            .execute(&mut *transaction)
            .await
            .map_err(unavailable)?;
        insert_membership(&mut transaction, user.id, org, Role::Owner).await?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(Some(SignedUp { user, org, project }))
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<UserWithPassword>, StoreError> {
        let row: Option<UserRow> = sqlx::query_as(
            "SELECT id, email, name, password_hash, sessions_valid_after FROM users WHERE email = $1",
        )
        .bind(email.as_str())
        .fetch_optional(self.database.pool())
        .await
        .map_err(unavailable)?;
        row.map(UserRow::with_password).transpose()
    }

    async fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let row: Option<UserRow> = sqlx::query_as(
            "SELECT id, email, name, password_hash, sessions_valid_after FROM users WHERE id = $1",
        )
        .bind(id.0)
        .fetch_optional(self.database.pool())
        .await
        .map_err(unavailable)?;
        row.map(UserRow::user).transpose()
    }

    async fn memberships(&self, id: UserId) -> Result<Vec<Membership>, StoreError> {
        let rows: Vec<MembershipRow> = sqlx::query_as(
            "SELECT o.id AS org_id, o.name AS org_name, o.slug AS org_slug, o.plan, m.role
             FROM memberships m JOIN organizations o ON o.id = m.org_id
             WHERE m.user_id = $1 ORDER BY m.created_at, o.id",
        )
        .bind(id.0)
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        rows.into_iter().map(MembershipRow::membership).collect()
    }

    async fn find_member(&self, org: OrgId, id: UserId) -> Result<Option<(User, Membership)>, StoreError> {
        #[derive(sqlx::FromRow)]
        struct Row {
            #[sqlx(flatten)]
            user: UserRow,
            #[sqlx(flatten)]
            membership: MembershipRow,
        }
        let row: Option<Row> = sqlx::query_as(
            "SELECT u.id, u.email, u.name, u.password_hash, u.sessions_valid_after,
                    o.id AS org_id, o.name AS org_name, o.slug AS org_slug, o.plan, m.role
             FROM memberships m JOIN users u ON u.id = m.user_id JOIN organizations o ON o.id = m.org_id
             WHERE m.user_id = $2 AND m.org_id = $1",
        )
        .bind(org.0)
        .bind(id.0)
        .fetch_optional(self.database.pool())
        .await
        .map_err(unavailable)?;
        row.map(|row| Ok((row.user.user()?, row.membership.membership()?))).transpose()
    }

    async fn rehash(&self, id: UserId, password_hash: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE users SET password_hash = $2, updated_at = now() WHERE id = $1")
            .bind(id.0)
            .bind(password_hash)
            .execute(self.database.pool())
            .await
            .map(|_| ())
            .map_err(unavailable)
    }

    async fn end_sessions(&self, id: UserId, at: Timestamp) -> Result<(), StoreError> {
        let mut connection = self.database.pool().acquire().await.map_err(unavailable)?;
        end_sessions(&mut connection, id, at).await
    }
}

/// Refuses every session issued to the user before `at`; an earlier time takes nothing back.
pub(super) async fn end_sessions(
    connection: &mut PgConnection,
    id: UserId,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE users SET sessions_valid_after = greatest(sessions_valid_after, $2), updated_at = now()
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(At(at))
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(unavailable)
}

/// Creates a user unless the address is taken.
pub(super) async fn insert_user(
    connection: &mut PgConnection,
    email: &Email,
    name: &str,
    password_hash: &str,
) -> Result<Option<User>, StoreError> {
    let row: Option<UserRow> = sqlx::query_as(
        "INSERT INTO users (id, email, name, password_hash) VALUES ($1, $2, $3, $4)
         ON CONFLICT (email) DO NOTHING
         RETURNING id, email, name, password_hash, sessions_valid_after",
    )
    .bind(Uuid::now_v7())
    .bind(email.as_str())
    .bind(text(name))
    .bind(password_hash)
    .fetch_optional(connection)
    .await
    .map_err(unavailable)?;
    row.map(UserRow::user).transpose()
}

/// Creates an organisation. When its slug is taken, six random digits are added.
async fn insert_org(connection: &mut PgConnection, name: &str, slug: &str) -> Result<OrgId, StoreError> {
    let mut wanted = slug.to_owned();
    loop {
        let id: Option<Uuid> = sqlx::query_scalar(
            "INSERT INTO organizations (id, name, slug) VALUES ($1, $2, $3)
             ON CONFLICT (slug) DO NOTHING RETURNING id",
        )
        .bind(Uuid::now_v7())
        .bind(text(name))
        .bind(text(&wanted))
        .fetch_optional(&mut *connection)
        .await
        .map_err(unavailable)?;
        if let Some(id) = id {
            return Ok(OrgId(id));
        }
        let random = Uuid::new_v4().simple().to_string();
        wanted = format!("{slug}-{}", &random[..6]);
    }
}

pub(super) async fn insert_membership(
    connection: &mut PgConnection,
    user: UserId,
    org: OrgId,
    role: Role,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO memberships (user_id, org_id, role) VALUES ($1, $2, $3)")
        .bind(user.0)
        .bind(org.0)
        .bind(role.as_str())
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(unavailable)
}
