//! The one error every endpoint answers with: `{"error", "code"}` and a status.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use trace::keyring::KeyRefusal;
use trace::ports::StoreError;
use utoipa::ToSchema;

use crate::extract::Json;

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The body is not JSON.
    #[error("the body is not valid JSON: {0}")]
    InvalidJson(String),
    /// A member, parameter or header is missing or wrong.
    #[error("{message}")]
    InvalidRequest {
        /// The member or parameter.
        field: Option<String>,
        /// What is wrong with it.
        message: String,
    },
    /// The cursor is not one of ours, or belongs to another list.
    #[error("the cursor does not belong to this list; start again without one")]
    InvalidCursor,
    /// A term of the query language cannot be understood.
    #[error("{message}")]
    InvalidQuery {
        /// The key of the term.
        field: String,
        /// What is wrong with it.
        message: String,
    },
    /// A span kind is none of the known types.
    #[error("{0}")]
    InvalidKind(String),
    /// No credentials were sent.
    #[error("authentication is required")]
    MissingAuth,
    /// The credentials are malformed, wrong or not ours.
    #[error("{0}")]
    InvalidAuth(&'static str),
    /// The API key is nobody's, or has expired.
    #[error("{0}")]
    InvalidApiKey(&'static str),
    /// The session has expired or was ended.
    #[error("the session has expired; log in again")]
    ExpiredSession,
    /// The caller may not do this.
    #[error("this needs the scope {0}")]
    InsufficientScope(&'static str),
    /// The spans of the month are used up.
    #[error("the plan's {limit} spans of this month are used up")]
    PlanLimitExceeded {
        /// Spans the plan allows in a month.
        limit: u64,
    },
    /// The plan allows no more of these.
    #[error("the plan allows no more than {limit} {what}")]
    PlanLimitReached {
        /// What there are too many of.
        what: &'static str,
        /// How many the plan allows.
        limit: u64,
    },
    /// Too many requests in too short a time.
    #[error("too many requests; try again later")]
    RateLimited(Duration),
    /// The request comes from a place that may not use this server.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing in this project.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// The endpoint is part of the cloud.
    #[error("not available in local mode")]
    NotInLocalMode,
    /// It was there, and its time is over.
    #[error("{0} has expired")]
    Expired(&'static str),
    /// The path exists, the method does not.
    #[error("this path does not take that method")]
    MethodNotAllowed,
    /// The span has completed or failed, which is final.
    #[error("span already finished")]
    SpanTerminal,
    /// The id is taken by something else.
    #[error("{0}")]
    Conflict(&'static str),
    /// The body is larger than the endpoint takes.
    #[error("the body is larger than {} MiB", limit / (1024 * 1024))]
    PayloadTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The body holds more things than are taken at once, however few bytes they are.
    #[error("too many {0} in one request; send them in several")]
    TooMany(&'static str),
    /// The content type or encoding is not understood.
    #[error("{0}")]
    UnsupportedMediaType(String),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something that is not available in this mode.
    #[error("{0}")]
    Unavailable(&'static str),
    /// Bodies in flight take all the memory they may.
    #[error("too many large requests at once")]
    Overloaded,
    /// A service this one relies on failed.
    #[error("{what} failed; try again later")]
    BadGateway {
        /// The service.
        what: &'static str,
        /// How it failed, for the log.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A handler panicked.
    #[error("internal error")]
    Internal,
}

/// What a failed request answers.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub struct ErrorBody {
    /// For people.
    pub error: String,
    /// For programs; stable.
    pub code: &'static str,
    /// The member or parameter that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Seconds after which trying again makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// The limit that was reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

impl ApiError {
    /// Returns the error of one member or parameter.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidRequest { field: Some(field.into()), message: message.into() }
    }

    /// The status, and the code that clients may match on.
    pub fn answer(&self) -> (StatusCode, &'static str) {
        match self {
            Self::InvalidJson(_) => (StatusCode::BAD_REQUEST, "invalid_json"),
            Self::InvalidRequest { .. } => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::InvalidCursor => (StatusCode::BAD_REQUEST, "invalid_cursor"),
            Self::InvalidQuery { .. } => (StatusCode::BAD_REQUEST, "invalid_query"),
            Self::InvalidKind(_) => (StatusCode::BAD_REQUEST, "invalid_kind"),
            Self::MissingAuth => (StatusCode::UNAUTHORIZED, "missing_auth"),
            Self::InvalidAuth(_) => (StatusCode::UNAUTHORIZED, "invalid_auth"),
            Self::InvalidApiKey(_) => (StatusCode::UNAUTHORIZED, "invalid_api_key"),
            Self::ExpiredSession => (StatusCode::UNAUTHORIZED, "expired_session"),
            Self::PlanLimitExceeded { .. } => (StatusCode::PAYMENT_REQUIRED, "plan_limit_exceeded"),
            Self::PlanLimitReached { .. } => (StatusCode::FORBIDDEN, "plan_limit_reached"),
            Self::RateLimited(_) => (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
            Self::Expired(_) => (StatusCode::GONE, "expired"),
            Self::BadGateway { .. } => (StatusCode::BAD_GATEWAY, "bad_gateway"),
            Self::InsufficientScope(_) => (StatusCode::FORBIDDEN, "insufficient_scope"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::NotFound(_) | Self::NotInLocalMode => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Self::SpanTerminal => (StatusCode::CONFLICT, "span_terminal"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict"),
            Self::PayloadTooLarge { .. } | Self::TooMany(_) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large")
            }
            Self::UnsupportedMediaType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::Store(StoreError::Unavailable(_) | StoreError::Busy)
            | Self::Unavailable(_)
            | Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Store(StoreError::Corrupt { .. }) | Self::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
        }
    }

    /// Returns the body of the answer.
    pub fn body(&self) -> ErrorBody {
        let field = match self {
            Self::InvalidRequest { field, .. } => field.clone(),
            Self::InvalidQuery { field, .. } => Some(field.clone()),
            Self::InvalidKind(_) => Some("kind".to_owned()),
            Self::InvalidCursor => Some("cursor".to_owned()),
            _ => None,
        };
        let limit = match self {
            Self::PayloadTooLarge { limit } => Some(*limit as u64),
            Self::PlanLimitExceeded { limit } | Self::PlanLimitReached { limit, .. } => Some(*limit),
            _ => None,
        };
        ErrorBody {
            error: self.to_string(),
            code: self.answer().1,
            field,
            retry_after: self.retry_after(),
            limit,
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::RateLimited(wait) => {
                Some(u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(1).max(1))
            }
            Self::Store(StoreError::Busy) | Self::Overloaded => Some(1),
            Self::Store(StoreError::Unavailable(_)) => Some(5),
            _ => None,
        }
    }

    /// Logs the chain of causes of a server error, once, where the answer is made.
    fn log(&self) {
        let mut causes = Vec::new();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            causes.push(error.to_string());
            cause = error.source();
        }
        tracing::error!(error = %self, causes = causes.join(": "), "request failed");
    }
}

impl From<KeyRefusal> for ApiError {
    fn from(refusal: KeyRefusal) -> Self {
        match refusal {
            KeyRefusal::Unknown => Self::InvalidApiKey("the API key is not valid"),
            KeyRefusal::Expired => Self::InvalidApiKey("the API key has expired"),
            KeyRefusal::Store(error) => Self::Store(error),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.answer();
        if status.is_server_error() {
            self.log();
        }
        metrics::counter!("traceway_api_errors_total", "code" => code).increment(1);
        let mut response = (status, Json(self.body())).into_response();
        if let Some(seconds) = self.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
