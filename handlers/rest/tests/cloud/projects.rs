//! Projects: created, switched, changed and deleted.

use http::StatusCode;
use serde_json::{Value, json};
use trace::identity::Plan;
use trace::ports::{Projects, SpanStore};

use crate::stage::{Answer, Login, Stage};

async fn create(stage: &Stage, login: &Login, name: &str) -> Answer {
    stage.call("POST", "/api/projects").bearer(&login.token).json(&json!({"name": name})).await
}

async fn switch(stage: &Stage, login: &Login, id: &Value) -> Answer {
    stage.call("POST", "/api/projects/switch").bearer(&login.token).json(&json!({"project_id": id})).await
}

async fn patch(stage: &Stage, token: &str, id: &str, body: Value) -> Answer {
    stage.call("PATCH", &format!("/api/projects/{id}")).bearer(token).json(&body).await
}

fn within(login: &Login, switched: &Answer) -> Login {
    Login {
        token: switched.body["token"].as_str().unwrap().to_owned(),
        project: switched.body["id"].as_str().unwrap().to_owned(),
        ..login.clone()
    }
}

#[tokio::test]
async fn a_project_is_a_world_of_its_own() {
    let stage = Stage::new().await;
    let login = stage.sign_up("ann@x.org").await;
    let created = create(&stage, &login, "  Über Bot 2 ").await;
    assert_eq!((created.status, &created.body["name"]), (StatusCode::CREATED, &json!("Über Bot 2")));
    let slug = created.body["slug"].as_str().unwrap();
    assert!(slug.starts_with("über-bot-2-") && slug.chars().count() == 17, "{slug}");
    assert_eq!(create(&stage, &login, " ").await.body["field"], "name");
    let switched = switch(&stage, &login, &created.body["id"]).await;
    assert_eq!((switched.status, switched.body["id"].clone()), (StatusCode::OK, created.body["id"].clone()));
    assert!(switched.set_cookie().unwrap().contains(switched.body["token"].as_str().unwrap()));
    let there = within(&login, &switched);
    let body = json!({"id": "t1"});
    assert_eq!(stage.call("POST", "/api/traces").bearer(&there.token).json(&body).await.status, 201);
    let find = async |token: &str| stage.call("GET", "/api/traces/t1").bearer(token).send().await.status;
    assert_eq!((find(&there.token).await.as_u16(), find(&login.token).await.as_u16()), (200, 404));
}

#[tokio::test]
async fn other_organisations_projects_do_not_exist() {
    let stage = Stage::new().await;
    let (ann, bob) = (stage.sign_up("ann@x.org").await, stage.sign_up("bob@x.org").await);
    assert_eq!(switch(&stage, &ann, &json!(bob.project)).await.code(), (404, "not_found"));
    assert_eq!(switch(&stage, &ann, &json!("x")).await.code(), (400, "invalid_request"));
    assert_eq!(
        patch(&stage, &ann.token, &bob.project, json!({"name": "x"})).await.code(),
        (404, "not_found")
    );
    let delete = stage.call("DELETE", &format!("/api/projects/{}", bob.project)).bearer(&ann.token);
    assert_eq!(delete.send().await.code(), (404, "not_found"));
}

#[tokio::test]
async fn settings_are_checked_against_the_plan_and_merged() {
    let stage = Stage::new().await;
    let login = stage.sign_up_on(Plan::Pro, "ann@x.org").await;
    let settings = async |settings: Value| {
        patch(&stage, &login.token, &login.project, json!({"settings": settings})).await
    };
    assert_eq!(settings(json!({"retention_days": 31})).await.body["field"], "settings.retention_days");
    assert_eq!(settings(json!({"retention_days": 0})).await.code(), (400, "invalid_request"));
    assert_eq!(
        settings(json!({"default_time_range": "2h"})).await.body["field"],
        "settings.default_time_range"
    );
    assert_eq!(settings(json!({"retention_days": 30})).await.body["settings"], json!({"retention_days": 30}));
    let both = json!({"retention_days": 30, "default_time_range": "7d"});
    assert_eq!(settings(json!({"default_time_range": "7d"})).await.body["settings"], both);
    let one = json!({"default_time_range": "7d"});
    assert_eq!(settings(json!({"retention_days": null})).await.body["settings"], one);
    let renamed = patch(&stage, &login.token, &login.project, json!({"name": "Main"})).await.body;
    assert_eq!((&renamed["name"], &renamed["settings"]), (&json!("Main"), &one));
}

#[tokio::test]
async fn a_key_sees_and_changes_its_own_project_only() {
    let stage = Stage::new().await;
    let login = stage.sign_up_on(Plan::Pro, "ann@x.org").await;
    let other = create(&stage, &login, "Other").await.body["id"].clone();
    let key = stage.key(&login, &["admin"]).await;
    let seen = stage.call("GET", "/api/projects").bearer(&key).send().await.body;
    assert_eq!((seen.as_array().unwrap().len(), &seen[0]["id"]), (1, &json!(login.project)));
    assert_eq!(patch(&stage, &key, &login.project, json!({"name": "x"})).await.status, StatusCode::OK);
    let answer = patch(&stage, &key, other.as_str().unwrap(), json!({"name": "x"})).await;
    assert_eq!(answer.code(), (404, "not_found"));
    let write_only = stage.key(&login, &["write"]).await;
    let answer = patch(&stage, &write_only, &login.project, json!({"name": "x"})).await;
    assert_eq!(answer.code(), (403, "insufficient_scope"));
}

#[tokio::test]
async fn a_deleted_project_takes_its_data_and_keys_along() {
    let stage = Stage::new().await;
    let login = stage.sign_up_on(Plan::Pro, "ann@x.org").await;
    let created = create(&stage, &login, "Doomed").await;
    let there = within(&login, &switch(&stage, &login, &created.body["id"]).await);
    let key = stage.key(&there, &[]).await;
    assert_eq!(stage.call("POST", "/api/traces").bearer(&key).json(&json!({})).await.status, 201);
    let delete = async |project: &str| {
        stage.call("DELETE", &format!("/api/projects/{project}")).bearer(&there.token).send().await
    };
    assert_eq!(delete(&login.project).await.code(), (403, "forbidden"), "the default one");
    let deleted = delete(&there.project).await;
    assert_eq!((deleted.status, &deleted.body), (StatusCode::OK, &json!({"ok": true})));
    assert!(deleted.set_cookie().is_some(), "one goes on in the default project");
    assert_eq!(stage.call("GET", "/api/stats").bearer(&key).send().await.code(), (401, "invalid_api_key"));
    assert_eq!(stage.store.counts(&there.scope()).await.unwrap().traces, 0);
    assert_eq!(stage.identity.list_deleted(10).await.unwrap(), [there.scope()], "the worker finds it");
    let me = stage.call("GET", "/api/auth/me").bearer(&there.token).send().await.body;
    assert_eq!(me["project_id"], json!(login.project), "also with the session that was in it");
    assert_eq!(delete(&there.project).await.code(), (404, "not_found"));
}
