//! Signing up, logging in and out, and getting back in.

use conformance::cloud::PASSWORD;
use serde_json::json;

use crate::stage::{Answer, Stage, new_email, soon};

async fn log_in(stage: &Stage, email: &str, password: &str) -> Answer {
    let wish = json!({"email": email, "password": password});
    stage.call("POST", "/api/auth/login").json(&wish).await
}

async fn me(stage: &Stage, replica: usize, token: &str) -> Answer {
    stage.on(replica, "GET", "/api/auth/me").bearer(token).send().await
}

#[tokio::test]
async fn an_account_is_the_same_on_all_replicas() {
    let stage = Stage::new().await;
    let config = stage.call("GET", "/api/auth/config").send().await;
    assert_eq!(config.body, json!({"mode": "cloud", "features": ["auth", "teams", "api_keys", "billing"]}));
    let wish = json!({"email": " Ann@Example.org ", "password": PASSWORD, "name": "Ann"});
    let account = stage.on(0, "POST", "/api/auth/signup").json(&wish).await;
    assert_eq!(account.status, 201, "{}", account.text);
    assert_eq!((&account["email"], &account["role"]), (&json!("ann@example.org"), &json!("owner")));
    let token = account.text_of("token");
    let cookie = account.cookie();
    assert!(cookie.starts_with(&format!("session={token}; ")), "{cookie}");
    for attribute in ["HttpOnly", "Path=/", "Max-Age=2592000", "SameSite=Lax"] {
        assert!(cookie.split("; ").any(|word| word == attribute), "{attribute} in {cookie}");
    }
    for replica in 0..2 {
        let known = me(&stage, replica, &token).await;
        assert_eq!((&known["user_id"], &known["org_id"]), (&account["user_id"], &account["org_id"]));
        assert_eq!((&known["name"], &known["is_local_mode"]), (&json!("Ann"), &json!(false)));
        assert_eq!(known["scopes"].as_array().unwrap().len(), 6);
        let by_cookie = stage
            .on(replica, "GET", "/api/auth/me")
            .header("cookie", &format!("session={token}"))
            .send()
            .await;
        assert_eq!(by_cookie.body, known.body);
        let in_query = stage.on(replica, "GET", &format!("/api/auth/me?token={token}")).send().await;
        assert_eq!(in_query.code(), (401, "missing_auth"), "only the event stream takes it from the query");
    }
    let org = stage.call("GET", "/api/org").bearer(&token).send().await;
    assert_eq!((&org["name"], &org["plan"]), (&json!("ann's Org"), &json!("free")));
    let again = stage.on(1, "POST", "/api/auth/signup").json(&wish).await;
    assert_eq!(again.code(), (409, "conflict"));
    let short = json!({"email": "bob@example.org", "password": "1234567"});
    let short = stage.call("POST", "/api/auth/signup").json(&short).await;
    assert_eq!((short.code(), &short["field"]), ((400, "invalid_request"), &json!("password")));

    let login = log_in(&stage, "ann@example.org", PASSWORD).await;
    assert_eq!((login.status, &login["user_id"]), (200, &account["user_id"]));
    let wrong = log_in(&stage, "ann@example.org", "wrong password").await;
    let unknown = log_in(&stage, "nobody@example.org", PASSWORD).await;
    assert_eq!((wrong.code(), &wrong.body), ((401, "invalid_auth"), &unknown.body), "one answer for both");
    let logout = stage.call("POST", "/api/auth/logout").bearer(&token).send().await;
    assert_eq!((logout.status, &logout.body), (200, &json!({"ok": true})));
    assert!(logout.cookie().starts_with("session=; ") && logout.cookie().contains("Max-Age=0"));
}

#[tokio::test]
async fn logins_are_counted_over_all_replicas() {
    let stage = Stage::new().await;
    for _ in 0..10 {
        // A refusal before the password is looked at counts, too.
        assert_eq!(log_in(&stage, "nobody", "x").await.status, 400);
    }
    for replica in 0..2 {
        let wish = json!({"email": "nobody", "password": "x"});
        let limited = stage.on(replica, "POST", "/api/auth/login").json(&wish).await;
        assert_eq!(limited.code(), (429, "rate_limited"));
        let wait: u64 = limited.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        let other = stage.on(replica, "POST", "/api/auth/login").header("x-forwarded-for", "192.0.2.77");
        // Two addresses: the first one counts, which is the limited one.
        assert_eq!(other.json(&wish).await.status, 429);
    }
    let email = new_email("carol");
    let forgot =
        async || stage.call("POST", "/api/auth/forgot-password").json(&json!({"email": email})).await.status;
    let asked = [forgot().await, forgot().await, forgot().await, forgot().await];
    assert_eq!(asked, [200, 200, 200, 429]);
}

