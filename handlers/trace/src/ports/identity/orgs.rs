use async_trait::async_trait;

use crate::id::OrgId;
use crate::identity::{Email, Member, Org, Plan, Role, UserId};
use crate::ports::StoreError;
use crate::time::Timestamp;

/// What came of changing or removing a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberChange {
    /// Done; the member as they are now, or were.
    Done(Member),
    /// There is no such member.
    Missing,
    /// It would leave the organisation without an owner.
    LastOwner,
    /// Only an owner may make, change or remove an owner.
    OwnersOnly,
}

/// Organisations and their members.
#[async_trait]
pub trait Orgs: Send + Sync {
    /// Returns the organisation.
    async fn find_org(&self, id: OrgId) -> Result<Option<Org>, StoreError>;

    /// Returns all organisations, in pages for background work: those with an id above `after`, by id.
    async fn list_orgs(&self, after: Option<OrgId>, limit: usize) -> Result<Vec<Org>, StoreError>;

    /// Returns the members by the time they joined.
    async fn list_members(&self, id: OrgId) -> Result<Vec<Member>, StoreError>;

    /// Returns the addresses of admins and owners, for mails about the organisation.
    async fn admins(&self, id: OrgId) -> Result<Vec<Email>, StoreError>;

    /// Changes a member's role. `by` is the role of who asks.
    async fn set_role(
        &self,
        id: OrgId,
        member: UserId,
        role: Role,
        by: Role,
    ) -> Result<MemberChange, StoreError>;

    /// Removes a member and refuses their sessions issued before `at`.
    async fn remove_member(
        &self,
        id: OrgId,
        member: UserId,
        by: Role,
        at: Timestamp,
    ) -> Result<MemberChange, StoreError>;

    /// Changes the plan. Returns the plan before, or `None` when there is no such organisation.
    async fn set_plan(&self, id: OrgId, plan: Plan) -> Result<Option<Plan>, StoreError>;

    /// Remembers a webhook of the billing service and changes the plan, both or neither. Returns false, and does
    /// nothing, when the webhook was handled before.
    ///
    /// `sent_at` orders webhooks of one organisation: one that is older than the newest handled changes no plan.
    async fn apply_webhook(
        &self,
        webhook_id: &str,
        change: Option<(OrgId, Plan)>,
        sent_at: Timestamp,
    ) -> Result<bool, StoreError>;
}
