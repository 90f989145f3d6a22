//! What a worker does with jobs that requests left behind.

mod letters;

use std::sync::Arc;

use trace::id::OrgId;
use trace::identity::{Email, InviteId, MailJob, SecretHash, SecretToken};
use trace::ports::{
    Accounts, Clock, Invites, Job, Mail, MailError, Mailer, Orgs, Random, Resets, StoreError,
};

/// How long a link to set a new password works: an hour.
const RESET_MICROS: i64 = 3600 * 1_000_000;

/// What writing and sending mail asks of the world.
#[derive(Clone)]
pub struct MailPorts {
    /// Users.
    pub accounts: Arc<dyn Accounts>,
    /// Organisations.
    pub orgs: Arc<dyn Orgs>,
    /// Invites, which get the token of their link here.
    pub invites: Arc<dyn Invites>,
    /// Resets, which are made here.
    pub resets: Arc<dyn Resets>,
    /// Sends.
    pub mailer: Arc<dyn Mailer>,
    /// Makes tokens.
    pub random: Arc<dyn Random>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The base of links, without a final slash.
    pub app_url: String,
}

/// A job was not done.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Trying again later may help: give the job back.
    #[error("the job could not be done now")]
    Later(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Trying again would not help: the job is done with.
    #[error("the job cannot be done")]
    Never(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        Self::Later(error.into())
    }
}

impl From<MailError> for JobError {
    fn from(error: MailError) -> Self {
        match error {
            MailError::Refused(_) => Self::Never(error.into()),
            MailError::Unavailable(_) => Self::Later(error.into()),
        }
    }
}

/// Writes and sends the mail of a job of kind [`MailJob::KIND`].
///
/// A mail about something that is gone meanwhile is not sent. Tokens are made here, for each try a new one, which
/// makes that of an earlier try useless.
pub async fn run_mail_job(ports: &MailPorts, job: &Job) -> Result<(), JobError> {
    let mail = MailJob::read(job).ok_or_else(|| JobError::Never("the job is no mail".into()))?;
    match mail {
        MailJob::Invite { org, invite } => ports.invite(job, org, invite).await,
        MailJob::Reset { email } => ports.reset(job, &email).await,
        MailJob::Usage { org, percent, used, limit } => ports.usage(job, org, percent, (used, limit)).await,
    }
}

impl MailPorts {
    async fn invite(&self, job: &Job, org: OrgId, invite: InviteId) -> Result<(), JobError> {
        let token = self.token();
        let Some(org) = self.orgs.find_org(org).await? else { return Ok(()) };
        let Some(invite) = self.invites.renew_invite(org.id, invite, &token.hash()).await? else {
            return Ok(());
        };
        if invite.expires_at <= self.clock.now() {
            return Ok(());
        }
        let inviter = self.accounts.find_user(invite.invited_by).await?;
        let inviter = inviter.map(|user| if user.name.is_empty() { user.email.into() } else { user.name });
        let link = format!("{}/accept-invite?token={}", self.app_url, token.reveal());
        let mail = letters::invite(invite.email, &org.name, inviter.as_deref(), &link);
        self.send(&mail, &format!("{}-{}", job.id.0, job.attempt)).await
    }

    async fn reset(&self, job: &Job, email: &Email) -> Result<(), JobError> {
        let Some(known) = self.accounts.find_by_email(email).await? else { return Ok(()) };
        let token = self.token();
        let end = self.clock.now().minus_micros(-RESET_MICROS);
        self.resets.create_reset(known.user.id, &token.hash(), end).await?;
        let link = format!("{}/reset-password?token={}", self.app_url, token.reveal());
        let mail = letters::reset(known.user.email, &link);
        self.send(&mail, &format!("{}-{}", job.id.0, job.attempt)).await
    }

    async fn usage(
        &self,
        job: &Job,
        org: OrgId,
        percent: u8,
        (used, limit): (u64, u64),
    ) -> Result<(), JobError> {
        let Some(org) = self.orgs.find_org(org).await? else { return Ok(()) };
        let link = format!("{}/settings/billing", self.app_url);
        let mut failed = None;
        for to in self.orgs.admins(org.id).await? {
            // The same key on another try, so that whoever got the mail does not get it again.
            let key = format!("{}-{}", job.id.0, &SecretHash::of(to.as_str()).as_str()[..16]);
            let mail = letters::usage(to, &org.name, percent, (used, limit), &link);
            match self.send(&mail, &key).await {
                Ok(()) => {}
                Err(error @ JobError::Later(_)) => failed = Some(error),
                // One address that is refused does not keep the others from hearing.
                Err(error @ JobError::Never(_)) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn send(&self, mail: &Mail, key: &str) -> Result<(), JobError> {
        self.mailer.send(mail, &format!("traceway-{key}")).await?;
        metrics::counter!("traceway_mails_total").increment(1);
        Ok(())
    }

    fn token(&self) -> SecretToken {
        let mut bytes = [0; 32];
        self.random.fill(&mut bytes);
        SecretToken::from_random(bytes)
    }
}
