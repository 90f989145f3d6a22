use serde::{Deserialize, Serialize};

use super::{Email, InviteId};
use crate::id::OrgId;
use crate::json::Json;
use crate::ports::{Job, NewJob};
use crate::time::Timestamp;

/// A mail to be written and sent by the worker. It names what the mail is about and holds no secret: the worker
/// makes the token of the link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mail", rename_all = "snake_case")]
pub enum MailJob {
    /// To who was invited.
    Invite {
        /// The organisation.
        org: OrgId,
        /// The invite.
        invite: InviteId,
    },
    /// To whoever has this address and forgot a password, if anybody does.
    Reset {
        /// The address.
        email: Email,
    },
    /// To the admins and owners of an organisation that has used a part of its quota.
    Usage {
        /// The organisation.
        org: OrgId,
        /// Which part.
        percent: u8,
        /// Spans used this month.
        used: u64,
        /// Spans the plan allows.
        limit: u64,
    },
}

impl MailJob {
    /// The kind of job, which the worker asks the queue for.
    pub const KIND: &'static str = "mail";

    /// Returns the job, due at `now`.
    pub fn due(&self, now: Timestamp) -> NewJob {
        let payload = Json::from_serialize(self);
        NewJob { kind: Self::KIND.to_owned(), payload, run_at: now, max_attempts: 8 }
    }

    /// Reads the job; `None` when it is no mail.
    pub fn read(job: &Job) -> Option<Self> {
        if job.kind == Self::KIND { job.payload.read() } else { None }
    }
}
