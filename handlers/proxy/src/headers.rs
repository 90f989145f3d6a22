//! Which headers pass, and what those meant for Traceway say.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use trace::capture::CaptureMode;
use trace::id::{SpanId, TraceId};
use trace::kind::Attributes;

/// Names the target of this request.
pub(crate) const FORWARD_URL: HeaderName = HeaderName::from_static("x-forward-url");
/// Names the Ollama server of this request.
pub(crate) const OLLAMA_BASE: HeaderName = HeaderName::from_static("x-ollama-base");
/// Carries the key of Anthropic.
pub(crate) const PROVIDER_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// The trace of the call, in requests and answers.
pub(crate) const TRACE_ID: HeaderName = HeaderName::from_static("x-traceway-trace-id");
/// The span of the call, in answers.
pub(crate) const SPAN_ID: HeaderName = HeaderName::from_static("x-traceway-span-id");

/// What a request asks of its recording.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    /// The trace to attach to.
    pub(crate) trace_id: Option<TraceId>,
    /// The parent of the span.
    pub(crate) parent_id: Option<SpanId>,
    /// The session of the trace.
    pub(crate) session_id: Option<String>,
    /// The name of the trace.
    pub(crate) trace_name: Option<String>,
    /// More labels of the trace.
    pub(crate) tags: Vec<String>,
    /// More members of the trace's metadata.
    pub(crate) metadata: Attributes,
    /// How much of the call is kept.
    pub(crate) capture: Option<CaptureMode>,
}

impl Wishes {
    /// Reads what the headers ask for. A call never fails for its recording: what is malformed is not asked for,
    /// but for a capture mode, which then is off.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| Some(decoded(headers.get(name)?)).filter(|text| !text.is_empty());
        let tags = headers.get_all("x-traceway-tags").iter().map(decoded).collect::<Vec<_>>().join(",");
        let tags = tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned);
        let metadata = text("x-traceway-metadata").and_then(|text| serde_json::from_str(&text).ok());
        Self {
            trace_id: text("x-traceway-trace-id").and_then(|id| TraceId::parse(&id).ok()),
            parent_id: text("x-traceway-parent-id").and_then(|id| SpanId::parse(&id).ok()),
            session_id: text("x-traceway-session-id"),
            trace_name: text("x-traceway-trace-name"),
            tags: tags.collect(),
            metadata: metadata.unwrap_or_default(),
            // Who says how much is to be kept, and says it wrongly, rather wants less of it than all.
            capture: text("x-traceway-capture").map(|mode| mode.parse().unwrap_or(CaptureMode::Off)),
        }
    }

    /// Returns whether the request says anything about the trace itself.
    pub(crate) fn describe_the_trace(&self) -> bool {
        self.session_id.is_some()
            || self.trace_name.is_some()
            || !self.tags.is_empty()
            || !self.metadata.is_empty()
    }
}

/// Returns the text of a header: UTF-8, or else Latin-1, which is what headers are by their old rules.
fn decoded(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().copied().map(char::from).collect(), str::to_owned)
}

/// Returns the Traceway key of a request.
pub(crate) fn traceway_key(headers: &HeaderMap) -> Option<&str> {
    let key = headers.get("x-traceway-api-key").or_else(|| headers.get("x-traceway-token"))?;
    key.to_str().ok().map(str::trim).filter(|key| !key.is_empty())
}

/// Returns the request headers the provider gets: all but those of the connection and those meant for Traceway.
pub(crate) fn for_provider(headers: HeaderMap) -> HeaderMap {
    let listed = listed_in_connection(&headers);
    keep(headers, |name| {
        let own = *name == header::HOST
            || *name == FORWARD_URL
            || *name == OLLAMA_BASE
            || name.as_str().starts_with("x-traceway-");
        !own && !is_hop_by_hop(name) && !listed.contains(name)
    })
}

/// Returns the answer headers the client gets: all but those of the connection.
pub(crate) fn for_client(headers: HeaderMap) -> HeaderMap {
    let listed = listed_in_connection(&headers);
    keep(headers, |name| !is_hop_by_hop(name) && !listed.contains(name))
}

