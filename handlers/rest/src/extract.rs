//! Thin wrappers of axum's extractors whose rejection is an [`ApiError`].

use std::time::Duration;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::BodyExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::error::ApiError;
use crate::memory::Share;
use crate::surrogates::without_halves;

/// Largest JSON body in bytes.
pub(crate) const JSON_LIMIT: usize = 10 * 1024 * 1024;

/// Bodies above this size are read off the async threads, which they would hold up.
pub(crate) const LARGE: usize = 256 * 1024;

/// How long a body may take, and how many bytes of it have to come in each second beyond that: others want the memory it
/// holds.
const PATIENCE: Duration = Duration::from_secs(30);
const SLOWEST: usize = 16 * 1024;

/// A JSON body, in or out.
pub(crate) struct Json<T>(pub(crate) T);

/// A JSON body that may be absent, which counts as `{}`.
pub(crate) struct OptionalJson<T>(pub(crate) T);

/// Parameters of the query string.
pub(crate) struct Query<T>(pub(crate) T);

/// Parameters of the path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send + 'static, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let body = json_body(request).await?;
        if body.is_empty() {
            return Err(ApiError::InvalidJson("it is empty".to_owned()));
        }
        aside(body.len(), move || parse(&body)).await.map(Self)
    }
}

impl<T: DeserializeOwned + Send + 'static, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let body = json_body(request).await?;
        let body = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
        aside(body.len(), move || parse(&body)).await.map(Self)
    }
}

/// Does work on so many bytes, on a thread of its own when they are many.
pub(crate) async fn aside<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    if bytes <= LARGE {
        return work();
    }
    tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::Internal)?
}

/// Reads the body after checking that it calls itself JSON; one without a content type is taken at its word.
async fn json_body(request: Request) -> Result<Bytes, ApiError> {
    let content_type = content_type(request.headers());
    let encoding = request.headers().get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes);
    if encoding.is_some_and(|encoding| !encoding.is_empty() && !encoding.eq_ignore_ascii_case(b"identity")) {
        let message = "the body must not be compressed; only /v1/traces takes gzip";
        return Err(ApiError::UnsupportedMediaType(message.to_owned()));
    }
    let body = read_body(request, JSON_LIMIT).await?;
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

/// Most bytes of a body on routes where it is set, as an extension of the request.
#[derive(Clone, Copy)]
pub(crate) struct BodyLimit(pub(crate) usize);

/// Waits for `next`, a piece of a body of which so many bytes have come since `begun`.
async fn in_time<T>(begun: Instant, bytes: usize, next: impl Future<Output = T>) -> Result<T, ApiError> {
    let slowest = Duration::from_secs((bytes / SLOWEST) as u64);
    tokio::time::timeout_at(begun + PATIENCE + slowest, next).await.map_err(|_| ApiError::InvalidRequest {
        field: None,
        message: format!(
            "the body came too slowly: after {} s less than {SLOWEST} bytes a second",
            PATIENCE.as_secs()
        ),
    })
}

/// Reads the whole body, of at most `limit` bytes, into memory that the request's share answers for.
pub(crate) async fn read_body(request: Request, limit: usize) -> Result<Bytes, ApiError> {
    let share = Share::of(request.extensions());
    let limit = request.extensions().get::<BodyLimit>().map_or(limit, |own| own.0.min(limit));
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let announced: usize = announced.and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = request.into_body();
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    let begun = Instant::now();
    while let Some(frame) = in_time(begun, first.len() + rest.len(), body.frame()).await? {
        let frame = frame.map_err(|_| ApiError::InvalidRequest {
            field: None,
            message: "the body could not be read".to_owned(),
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + rest.len() + data.len() > limit {
            return Err(ApiError::PayloadTooLarge { limit });
        }
        share.take(data.len())?;
        // Most bodies are one frame, which needs no copy.
        if rest.is_empty() && first.is_empty() {
            first = data;
            continue;
        }
        if rest.is_empty() {
            rest.reserve(announced.clamp(first.len() + data.len(), limit));
            rest.extend_from_slice(&std::mem::take(&mut first));
        }
        rest.extend_from_slice(&data);
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}

/// Reads a JSON object, naming the member that is wrong.
///
/// Half of a surrogate pair counts as U+FFFD where a text is wanted; in values that are kept as they came, it may stay.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    // Members that are not read would let invalid UTF-8 through.
    let text = std::str::from_utf8(body).map_err(|error| ApiError::InvalidJson(error.to_string()))?;
    match parse_text(text) {
        Err(error @ ApiError::InvalidJson(_)) => {
            without_halves(text).map_or(Err(error), |text| parse_text(&text))
        }
        parsed => parsed,
    }
}

fn parse_text<T: DeserializeOwned>(text: &str) -> Result<T, ApiError> {
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
