//! Users, organisations, projects, keys, invites and resets: a small port for each.

mod accounts;
mod invites;
mod keys;
mod orgs;
mod projects;
mod resets;

pub use accounts::{Accounts, NewAccount, SignedUp, UserWithPassword};
pub use invites::{Acceptance, InviteOutcome, Invites, NewInvite};
pub use keys::{ApiKeys, KeyOutcome, NewApiKey, StoredKey};
pub use orgs::{MemberChange, Orgs};
pub use projects::{NewProject, ProjectChange, Projects};
pub use resets::Resets;
