//! The session as a cookie, and which pages may use it.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Uri, header};
use trace::host::Origins;

use crate::cloud::{Cloud, Site};
use crate::session_token::LIFE_SECS;

/// The cookie's name.
const NAME: &str = "session";

/// Returns the session of a request's cookies.
pub(crate) fn session_of(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim() == NAME)?;
    Some(value.trim()).filter(|value| !value.is_empty())
}

impl Site {
    fn cookie(&self, value: &str, max_age: i64) -> Option<HeaderValue> {
        let is_cross_site = matches!(self.origins, Origins::Listed(_));
        let mut cookie = format!("{NAME}={value}; HttpOnly; Path=/; Max-Age={max_age}; SameSite=");
        cookie.push_str(if is_cross_site { "None; Secure" } else { "Lax" });
        if !is_cross_site && self.app_url.starts_with("https://") {
            cookie.push_str("; Secure");
        }
        if let Some(domain) = &self.cookie_domain {
            cookie.push_str("; Domain=");
            cookie.push_str(domain);
        }
        let mut cookie = HeaderValue::try_from(cookie).ok()?;
        cookie.set_sensitive(true);
        Some(cookie)
    }

    /// Returns the cookie that ends the session in the browser.
    pub(crate) fn cleared_cookie(&self) -> Option<HeaderValue> {
        self.cookie("", 0)
    }

    /// Returns where the page that sent a request is, as far as the browser says.
    pub(crate) fn page_of(&self, headers: &HeaderMap, uri: &Uri) -> Page {
        let Some(value) = headers.get(header::ORIGIN).or_else(|| headers.get(header::REFERER)) else {
            return Page::Unknown;
        };
        let origin = value.to_str().ok().and_then(origin_of);
        let is_own = origin.is_some_and(|origin| {
            let (_, authority) = origin.split_once("://").unwrap_or_default();
            let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
            let host = host.or_else(|| uri.authority().map(http::uri::Authority::as_str));
            let is_listed = matches!(self.origins, Origins::Listed(_)) && self.origins.allows(origin);
            let is_app = origin_of(&self.app_url).is_some_and(|app| app.eq_ignore_ascii_case(origin));
            host.is_some_and(|host| host.eq_ignore_ascii_case(authority)) || is_listed || is_app
        });
        if is_own { Page::Own } else { Page::Foreign }
    }
}

/// Where the page is that sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// On this host, the app's, or a listed one.
    Own,
    /// Elsewhere.
    Foreign,
    /// No browser said, so it is most likely none.
    Unknown,
}

/// Returns the `scheme://host:port` of a URL.
fn origin_of(url: &str) -> Option<&str> {
    let start = url.find("://")? + 3;
    let end = url[start..].find(['/', '?', '#']).map_or(url.len(), |end| start + end);
    (end > start).then_some(&url[..end])
}

impl Cloud {
    /// Returns the answer with the session as a cookie. A foreign page gets none: it could otherwise log its
    /// visitor in as somebody else.
    pub(crate) fn with_cookie(&self, answer: impl IntoResponse, token: &str, page: Page) -> Response {
        let mut response = answer.into_response();
        if page != Page::Foreign
            && let Some(cookie) = self.site.cookie(token, LIFE_SECS)
        {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn site(app_url: &str, origins: Origins) -> Site {
        Site { app_url: app_url.to_owned(), origins, cookie_domain: None }
    }

    #[test]
    fn the_cookie_is_for_one_site_unless_other_origins_are_listed() {
        let local = site("http://localhost:3000", Origins::Any).cookie("t", LIFE_SECS).unwrap();
        assert_eq!(local, "session=t; HttpOnly; Path=/; Max-Age=2592000; SameSite=Lax");
        let listed = Site {
            cookie_domain: Some("traceway.ai".to_owned()),
            ..site("https://platform.traceway.ai", Origins::listed("https://platform.traceway.ai"))
        };
        let cookie = listed.cookie("t", LIFE_SECS).unwrap();
        assert_eq!(
            cookie,
            "session=t; HttpOnly; Path=/; Max-Age=2592000; SameSite=None; Secure; Domain=traceway.ai"
        );
        let cleared = listed.cleared_cookie().unwrap();
        let expected = "session=; HttpOnly; Path=/; Max-Age=0; SameSite=None; Secure; Domain=traceway.ai";
        assert_eq!(cleared, expected);
    }

    #[test]
    fn pages_of_this_host_the_app_and_listed_origins_are_own() {
        let site = site("https://app.example/x", Origins::listed("https://other.example"));
        let page = |headers: &[(header::HeaderName, &'static str)]| {
            let mut map: HeaderMap =
                headers.iter().map(|(n, v)| (n.clone(), HeaderValue::from_static(v))).collect();
            map.insert(header::HOST, HeaderValue::from_static("api.example:3000"));
            site.page_of(&map, &Uri::from_static("/api/x"))
        };
        for own in ["http://api.example:3000", "https://app.example", "https://other.example"] {
            assert_eq!(page(&[(header::ORIGIN, own)]), Page::Own, "{own}");
        }
        for foreign in ["https://evil.example", "null", "https://api.example", "https://app.example.evil"] {
            assert_eq!(page(&[(header::ORIGIN, foreign)]), Page::Foreign, "{foreign}");
        }
        assert_eq!(page(&[(header::REFERER, "https://app.example/settings?x=1")]), Page::Own);
        assert_eq!(page(&[(header::REFERER, "https://evil.example/https://app.example")]), Page::Foreign);
        assert_eq!(page(&[]), Page::Unknown);
    }

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let headers =
            |text: &'static str| HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(text))]);
        assert_eq!(session_of(&headers("a=1; session=t.u.v; b=2")), Some("t.u.v"));
        assert_eq!(session_of(&headers("xsession=t; session=")), None);
    }
}
