//! Signing up, logging in and out, getting back in.

use argon2::PasswordHasher;
use argon2::password_hash::phc::PasswordHash;
use http::StatusCode;
use serde_json::{Value, json};
use trace::ports::{Accounts, Revocation, Revocations};

use crate::stage::{Answer, Login, PASSWORD, Stage, Wishes};

async fn log_in(stage: &Stage, email: &str, password: &str) -> Answer {
    stage.call("POST", "/api/auth/login").json(&json!({"email": email, "password": password})).await
}

async fn me(stage: &Stage, token: &str) -> Answer {
    stage.call("GET", "/api/auth/me").bearer(token).send().await
}

#[tokio::test]
async fn signing_up_makes_an_owner_with_an_organisation_and_a_project() {
    let stage = Stage::new().await;
    let body = json!({"email": " Ann@Example.COM ", "password": PASSWORD, "name": "Ann", "more": 1});
    let answer = stage.call("POST", "/api/auth/signup").json(&body).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let login = Login::of(&answer);
    let cookie = format!("session={}; HttpOnly; Path=/; Max-Age=2592000; SameSite=Lax; Secure", login.token);
    assert_eq!(answer.set_cookie(), Some(cookie.as_str()));
    assert_eq!(answer.body["expires_at"], "2025-01-31T00:00:00Z");
    let me = me(&stage, &login.token).await.body;
    let expected = json!({
        "org_id": login.org, "project_id": login.project, "user_id": login.user,
        "scopes": ["traces_read", "traces_write", "datasets_read", "datasets_write", "analytics_read", "admin"],
        "is_local_mode": false, "email": "ann@example.com", "name": "Ann", "role": "owner",
        "organizations": [{"id": login.org, "name": "ann's Org", "slug": "ann-s-org", "role": "owner"}],
    });
    assert_eq!(me, expected);
    let projects = stage.call("GET", "/api/projects").bearer(&login.token).send().await.body;
    assert_eq!((&projects[0]["name"], &projects[0]["slug"]), (&json!("Default"), &json!("default")));
}

#[tokio::test]
async fn a_sign_up_that_cannot_be_says_which_member_is_wrong() {
    let stage = Stage::new().await;
    let long = "x".repeat(1025);
    for (body, field) in [
        (json!({"password": PASSWORD}), "email"),
        (json!({"email": "a@x.org"}), "password"),
        (json!({"email": "ann", "password": PASSWORD}), "email"),
        (json!({"email": "a@x.org", "password": "1234567"}), "password"),
        (json!({"email": "a@x.org", "password": long}), "password"),
        (json!({"email": "a@x.org", "password": PASSWORD, "name": "a\u{0}b"}), "name"),
        (json!({"email": "a@x.org", "password": PASSWORD, "org_name": "x".repeat(201)}), "org_name"),
    ] {
        let answer = stage.call("POST", "/api/auth/signup").json(&body).await;
        assert_eq!((answer.code(), &answer.body["field"]), ((400, "invalid_request"), &json!(field)));
    }
    stage.sign_up("a@x.org").await;
    let body = json!({"email": "A@x.org", "password": PASSWORD});
    assert_eq!(stage.call("POST", "/api/auth/signup").json(&body).await.code(), (409, "conflict"));
}

