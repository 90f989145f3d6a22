//! What a Function URL lets through that asks for no credentials: the app alone decides.

use conformance::cloud::{FunctionsOptions, OPEN_ROUTES};

use crate::stage::{Stage, send};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_asks_for_credentials_but_those_that_are_open() {
    let stage = Stage::new(FunctionsOptions::default()).await;
    let described = stage.get("/api/openapi.json").await;
    let mut routes = 0;
    for (path, methods) in described["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().map(|method| method.to_uppercase()) {
            routes += 1;
            let url = format!("{}{}", stage.functions.api.url, path.replace(['{', '}'], "x"));
            for header in [None, Some("Bearer"), Some("Bearer tw_sk_0123456789abcdef0123456789abcdef")] {
                let mut request = stage.client.request(method.parse().unwrap(), &url);
                if let Some(value) = header {
                    request = request.header("authorization", value);
                }
                let answer = send(request).await;
                let name = format!("{method} {path}");
                if OPEN_ROUTES.contains(&name.as_str()) {
                    // Some of them judge what is in the body, but none asks for credentials.
                    let code = answer.1["code"].as_str().unwrap_or_default();
                    let is_open = answer.0 < 500 && !matches!(code, "missing_auth" | "invalid_auth");
                    assert!(is_open, "{name} {header:?}: {}", stage.why(&answer));
                } else {
                    assert!(matches!(answer.0, 401 | 403), "{name} {header:?}: {}", stage.why(&answer));
                }
            }
        }
    }
    assert!(routes > 40, "{routes} routes");
    let described: Vec<String> = described["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    assert!(OPEN_ROUTES.iter().all(|open| described.iter().any(|route| route == open)), "{described:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxy_asks_for_a_key() {
    let stage = Stage::new(FunctionsOptions::default()).await;
    let url = format!("{}/v1/chat/completions", stage.functions.proxy_url.url);
    for key in [None, Some("tw_sk_0123456789abcdef0123456789abcdef"), Some(stage.tenant.token.as_str())] {
        let mut request = stage.client.post(&url).header("x-forward-url", "http://127.0.0.1:1").body("{}");
        if let Some(key) = key {
            request = request.header("x-traceway-api-key", key);
        }
        let answer = send(request).await;
        assert_eq!(answer.0, 401, "{key:?}: {}", stage.why(&answer));
    }
}
