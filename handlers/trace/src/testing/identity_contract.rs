//! What the ports of identity promise, one contract for each. A store implements them together, as they share their
//! subjects: keys belong to projects, projects to organisations, organisations to those who sign up.

mod accounts;
mod invites;
mod keys;
mod orgs;
mod projects;
mod resets;

pub use accounts::accounts_contract;
pub use invites::invites_contract;
pub use keys::api_keys_contract;
pub use orgs::orgs_contract;
pub use projects::projects_contract;
pub use resets::resets_contract;

use uuid::Uuid;

use super::fixtures::time;
use crate::id::OrgId;
use crate::identity::{Email, Role, SecretHash, UserId};
use crate::ports::{Acceptance, Accounts, InviteOutcome, Invites, NewAccount, NewInvite, SignedUp};
use crate::time::Timestamp;

/// How many do the same thing at once in a race.
const CROWD: usize = 50;

/// A moment long after every other one.
fn never() -> Timestamp {
    time(1_000 * 86_400_000)
}

fn email(name: &str) -> Email {
    Email::parse(&format!("{name}@example.com")).unwrap()
}

/// The hash that stands for the password of somebody; no store looks inside.
fn password(name: &str) -> String {
    format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA${name}")
}

fn account(name: &str) -> NewAccount {
    NewAccount {
        email: email(name),
        name: name.to_owned(),
        password_hash: password(name),
        org_name: format!("{name}'s Org"),
        org_slug: format!("{name}-s-org"),
    }
}

async fn sign_up(accounts: &dyn Accounts, name: &str) -> SignedUp {
    accounts.sign_up(account(name)).await.unwrap().unwrap()
}

fn stranger() -> (OrgId, UserId) {
    (OrgId(Uuid::from_u128(404)), UserId(Uuid::from_u128(405)))
}

fn new_invite(owner: &SignedUp, name: &str, role: Role) -> NewInvite {
    NewInvite {
        email: email(name),
        role,
        invited_by: owner.user.id,
        token: SecretHash::of(name),
        expires_at: never(),
    }
}

/// Makes somebody new a member of the owner's organisation.
async fn join(invites: &dyn Invites, owner: &SignedUp, name: &str, role: Role) -> UserId {
    let created =
        invites.create_invite(owner.org, new_invite(owner, name, role), None, time(0)).await.unwrap();
    assert!(matches!(created, InviteOutcome::Created(_)));
    let token = SecretHash::of(name);
    match invites.accept(&token, name, &password(name), None, time(0)).await.unwrap() {
        Acceptance::Joined { user, .. } => user.id,
        other => panic!("{other:?}"),
    }
}
