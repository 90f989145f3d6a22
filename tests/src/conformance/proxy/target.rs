//! Where a call goes, and what its provider is called.

use serde_json::json;

use super::super::case::cases;
use super::super::upstream::Upstream;
use super::super::{Case, Ctx};
use super::{CHAT, asked, said};
use crate::mount::{Capability, StartOptions};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("proxy.target", &[Capability::Proxy];
        a_base_and_a_path_are_joined,
        x_ollama_base_is_ollama,
        x_forward_url_comes_first,
        an_unusable_x_forward_url_is_refused,
        the_provider_is_named_after_the_host,
    );
    cases.extend(cases!("proxy.target", &[Capability::Proxy, Capability::Fresh, Capability::Settings];
        a_configured_target_is_used_without_headers,
        headers_beat_the_configured_target,
    ));
    cases
}

async fn a_base_and_a_path_are_joined(t: Ctx) {
    for (base, path, target) in [
        ("", "/v1/models", "/v1/models"),
        ("/", "/v1/models", "/v1/models"),
        ("/v1", "/v1/models", "/v1/models"),
        ("/v1/", "/v1/models", "/v1/models"),
        ("/openai/v1", "/v1/models?a=1", "/openai/v1/models?a=1"),
        ("/v1", "/models", "/v1/models"),
        ("/api", "/v1/models", "/api/v1/models"),
        ("/v1beta", "/v1/models", "/v1beta/v1/models"),
        ("/a//", "/b", "/a/b"),
    ] {
        let upstream = Upstream::json(200, &json!({})).await;
        t.proxied(&format!("{}{base}", upstream.url), "GET", path).send().await.expect(200);
        assert_eq!(upstream.only().target(), target, "{base} and {path}");
    }
}

async fn x_ollama_base_is_ollama(t: Ctx) {
    let upstream = Upstream::json(
        200,
        &json!({"model": "llama3", "message": {"role": "assistant", "content": "hello"},
        "done": true, "prompt_eval_count": 5, "eval_count": 2}),
    )
    .await;
    let call = t.proxy("POST", "/api/chat").header("x-ollama-base", &upstream.url);
    let answer =
        call.json(&json!({"model": "llama3", "stream": false, "messages": []})).send().await.expect(200);
    assert_eq!(upstream.only().target(), "/api/chat");
    let kind = t.recorded(&answer).await["kind"].clone();
    assert_eq!((&kind["provider"], &kind["model"]), (&json!("ollama"), &json!("llama3")));
    assert_eq!((&kind["input_tokens"], &kind["output_tokens"]), (&json!(5), &json!(2)));
}

async fn x_forward_url_comes_first(t: Ctx) {
    let (first, second) = (Upstream::json(200, &said("m")).await, Upstream::json(200, &said("m")).await);
    let call = t
        .proxied(&first.url, "POST", "/v1/messages")
        .header("x-ollama-base", &second.url)
        .header("x-api-key", "k");
    call.json(&asked("m")).send().await.expect(200);
    assert_eq!((first.received().len(), second.received().len()), (1, 0));
    let call = t.proxy("POST", "/v1/messages").header("x-ollama-base", &second.url).header("x-api-key", "k");
    call.json(&asked("m")).send().await.expect(200);
    assert_eq!((first.received().len(), second.received().len()), (1, 1), "and X-Ollama-Base second");
}

async fn an_unusable_x_forward_url_is_refused(t: Ctx) {
    for base in [
        "api.openai.com",
        "ftp://127.0.0.1",
        "http://",
        "/v1",
        "nonsense",
        "file:///etc/passwd",
        "http://a b",
    ] {
        let answer = t
            .proxied(base, "POST", CHAT)
            .json(&asked("m"))
            .header("x-traceway-session-id", &t.id("session"))
            .send()
            .await;
        assert_eq!(answer.status, 400, "{base}: {}", answer.text());
        let body = answer.json();
        assert!(body["error"].is_string() && body["code"].is_string(), "{body}");
    }
    let page = t.list("/api/traces", &[("session_id", &t.id("session"))]).await.ok();
    assert_eq!(page["count"], 0, "nothing is recorded");
}

async fn the_provider_is_named_after_the_host(t: Ctx) {
    // Names under `.invalid` never resolve, and a call that finds nobody is recorded all the same.
    for (host, provider) in [
        ("api.together.invalid", "together"),
        ("together.invalid", "together"),
        ("my-ollama.invalid", "ollama"),
        ("gateway.eu.example.invalid", "example"),
    ] {
        let session = t.id(host);
        let call = t.proxied(&format!("http://{host}:9"), "POST", CHAT).json(&asked("m"));
        call.header("x-traceway-session-id", &session).send().await.expect(502);
        let span = t
            .eventually("the recording", async || {
                let page = t.list("/api/spans", &[("session_id", &session), ("status", "failed")]).await.ok();
                page["spans"].get(0).cloned()
            })
            .await;
        assert_eq!(span["kind"]["provider"], provider, "{host}");
    }
}

async fn configured(t: &Ctx, upstream: &Upstream) -> Ctx {
    t.fresh_with(StartOptions::default().with("TRACEWAY_PROXY_TARGET", format!("{}/base", upstream.url)))
        .await
}

async fn a_configured_target_is_used_without_headers(t: Ctx) {
    let upstream = Upstream::json(200, &said("m")).await;
    let t = configured(&t, &upstream).await;
    let answer = t.proxy("POST", CHAT).json(&asked("m")).send().await.expect(200);
    assert_eq!(upstream.only().target(), "/base/v1/chat/completions");
    t.recorded(&answer).await;
    t.proxy("POST", "/api/chat").json(&asked("m")).send().await.expect(200);
    assert_eq!(upstream.received()[1].target(), "/base/api/chat", "it comes before the path of Ollama");
}

async fn headers_beat_the_configured_target(t: Ctx) {
    let (upstream, other) = (Upstream::json(200, &said("m")).await, Upstream::json(200, &said("m")).await);
    let t = configured(&t, &upstream).await;
    t.proxied(&other.url, "POST", CHAT).json(&asked("m")).send().await.expect(200);
    t.proxy("POST", CHAT).header("x-ollama-base", &other.url).json(&asked("m")).send().await.expect(200);
    assert_eq!((upstream.received().len(), other.received().len()), (0, 2));
}
