//! Who uses Traceway: users, organisations, projects, keys, and what each may do.
//!
//! Nothing here applies in local mode, where one constant caller may do everything.

mod key;
mod mail_job;
mod plan;
mod role;
mod secret;

pub use key::{ApiKeyText, KEY_PREFIX_LENGTH, KEY_START, PRECONFIGURED_KEY_MIN};
pub use mail_job::MailJob;
pub use plan::{InvalidPlan, Plan, PlanLimits};
pub use role::{InvalidRole, InvalidScope, Permission, Permissions, Role};
pub use secret::{SecretHash, SecretToken};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{OrgId, ProjectId};
use crate::time::Timestamp;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);
    };
}

uuid_id! {
    /// The id of a user.
    UserId
}
uuid_id! {
    /// The id of an API key, which is no secret.
    ApiKeyId
}
uuid_id! {
    /// The id of an invite, which is no secret.
    InviteId
}

/// An e-mail address as it is stored and compared: trimmed and in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// A text that is no e-mail address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address has the form name@host")]
pub struct InvalidEmail;

impl Email {
    /// Returns the address if it has a local part, one `@` and a host; RFC 5321 allows 254 characters.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim().to_lowercase();
        let is_clean = text.len() <= 254 && !text.chars().any(|c| c.is_whitespace() || c.is_control());
        match text.split_once('@') {
            Some((local, host)) if is_clean && !local.is_empty() && is_host(host) => Ok(Self(text)),
            _ => Err(InvalidEmail),
        }
    }

    /// Returns the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what stands before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.split('@').next().unwrap_or_default()
    }
}

impl TryFrom<String> for Email {
    type Error = InvalidEmail;
    fn try_from(text: String) -> Result<Self, InvalidEmail> {
        Self::parse(&text)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

fn is_host(host: &str) -> bool {
    !host.is_empty() && !host.contains('@') && !host.starts_with('.') && !host.ends_with('.')
}

/// A person who can log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The id.
    pub id: UserId,
    /// Unique over the installation.
    pub email: Email,
    /// A name for people; may be empty.
    pub name: String,
    /// Sessions issued before this time are refused.
    pub sessions_valid_after: Timestamp,
}

/// A company or team: what is billed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Org {
    /// The id.
    pub id: OrgId,
    /// A name for people.
    pub name: String,
    /// Unique over the installation; letters, digits and `-`.
    pub slug: String,
    /// What the organisation pays for.
    pub plan: Plan,
}

/// A separate body of traces, keys and settings inside an organisation.
#[derive(Clone, Debug, PartialEq)]
pub struct Project {
    /// The id.
    pub id: ProjectId,
    /// The organisation.
    pub org: OrgId,
    /// A name for people.
    pub name: String,
    /// Unique in its organisation; the first project's is `default`.
    pub slug: String,
    /// What its members chose.
    pub settings: ProjectSettings,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The slug of the project that every organisation starts with, which cannot be deleted.
pub const DEFAULT_PROJECT: &str = "default";

/// What the members of a project chose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectSettings {
    /// `1h`, `24h`, `7d` or `30d`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub default_time_range: Option<String>,
    /// Days after which traces are deleted; never more than the plan's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retention_days: Option<u32>,
}

/// A user's place in an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The organisation.
    pub org: Org,
    /// What the user is there.
    pub role: Role,
}

/// A user as the other members of an organisation see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The user.
    pub id: UserId,
    /// Their address.
    pub email: Email,
    /// Their name.
    pub name: String,
    /// What they are in the organisation.
    pub role: Role,
}

/// A key of a project, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// The id.
    pub id: ApiKeyId,
    /// The organisation.
    pub org: OrgId,
    /// The project it opens.
    pub project: ProjectId,
    /// A name for people.
    pub name: String,
    /// The first characters of the key, by which people recognise it.
    pub prefix: String,
    /// What it may do.
    pub permissions: Permissions,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// An open invitation into an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// The id.
    pub id: InviteId,
    /// The organisation.
    pub org: OrgId,
    /// Who is invited.
    pub email: Email,
    /// What they will be.
    pub role: Role,
    /// Who invited them.
    pub invited_by: UserId,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// When it was created.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_trimmed_and_lower_case() {
        assert_eq!(Email::parse("  Ann@Example.COM "), Ok(Email("ann@example.com".to_owned())));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "ann", "@x.org", "ann@", "a b@x.org", "a@b@c", "ann@.org", "ann@x.", "a\n@x.org"] {
            assert_eq!(Email::parse(text), Err(InvalidEmail), "{text:?}");
        }
    }
}
