use async_trait::async_trait;

use crate::id::{OrgId, ProjectId};
use crate::identity::{Email, Membership, User, UserId};
use crate::ports::StoreError;
use crate::time::Timestamp;

/// A user who signs up, with an organisation and its first project.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// The address.
    pub email: Email,
    /// A name for people; may be empty.
    pub name: String,
    /// The password as a PHC string.
    pub password_hash: String,
    /// The organisation's name.
    pub org_name: String,
    /// The organisation's slug: what the store makes unique by adding to it.
    pub org_slug: String,
}

/// What a sign-up created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedUp {
    /// The user, who owns the organisation.
    pub user: User,
    /// The organisation, on the free plan.
    pub org: OrgId,
    /// Its project named `Default`.
    pub project: ProjectId,
}

/// A user and what their password is checked against.
#[derive(Clone, Debug)]
pub struct UserWithPassword {
    /// The user.
    pub user: User,
    /// A PHC string.
    pub password_hash: String,
}

/// Users and where they belong.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Creates a user, an organisation they own and its default project, all or nothing. `None` when the address
    /// is taken, also by a sign-up at the same moment.
    async fn sign_up(&self, account: NewAccount) -> Result<Option<SignedUp>, StoreError>;

    /// Returns the user with this address.
    async fn find_by_email(&self, email: &Email) -> Result<Option<UserWithPassword>, StoreError>;

    /// Returns the user.
    async fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// Returns where the user belongs, the oldest membership first.
    async fn memberships(&self, id: UserId) -> Result<Vec<Membership>, StoreError>;

    /// Returns the user and their place in one organisation; `None` when they do not exist or are no member.
    /// This is what every request of a session asks, so it is one query.
    async fn find_member(&self, org: OrgId, id: UserId) -> Result<Option<(User, Membership)>, StoreError>;

    /// Replaces the hash of a password with a stronger hash of the same password; sessions stay valid.
    async fn rehash(&self, id: UserId, password_hash: &str) -> Result<(), StoreError>;

    /// Refuses every session issued to the user before `at`.
    async fn end_sessions(&self, id: UserId, at: Timestamp) -> Result<(), StoreError>;
}
