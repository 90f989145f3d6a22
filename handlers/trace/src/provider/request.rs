//! What a request says.

use std::borrow::Cow;

use super::members::Members;

/// What a request says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFacts {
    /// The model asked for.
    pub model: Option<String>,
    /// Whether a stream was asked for, when the request says.
    pub stream: Option<bool>,
    /// Whether the request is a model call.
    pub is_call: bool,
    /// The service tier asked for.
    pub service_tier: Option<String>,
}

/// Reads a request body sent to `path` with `POST`.
///
/// A model call is JSON with a string `model`, or anything sent to a generation path.
pub fn read_request(path: &str, body: &[u8]) -> RequestFacts {
    let members = Members::read_bytes(body);
    let model = members.as_ref().and_then(|members| members.text("model"));
    let stream = members.as_ref().and_then(|members| match members.get("stream")?.get() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    });
    let service_tier = members.as_ref().and_then(|members| members.text("service_tier")).map(Cow::into_owned);
    let is_call = model.is_some() || is_generation_path(path);
    let model = model.map(Cow::into_owned).or_else(|| deployment(path));
    RequestFacts { model: model.filter(|model| !model.is_empty()), stream, is_call, service_tier }
}

/// Returns whether requests to `path` generate something, whatever base comes before it.
pub fn is_generation_path(path: &str) -> bool {
    const ENDS: [&str; 9] = [
        "/chat/completions",
        "/completions",
        "/responses",
        "/embeddings",
        "/v1/messages",
        "/api/chat",
        "/api/generate",
        "/api/embed",
        "/api/embeddings",
    ];
    let path = path.trim_end_matches('/');
    ENDS.iter().any(|end| path.ends_with(end))
}

/// Returns the deployment an Azure path names; such requests may carry no model.
fn deployment(path: &str) -> Option<String> {
    let (_, rest) = path.split_once("/openai/deployments/")?;
    let (name, _) = rest.split_once('/')?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_body_with_a_model_is_a_call_at_any_path() {
        let facts = read_request("/v1/rerank", br#"{"model":"rank-1","stream":true,"service_tier":"flex"}"#);
        let wanted = RequestFacts {
            model: Some("rank-1".to_owned()),
            stream: Some(true),
            is_call: true,
            service_tier: Some("flex".to_owned()),
        };
        assert_eq!(facts, wanted);
    }

    #[test]
    fn a_generation_path_is_a_call_with_any_body() {
        for path in ["/v1/chat/completions", "/openai/v1/responses/", "/v1/messages", "/api/generate"] {
            let facts = read_request(path, b"\xff not json");
            assert!(facts.is_call && facts.model.is_none(), "{path}");
        }
    }

    #[test]
    fn other_requests_are_no_calls() {
        for (path, body) in [
            ("/v1/files", "{}"),
            ("/v1/files", r#"{"model":7}"#),
            ("/v1/files", r#"[{"model":"m"}]"#),
            ("/v1/responses/r1/cancel", ""),
        ] {
            assert!(!read_request(path, body.as_bytes()).is_call, "{path} {body}");
        }
    }

    #[test]
    fn an_azure_deployment_stands_for_a_missing_model() {
        let facts = read_request("/openai/deployments/gpt-4o/chat/completions", b"{}");
        assert_eq!(facts.model.as_deref(), Some("gpt-4o"));
    }
}
