//! Thin wrappers of axum's extractors whose rejection is an [`ApiError`].

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// Largest JSON body in bytes.
pub(crate) const JSON_LIMIT: usize = 10 * 1024 * 1024;

/// A JSON body, in or out.
pub(crate) struct Json<T>(pub(crate) T);

/// A JSON body that may be absent, which counts as `{}`.
pub(crate) struct OptionalJson<T>(pub(crate) T);

/// Parameters of the query string.
pub(crate) struct Query<T>(pub(crate) T);

/// Parameters of the path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = json_body(request, state).await?;
        if body.is_empty() {
            return Err(ApiError::InvalidJson("it is empty".to_owned()));
        }
        parse(&body).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = json_body(request, state).await?;
        parse(if body.is_empty() { b"{}" } else { &body }).map(Self)
    }
}

/// Reads the body after checking that it calls itself JSON; one without a content type is taken at its word.
async fn json_body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    let content_type = content_type(request.headers());
    let body = read_body(request, state, JSON_LIMIT).await?;
    let is_json = content_type.as_deref().is_none_or(|t| t == "application/json" || t.ends_with("+json"));
    if is_json || body.is_empty() {
        return Ok(body);
    }
    Err(ApiError::UnsupportedMediaType("the content type must be application/json".to_owned()))
}

/// Returns the content type in lower case without its parameters, or `None` when there is none.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    Some(essence).filter(|essence| !essence.is_empty())
}

/// Reads the whole body; the route's body limit layer decides how much that may be.
pub(crate) async fn read_body<S: Send + Sync>(
    request: Request,
    state: &S,
    limit: usize,
) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
        BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
            ApiError::PayloadTooLarge { limit }
        }
        _ => ApiError::InvalidRequest { field: None, message: "the body could not be read".to_owned() },
    })
}

/// Reads a JSON object, naming the member that is wrong.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    // Members that are not read would let invalid UTF-8 through.
    let text = std::str::from_utf8(body).map_err(|error| ApiError::InvalidJson(error.to_string()))?;
    // What is no JSON at all is told apart from JSON that is not what was asked for.
    let is_json = || serde_json::from_str::<serde::de::IgnoredAny>(text).map(|_| ());
    if text.trim_ascii_start().starts_with('[') {
        // serde would take the elements for the members of an object, in their order.
        is_json().map_err(|error| ApiError::InvalidJson(error.to_string()))?;
        let message = "an object is expected, not an array".to_owned();
        return Err(ApiError::InvalidRequest { field: None, message });
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if error.is_data() {
            if let Err(error) = is_json() {
                return ApiError::InvalidJson(error.to_string());
            }
            let field = (path != ".").then_some(path);
            ApiError::InvalidRequest {
                field: field.or_else(|| missing_field(&error)),
                message: error.to_string(),
            }
        } else {
            ApiError::InvalidJson(error.to_string())
        }
    })?;
    deserializer.end().map_err(|error| ApiError::InvalidJson(error.to_string()))?;
    Ok(value)
}

/// serde names a missing member only in its message.
fn missing_field(error: &serde_json::Error) -> Option<String> {
    let text = error.to_string();
    let (_, rest) = text.split_once("missing field `")?;
    rest.split_once('`').map(|(name, _)| name.to_owned())
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let kind = HeaderValue::from_static("application/json; charset=utf-8");
                ([(header::CONTENT_TYPE, kind)], body).into_response()
            }
            Err(error) => {
                tracing::error!(%error, "an answer has no JSON form");
                ApiError::Internal.into_response()
            }
        }
    }
}

/// A 201 answer.
pub(crate) struct Created<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.0).into_response();
        if response.status() == StatusCode::OK {
            *response.status_mut() = StatusCode::CREATED;
        }
        response
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        axum::extract::Query::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|rejection| ApiError::InvalidRequest { field: None, message: rejection.body_text() })
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Self(value))
            // A path that cannot be an id names nothing that exists.
            .map_err(|_| ApiError::NotFound("resource"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Named {
        #[expect(dead_code, reason = "only whether it is read matters")]
        name: String,
    }

    fn code(body: &str) -> &'static str {
        parse::<Named>(body.as_bytes()).unwrap_err().answer().1
    }

    #[test]
    fn what_is_no_json_is_told_apart_from_json_that_does_not_fit() {
        for body in ["{", "{\"a\":1}}", "{\"name\":5}}", "[{]", "[\"x\"", "x"] {
            assert_eq!(code(body), "invalid_json", "{body}");
        }
        for body in ["{}", "{\"name\":5}", "5", " [\"x\"]", "[]"] {
            assert_eq!(code(body), "invalid_request", "{body}");
        }
        assert!(parse::<Named>(b"{\"name\":\"x\"}").is_ok());
    }
}
