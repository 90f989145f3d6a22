//! Which pages may call, and what browsers are told.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};
use trace::host::Origins;

use axum::body::Body;

use crate::error::ProxyError;

/// Response headers a page may read besides the usual ones.
const EXPOSED: HeaderValue = HeaderValue::from_static("x-traceway-trace-id, x-traceway-span-id");

/// The page a request comes from.
pub(crate) struct Page {
    /// What answers say, when the page may call.
    allowed: Option<HeaderValue>,
    credentials: bool,
    origin: HeaderValue,
}

impl Page {
    /// Returns the page a request comes from, if it comes from one.
    pub(crate) fn of(headers: &HeaderMap, origins: &Origins) -> Option<Self> {
        let origin = headers.get(header::ORIGIN)?;
        let allowed = origin.to_str().is_ok_and(|text| origins.allows(text));
        let value = if *origins == Origins::Any { HeaderValue::from_static("*") } else { origin.clone() };
        let allowed = allowed.then_some(value);
        Some(Self { allowed, credentials: origins.with_credentials(), origin: origin.clone() })
    }

    /// Returns whether this page is neither allowed nor of the `host` that is called.
    pub(crate) fn is_foreign(&self, host: &str) -> bool {
        let authority = self.origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        let own = authority.is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
        self.allowed.is_none() && !own
    }

    /// Returns the answer to a preflight, or `None` when the request is none.
    pub(crate) fn preflight(
        &self,
        method: &Method,
        headers: &HeaderMap,
    ) -> Option<Result<Response<Body>, ProxyError>> {
        let asked =
            headers.get(header::ACCESS_CONTROL_REQUEST_METHOD).filter(|_| method == Method::OPTIONS)?;
        if self.allowed.is_none() {
            return Some(Err(ProxyError::ForbiddenOrigin));
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, asked.clone());
        if let Some(names) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
        }
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
        answer.insert(
            header::VARY,
            HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers"),
        );
        self.mark(answer);
        Some(Ok(response))
    }

    /// Tells the browser whether the page may read an answer. What the provider says about pages counts only
    /// for pages that may call.
    pub(crate) fn mark(&self, headers: &mut HeaderMap) {
        let Some(allowed) = &self.allowed else {
            headers.remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
            headers.remove(header::ACCESS_CONTROL_ALLOW_CREDENTIALS);
            return;
        };
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed.clone());
        if self.credentials {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        headers.append(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        if !headers.contains_key(header::VARY) {
            headers.insert(header::VARY, HeaderValue::from_static("origin"));
        }
    }
}
