//! Projects: separate bodies of data in one organisation.

use serde_json::{Value, json};

use crate::stage::{Stage, soon};

#[tokio::test]
async fn projects_are_apart_and_a_deleted_one_takes_its_keys_along() {
    let stage = Stage::new().await;
    let ann = stage.tenant_on("pro", "ann").await;
    let created =
        stage.on(0, "POST", "/api/projects").bearer(&ann.token).json(&json!({"name": "Other One"})).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let slug = created.text_of("slug");
    assert!(slug.starts_with("other-one-") && slug.len() == "other-one-".len() + 6, "{slug}");
    let id = created.text_of("id");
    let wish = json!({"project_id": id});
    let switched = stage.on(1, "POST", "/api/projects/switch").bearer(&ann.token).json(&wish).await;
    assert_eq!((switched.status, &switched["id"]), (200, &json!(id)), "{}", switched.text);
    assert!(switched.cookie().starts_with("session="));
    let there = switched.text_of("token");
    let key = stage.call("POST", "/api/org/api-keys").bearer(&there).json(&json!({"name": "k"})).await;
    let key = key.text_of("key");
    let span = json!({"id": "s", "trace_id": "t", "name": "there"});
    assert_eq!(stage.call("POST", "/api/spans").bearer(&key).json(&span).await.status, 201);
    for replica in 0..2 {
        let find =
            async |token: &str| stage.on(replica, "GET", "/api/spans/s").bearer(token).send().await.status;
        assert_eq!((find(&there).await, find(&key).await), (200, 200));
        assert_eq!((find(&ann.token).await, find(&ann.api_key).await), (404, 404), "the default project");
        let listed = stage.on(replica, "GET", "/api/projects").bearer(&ann.token).send().await;
        let names: Vec<&Value> = listed.as_array().unwrap().iter().map(|project| &project["name"]).collect();
        assert_eq!(names, ["Default", "Other One"]);
    }
    let patch = async |settings: Value| {
        let call = stage.call("PATCH", &format!("/api/projects/{id}")).bearer(&ann.token);
        call.json(&json!({"settings": settings})).await
    };
    assert_eq!(patch(json!({"retention_days": 31})).await.code(), (400, "invalid_request"), "pro keeps 30");
    assert_eq!(patch(json!({"retention_days": 30})).await["settings"]["retention_days"], 30);
    let delete = async |id: &str| {
        stage.on(0, "DELETE", &format!("/api/projects/{id}")).bearer(&ann.token).send().await
    };
    assert_eq!(delete(&ann.project_id).await.code(), (403, "forbidden"), "the default one stays");
    assert_eq!(delete(&id).await.body, json!({"ok": true}));
    assert_eq!(delete(&id).await.code(), (404, "not_found"));
    for replica in 0..2 {
        soon("the key goes with its project", || async {
            stage.on(replica, "GET", "/api/traces").bearer(&key).send().await.is(401, "invalid_api_key")
        })
        .await;
        soon("the session is back in the default project", || async {
            let me = stage.on(replica, "GET", "/api/auth/me").bearer(&there).send().await;
            if me["project_id"] == json!(ann.project_id) { Ok(()) } else { Err(me.text) }
        })
        .await;
    }
}

#[tokio::test]
async fn projects_of_others_do_not_exist() {
    let stage = Stage::new().await;
    let (ann, bob) = (stage.tenant("ann").await, stage.tenant("bob").await);
    for replica in 0..2 {
        let wish = json!({"project_id": bob.project_id});
        let switch = stage.on(replica, "POST", "/api/projects/switch").bearer(&ann.token).json(&wish).await;
        assert_eq!(switch.code(), (404, "not_found"));
        let path = format!("/api/projects/{}", bob.project_id);
        let renamed =
            stage.on(replica, "PATCH", &path).bearer(&ann.token).json(&json!({"name": "mine"})).await;
        assert_eq!(renamed.code(), (404, "not_found"));
        assert_eq!(
            stage.on(replica, "DELETE", &path).bearer(&ann.token).send().await.code(),
            (404, "not_found")
        );
    }
}
