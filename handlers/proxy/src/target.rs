//! Where a request goes.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use http::uri::{Authority, Scheme};
use http::{HeaderMap, Uri};
use trace::provider::provider_of;

use crate::error::ProxyError;
use crate::headers::{FORWARD_URL, OLLAMA_BASE, PROVIDER_KEY};

/// The base URL of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    scheme: Scheme,
    authority: Authority,
    path: String,
}

/// A text that is no base URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a base URL is http:// or https://, a host, and maybe a path")]
pub struct InvalidBase;

impl FromStr for Base {
    type Err = InvalidBase;

    fn from_str(text: &str) -> Result<Self, InvalidBase> {
        let uri: Uri = text.trim().parse().map_err(|_| InvalidBase)?;
        let scheme = uri.scheme().filter(|scheme| **scheme == Scheme::HTTP || **scheme == Scheme::HTTPS);
        let scheme = scheme.ok_or(InvalidBase)?.clone();
        let authority = uri.authority().ok_or(InvalidBase)?.clone();
        // Credentials in a URL would have to become a header, and requests are not changed.
        let has_credentials = authority.as_str().contains('@');
        let host = authority.host();
        let port = authority.as_str().get(host.len()..).unwrap_or_default();
        // A port that is no number would be taken for none, and the call go to another server.
        let has_usable_port = port.is_empty() || authority.port_u16().is_some_and(|port| port > 0);
        if host.is_empty() || has_credentials || !has_usable_port || uri.query().is_some() {
            return Err(InvalidBase);
        }
        Ok(Self { scheme, authority, path: uri.path().trim_end_matches('/').to_owned() })
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

impl Base {
    fn known(text: &'static str) -> Self {
        text.parse().expect("the built-in bases are URLs")
    }

    /// Returns who answers there.
    fn provider(&self) -> String {
        provider_of(self.authority.host(), self.authority.port_u16())
    }

    /// Returns the URL of a request, or `None` when path and query do not make one.
    fn join(&self, path: &str, query: Option<&str>) -> Option<Uri> {
        let doubled = self.path.ends_with("/v1") && (path == "/v1" || path.starts_with("/v1/"));
        let path = if doubled { &path["/v1".len()..] } else { path };
        let mut whole = String::with_capacity(self.path.len() + path.len() + query.map_or(1, str::len) + 2);
        whole.push_str(&self.path);
        whole.push_str(path);
        if whole.is_empty() {
            whole.push('/');
        }
        if let Some(query) = query {
            whole.push('?');
            whole.push_str(query);
        }
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(whole)
            .build()
            .ok()
    }
}

/// Where a request goes, and who is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) uri: Uri,
    pub(crate) provider: String,
}

impl Target {
    /// Returns the target of a request. The request comes first, then what is configured, then the path.
    pub(crate) fn of(
        place: &Place,
        headers: &HeaderMap,
        configured: Option<&Base>,
    ) -> Result<Self, ProxyError> {
        let (base, provider) = choose(&place.path, headers, configured)?;
        let uri =
            base.join(&place.path, place.query.as_deref()).ok_or_else(|| ProxyError::InvalidTarget {
                header: "request target",
                message: "path and query make no URL".to_owned(),
            })?;
        Ok(Self { uri, provider })
    }
}

fn choose(path: &str, headers: &HeaderMap, configured: Option<&Base>) -> Result<(Base, String), ProxyError> {
    if let Some(base) = named(headers, &FORWARD_URL, "X-Forward-URL")? {
        let provider = base.provider();
        return Ok((base, provider));
    }
    if let Some(base) = named(headers, &OLLAMA_BASE, "X-Ollama-Base")? {
        return Ok((base, "ollama".to_owned()));
    }
    if path.starts_with("/v1/messages") || headers.contains_key(&PROVIDER_KEY) {
        return Ok((Base::known("https://api.anthropic.com"), "anthropic".to_owned()));
    }
    if let Some(base) = configured {
        return Ok((base.clone(), base.provider()));
    }
    if is_ollama_path(path) {
        return Ok((Base::known("http://localhost:11434"), "ollama".to_owned()));
    }
    Ok((Base::known("https://api.openai.com"), "openai".to_owned()))
}

fn named(
    headers: &HeaderMap,
    name: &http::HeaderName,
    header: &'static str,
) -> Result<Option<Base>, ProxyError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let base = value.to_str().map_err(|_| InvalidBase).and_then(str::parse);
    base.map(Some)
        .map_err(|error: InvalidBase| ProxyError::InvalidTarget { header, message: error.to_string() })
}

