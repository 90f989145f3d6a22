//! Users, organisations and what belongs to them, in the memory of one process.

mod accounts;
mod invites;
mod keys;
mod orgs;
mod projects;
mod resets;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};

use uuid::Uuid;

use crate::id::{OrgId, ProjectId, Scope};
use crate::identity::{Invite, Membership, Org, Plan, Project, Role, SecretHash, User, UserId};
use crate::ports::{Clock, StoredKey};
use crate::time::Timestamp;

/// Every identity port over vectors. For tests.
pub struct MemoryIdentity {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u128,
    users: Vec<(User, String)>,
    orgs: Vec<Org>,
    members: Vec<(OrgId, UserId, Role)>,
    projects: Vec<Project>,
    deleted: Vec<(Scope, Timestamp)>,
    keys: Vec<StoredKey>,
    invites: Vec<(Invite, SecretHash)>,
    resets: Vec<(UserId, SecretHash, Timestamp)>,
    webhooks: HashSet<String>,
    newest_webhook: Vec<(OrgId, Timestamp)>,
}

impl MemoryIdentity {
    /// Returns an identity without users that tells time by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl State {
    fn id(&mut self) -> Uuid {
        self.next += 1;
        Uuid::from_u128(0x7000 << 64 | self.next)
    }

    fn org(&self, id: OrgId) -> Option<&Org> {
        self.orgs.iter().find(|org| org.id == id)
    }

    fn user(&self, id: UserId) -> Option<&User> {
        self.users.iter().map(|(user, _)| user).find(|user| user.id == id)
    }

    fn membership(&self, org: OrgId, user: UserId) -> Option<Membership> {
        let (_, _, role) = self.members.iter().find(|(of, who, _)| *of == org && *who == user)?;
        Some(Membership { org: self.org(org)?.clone(), role: *role })
    }

    fn add_user(&mut self, email: crate::identity::Email, name: &str, password_hash: &str) -> User {
        let sessions_valid_after = Timestamp::from_micros(0);
        let user = User { id: UserId(self.id()), email, name: name.to_owned(), sessions_valid_after };
        self.users.push((user.clone(), password_hash.to_owned()));
        user
    }

    fn add_project(&mut self, org: OrgId, name: &str, slug: &str, now: Timestamp) -> Project {
        let project = Project {
            id: ProjectId(self.id()),
            org,
            name: name.to_owned(),
            slug: slug.to_owned(),
            settings: crate::identity::ProjectSettings::default(),
            created_at: now,
            updated_at: now,
        };
        self.projects.push(project.clone());
        project
    }

    fn add_org(&mut self, name: &str, wanted_slug: &str) -> OrgId {
        let id = OrgId(self.id());
        let is_taken = self.orgs.iter().any(|org| org.slug == wanted_slug);
        let slug = if is_taken { format!("{wanted_slug}-{}", self.next) } else { wanted_slug.to_owned() };
        self.orgs.push(Org { id, name: name.to_owned(), slug, plan: Plan::Free });
        id
    }

    fn end_sessions(&mut self, id: UserId, at: Timestamp) {
        for (user, _) in &mut self.users {
            if user.id == id {
                user.sessions_valid_after = user.sessions_valid_after.max(at);
            }
        }
    }
}
