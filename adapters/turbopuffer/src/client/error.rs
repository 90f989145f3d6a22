use std::fmt;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

/// What kind of failure a request met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The namespace does not exist.
    NotFound,
    /// An index that the query needs is still being built.
    IndexBuilding,
    /// Too many queries, or too much not indexed yet.
    Throttled,
    /// The request is wrong; sending it again cannot help.
    Invalid,
    /// The key is refused or may not do this.
    Auth,
    /// The service failed.
    Server,
    /// No answer came in time.
    Timeout,
    /// The connection failed, or what came over it was no answer.
    Transport,
}

/// A request failed.
#[derive(Debug)]
pub struct Error {
    pub(super) kind: ErrorKind,
    pub(super) status: Option<u16>,
    pub(super) message: String,
    pub(super) request_id: Uuid,
    pub(super) retry_after: Option<Duration>,
    /// What the service itself says about trying again.
    pub(super) should_retry: Option<bool>,
    pub(super) source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Returns the kind of failure.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns the status of the answer, where there was one.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// Returns the id the request was sent with, for the service's support.
    pub fn request_id(&self) -> Uuid {
        self.request_id
    }

    /// Returns how long the service asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns whether the same request may succeed later.
    pub(super) fn may_retry(&self) -> bool {
        self.should_retry.unwrap_or(match self.kind {
            ErrorKind::IndexBuilding
            | ErrorKind::Throttled
            | ErrorKind::Server
            | ErrorKind::Timeout
            | ErrorKind::Transport => true,
            ErrorKind::NotFound | ErrorKind::Invalid | ErrorKind::Auth => false,
        })
    }

    /// Returns whether what was asked may have been done all the same.
    pub(super) fn may_have_happened(&self) -> bool {
        match self.kind {
            ErrorKind::Server | ErrorKind::Timeout | ErrorKind::Transport => true,
            ErrorKind::NotFound
            | ErrorKind::IndexBuilding
            | ErrorKind::Throttled
            | ErrorKind::Invalid
            | ErrorKind::Auth => false,
        }
    }

    pub(super) fn transport(
        request_id: Uuid,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind: ErrorKind::Transport,
            status: None,
            message: "the answer could not be read".to_owned(),
            request_id,
            retry_after: None,
            should_retry: None,
            source: Some(source.into()),
        }
    }

    /// Returns the failure of a query that found no free slot in time.
    pub(super) fn crowded(request_id: Uuid) -> Self {
        Self {
            kind: ErrorKind::Throttled,
            status: None,
            message: "too many queries are waiting".to_owned(),
            request_id,
            retry_after: None,
            should_retry: None,
            source: None,
        }
    }

    pub(super) fn from_reqwest(request_id: Uuid, error: reqwest::Error) -> Self {
        let (kind, message) = if error.is_timeout() {
            (ErrorKind::Timeout, "no answer in time")
        } else {
            (ErrorKind::Transport, "the connection failed")
        };
        // An address in an error may carry what a log must not.
        let source = error.without_url();
        Self { kind, message: message.to_owned(), ..Self::transport(request_id, source) }
    }

    /// Returns the failure that an answer is.
    pub(super) fn of_answer(request_id: Uuid, status: u16, body: &[u8]) -> Self {
        let kind = match status {
            404 => ErrorKind::NotFound,
            202 | 409 => ErrorKind::IndexBuilding,
            408 => ErrorKind::Timeout,
            429 => ErrorKind::Throttled,
            401 | 403 => ErrorKind::Auth,
            400..=499 => ErrorKind::Invalid,
            _ => ErrorKind::Server,
        };
        Self {
            kind,
            status: Some(status),
            message: message_of(body),
            request_id,
            retry_after: None,
            should_retry: None,
            source: None,
        }
    }
}

/// The longest message kept: some answers repeat what was sent.
const MAX_MESSAGE: usize = 300;

fn message_of(body: &[u8]) -> String {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let error = json.as_ref().and_then(|json| json.get("error")?.as_str());
    let text = error.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned);
    match text.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "turbopuffer answered {status}: {}", self.message)?,
            None => write!(f, "turbopuffer: {}", self.message)?,
        }
        write!(f, " (request {})", self.request_id)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}
