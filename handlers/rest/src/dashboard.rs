//! The dashboard: static files embedded in the binary, and what unknown paths answer.

use std::borrow::Cow;
use std::io::{self, Read};

use axum::response::{IntoResponse, Response};
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use rust_embed::RustEmbed;

use crate::error::ApiError;

/// What `build.rs` made of `dashboard/`; empty but for a note when Node was not there. Text is compressed, with `.gz`
/// after its name.
#[derive(RustEmbed)]
#[folder = "$OUT_DIR/dashboard"]
struct Assets;

/// A file of the dashboard.
struct Asset {
    data: Cow<'static, [u8]>,
    zipped: bool,
    hash: [u8; 32],
}

impl Asset {
    fn find(path: &str) -> Option<Self> {
        let embedded = |name: &str, zipped| {
            let file = Assets::get(name)?;
            Some(Self { data: file.data, zipped, hash: file.metadata.sha256_hash() })
        };
        embedded(&format!("{path}.gz"), true).or_else(|| embedded(path, false))
    }

    fn unzipped(self) -> io::Result<Cow<'static, [u8]>> {
        if !self.zipped {
            return Ok(self.data);
        }
        let mut plain = Vec::new();
        GzDecoder::new(&*self.data).read_to_end(&mut plain)?;
        Ok(plain.into())
    }
}

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
    if let Some(asset) = Some(path).filter(|path| !path.is_empty()).and_then(Asset::find) {
        return file(path, asset, &headers);
    }
    let is_browser = headers
        .get_all(header::ACCEPT)
        .iter()
        .any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")));
    match Asset::find("index.html") {
        Some(page) if path.is_empty() || is_browser => file("index.html", page, &headers),
        _ => ApiError::NotFound("path").into_response(),
    }
}

fn file(path: &str, asset: Asset, headers: &HeaderMap) -> Response {
    let tag = asset.hash[..12].iter().fold(String::from('"'), |tag, byte| format!("{tag}{byte:02x}")) + "\"";
    let fresh = headers.get(header::IF_NONE_MATCH).is_some_and(|value| value.as_bytes() == tag.as_bytes());
    // Names under `assets/` carry a hash of their content, so they never change.
    let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let kind = HeaderValue::from_str(kind.essence_str())
        .unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let head = [
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
        (header::ETAG, HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("\"\""))),
        (header::CONTENT_TYPE, kind),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    ];
    if fresh {
        return (StatusCode::NOT_MODIFIED, head).into_response();
    }
    if asset.zipped && takes_gzip(headers) {
        return (head, [(header::CONTENT_ENCODING, "gzip")], asset.data).into_response();
    }
    match asset.unzipped() {
        Ok(plain) => (head, plain).into_response(),
        Err(error) => {
            tracing::error!(%error, path, "a file of the dashboard cannot be read");
            ApiError::Internal.into_response()
        }
    }
}

/// Returns whether a client takes gzip (RFC 9110 §12.5.3). One that names it with a weight of 0 does not.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let all = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case("gzip") && weight.is_some_and(|weight| weight > 0.0)
    })
}

/// Recorded prompts are foreign text: the page runs only its own scripts and talks only to this server. Images
/// of a prompt may come from anywhere, which the page asks about first.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob: https: http:; media-src 'self' data: blob:; font-src 'self' data:; \
    connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use axum::body::to_bytes;

    use super::*;

    async fn root(accepted: Option<&str>) -> (Option<HeaderValue>, Vec<u8>) {
        let mut headers = HeaderMap::new();
        headers.extend(accepted.map(|value| (header::ACCEPT_ENCODING, value.parse().unwrap())));
        let response = serve(Method::GET, Uri::from_static("/"), headers).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html");
        let encoding = response.headers().get(header::CONTENT_ENCODING).cloned();
        (encoding, to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec())
    }

    #[tokio::test]
    async fn a_page_is_zipped_for_those_who_take_it() {
        let (encoding, plain) = root(None).await;
        assert_eq!(encoding, None);
        assert!(String::from_utf8(plain.clone()).unwrap().contains("<title>Traceway"));
        for accepted in ["gzip", "deflate, gzip;q=0.5", "br, GZIP"] {
            let (encoding, zipped) = root(Some(accepted)).await;
            assert_eq!(encoding.unwrap(), "gzip", "{accepted}");
            let mut unzipped = Vec::new();
            GzDecoder::new(&*zipped).read_to_end(&mut unzipped).unwrap();
            assert_eq!(unzipped, plain);
        }
        for accepted in ["br", "gzip;q=0", "identity"] {
            assert_eq!(root(Some(accepted)).await, (None, plain.clone()), "{accepted}");
        }
    }
}
