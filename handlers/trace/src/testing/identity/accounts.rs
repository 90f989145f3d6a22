use async_trait::async_trait;

use super::MemoryIdentity;
use crate::id::OrgId;
use crate::identity::{DEFAULT_PROJECT, Email, Membership, Role, User, UserId};
use crate::ports::{Accounts, NewAccount, SignedUp, StoreError, UserWithPassword};
use crate::time::Timestamp;

#[async_trait]
impl Accounts for MemoryIdentity {
    async fn sign_up(&self, account: NewAccount) -> Result<Option<SignedUp>, StoreError> {
        let mut state = self.state();
        if state.users.iter().any(|(user, _)| user.email == account.email) {
            return Ok(None);
        }
        let user = state.add_user(account.email, &account.name, &account.password_hash);
        let org = state.add_org(&account.org_name, &account.org_slug);
        let project = state.add_project(org, "Default", DEFAULT_PROJECT, self.clock.now()).id;
        state.members.push((org, user.id, Role::Owner));
        Ok(Some(SignedUp { user, org, project }))
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<UserWithPassword>, StoreError> {
        let state = self.state();
        let found = state.users.iter().find(|(user, _)| user.email == *email);
        let with_password = |(user, hash): &(User, String)| UserWithPassword {
            user: user.clone(),
            password_hash: hash.clone(),
        };
        Ok(found.map(with_password))
    }

    async fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.state().user(id).cloned())
    }

    async fn memberships(&self, id: UserId) -> Result<Vec<Membership>, StoreError> {
        let state = self.state();
        let orgs = state.members.iter().filter(|(_, user, _)| *user == id);
        Ok(orgs.filter_map(|(org, user, _)| state.membership(*org, *user)).collect())
    }

    async fn find_member(&self, org: OrgId, id: UserId) -> Result<Option<(User, Membership)>, StoreError> {
        let state = self.state();
        Ok(state.membership(org, id).zip(state.user(id)).map(|(place, user)| (user.clone(), place)))
    }

    async fn rehash(&self, id: UserId, password_hash: &str) -> Result<(), StoreError> {
        for (user, hash) in &mut self.state().users {
            if user.id == id {
                password_hash.clone_into(hash);
            }
        }
        Ok(())
    }

    async fn end_sessions(&self, id: UserId, at: Timestamp) -> Result<(), StoreError> {
        self.state().end_sessions(id, at);
        Ok(())
    }
}
