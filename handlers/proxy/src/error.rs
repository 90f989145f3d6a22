//! What the proxy answers by itself: `{"error", "code"}` and a status.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::admission::Refusal;

/// Why a request got no answer from its provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// The host name could be a foreign web site's.
    #[error("{0}")]
    ForbiddenHost(String),
    /// The page may not call.
    #[error("this page may not call the proxy; add its origin to ALLOWED_ORIGINS if it is yours")]
    ForbiddenOrigin,
    /// The header that names the target holds no usable URL.
    #[error("{header}: {message}")]
    InvalidTarget {
        /// The header.
        header: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// The target may not be called.
    #[error(transparent)]
    ForbiddenTarget(crate::reach::PrivateTarget),
    /// The caller may not use the proxy.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The request body broke off or is malformed.
    #[error("the request body cannot be read: {0}")]
    UnreadableBody(String),
    /// The request body is too large.
    #[error("the request body is larger than {} MiB", limit / (1024 * 1024))]
    BodyTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The provider could not be reached.
    #[error("the provider cannot be reached: {0}")]
    Unreachable(String),
    /// The provider did not begin to answer in time.
    #[error("the provider did not answer within {0} s")]
    Timeout(u64),
    /// The process stops before there is an answer.
    #[error("the server stops")]
    Stopping,
}

#[derive(Serialize)]
struct ErrorBody {
    error: String,
    code: &'static str,
}

impl ProxyError {
    /// The status, and the code that clients may match on.
    pub fn answer(&self) -> (StatusCode, &'static str) {
        match self {
            Self::ForbiddenHost(_) | Self::ForbiddenOrigin | Self::ForbiddenTarget(_) => {
                (StatusCode::FORBIDDEN, "forbidden")
            }
            Self::InvalidTarget { .. } | Self::UnreadableBody(_) => {
                (StatusCode::BAD_REQUEST, "invalid_request")
            }
            Self::Refused(Refusal::Missing) => (StatusCode::UNAUTHORIZED, "missing_auth"),
            Self::Refused(Refusal::Invalid) => (StatusCode::UNAUTHORIZED, "invalid_api_key"),
            Self::Refused(Refusal::Scope) => (StatusCode::FORBIDDEN, "insufficient_scope"),
            Self::Refused(Refusal::Unavailable) | Self::Stopping => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
            Self::BodyTooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large"),
            Self::Unreachable(_) | Self::Timeout(_) => (StatusCode::BAD_GATEWAY, "bad_gateway"),
        }
    }
}

impl IntoResponse for ProxyError {
    fn into_response(self) -> Response {
        let (status, code) = self.answer();
        let mut response = (status, Json(ErrorBody { error: self.to_string(), code })).into_response();
        let kind = HeaderValue::from_static("application/json; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_their_character_set() {
        let response = ProxyError::ForbiddenOrigin.into_response();
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json; charset=utf-8");
    }
}
