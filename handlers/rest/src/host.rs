//! Which hosts and origins may talk to this server.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};
use trace::host::{Origins, is_local_host, refusal};

use crate::error::ApiError;

/// Who may talk to this server from a browser.
#[derive(Clone, Debug)]
pub struct Access {
    /// Pages that may call.
    pub origins: Origins,
    /// Names this server may be called by, besides local ones; `None` lets every name through, which is for
    /// servers that ask for credentials.
    pub hosts: Option<Arc<[String]>>,
}

/// Returns the layer that answers preflights and marks answers for allowed pages.
pub(crate) fn cors(origins: Origins) -> CorsLayer {
    let exposed = ["x-traceway-trace-id", "x-traceway-span-id", "retry-after"].map(HeaderName::from_static);
    let layer = CorsLayer::new().expose_headers(exposed);
    match &origins {
        Origins::Any => layer
            .allow_origin(AllowOrigin::any())
            .allow_methods(AllowMethods::mirror_request())
            .allow_headers(AllowHeaders::mirror_request()),
        Origins::Loopback => layer
            .allow_origin(allowed(origins))
            .allow_methods(AllowMethods::mirror_request())
            .allow_headers(AllowHeaders::mirror_request()),
        Origins::Listed(_) => layer
            .allow_origin(allowed(origins))
            .allow_credentials(true)
            .allow_methods([
                Method::GET,
                Method::POST,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
                Method::OPTIONS,
            ])
            // A list cannot hold `X-Traceway-*`, so what an allowed page asks for is mirrored.
            .allow_headers(AllowHeaders::mirror_request()),
    }
}

fn allowed(origins: Origins) -> AllowOrigin {
    AllowOrigin::predicate(move |origin: &HeaderValue, _| {
        origin.to_str().is_ok_and(|text| origins.allows(text))
    })
}

/// The layer: refuses requests that a foreign web site could have caused.
///
/// Without credentials to check, the `Host` must be a local one, and a page that writes must be ours or allowed.
pub(crate) async fn guard(State(access): State<Access>, request: Request, next: Next) -> Response {
    if let Some(hosts) = &access.hosts {
        let host = host_of(request.uri(), request.headers()).unwrap_or_default();
        if !is_local_host(&host, hosts) {
            return ApiError::Forbidden(refusal(&host)).into_response();
        }
        if !request.method().is_safe() && is_foreign(request.headers(), &host, &access.origins) {
            let message = "this page may not write here; add its origin to ALLOWED_ORIGINS if it is yours";
            return ApiError::Forbidden(message.to_owned()).into_response();
        }
    }
    next.run(request).await
}

fn host_of(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let authority = uri.authority().map(|authority| authority.as_str().to_owned());
    authority.or_else(|| headers.get(header::HOST)?.to_str().ok().map(str::to_owned))
}

/// Returns whether a browser sent this from a page that is neither this server's own nor allowed.
fn is_foreign(headers: &HeaderMap, host: &str, origins: &Origins) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let Ok(origin) = origin.to_str() else {
        return true;
    };
    let own = origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
    !own && !origins.allows(origin)
}
