//! Rows as they are stored.

use trace::id::{OrgId, ProjectId};
use trace::identity::{
    ApiKey, ApiKeyId, Email, Invite, InviteId, Member, Membership, Org, Permissions, Plan, Project, Role,
    SecretHash, User, UserId,
};
use trace::ports::{StoreError, StoredKey, UserWithPassword};
use uuid::Uuid;

use crate::sql::At;

pub(super) fn email(text: &str) -> Result<Email, StoreError> {
    Email::parse(text).map_err(|error| StoreError::corrupt("address", error))
}

pub(super) fn role(word: &str) -> Result<Role, StoreError> {
    Role::parse(word).map_err(|error| StoreError::corrupt("role", error))
}

pub(super) fn plan(word: &str) -> Result<Plan, StoreError> {
    Plan::parse(word).map_err(|error| StoreError::corrupt("plan", error))
}

/// Returns scopes as they are stored: a JSON array of words.
pub(super) fn scopes(permissions: Permissions) -> String {
    format!(
        "[{}]",
        permissions.names().iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",")
    )
}

#[derive(sqlx::FromRow)]
pub(super) struct UserRow {
    pub(super) id: Uuid,
    pub(super) email: String,
    pub(super) name: String,
    pub(super) password_hash: String,
    pub(super) sessions_valid_after: At,
}

impl UserRow {
    pub(super) fn user(self) -> Result<User, StoreError> {
        self.with_password().map(|both| both.user)
    }

    pub(super) fn with_password(self) -> Result<UserWithPassword, StoreError> {
        let user = User {
            id: UserId(self.id),
            email: email(&self.email)?,
            name: self.name,
            sessions_valid_after: self.sessions_valid_after.0,
        };
        Ok(UserWithPassword { user, password_hash: self.password_hash })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct OrgRow {
    pub(super) org_id: Uuid,
    pub(super) org_name: String,
    pub(super) org_slug: String,
    pub(super) plan: String,
}

impl OrgRow {
    pub(super) fn org(self) -> Result<Org, StoreError> {
        Ok(Org { id: OrgId(self.org_id), name: self.org_name, slug: self.org_slug, plan: plan(&self.plan)? })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct MembershipRow {
    #[sqlx(flatten)]
    pub(super) org: OrgRow,
    pub(super) role: String,
}

impl MembershipRow {
    pub(super) fn membership(self) -> Result<Membership, StoreError> {
        Ok(Membership { role: role(&self.role)?, org: self.org.org()? })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct MemberRow {
    pub(super) id: Uuid,
    pub(super) email: String,
    pub(super) name: String,
    pub(super) role: String,
}

impl MemberRow {
    pub(super) fn member(self) -> Result<Member, StoreError> {
        let (email, role) = (email(&self.email)?, role(&self.role)?);
        Ok(Member { id: UserId(self.id), email, name: self.name, role })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct ProjectRow {
    id: Uuid,
    org_id: Uuid,
    name: String,
    slug: String,
    settings: String,
    created_at: At,
    updated_at: At,
}

impl ProjectRow {
    pub(super) fn project(self) -> Result<Project, StoreError> {
        let settings = serde_json::from_str(&self.settings);
        Ok(Project {
            id: ProjectId(self.id),
            org: OrgId(self.org_id),
            name: self.name,
            slug: self.slug,
            settings: settings.map_err(|error| StoreError::corrupt("project's settings", error))?,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct KeyRow {
    id: Uuid,
    org_id: Uuid,
    project_id: Uuid,
    name: String,
    key_prefix: String,
    key_hash: String,
    scopes: String,
    created_at: At,
    last_used_at: Option<At>,
    expires_at: Option<At>,
}

impl KeyRow {
    pub(super) fn stored(self) -> Result<StoredKey, StoreError> {
        let words: Vec<String> =
            serde_json::from_str(&self.scopes).map_err(|error| StoreError::corrupt("key's scopes", error))?;
        // Word by word: `admin` alone is a preset on its way in, and one permission once stored.
        let mut permissions = Permissions::default();
        for word in &words {
            let permission = trace::identity::Permission::parse(word)
                .ok_or_else(|| StoreError::corrupt("key's scope", format!("{word:?} is unknown")))?;
            permissions = permissions.with(Permissions::of(&[permission]));
        }
        let key = ApiKey {
            id: ApiKeyId(self.id),
            org: OrgId(self.org_id),
            project: ProjectId(self.project_id),
            name: self.name,
            prefix: self.key_prefix,
            permissions,
            created_at: self.created_at.0,
            last_used_at: self.last_used_at.map(|at| at.0),
            expires_at: self.expires_at.map(|at| at.0),
        };
        Ok(StoredKey { key, hash: SecretHash::from_stored(self.key_hash) })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct InviteRow {
    id: Uuid,
    org_id: Uuid,
    email: String,
    role: String,
    invited_by: Uuid,
    expires_at: At,
    created_at: At,
}

impl InviteRow {
    pub(super) fn invite(self) -> Result<Invite, StoreError> {
        Ok(Invite {
            id: InviteId(self.id),
            org: OrgId(self.org_id),
            email: email(&self.email)?,
            role: role(&self.role)?,
            invited_by: UserId(self.invited_by),
            expires_at: self.expires_at.0,
            created_at: self.created_at.0,
        })
    }
}
