//! API keys: what is shown, what they open, and how they end.

use http::StatusCode;
use serde_json::json;
use trace::identity::Plan;

use crate::stage::Stage;

const PATH: &str = "/api/org/api-keys";

#[tokio::test]
async fn a_key_is_shown_once_and_opens_its_project() {
    let stage = Stage::new().await;
    let login = stage.sign_up("ann@x.org").await;
    let created = stage.call("POST", PATH).bearer(&login.token).json(&json!({"name": " CI "})).await;
    assert_eq!(created.status, StatusCode::CREATED);
    let key = created.body["key"].as_str().unwrap();
    assert_eq!((key.len(), &key[..6]), (38, "tw_sk_"));
    assert_eq!(created.body["key_prefix"], key[..16]);
    let scopes = json!(["traces_read", "traces_write", "datasets_read", "datasets_write", "analytics_read"]);
    assert_eq!((&created.body["name"], &created.body["scopes"]), (&json!("CI"), &scopes));
    let me = stage.call("GET", "/api/auth/me").bearer(key).send().await.body;
    assert_eq!((&me["org_id"], &me["project_id"]), (&json!(login.org), &json!(login.project)));
    assert_eq!((&me["user_id"], &me["email"], &me["scopes"]), (&json!(null), &json!(null), &scopes));
    let listed = stage.call("GET", PATH).bearer(&login.token).send().await.body;
    let expected = json!([{
        "id": created.body["id"], "name": "CI", "key_prefix": key[..16], "scopes": scopes,
        "project_id": login.project, "created_at": "2025-01-01T00:00:00Z",
        "last_used_at": "2025-01-01T00:00:00Z", "expires_at": null,
    }]);
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn presets_expand_and_wrong_wishes_are_named() {
    let stage = Stage::new().await;
    let login = stage.sign_up_on(Plan::Team, "ann@x.org").await;
    let create = async |body| stage.call("POST", PATH).bearer(&login.token).json(&body).await;
    let read = create(json!({"name": "k", "scopes": ["read"]})).await.body;
    assert_eq!(read["scopes"], json!(["traces_read", "datasets_read", "analytics_read"]));
    let admin = create(json!({"name": "k", "scopes": ["admin"]})).await.body;
    assert_eq!(admin["scopes"].as_array().unwrap().len(), 6);
    for (body, field) in [
        (json!({}), "name"),
        (json!({"name": " "}), "name"),
        (json!({"name": "k", "scopes": ["root"]}), "scopes"),
        (json!({"name": "k", "expires_at": "2024-12-31T00:00:00Z"}), "expires_at"),
    ] {
        let answer = create(body).await;
        assert_eq!((answer.code(), &answer.body["field"]), ((400, "invalid_request"), &json!(field)));
    }
}

#[tokio::test]
async fn a_deleted_key_stops_at_once_and_others_cannot_delete_it() {
    let stage = Stage::new().await;
    let (ann, bob) = (stage.sign_up("ann@x.org").await, stage.sign_up("bob@x.org").await);
    let key = stage.key(&ann, &[]).await;
    let call = async || stage.call("GET", "/api/stats").bearer(&key).send().await;
    assert_eq!(call().await.status, StatusCode::OK);
    let id = stage.call("GET", PATH).bearer(&ann.token).send().await.body[0]["id"].clone();
    let delete = async |login: &crate::stage::Login, id: &str| {
        stage.call("DELETE", &format!("{PATH}/{id}")).bearer(&login.token).send().await
    };
    assert_eq!(delete(&bob, id.as_str().unwrap()).await.code(), (403, "forbidden"));
    assert_eq!(call().await.status, StatusCode::OK);
    assert_eq!(delete(&ann, id.as_str().unwrap()).await.body, json!({"ok": true}));
    assert_eq!(call().await.code(), (401, "invalid_api_key"));
    assert_eq!(delete(&ann, id.as_str().unwrap()).await.code(), (404, "not_found"));
    assert_eq!(delete(&ann, "nonsense").await.code(), (404, "not_found"));
}

#[tokio::test]
async fn a_key_expires() {
    let stage = Stage::new().await;
    let login = stage.sign_up("ann@x.org").await;
    let body = json!({"name": "k", "expires_at": "2025-01-01T00:00:30Z"});
    let created = stage.call("POST", PATH).bearer(&login.token).json(&body).await;
    let call =
        async || stage.call("GET", "/api/stats").bearer(created.body["key"].as_str().unwrap()).send().await;
    assert_eq!(call().await.status, StatusCode::OK);
    stage.clock.advance_secs(30);
    let expired = call().await;
    assert_eq!(expired.code(), (401, "invalid_api_key"));
    assert!(expired.body["error"].as_str().unwrap().contains("expired"));
}

#[tokio::test]
async fn a_plan_has_so_many_keys() {
    let stage = Stage::new().await;
    let login = stage.sign_up("ann@x.org").await;
    stage.key(&login, &[]).await;
    let second = stage.call("POST", PATH).bearer(&login.token).json(&json!({"name": "k"})).await;
    assert_eq!((second.code(), &second.body["limit"]), ((403, "plan_limit_reached"), &json!(1)));
}

#[tokio::test]
async fn keys_are_managed_by_people_only() {
    let stage = Stage::new().await;
    let login = stage.sign_up("ann@x.org").await;
    let key = stage.key(&login, &["admin"]).await;
    for (method, path) in
        [("GET", PATH), ("POST", PATH), ("POST", "/api/org/invites"), ("POST", "/api/projects")]
    {
        let answer =
            stage.call(method, path).bearer(&key).json(&json!({"name": "x", "email": "b@x.org"})).await;
        assert_eq!(answer.code(), (403, "forbidden"), "{method} {path}");
    }
}
