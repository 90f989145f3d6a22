//! Answers before they become HTTP.

use std::io::Write;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt, stream};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::Value as Json;

use crate::error::Failure;

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) ending: Ending,
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Whole,
    /// The connection breaks in the middle of the body.
    Truncated,
}

impl Reply {
    pub(crate) fn ok(body: &Json) -> Self {
        Self::new(StatusCode::OK, body)
    }

    pub(crate) fn new(status: StatusCode, body: &Json) -> Self {
        Self::with_type(status, body.to_string(), "application/json")
    }

    pub(crate) fn failure(failure: &Failure) -> Self {
        let content_type = if failure.plain { "text/plain; charset=utf-8" } else { "application/json" };
        Self::with_type(failure.status, failure.body(), content_type)
    }

    fn with_type(status: StatusCode, body: String, content_type: &'static str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers, body: body.into_bytes(), ending: Ending::Whole }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    pub(crate) fn echo_request_id(&mut self, request: &HeaderMap) {
        if let Some(id) = request.get("x-request-id") {
            self.headers.insert("x-request-id", id.clone());
        }
    }

    pub(crate) fn compress(&mut self) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        if encoder.write_all(&self.body).is_ok()
            && let Ok(packed) = encoder.finish()
        {
            self.body = packed;
            self.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }

    pub(crate) fn into_response(self) -> Response<Body> {
        let length = self.body.len();
        let body = match self.ending {
            Ending::Whole => Body::from(self.body),
            Ending::Truncated => {
                let half = Bytes::copy_from_slice(&self.body[..length / 2]);
                Body::from_stream(stream::once(async { Ok(half) }).chain(stream::once(broken())))
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        response
    }
}

/// Fails after the first half had time to be sent: an error at once would drop it as well.
async fn broken() -> Result<Bytes, std::io::Error> {
    tokio::time::sleep(Duration::from_millis(20)).await;
    Err(std::io::ErrorKind::ConnectionReset.into())
}
