//! Who may use the proxy.

use std::sync::Arc;

use async_trait::async_trait;
use proxy::{Admission, Admitted, Refusal, Settings};
use serde_json::json;
use trace::host::Origins;
use trace::id::Scope;

use crate::calls::{CHAT, COMPLETION};
use crate::support::{Provider, Proxy};

#[tokio::test]
async fn a_host_that_may_be_a_foreign_site_is_refused() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let proxy =
        Proxy::with(&provider, |settings| settings.hosts = Some(Arc::new(["ours.example".to_owned()]))).await;
    let call = |host: &str| format!("GET /v1/models HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let refused = proxy.send(call("evil.example:3001")).await;
    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("forbidden")));
    assert!(refused.text().contains("TRACEWAY_ALLOWED_HOSTS"));
    assert!(provider.seen().is_empty());
    for host in ["localhost:3001", "127.0.0.1", "traceway", "ours.example"] {
        assert_eq!(proxy.send(call(host)).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn a_local_page_may_call_and_its_preflight_is_answered_here() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let proxy = Proxy::start(&provider).await;
    let preflight = proxy
        .send(
            "OPTIONS /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost:5173\r\n\
             access-control-request-method: POST\r\naccess-control-request-headers: authorization,x-custom\r\n\r\n",
        )
        .await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), Some("http://localhost:5173"));
    assert_eq!(preflight.header("access-control-allow-methods"), Some("POST"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("authorization,x-custom"));
    assert!(provider.seen().is_empty());
    let answer = proxy.post("/v1/chat/completions", "origin: http://localhost:5173\r\n", CHAT).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:5173"));
    assert_eq!(
        answer.header("access-control-expose-headers"),
        Some("x-traceway-trace-id, x-traceway-span-id")
    );
}

#[tokio::test]
async fn a_foreign_page_gets_no_permission_even_from_the_provider() {
    let provider =
        Provider::saying("HTTP/1.1 200 OK\r\naccess-control-allow-origin: *\r\ncontent-length: 2\r\n\r\n{}")
            .await;
    let proxy = Proxy::start(&provider).await;
    let preflight = proxy
        .send(
            "OPTIONS /api/chat HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example\r\n\
             access-control-request-method: POST\r\n\r\n",
        )
        .await;
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (403, None));
    assert!(provider.seen().is_empty());
    let reading = proxy
        .send("GET /v1/models HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example\r\n\r\n")
        .await;
    assert_eq!((reading.status, reading.header("access-control-allow-origin")), (200, None));
    let without_page = proxy.post("/v1/chat/completions", "", CHAT).await;
    assert_eq!(without_page.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn a_foreign_page_causes_no_call_where_nobody_is_asked_who_they_are() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let proxy = Proxy::start(&provider).await;
    for origin in ["https://evil.example", "null"] {
        // A form or a fetch without special headers asks nobody before it is sent.
        let answer = proxy.post("/v1/chat/completions", &format!("origin: {origin}\r\n"), CHAT).await;
        assert_eq!((answer.status, &answer.json()["code"]), (403, &json!("forbidden")), "{origin}");
        assert!(answer.text().contains("ALLOWED_ORIGINS"), "{}", answer.text());
    }
    assert!(provider.seen().is_empty() && proxy.recorded().await.is_empty());
    for origin in ["http://localhost", "http://localhost:5173"] {
        let answer = proxy.post("/v1/chat/completions", &format!("origin: {origin}\r\n"), CHAT).await;
        assert_eq!(answer.status, 200, "{origin}");
    }
    let listed = Origins::listed("https://ours.example");
    let proxy = Proxy::with(&provider, |settings| settings.origins = listed).await;
    for (origin, status) in [("https://ours.example", 200), ("https://evil.example", 403)] {
        let answer = proxy.post("/v1/chat/completions", &format!("origin: {origin}\r\n"), CHAT).await;
        assert_eq!(answer.status, status, "{origin}");
    }
    // Where a key is asked for, a page that has none gets nowhere anyway.
    let proxy = Proxy::with(&provider, |settings| settings.hosts = None).await;
    let answer = proxy.post("/v1/chat/completions", "origin: https://evil.example\r\n", CHAT).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, None));
}

#[tokio::test]
async fn options_that_is_no_preflight_is_relayed() {
    let provider = Provider::json("200 OK", "{}").await;
    let proxy = Proxy::start(&provider).await;
    assert_eq!(proxy.send("OPTIONS /v1/x HTTP/1.1\r\nhost: localhost\r\n\r\n").await.status, 200);
    assert_eq!(provider.only().line, "OPTIONS /v1/x HTTP/1.1");
}

#[tokio::test]
async fn a_forward_url_that_is_none_is_a_bad_request() {
    let provider = Provider::json("200 OK", "{}").await;
    let proxy = Proxy::start(&provider).await;
    for url in ["not a url", "ftp://h", "/path", ""] {
        let answer = proxy.post("/v1/chat/completions", &format!("X-Forward-URL: {url}\r\n"), CHAT).await;
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("invalid_request")), "{url}");
    }
    assert!(provider.seen().is_empty() && proxy.recorded().await.is_empty());
}

/// Lets keys in as a server with accounts would.
struct Keys;

#[async_trait]
impl Admission for Keys {
    async fn admit(&self, key: Option<&str>) -> Result<Admitted, Refusal> {
        match key {
            Some("tw_sk_good") => Ok(Admitted { scope: Scope::LOCAL, recorded: true }),
            Some("tw_sk_spent") => Ok(Admitted { scope: Scope::LOCAL, recorded: false }),
            Some("tw_sk_reader") => Err(Refusal::Scope),
            Some(_) => Err(Refusal::Invalid),
            None => Err(Refusal::Missing),
        }
    }
}

#[tokio::test]
async fn a_key_is_asked_for_where_keys_are_and_never_forwarded() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let settings = Settings { target: Some(provider.url().parse().unwrap()), ..Settings::default() };
    let proxy = Proxy::with_deps(settings, |deps| deps.admission = Arc::new(Keys)).await;
    let path = "/v1/chat/completions";
    for (headers, status, code) in [
        ("", 401, "missing_auth"),
        ("authorization: Bearer tw_sk_good\r\n", 401, "missing_auth"),
        ("x-traceway-api-key: tw_sk_bad\r\n", 401, "invalid_api_key"),
        ("x-traceway-token: tw_sk_reader\r\n", 403, "insufficient_scope"),
    ] {
        let answer = proxy.post(path, headers, CHAT).await;
        assert_eq!((answer.status, &answer.json()["code"]), (status, &json!(code)), "{headers}");
    }
    assert!(provider.seen().is_empty());
    assert_eq!(proxy.post(path, "x-traceway-api-key: tw_sk_good\r\n", CHAT).await.status, 200);
    assert_eq!(proxy.post("/v1?token=tw_sk_good/chat/completions", "", CHAT).await.status, 200);
    assert_eq!(proxy.recorded().await.len(), 2);
    assert_eq!(proxy.post(path, "x-traceway-token: tw_sk_spent\r\n", CHAT).await.status, 200);
    assert_eq!(proxy.recorded().await.len(), 2, "beyond its limit a project is served without recording");
    for seen in provider.seen() {
        assert_eq!(seen.line, "POST /v1/chat/completions HTTP/1.1");
        assert!(!format!("{seen:?}").contains("tw_sk"), "{seen:?}");
    }
}
