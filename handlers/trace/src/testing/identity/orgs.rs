use async_trait::async_trait;

use super::{MemoryIdentity, State};
use crate::id::OrgId;
use crate::identity::{Email, Member, Org, Plan, Role, User, UserId};
use crate::ports::{MemberChange, Orgs, StoreError};
use crate::time::Timestamp;

fn member(user: &User, role: Role) -> Member {
    Member { id: user.id, email: user.email.clone(), name: user.name.clone(), role }
}

impl State {
    /// Returns the member if `by` may make it `role`, or remove it when there is none.
    fn changed(&self, org: OrgId, id: UserId, role: Option<Role>, by: Role) -> Result<Member, MemberChange> {
        let found = self.membership(org, id).zip(self.user(id));
        let (place, user) = found.ok_or(MemberChange::Missing)?;
        let is_owner = place.role == Role::Owner;
        if (is_owner || role == Some(Role::Owner)) && by != Role::Owner {
            return Err(MemberChange::OwnersOnly);
        }
        let owners = self.members.iter().filter(|(of, _, role)| *of == org && *role == Role::Owner).count();
        if is_owner && role != Some(Role::Owner) && owners == 1 {
            return Err(MemberChange::LastOwner);
        }
        Ok(member(user, role.unwrap_or(place.role)))
    }

    fn set_plan(&mut self, id: OrgId, plan: Plan) -> Option<Plan> {
        let org = self.orgs.iter_mut().find(|org| org.id == id)?;
        Some(std::mem::replace(&mut org.plan, plan))
    }
}

#[async_trait]
impl Orgs for MemoryIdentity {
    async fn find_org(&self, id: OrgId) -> Result<Option<Org>, StoreError> {
        Ok(self.state().org(id).cloned())
    }

    async fn list_orgs(&self, after: Option<OrgId>, limit: usize) -> Result<Vec<Org>, StoreError> {
        let mut orgs = self.state().orgs.clone();
        orgs.retain(|org| after.is_none_or(|after| org.id > after));
        orgs.sort_by_key(|org| org.id);
        orgs.truncate(limit);
        Ok(orgs)
    }

    async fn list_members(&self, id: OrgId) -> Result<Vec<Member>, StoreError> {
        let state = self.state();
        let members = state.members.iter().filter(|(org, ..)| *org == id);
        Ok(members.filter_map(|(_, user, role)| Some(member(state.user(*user)?, *role))).collect())
    }

    async fn admins(&self, id: OrgId) -> Result<Vec<Email>, StoreError> {
        let members = self.list_members(id).await?.into_iter();
        Ok(members.filter(|member| member.role >= Role::Admin).map(|member| member.email).collect())
    }

    async fn set_role(
        &self,
        id: OrgId,
        member: UserId,
        role: Role,
        by: Role,
    ) -> Result<MemberChange, StoreError> {
        let mut state = self.state();
        let changed = match state.changed(id, member, Some(role), by) {
            Ok(changed) => changed,
            Err(refused) => return Ok(refused),
        };
        for (org, user, current) in &mut state.members {
            if *org == id && *user == member {
                *current = role;
            }
        }
        Ok(MemberChange::Done(changed))
    }

    async fn remove_member(
        &self,
        id: OrgId,
        member: UserId,
        by: Role,
        at: Timestamp,
    ) -> Result<MemberChange, StoreError> {
        let mut state = self.state();
        let removed = match state.changed(id, member, None, by) {
            Ok(removed) => removed,
            Err(refused) => return Ok(refused),
        };
        state.members.retain(|(org, user, _)| !(*org == id && *user == member));
        state.end_sessions(member, at);
        Ok(MemberChange::Done(removed))
    }

    async fn set_plan(&self, id: OrgId, plan: Plan) -> Result<Option<Plan>, StoreError> {
        Ok(self.state().set_plan(id, plan))
    }

    async fn apply_webhook(
        &self,
        webhook_id: &str,
        change: Option<(OrgId, Plan)>,
        sent_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        if !state.webhooks.insert(webhook_id.to_owned()) {
            return Ok(false);
        }
        if let Some((org, plan)) = change {
            let handled = state.newest_webhook.iter().filter(|(of, _)| *of == org).map(|(_, at)| *at).max();
            if handled.is_none_or(|at| at <= sent_at) {
                state.set_plan(org, plan);
                state.newest_webhook.push((org, sent_at));
            }
        }
        Ok(true)
    }
}
