//! The dashboard: static files embedded in the binary, and what unknown paths answer.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::error::ApiError;

/// What `build.rs` made of `dashboard/`; empty but for a note when Node was not there.
#[derive(RustEmbed)]
#[folder = "$OUT_DIR/dashboard"]
struct Assets;

/// Answers every path that is no route: a file of the dashboard, its page for browsers, else 404.
///
/// Programs never get HTML with 200 for a path that does not exist: a client library takes that for an answer.
pub(crate) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let of_api =
        ["api", "v1"].iter().any(|prefix| path == *prefix || path.starts_with(&format!("{prefix}/")));
    let reads = method == Method::GET || method == Method::HEAD;
    if of_api || !reads {
        return ApiError::NotFound("path").into_response();
    }
    if let Some(asset) = Some(path).filter(|path| !path.is_empty()).and_then(Assets::get) {
        return file(path, asset, &headers);
    }
    let is_browser = headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")));
    match Assets::get("index.html") {
        Some(page) if path.is_empty() || is_browser => file("index.html", page, &headers),
        _ => ApiError::NotFound("path").into_response(),
    }
}

fn file(path: &str, asset: EmbeddedFile, headers: &HeaderMap) -> Response {
    let hash = asset.metadata.sha256_hash();
    let tag = hash[..12].iter().fold(String::from('"'), |tag, byte| format!("{tag}{byte:02x}")) + "\"";
    let fresh = headers.get(header::IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    // Names under `assets/` carry a hash of their content, so they never change.
    let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let kind = HeaderValue::from_str(asset.metadata.mimetype())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let head = [
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
        (header::ETAG, HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))),
        (header::CONTENT_TYPE, kind),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    if fresh { (StatusCode::NOT_MODIFIED, head).into_response() } else { (head, asset.data).into_response() }
}

/// Recorded prompts are foreign text: the page runs only its own scripts and talks only to this server. Images
/// of a prompt may come from anywhere, which the page asks about first.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob: https: http:; media-src 'self' data: blob:; font-src 'self' data:; \
    connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";
