//! What a request is refused with.

use http::StatusCode;
use serde_json::json;

/// The refusal of a whole request: nothing of it was applied.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    /// The attribute at fault, which only schema changes name.
    pub(crate) attribute: Option<String>,
    /// The layer that parses addresses answers in plain text.
    pub(crate) plain: bool,
}

/// What a step of a request gives.
pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), attribute: None, plain: false }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    pub(crate) fn throttled(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, message)
    }

    pub(crate) fn no_namespace(name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("🤷 namespace '{name}' was not found"))
    }

    pub(crate) fn plain(status: StatusCode, message: impl Into<String>) -> Self {
        Self { plain: true, ..Self::new(status, message) }
    }

    pub(crate) fn schema(attribute: &str, message: &str) -> Self {
        let message = format!("🙅 invalid schema update for attribute '{attribute}': {message}");
        Self { attribute: Some(attribute.to_owned()), ..Self::invalid(message) }
    }

    pub(crate) fn filter(attribute: &str, message: &str) -> Self {
        Self::invalid(format!("filter error in key `{attribute}`: {message}"))
    }

    pub(crate) fn body(&self) -> String {
        if self.plain {
            return self.message.clone();
        }
        let mut body = json!({"status": "error", "error": self.message});
        if let Some(attribute) = &self.attribute {
            body["attribute"] = json!(attribute);
        }
        body.to_string()
    }
}
