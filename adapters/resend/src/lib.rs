//! Mail through Resend.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde::{Deserialize, Serialize};
use trace::ports::{Mail, MailError, Mailer};

/// Where Resend is.
pub const BASE_URL: &str = "https://api.resend.com";

/// The sender when none is set.
pub const DEFAULT_FROM: &str = "Traceway <noreply@traceway.ai>";

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Sends mail through Resend's HTTP API.
#[derive(Clone)]
pub struct Resend {
    client: reqwest::Client,
    url: String,
    api_key: String,
    from: String,
}

impl fmt::Debug for Resend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resend").field("url", &self.url).field("from", &self.from).finish_non_exhaustive()
    }
}

/// The client could not be built.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the HTTP client for Resend")]
pub struct SetupError(#[from] reqwest::Error);

#[derive(Serialize)]
struct Message<'a> {
    from: &'a str,
    to: [&'a str; 1],
    subject: &'a str,
    html: &'a str,
    text: &'a str,
}

/// What Resend says when it does not send.
#[derive(Default, Deserialize)]
struct Problem {
    #[serde(default)]
    name: String,
    #[serde(default)]
    message: String,
}

impl Resend {
    /// Returns a mailer that sends as `from` and finds Resend at `base_url`, which is [`BASE_URL`] but for tests.
    pub fn new(base_url: &str, api_key: String, from: String) -> Result<Self, SetupError> {
        let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self { client, url: format!("{}/emails", base_url.trim_end_matches('/')), api_key, from })
    }
}

#[async_trait]
impl Mailer for Resend {
    async fn send(&self, mail: &Mail, idempotency_key: &str) -> Result<(), MailError> {
        let message = Message {
            from: &self.from,
            to: [mail.to.as_str()],
            subject: &mail.subject,
            html: &mail.html,
            text: &mail.text,
        };
        let request = self.client.post(&self.url).bearer_auth(&self.api_key);
        let request = request.header("Idempotency-Key", idempotency_key).json(&message);
        // The error of a request names the URL, which holds no secret.
        let response = request.send().await.map_err(|error| MailError::Unavailable(error.to_string()))?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let wait = response.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok()).map(str::to_owned);
        let Problem { name, message } = response.json().await.unwrap_or_default();
        let wait = wait.map(|wait| format!(", again in {wait} s")).unwrap_or_default();
        let told = format!("{status} {name}: {message}{wait}");
        Err(if may_help(status, &name) { MailError::Unavailable(told) } else { MailError::Refused(told) })
    }
}

/// Returns whether sending the same mail again may help. A key that is wrong can be put right; a mail cannot.
fn may_help(status: StatusCode, name: &str) -> bool {
    let is_passing = matches!(status.as_u16(), 401 | 403 | 408 | 429) || status.is_server_error();
    is_passing || name == "concurrent_idempotent_requests"
}
