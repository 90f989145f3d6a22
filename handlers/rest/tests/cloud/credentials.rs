//! Where credentials may be, in which order, and what a browser's page may do with them.

use http::StatusCode;
use serde_json::json;
use trace::ports::{ApiKeys, Revocation, Revocations};

use crate::stage::{OWN_KEY, Stage, Wishes};

#[tokio::test]
async fn without_credentials_nothing_is_told() {
    let stage = Stage::new().await;
    for path in ["/api/auth/me", "/api/spans", "/api/org", "/api/spans?token=tw_sk_x"] {
        assert_eq!(stage.call("GET", path).send().await.code(), (401, "missing_auth"), "{path}");
    }
    assert_eq!(stage.call("GET", "/api/health").send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_malformed_header_ends_the_search() {
    let stage = Stage::new().await;
    let login = stage.sign_up("ann@x.org").await;
    let call = || stage.call("GET", "/api/auth/me").cookie(&login.token);
    assert_eq!(call().send().await.status, StatusCode::OK);
    for value in ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", login.token.as_str()] {
        assert_eq!(
            call().header("authorization", value).send().await.code(),
            (401, "invalid_auth"),
            "{value}"
        );
    }
    let twice = call().bearer(&login.token).bearer(&login.token).send().await;
    assert_eq!(twice.code(), (401, "invalid_auth"));
    assert_eq!(call().bearer("x.y.z").send().await.code(), (401, "invalid_auth"));
    assert_eq!(call().bearer("tw_sk_0123456789abcdef").send().await.code(), (401, "invalid_api_key"));
    assert_eq!(call().header("authorization", &format!("bearer  {}", login.token)).send().await.status, 200);
}

#[tokio::test]
async fn the_query_is_looked_at_for_events_only() {
    let stage = Stage::new().await;
    let login = stage.sign_up("ann@x.org").await;
    let key = stage.key(&login, &["read"]).await;
    for token in [&login.token, &key] {
        let events = stage.call("GET", &format!("/api/events?types=x&token={token}")).send().await;
        assert_eq!(events.status, StatusCode::OK);
        let other = stage.call("GET", &format!("/api/stats?token={token}")).send().await;
        assert_eq!(other.code(), (401, "missing_auth"));
    }
    assert_eq!(stage.call("GET", "/api/events?token=tw_sk_x").send().await.code(), (401, "invalid_api_key"));
    assert_eq!(stage.call("GET", "/api/events?token=").send().await.code(), (401, "missing_auth"));
}

#[tokio::test]
async fn a_write_with_the_cookie_needs_a_page_of_ours() {
    let stage = Stage::with(Wishes { origins: Some("https://listed.example"), ..Wishes::default() }).await;
    let login = stage.sign_up("ann@x.org").await;
    let write = async |headers: &[(&str, &str)]| {
        let call = stage.call("POST", "/api/traces").cookie(&login.token);
        headers.iter().fold(call, |call, (name, value)| call.header(name, value)).json(&json!({})).await
    };
    for own in ["http://localhost", "https://app.example", "https://listed.example"] {
        assert_eq!(write(&[("origin", own)]).await.status, StatusCode::CREATED, "{own}");
    }
    assert_eq!(write(&[("referer", "https://app.example/traces")]).await.status, StatusCode::CREATED);
    assert_eq!(write(&[]).await.code(), (403, "forbidden"));
    assert_eq!(write(&[("origin", "https://evil.example")]).await.code(), (403, "forbidden"));
    let foreign = [("origin", "https://evil.example"), ("referer", "https://app.example/")];
    assert_eq!(write(&foreign).await.code(), (403, "forbidden"));
    let read = stage.call("GET", "/api/traces").cookie(&login.token).header("origin", "https://evil.example");
    assert_eq!(read.send().await.status, StatusCode::OK);
    let bearer =
        stage.call("POST", "/api/traces").bearer(&login.token).header("origin", "https://evil.example");
    assert_eq!(bearer.json(&json!({})).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn sessions_end_after_thirty_days() {
    let stage = Stage::new().await;
    let login = stage.sign_up("ann@x.org").await;
    let me = async || stage.call("GET", "/api/auth/me").bearer(&login.token).send().await;
    stage.clock.advance_secs(30 * 24 * 3600 - 1);
    assert_eq!(me().await.status, StatusCode::OK);
    stage.clock.advance_secs(1);
    assert_eq!(me().await.code(), (401, "expired_session"));
}

#[tokio::test]
async fn the_operators_own_keys_may_everything_and_belong_to_nobody() {
    let stage = Stage::new().await;
    let me = stage.call("GET", "/api/auth/me").bearer(OWN_KEY).send().await.body;
    let nil = "00000000-0000-0000-0000-000000000000";
    assert_eq!((&me["org_id"], &me["user_id"], &me["role"]), (&json!(nil), &json!(null), &json!(null)));
    assert_eq!(me["scopes"].as_array().unwrap().len(), 6);
    assert_eq!(stage.call("POST", "/api/traces").bearer(OWN_KEY).json(&json!({})).await.status, 201);
    for path in ["/api/org", "/api/org/members", "/api/projects", "/api/org/usage"] {
        assert_eq!(stage.call("GET", path).bearer(OWN_KEY).send().await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn a_remembered_key_is_forgotten_after_a_minute_or_a_revocation() {
    let stage = Stage::new().await;
    let login = stage.sign_up("ann@x.org").await;
    let key = stage.key(&login, &[]).await;
    let call = async || stage.call("GET", "/api/stats").bearer(&key).send().await;
    assert_eq!(call().await.status, StatusCode::OK);
    let stored = stage.identity.list_keys(login.scope().org).await.unwrap();
    stage.identity.delete_key(login.scope().org, stored[0].id).await.unwrap();
    assert_eq!(call().await.status, StatusCode::OK, "nobody told this process");
    stage.clock.advance_secs(60);
    assert_eq!(call().await.code(), (401, "invalid_api_key"));
}

#[tokio::test]
async fn a_changed_role_counts_at_once() {
    let stage = Stage::new().await;
    let owner = stage.sign_up_on(trace::identity::Plan::Pro, "ann@x.org").await;
    let member = stage.join(&owner, "bob@x.org", "member").await;
    let write = async || stage.call("POST", "/api/traces").bearer(&member.token).json(&json!({})).await;
    assert_eq!(write().await.status, StatusCode::CREATED);
    let path = format!("/api/org/members/{}", member.user);
    let viewer = stage.call("PATCH", &path).bearer(&owner.token).json(&json!({"role": "read_only"})).await;
    assert_eq!(viewer.body["role"], "viewer");
    let refused = write().await;
    assert_eq!(refused.code(), (403, "insufficient_scope"));
    assert!(refused.body["error"].as_str().unwrap().contains("traces_write"));
    stage.revocations.publish(Revocation::All).await.unwrap();
    assert_eq!(write().await.code(), (403, "insufficient_scope"));
}
