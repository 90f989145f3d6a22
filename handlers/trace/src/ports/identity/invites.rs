use async_trait::async_trait;

use crate::id::{OrgId, ProjectId};
use crate::identity::{Email, Invite, InviteId, Role, SecretHash, User, UserId};
use crate::ports::StoreError;
use crate::time::Timestamp;

/// An invite to be created.
#[derive(Clone, Debug)]
pub struct NewInvite {
    /// Who is invited.
    pub email: Email,
    /// What they will be.
    pub role: Role,
    /// Who invites.
    pub invited_by: UserId,
    /// The hash of a token, until [`Invites::renew_invite`] sets that of the link.
    pub token: SecretHash,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// What came of creating an invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InviteOutcome {
    /// The invite. An earlier open one for the same address is replaced.
    Created(Invite),
    /// Members and open invites are as many as the plan allows.
    LimitReached,
    /// The address is a member's.
    AlreadyMember,
}

/// What came of accepting an invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// The user is a member now, in this project to begin with; the invite is gone.
    Joined {
        /// The user, new or known.
        user: User,
        /// The organisation.
        org: OrgId,
        /// Its default project.
        project: ProjectId,
        /// What they are there.
        role: Role,
    },
    /// There is no such invite, or no longer.
    Unknown,
    /// The invite has expired.
    Expired,
    /// The user is a member already.
    AlreadyMember,
    /// The organisation is full by now.
    LimitReached,
}

/// Invitations into organisations.
#[async_trait]
pub trait Invites: Send + Sync {
    /// Returns the invites that have not expired at `now`, the oldest first.
    async fn list_invites(&self, org: OrgId, now: Timestamp) -> Result<Vec<Invite>, StoreError>;

    /// Creates an invite, unless members and open invites reach `limit`, also when many are created at once.
    async fn create_invite(
        &self,
        org: OrgId,
        new: NewInvite,
        limit: Option<u64>,
        now: Timestamp,
    ) -> Result<InviteOutcome, StoreError>;

    /// Gives an invite another token, which makes the earlier one useless, and returns the invite. The worker that
    /// sends the mail calls it, so that no token ever waits in a queue. `None` when the invite is gone.
    async fn renew_invite(
        &self,
        org: OrgId,
        id: InviteId,
        token: &SecretHash,
    ) -> Result<Option<Invite>, StoreError>;

    /// Deletes an invite of the organisation. Returns whether it was there.
    async fn delete_invite(&self, org: OrgId, id: InviteId) -> Result<bool, StoreError>;

    /// Returns the invite with this token, expired or not.
    async fn find_invite(&self, token: &SecretHash) -> Result<Option<Invite>, StoreError>;

    /// Uses an invite: adds the membership and deletes the invite, all or nothing, exactly once however many ask.
    /// When nobody has the invite's address, a user is created with this name and hash; a known user's password
    /// never changes, the caller has checked it. `seats` is the plan's number of members.
    async fn accept(
        &self,
        token: &SecretHash,
        name: &str,
        password_hash: &str,
        seats: Option<u64>,
        now: Timestamp,
    ) -> Result<Acceptance, StoreError>;
}
