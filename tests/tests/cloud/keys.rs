//! API keys.

use conformance::cloud::wrong_key;
use serde_json::{Value, json};

use crate::stage::{Answer, Stage, soon};

#[tokio::test]
async fn a_key_is_shown_once_and_works_everywhere_until_it_is_revoked() {
    let stage = Stage::new().await;
    let ann = stage.tenant_on("pro", "ann").await;
    let wish = json!({"name": "ci"});
    let created = stage.on(0, "POST", "/api/org/api-keys").bearer(&ann.token).json(&wish).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let key = created.text_of("key");
    assert_eq!((key.len(), &key[..6], created["key_prefix"].as_str()), (38, "tw_sk_", Some(&key[..16])));
    let scopes = ["traces_read", "traces_write", "datasets_read", "datasets_write", "analytics_read"];
    assert_eq!(created["scopes"], json!(scopes));
    let read = async |replica: usize, key: &str| -> Answer {
        stage.on(replica, "GET", "/api/traces").bearer(key).send().await
    };
    for replica in 0..2 {
        let listed = stage.on(replica, "GET", "/api/org/api-keys").bearer(&ann.token).send().await;
        assert!(!listed.text.contains(&key), "{}", listed.text);
        let names: Vec<&Value> = listed.as_array().unwrap().iter().map(|key| &key["name"]).collect();
        assert_eq!(names.len(), 2);
        // Remembered from here on.
        assert_eq!(read(replica, &key).await.status, 200);
        assert_eq!(read(replica, &wrong_key(&key)).await.code(), (401, "invalid_api_key"));
    }
    for (method, path) in
        [("GET", "/api/org/api-keys"), ("POST", "/api/org/api-keys"), ("GET", "/api/org/invites")]
    {
        let answer = stage.call(method, path).bearer(&ann.api_key).json(&wish).await;
        assert_eq!(answer.status, 403, "{method} {path} is for sessions: {}", answer.text);
    }
    let path = format!("/api/org/api-keys/{}", created.text_of("id"));
    assert_eq!(stage.on(0, "DELETE", &path).bearer(&ann.token).send().await.body, json!({"ok": true}));
    assert_eq!(read(0, &key).await.code(), (401, "invalid_api_key"));
    soon("the key is refused elsewhere", || async { read(1, &key).await.is(401, "invalid_api_key") }).await;
    assert_eq!(stage.on(1, "DELETE", &path).bearer(&ann.token).send().await.code(), (404, "not_found"));
    assert_eq!(read(1, &ann.api_key).await.status, 200, "other keys stay");
}

#[tokio::test]
async fn a_key_may_do_what_its_scopes_say_until_it_expires() {
    let stage = Stage::new().await;
    let ann = stage.tenant_on("pro", "ann").await;
    let create = async |wish: Value| {
        let answer = stage.call("POST", "/api/org/api-keys").bearer(&ann.token).json(&wish).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.text_of("key")
    };
    let reader = create(json!({"name": "r", "scopes": ["read"]})).await;
    let soon_over = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(5);
    let short = create(json!({"name": "s", "expires_at": soon_over.to_string()})).await;
    let span = json!({"trace_id": "t", "name": "n"});
    for replica in 0..2 {
        assert_eq!(stage.on(replica, "GET", "/api/traces").bearer(&reader).send().await.status, 200);
        let refused = stage.on(replica, "POST", "/api/spans").bearer(&reader).json(&span).await;
        assert_eq!(refused.code(), (403, "insufficient_scope"));
        assert!(refused["error"].as_str().unwrap().contains("traces_write"), "{}", refused.text);
    }
    let over = std::time::Duration::try_from(soon_over.duration_since(jiff::Timestamp::now()));
    tokio::time::sleep(over.unwrap_or_default() + std::time::Duration::from_millis(100)).await;
    for replica in 0..2 {
        let answer = stage.on(replica, "GET", "/api/traces").bearer(&short).send().await;
        assert_eq!(answer.status, 401, "{}", answer.text);
    }
}