fn is_ollama_path(path: &str) -> bool {
    path.starts_with("/api/embed")
        || matches!(path.trim_end_matches('/'), "/api/chat" | "/api/generate" | "/api/tags" | "/api/show")
}

/// The path and query of a request, without the Traceway key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) key: Option<String>,
}

impl Place {
    /// Takes a Traceway key out of the query.
    ///
    /// A client library that was given a base URL with `?token=…` appends its path behind the key, each in its own
    /// way; see [`end_of_key`]. What is appended may have a query of its own.
    pub(crate) fn of(uri: &Uri) -> Self {
        let path = uri.path().to_owned();
        let Some(query) = uri.query() else { return Self { path, query: None, key: None } };
        let is_key = |part: &&str| part.starts_with("token=tw_sk_");
        let Some(part) = query.split('&').find(is_key) else {
            return Self { path, query: Some(query.to_owned()), key: None };
        };
        let value = &part["token=".len()..];
        let (key, rest) = value.split_at(end_of_key(&path, value));
        let rest = decoded(rest);
        let (more_path, more_query) = rest.split_once('?').unwrap_or((&rest, ""));
        let path = if more_path.is_empty() {
            path
        } else {
            format!("{}/{}", path.trim_end_matches('/'), more_path.trim_start_matches('/'))
        };
        let others = query.split('&').filter(|other| !is_key(other));
        let query: Vec<&str> =
            std::iter::once(more_query).chain(others).filter(|part| !part.is_empty()).collect();
        let query = (!query.is_empty()).then(|| query.join("&"));
        Self { path, query, key: Some(key.to_owned()) }
    }
}

/// How long a key is that the server has made. Those that an operator sets may be longer.
const KEY_LENGTH: usize = 38;

/// Finds where the key ends in the value of `token`, and a path begins.
///
/// Most libraries append `/chat/completions`, and some encode that. One moves the slash before the query, which gives
/// `/v1/?token=…chat/completions`: only the length of the key then tells where it ends.
fn end_of_key(path: &str, value: &str) -> usize {
    let encoded = ["%2F", "%2f"].into_iter().filter_map(|slash| value.find(slash));
    let end = value.find(['/', '?']).into_iter().chain(encoded).min().unwrap_or(value.len());
    let has_slash_before = path.len() > 1 && path.ends_with('/');
    if has_slash_before && end > KEY_LENGTH && value.is_char_boundary(KEY_LENGTH) { KEY_LENGTH } else { end }
}