#[tokio::test]
async fn logging_in_takes_the_right_password_and_says_nothing_about_a_wrong_one() {
    let stage = Stage::new().await;
    let login = stage.sign_up("ann@x.org").await;
    let answer = log_in(&stage, " ANN@x.org", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(Login::of(&answer).project, login.project);
    assert!(answer.set_cookie().is_some());
    let (wrong, unknown) =
        (log_in(&stage, "ann@x.org", "x").await, log_in(&stage, "bob@x.org", PASSWORD).await);
    assert_eq!(wrong.code(), (401, "invalid_auth"));
    assert_eq!(wrong.body, unknown.body);
    let missing = stage.call("POST", "/api/auth/login").json(&json!({"email": "ann@x.org"})).await;
    assert_eq!(missing.code(), (400, "invalid_request"));
    assert_eq!(log_in(&stage, "ann@x.org", &"x".repeat(5000)).await.code(), (401, "invalid_auth"));
}

#[tokio::test]
async fn a_weak_hash_is_replaced_at_login() {
    let stage = Stage::new().await;
    stage.sign_up("ann@x.org").await;
    let stored = async || {
        let email = trace::identity::Email::parse("ann@x.org").unwrap();
        stage.identity.find_by_email(&email).await.unwrap().unwrap()
    };
    let before = stored().await;
    log_in(&stage, "ann@x.org", PASSWORD).await;
    assert_eq!(stored().await.password_hash, before.password_hash, "a strong one stays");
    let weaker = argon2::Params::new(8, 1, 1, None).unwrap();
    let weaker = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, weaker);
    let weak: PasswordHash = weaker.hash_password_with_salt(PASSWORD.as_bytes(), &[1; 16]).unwrap();
    stage.identity.rehash(before.user.id, &weak.to_string()).await.unwrap();
    assert_eq!(log_in(&stage, "ann@x.org", "x").await.code(), (401, "invalid_auth"));
    assert_eq!(stored().await.password_hash, weak.to_string(), "a wrong password replaces nothing");
    assert_eq!(log_in(&stage, "ann@x.org", PASSWORD).await.status, StatusCode::OK);
    assert!(stored().await.password_hash.starts_with("$argon2id$v=19$m=16,t=1,p=1$"));
    assert_eq!(log_in(&stage, "ann@x.org", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn logging_out_clears_the_cookie() {
    let stage = Stage::new().await;
    let answer = stage.call("POST", "/api/auth/logout").send().await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, json!({"ok": true})));
    let cleared = "session=; HttpOnly; Path=/; Max-Age=0; SameSite=Lax; Secure";
    assert_eq!(answer.headers["set-cookie"], cleared);
}

#[tokio::test]
async fn a_foreign_page_gets_a_token_but_no_cookie() {
    let stage = Stage::with(Wishes { origins: Some("https://app.example"), ..Wishes::default() }).await;
    stage.sign_up("ann@x.org").await;
    let body = json!({"email": "ann@x.org", "password": PASSWORD});
    let from =
        async |origin: &str| stage.call("POST", "/api/auth/login").header("origin", origin).json(&body).await;
    let own = from("https://app.example").await;
    assert!(own.set_cookie().unwrap().contains("SameSite=None; Secure"));
    let foreign = from("https://evil.example").await;
    assert_eq!((foreign.status, foreign.set_cookie()), (StatusCode::OK, None));
}

#[tokio::test]
async fn the_configuration_names_what_there_is() {
    let config = Stage::new().await.call("GET", "/api/auth/config").send().await.body;
    assert_eq!(config, json!({"mode": "cloud", "features": ["auth", "teams", "api_keys"]}));
}

async fn forgot(stage: &Stage, email: &str, ip: &str) -> Answer {
    let call = stage.call("POST", "/api/auth/forgot-password").header("x-forwarded-for", ip);
    call.json(&json!({"email": email})).await
}

async fn reset(stage: &Stage, token: &str, password: &str) -> Answer {
    let body = json!({"token": token, "password": password});
    stage.call("POST", "/api/auth/reset-password").json(&body).await
}

#[tokio::test]
async fn a_reset_sets_the_password_once_and_ends_sessions() {
    let stage = Stage::new().await;
    let login = stage.sign_up("ann@x.org").await;
    assert_eq!(me(&stage, &login.token).await.status, StatusCode::OK);
    stage.clock.advance_secs(1);
    let (known, unknown) = (forgot(&stage, "ann@x.org", "1").await, forgot(&stage, "bob@x.org", "1").await);
    assert_eq!((known.status, &known.body), (StatusCode::OK, &unknown.body));
    assert_eq!(known.body["ok"], true);
    let token = stage.mailed_token().await;
    assert_eq!(stage.resend.sent().len(), 1, "nobody writes to an unknown address");
    assert_eq!(reset(&stage, &token, "short").await.body["field"], "password");
    assert_eq!(reset(&stage, &token, "a new password").await.body, json!({"ok": true}));
    assert_eq!(reset(&stage, &token, "another password").await.body["field"], "token");
    assert_eq!(me(&stage, &login.token).await.code(), (401, "expired_session"));
    assert_eq!(log_in(&stage, "ann@x.org", PASSWORD).await.code(), (401, "invalid_auth"));
    let again = Login::of(&log_in(&stage, "ann@x.org", "a new password").await);
    assert_eq!(me(&stage, &again.token).await.status, StatusCode::OK, "a session begun in the same second");
}

#[tokio::test]
async fn a_reset_works_for_an_hour_and_the_newest_only() {
    let stage = Stage::new().await;
    stage.sign_up("ann@x.org").await;
    forgot(&stage, "ann@x.org", "1").await;
    let first = stage.mailed_token().await;
    forgot(&stage, "ann@x.org", "1").await;
    let second = stage.mailed_token().await;
    assert_eq!(reset(&stage, &first, "a new password").await.code(), (400, "invalid_request"));
    stage.clock.advance_secs(3600);
    assert_eq!(reset(&stage, &second, "a new password").await.code(), (400, "invalid_request"));
}

#[tokio::test]
async fn logins_and_resets_are_limited_by_address_and_never_by_a_broken_limiter() {
    let stage = Stage::new().await;
    stage.sign_up("ann@x.org").await;
    let log_in = async |ip: &str| {
        let body: Value = json!({"email": "ann@x.org", "password": PASSWORD});
        stage.call("POST", "/api/auth/login").header("x-forwarded-for", ip).json(&body).await
    };
    for _ in 0..10 {
        assert_eq!(log_in("10.0.0.1, 10.9.9.9").await.status, StatusCode::OK);
    }
    stage.clock.advance_secs(20);
    let limited = log_in("10.0.0.1").await;
    assert_eq!((limited.code(), &limited.body["retry_after"]), ((429, "rate_limited"), &json!(40)));
    assert_eq!(limited.headers["retry-after"], "40");
    assert_eq!(log_in("10.0.0.2").await.status, StatusCode::OK);
    for _ in 0..3 {
        assert_eq!(forgot(&stage, "bob@x.org", "a").await.status, StatusCode::OK);
    }
    assert_eq!(forgot(&stage, "bob@x.org", "b").await.code(), (429, "rate_limited"));
    for number in 0..7 {
        assert_eq!(forgot(&stage, &format!("c{number}@x.org"), "a").await.status, StatusCode::OK);
    }
    assert_eq!(forgot(&stage, "d@x.org", "a").await.code(), (429, "rate_limited"));
    let keys = stage.limiter.keys().join(" ");
    assert!(!keys.contains('@') && !keys.contains("10.0.0"), "{keys}");
    stage.limiter.take_down();
    assert_eq!(log_in("10.0.0.1").await.status, StatusCode::OK);
}

#[tokio::test]
async fn somebody_without_an_organisation_cannot_log_in() {
    let stage = Stage::new().await;
    let owner = stage.sign_up_on(trace::identity::Plan::Pro, "ann@x.org").await;
    let member = stage.join(&owner, "bob@x.org", "member").await;
    let path = format!("/api/org/members/{}", member.user);
    assert_eq!(stage.call("DELETE", &path).bearer(&owner.token).send().await.status, StatusCode::OK);
    assert_eq!(log_in(&stage, "bob@x.org", PASSWORD).await.code(), (403, "forbidden"));
    stage.revocations.publish(Revocation::All).await.unwrap();
    assert_eq!(me(&stage, &member.token).await.code(), (401, "expired_session"));
}
