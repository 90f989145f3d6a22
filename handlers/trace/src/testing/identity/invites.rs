use async_trait::async_trait;

use super::{MemoryIdentity, State};
use crate::id::OrgId;
use crate::identity::{DEFAULT_PROJECT, Invite, InviteId, SecretHash};
use crate::ports::{Acceptance, InviteOutcome, Invites, NewInvite, StoreError};
use crate::time::Timestamp;

impl State {
    fn members_of(&self, org: OrgId) -> u64 {
        self.members.iter().filter(|(of, ..)| *of == org).count() as u64
    }

    fn open_invites(&self, org: OrgId, now: Timestamp) -> impl Iterator<Item = &Invite> {
        let invites = self.invites.iter().map(|(invite, _)| invite);
        invites.filter(move |invite| invite.org == org && invite.expires_at > now)
    }
}

#[async_trait]
impl Invites for MemoryIdentity {
    async fn list_invites(&self, org: OrgId, now: Timestamp) -> Result<Vec<Invite>, StoreError> {
        Ok(self.state().open_invites(org, now).cloned().collect())
    }

    async fn create_invite(
        &self,
        org: OrgId,
        new: NewInvite,
        limit: Option<u64>,
        now: Timestamp,
    ) -> Result<InviteOutcome, StoreError> {
        let mut state = self.state();
        let user = state.users.iter().map(|(user, _)| user).find(|user| user.email == new.email);
        if user.is_some_and(|user| state.membership(org, user.id).is_some()) {
            return Ok(InviteOutcome::AlreadyMember);
        }
        let others = state.open_invites(org, now).filter(|invite| invite.email != new.email).count() as u64;
        if limit.is_some_and(|limit| state.members_of(org) + others >= limit) {
            return Ok(InviteOutcome::LimitReached);
        }
        state.invites.retain(|(invite, _)| !(invite.org == org && invite.email == new.email));
        let invite = Invite {
            id: InviteId(state.id()),
            org,
            email: new.email,
            role: new.role,
            invited_by: new.invited_by,
            expires_at: new.expires_at,
            created_at: now,
        };
        state.invites.push((invite.clone(), new.token));
        Ok(InviteOutcome::Created(invite))
    }

    async fn renew_invite(
        &self,
        org: OrgId,
        id: InviteId,
        token: &SecretHash,
    ) -> Result<Option<Invite>, StoreError> {
        let mut state = self.state();
        let found = state.invites.iter_mut().find(|(invite, _)| invite.org == org && invite.id == id);
        Ok(found.map(|(invite, hash)| {
            hash.clone_from(token);
            invite.clone()
        }))
    }

    async fn delete_invite(&self, org: OrgId, id: InviteId) -> Result<bool, StoreError> {
        let mut state = self.state();
        let before = state.invites.len();
        state.invites.retain(|(invite, _)| !(invite.org == org && invite.id == id));
        Ok(state.invites.len() < before)
    }

    async fn find_invite(&self, token: &SecretHash) -> Result<Option<Invite>, StoreError> {
        let state = self.state();
        Ok(state.invites.iter().find(|(_, hash)| hash.matches(token)).map(|(invite, _)| invite.clone()))
    }

    async fn accept(
        &self,
        token: &SecretHash,
        name: &str,
        password_hash: &str,
        seats: Option<u64>,
        now: Timestamp,
    ) -> Result<Acceptance, StoreError> {
        let mut state = self.state();
        let Some(place) = state.invites.iter().position(|(_, hash)| hash.matches(token)) else {
            return Ok(Acceptance::Unknown);
        };
        let invite = state.invites[place].0.clone();
        if invite.expires_at <= now {
            return Ok(Acceptance::Expired);
        }
        let known = state.users.iter().map(|(user, _)| user).find(|user| user.email == invite.email).cloned();
        if known.as_ref().is_some_and(|user| state.membership(invite.org, user.id).is_some()) {
            return Ok(Acceptance::AlreadyMember);
        }
        if seats.is_some_and(|seats| state.members_of(invite.org) >= seats) {
            return Ok(Acceptance::LimitReached);
        }
        let user = known.unwrap_or_else(|| state.add_user(invite.email.clone(), name, password_hash));
        state.members.push((invite.org, user.id, invite.role));
        state.invites.remove(place);
        let is_default = |project: &&crate::identity::Project| {
            project.org == invite.org && project.slug == DEFAULT_PROJECT
        };
        let project = state.projects.iter().find(is_default).unwrap().id;
        Ok(Acceptance::Joined { user, org: invite.org, project, role: invite.role })
    }
}
