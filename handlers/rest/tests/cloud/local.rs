//! Local mode: nobody is anybody, and what is about people does not exist.

use http::StatusCode;
use serde_json::{Value, json};

use crate::stage::{Answer, Call, local};

async fn call(method: &str, path: &str) -> Answer {
    Call::new(local(), method, path).json(&json!({})).await
}

#[tokio::test]
async fn what_has_a_local_answer_answers() {
    let nil = "00000000-0000-0000-0000-000000000000";
    let get = async |path: &str| call("GET", path).await.body;
    assert_eq!(get("/api/auth/config").await, json!({"mode": "local", "features": []}));
    let me: Value = get("/api/auth/me").await;
    let all =
        json!(["traces_read", "traces_write", "datasets_read", "datasets_write", "analytics_read", "admin"]);
    let expected = json!({
        "org_id": nil, "project_id": nil, "user_id": null, "scopes": all, "is_local_mode": true,
        "email": null, "name": null, "role": null, "organizations": [],
    });
    assert_eq!(me, expected);
    let org = get("/api/org").await;
    let (name, slug, plan) = (&org["name"], &org["slug"], &org["plan"]);
    assert_eq!((name, slug, plan), (&json!("Local"), &json!("local"), &json!("free")));
    for path in ["/api/org/members", "/api/org/invites", "/api/org/api-keys"] {
        assert_eq!(get(path).await, json!([]), "{path}");
    }
    let projects = get("/api/projects").await;
    assert_eq!((projects.as_array().unwrap().len(), &projects[0]["name"]), (1, &json!("Local")));
    assert_eq!((&projects[0]["id"], &projects[0]["settings"]), (&json!(nil), &json!({})));
}

#[tokio::test]
async fn what_is_about_people_does_not_exist() {
    let id = "00000000-0000-0000-0000-000000000001";
    for (method, path) in [
        ("POST", "/api/auth/signup"),
        ("POST", "/api/auth/login"),
        ("POST", "/api/auth/logout"),
        ("POST", "/api/auth/accept-invite"),
        ("POST", "/api/auth/forgot-password"),
        ("POST", "/api/auth/reset-password"),
        ("POST", "/api/org/switch"),
        ("PATCH", &format!("/api/org/members/{id}")),
        ("DELETE", &format!("/api/org/members/{id}")),
        ("POST", "/api/org/invites"),
        ("DELETE", &format!("/api/org/invites/{id}")),
        ("POST", "/api/org/api-keys"),
        ("DELETE", &format!("/api/org/api-keys/{id}")),
        ("GET", "/api/org/usage"),
        ("POST", "/api/projects"),
        ("POST", "/api/projects/switch"),
        ("PATCH", &format!("/api/projects/{id}")),
        ("DELETE", &format!("/api/projects/{id}")),
        ("POST", "/api/billing/checkout"),
        ("POST", "/api/billing/portal"),
        ("POST", "/api/billing/polar/webhook"),
    ] {
        let answer = call(method, path).await;
        assert_eq!(answer.code(), (404, "not_found"), "{method} {path}");
        assert_eq!(answer.body["error"], "not available in local mode", "{method} {path}");
    }
}

#[tokio::test]
async fn credentials_are_not_looked_at() {
    let answer = Call::new(local(), "GET", "/api/stats").bearer("nonsense").send().await;
    assert_eq!(answer.status, StatusCode::OK);
}