#[tokio::test]
async fn a_write_with_the_cookie_needs_an_origin_of_ours() {
    let stage = Stage::with(&[("APP_URL", "https://app.example")]).await;
    let ann = stage.tenant("ann").await;
    let cookie = format!("theme=dark; session={}", ann.token);
    let own = stage.stack.replicas[0].api.clone();
    let create = async |name: &str, origin: Option<(&str, &str)>| {
        let call = stage.on(0, "POST", "/api/projects").header("cookie", &cookie);
        let call = origin.into_iter().fold(call, |call, (header, value)| call.header(header, value));
        call.json(&json!({"name": name})).await
    };
    for (name, origin) in [
        ("none", None),
        ("foreign", Some(("origin", "https://evil.example"))),
        ("null", Some(("origin", "null"))),
        ("longer", Some(("origin", "https://app.example.evil.example"))),
        ("path", Some(("referer", "https://evil.example/https://app.example/"))),
    ] {
        assert_eq!(create(name, origin).await.code(), (403, "forbidden"), "{name}");
    }
    let referer = format!("{own}/settings");
    for (name, origin) in [
        ("app", ("origin", "https://app.example")),
        ("host", ("origin", own.as_str())),
        ("page", ("referer", referer.as_str())),
    ] {
        let answer = create(name, Some(origin)).await;
        assert_eq!(answer.status, 201, "{name}: {}", answer.text);
    }
    let bearer =
        stage.call("POST", "/api/projects").bearer(&ann.token).header("origin", "https://evil.example");
    assert_eq!(bearer.json(&json!({"name": "bearer"})).await.status, 201, "a header is no cookie");
    let names = stage.call("GET", "/api/projects").header("cookie", &cookie).send().await;
    let names: Vec<&str> = names.as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Default", "app", "host", "page", "bearer"]);
    let foreign = stage.call("POST", "/api/auth/login").header("origin", "https://evil.example");
    let foreign = foreign.json(&json!({"email": ann.email, "password": PASSWORD})).await;
    assert_eq!((foreign.status, foreign.cookie()), (200, ""), "a foreign page logs nobody in");
}

#[tokio::test]
async fn a_new_password_ends_all_sessions_on_all_replicas() {
    let stage = Stage::new().await;
    let ann = stage.tenant("ann").await;
    let forgot = async |email: &str| {
        stage.call("POST", "/api/auth/forgot-password").json(&json!({"email": email})).await
    };
    let reset = async |token: &str, password: &str| {
        let wish = json!({"token": token, "password": password});
        stage.on(0, "POST", "/api/auth/reset-password").json(&wish).await
    };
    let nobody = new_email("nobody");
    let unknown = forgot(&nobody).await;
    let known = forgot(&ann.email).await;
    assert_eq!((known.status, &known.text), (200, &unknown.text), "nobody learns who has an account");
    let mail = stage.mail(&ann.email).await;
    let link = format!("/reset-password?token={}", mail.token().unwrap());
    assert!(mail.text.contains(&link) && mail.html.contains(&link) && mail.text.contains("hour"), "{mail:?}");
    let token = mail.token().unwrap();
    assert_eq!(token.len(), 43, "32 random bytes as base64url");
    for replica in 0..2 {
        assert_eq!(me(&stage, replica, &ann.token).await.status, 200);
    }
    assert_eq!(reset(token, "short").await["field"], "password");
    assert_eq!(reset(token, "a new password").await.body, json!({"ok": true}));
    assert_eq!(me(&stage, 0, &ann.token).await.code(), (401, "expired_session"));
    soon("the session ends elsewhere", || async {
        me(&stage, 1, &ann.token).await.is(401, "expired_session")
    })
    .await;
    assert_eq!(reset(token, "one more password").await.code(), (400, "invalid_request"), "used once");
    assert_eq!(log_in(&stage, &ann.email, PASSWORD).await.status, 401);
    let login = log_in(&stage, &ann.email, "a new password").await;
    for replica in 0..2 {
        assert_eq!(me(&stage, replica, &login.text_of("token")).await.status, 200);
    }
    assert_eq!(stage.mails(&nobody), []);
    let key = stage.call("GET", "/api/traces").bearer(&ann.api_key).send().await;
    assert_eq!(key.status, 200, "keys are no sessions");
}