/// Undoes the encoding of a path that was taken for a part of the key.
fn decoded(rest: &str) -> Cow<'_, str> {
    if !rest.starts_with("%2") {
        return Cow::Borrowed(rest);
    }
    let plain = [("%2F", "/"), ("%2f", "/"), ("%3F", "?"), ("%3f", "?"), ("%25", "%")];
    Cow::Owned(plain.iter().fold(rest.to_owned(), |text, (coded, plain)| text.replace(coded, plain)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn target(uri: &str, headers: &[(&'static str, &str)], configured: Option<&str>) -> (String, String) {
        let headers = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_str(value).unwrap())
        });
        let configured = configured.map(|base| base.parse().unwrap());
        let place = Place::of(&uri.parse().unwrap());
        let target = Target::of(&place, &headers.collect(), configured.as_ref()).unwrap();
        (target.uri.to_string(), target.provider)
    }

    fn owned(uri: &str, provider: &str) -> (String, String) {
        (uri.to_owned(), provider.to_owned())
    }

    #[test]
    fn the_first_rule_that_holds_names_the_target() {
        let all = [
            ("x-forward-url", "https://api.together.xyz/"),
            ("x-ollama-base", "http://o:1"),
            ("x-api-key", "k"),
        ];
        let chat = "/v1/chat/completions?a=1";
        let configured = Some("http://127.0.0.1:9/base");
        assert_eq!(
            target(chat, &all, configured),
            owned("https://api.together.xyz/v1/chat/completions?a=1", "together")
        );
        assert_eq!(
            target(chat, &all[1..], configured),
            owned("http://o:1/v1/chat/completions?a=1", "ollama")
        );
        assert_eq!(
            target(chat, &all[2..], configured),
            owned("https://api.anthropic.com/v1/chat/completions?a=1", "anthropic")
        );
        assert_eq!(
            target("/v1/messages", &[], configured),
            owned("https://api.anthropic.com/v1/messages", "anthropic")
        );
        assert_eq!(
            target(chat, &[], configured),
            owned("http://127.0.0.1:9/base/v1/chat/completions?a=1", "127.0.0.1")
        );
        assert_eq!(target("/api/chat", &[], None), owned("http://localhost:11434/api/chat", "ollama"));
        assert_eq!(
            target("/api/embeddings", &[], None),
            owned("http://localhost:11434/api/embeddings", "ollama")
        );
        assert_eq!(target("/v1/models", &[], None), owned("https://api.openai.com/v1/models", "openai"));
    }

    #[test]
    fn a_base_that_ends_in_v1_does_not_double_it() {
        let base = [("x-forward-url", "https://openrouter.ai/api/v1/")];
        assert_eq!(target("/v1/models", &base, None).0, "https://openrouter.ai/api/v1/models");
        assert_eq!(target("/models", &base, None).0, "https://openrouter.ai/api/v1/models");
        assert_eq!(target("/v1", &base, None).0, "https://openrouter.ai/api/v1");
        assert_eq!(target("/v10/x", &base, None).0, "https://openrouter.ai/api/v1/v10/x");
    }

    #[test]
    fn paths_pass_as_they_are() {
        let base = [("x-forward-url", "http://h:1")];
        for path in ["/a/../b", "/a//b", "/%7Bx%7d?q=%20a'b|c", "/"] {
            assert_eq!(target(path, &base, None).0, format!("http://h:1{path}"));
        }
    }

    #[test]
    fn a_forward_url_that_is_no_base_is_refused() {
        for text in [
            "",
            "http://h:99999",
            "http://h:65536",
            "http://h:-1",
            "http://h:4202x",
            "http://h:",
            "api.openai.com",
            "ftp://a",
            "http://",
            "http://u:p@h",
            "/x",
            "http://h?q=1",
            "http://a b",
        ] {
            assert_eq!(text.parse::<Base>(), Err(InvalidBase), "{text}");
        }
    }

    #[test]
    fn the_key_leaves_the_query_even_with_a_path_behind_it() {
        for (uri, path, query) in [
            ("/v1/models?token=tw_sk_a", "/v1/models", None),
            ("/v1/models?x=1&token=tw_sk_a&y=2", "/v1/models", Some("x=1&y=2")),
            ("/v1?token=tw_sk_a/chat/completions", "/v1/chat/completions", None),
            ("/v1/?token=tw_sk_a/messages?beta=true&x=1", "/v1/messages", Some("beta=true&x=1")),
        ] {
            let place = Place::of(&uri.parse().unwrap());
            assert_eq!((place.path.as_str(), place.query.as_deref()), (path, query), "{uri}");
            assert_eq!(place.key.as_deref(), Some("tw_sk_a"));
        }
        let key = "tw_sk_0123456789abcdef0123456789abcdef";
        // As the clients of OpenAI and Anthropic, for Python and Node, put it.
        for (uri, path, query) in [
            ("/v1/?token=KEYchat/completions", "/v1/chat/completions", None),
            ("/v1/?token=KEYmodels", "/v1/models", None),
            ("/v1/chat/completions?token=KEY", "/v1/chat/completions", None),
            ("/?token=KEY/v1/messages", "/v1/messages", None),
            ("/?token=KEY%2Fv1%2Fmessages", "/v1/messages", None),
            ("/?beta=true&token=KEY%2fv1%2Fmodels%2Fa%253Ab", "/v1/models/a%3Ab", Some("beta=true")),
        ] {
            let place = Place::of(&uri.replace("KEY", key).parse().unwrap());
            assert_eq!((place.path.as_str(), place.query.as_deref()), (path, query), "{uri}");
            assert_eq!(place.key.as_deref(), Some(key), "{uri}");
        }
        let long = format!("{key}-and-more-of-it");
        let place = Place::of(&format!("/v1/models?token={long}").parse().unwrap());
        assert_eq!((place.path.as_str(), place.key.as_deref()), ("/v1/models", Some(long.as_str())));
        let other = Place::of(&"/x?token=abc&b=1".parse().unwrap());
        assert_eq!((other.query.as_deref(), other.key), (Some("token=abc&b=1"), None));
    }
}