/// Returns the wanted headers in their order, repeated ones included.
fn keep(headers: HeaderMap, wanted: impl Fn(&HeaderName) -> bool) -> HeaderMap {
    if headers.keys().all(&wanted) {
        return headers;
    }
    let mut kept = HeaderMap::with_capacity(headers.len() + 2);
    let mut last: Option<HeaderName> = None;
    for (name, value) in headers {
        // A repeated header comes without its name.
        if name.is_some() {
            last = name.filter(|name| wanted(name));
        }
        if let Some(name) = &last {
            kept.append(name.clone(), value);
        }
    }
    kept
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    [header::CONNECTION, header::TE, header::TRAILER, header::TRANSFER_ENCODING, header::UPGRADE]
        .contains(name)
        || name.as_str() == "keep-alive"
        || name.as_str().starts_with("proxy-")
}

/// Returns the headers that `Connection` says are about this connection only.
fn listed_in_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).map(str::trim);
    // A client must not talk the proxy into dropping what frames or authenticates the message.
    let names = names.filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok());
    names.filter(|name| *name != header::CONTENT_LENGTH && *name != header::AUTHORIZATION).collect()
}

/// Returns the value of a header as text.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok())
}

/// Returns the encodings of a body, in the order they were applied.
pub(crate) fn encodings(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let words = values.flat_map(|value| value.split(',')).map(|word| word.trim().to_ascii_lowercase());
    words.filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        headers
    }

    fn shown(headers: &HeaderMap) -> Vec<(&str, &str)> {
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
    }

    #[test]
    fn connection_headers_and_ours_stay_behind_and_all_others_pass_in_order() {
        let headers = map(&[
            ("host", "localhost:3001"),
            ("authorization", "Bearer sk"),
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("proxy-authorization", "Basic x"),
            ("x-forward-url", "http://a"),
            ("x-traceway-session-id", "s"),
            ("x-repeat", "1"),
            ("x-repeat", "2"),
            ("traceparent", "00-1"),
            ("openai-organization", "org"),
        ]);
        let wanted = [
            ("authorization", "Bearer sk"),
            ("x-repeat", "1"),
            ("x-repeat", "2"),
            ("traceparent", "00-1"),
            ("openai-organization", "org"),
        ];
        assert_eq!(shown(&for_provider(headers)), wanted);
    }

    #[test]
    fn connection_cannot_list_what_frames_or_authenticates_a_message() {
        let headers = map(&[
            ("connection", "content-length, authorization"),
            ("content-length", "3"),
            ("authorization", "a"),
        ]);
        assert_eq!(shown(&for_provider(headers)), [("content-length", "3"), ("authorization", "a")]);
    }

    #[test]
    fn wishes_are_read_and_malformed_ones_ignored() {
        let wishes = Wishes::of(&map(&[
            ("x-traceway-trace-id", "t-1"),
            ("x-traceway-parent-id", "not an id"),
            ("x-traceway-tags", "a, b,,c"),
            ("x-traceway-metadata", r#"{"user":"u"}"#),
            ("x-traceway-capture", "preview:3"),
            ("x-traceway-session-id", " s "),
        ]));
        assert_eq!(wishes.trace_id.unwrap().as_str(), "t-1");
        assert_eq!(wishes.parent_id, None);
        assert_eq!(wishes.tags, ["a", "b", "c"]);
        assert_eq!(wishes.metadata["user"], "u");
        assert_eq!(wishes.capture, Some(CaptureMode::Preview(3)));
        let none = Wishes::of(&map(&[("x-traceway-metadata", "[1]"), ("x-traceway-capture", "some")]));
        assert!(!none.describe_the_trace());
        assert_eq!(none.capture, Some(CaptureMode::Off));
        let several = Wishes::of(&map(&[("x-traceway-tags", "a, b"), ("x-traceway-tags", "c")]));
        assert_eq!(several.tags, ["a", "b", "c"]);
    }
}
