//! What must not be readable, neither in the database nor in the logs.

use conformance::cloud::{PASSWORD, WEBHOOK_SECRET};
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::stage::{Stage, new_email};

/// Returns all rows of all tables as JSON.
async fn whole_database(stage: &Stage) -> String {
    let mut connection = stage.stack.database.connect().await.unwrap();
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.unwrap();
    assert!(tables.len() > 10, "{tables:?}");
    let mut all = String::new();
    for table in tables {
        // The name is one of this database's own.
        let rows = AssertSqlSafe(format!("SELECT row_to_json(t)::text FROM \"{table}\" t"));
        let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(&mut connection).await.unwrap();
        for row in rows {
            all.extend([&table, ": ", &row, "\n"]);
        }
    }
    all
}

#[track_caller]
fn assert_absent(place: &str, text: &str, secrets: &[(&str, &str)]) {
    for (name, secret) in secrets {
        assert!(secret.len() >= 7, "{name}");
        let line = text.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{name} is in {place}: {line:?}");
    }
}

#[tokio::test]
async fn no_secret_is_kept_in_clear_or_logged() {
    let stage = Stage::with(&[("TRACEWAY_LOG", "debug")]).await;
    let ann = stage.tenant_on("team", "ann").await;
    let wrong = json!({"email": ann.email, "password": "a wrong guess at it"});
    assert_eq!(stage.call("POST", "/api/auth/login").json(&wrong).await.status, 401);
    let right = json!({"email": ann.email, "password": PASSWORD});
    let login = stage.call("POST", "/api/auth/login").json(&right).await.text_of("token");
    let bob_email = new_email("bob");
    let used = stage.invite(&ann, &bob_email, "member").await;
    let open = stage.invite(&ann, "carol@example.net", "member").await;
    let accept = json!({"token": used, "password": "the password of bob", "name": "Bob"});
    let bob = stage.call("POST", "/api/auth/accept-invite").json(&accept).await.text_of("token");
    let mut resets = Vec::new();
    for email in [&ann.email, &bob_email] {
        let count = stage.mails(email).len();
        stage.call("POST", "/api/auth/forgot-password").json(&json!({"email": email})).await;
        resets.push(stage.mails_of(email, count + 1).await.pop().unwrap().token().unwrap().to_owned());
    }
    let reset = json!({"token": resets[1], "password": "the new one of bob"});
    assert_eq!(stage.call("POST", "/api/auth/reset-password").json(&reset).await.status, 200);
    for replica in 0..2 {
        let events = format!("/api/events?token={}", ann.api_key);
        assert_eq!(stage.on(replica, "GET", &events).open().await.status(), 200);
        assert_eq!(stage.on(replica, "GET", "/api/traces").bearer(&ann.api_key).send().await.status, 200);
        let cookie = format!("session={login}");
        assert_eq!(stage.on(replica, "GET", "/api/org").header("cookie", &cookie).send().await.status, 200);
        let false_key = format!("{}secret-tail-of-it", &ann.api_key[..20]);
        assert_eq!(stage.on(replica, "GET", "/api/traces").bearer(&false_key).send().await.status, 401);
        let broken =
            stage.on(replica, "GET", "/api/org").header("authorization", "Basic YmFzaWMtc2VjcmV0").send();
        assert_eq!(broken.await.status, 401);
    }
    let kept = [
        ("the password", PASSWORD),
        ("a wrong password", "a wrong guess at it"),
        ("the password of a member", "the password of bob"),
        ("the new password", "the new one of bob"),
        ("the key", ann.api_key.as_str()),
        ("the session", ann.token.as_str()),
        ("the second session", login.as_str()),
        ("the member's session", bob.as_str()),
        ("the used invite", used.as_str()),
        ("the open invite", open.as_str()),
        ("the open reset", resets[0].as_str()),
        ("the used reset", resets[1].as_str()),
        ("the tail of a false key", "secret-tail-of-it"),
        ("malformed credentials", "YmFzaWMtc2VjcmV0"),
        ("the signing secret", "tests need a secret of 32 characters too"),
        ("the webhook secret", WEBHOOK_SECRET),
        ("the mail key", "re_test"),
        ("the billing token", "polar_test"),
        ("the store's key", "tpuf_test"),
    ];
    let database = whole_database(&stage).await;
    assert!(database.contains(&ann.email) && database.contains(&ann.api_key[..16]), "the rows are read");
    assert_absent("the database", &database, &kept);
    let log = stage.stack.log();
    assert!(log.contains("DEBUG"), "the log has all levels");
    assert_absent("the log", &log, &kept);
}
