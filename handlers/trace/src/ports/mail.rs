use async_trait::async_trait;

use crate::identity::Email;

/// A mail, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// To whom.
    pub to: Email,
    /// The subject.
    pub subject: String,
    /// The text as HTML, everything interpolated escaped.
    pub html: String,
    /// The same as plain text.
    pub text: String,
}

/// A mail could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The service refused the mail for good; sending it again would not help.
    #[error("the mail service refused the mail: {0}")]
    Refused(String),
    /// The service could not be reached or was busy.
    #[error("the mail service is unavailable: {0}")]
    Unavailable(String),
}

/// Sends mail.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands the mail over. `idempotency_key` keeps a repeated call from sending it twice.
    async fn send(&self, mail: &Mail, idempotency_key: &str) -> Result<(), MailError>;
}
