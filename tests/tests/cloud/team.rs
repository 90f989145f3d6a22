//! Invites, members, roles, and people in several organisations.

use conformance::cloud::PASSWORD;
use serde_json::{Value, json};

use crate::stage::{Stage, soon};

#[tokio::test]
async fn an_invite_is_mailed_used_once_and_makes_a_member() {
    let stage = Stage::new().await;
    let ann = stage.tenant_on("team", "ann").await;
    let wish = json!({"email": "Bob@Example.net", "role": "viewer"});
    let invite = stage.on(0, "POST", "/api/org/invites").bearer(&ann.token).json(&wish).await;
    assert_eq!((invite.status, &invite["email_sent"]), (201, &json!(true)), "{}", invite.text);
    let by_key = stage.call("POST", "/api/org/invites").bearer(&ann.api_key).json(&wish).await;
    assert_eq!(by_key.code(), (403, "forbidden"), "an API key invites nobody");
    let mail = stage.mail("bob@example.net").await;
    let link = format!("/accept-invite?token={}", mail.token().unwrap());
    assert!(mail.text.contains(&link) && mail.html.contains(&link), "{mail:?}");
    assert!(mail.text.contains("ann Inc") && mail.text.contains("7 days"), "{mail:?}");
    let accept = async |replica: usize, password: &str| {
        let wish = json!({"token": mail.token(), "password": password, "name": "Bob"});
        stage.on(replica, "POST", "/api/auth/accept-invite").json(&wish).await
    };
    assert_eq!(accept(1, "short").await["field"], "password");
    let joined = accept(1, PASSWORD).await;
    assert_eq!((joined.status, &joined["org_id"]), (201, &json!(ann.org_id)));
    assert!(joined.cookie().starts_with("session="));
    for replica in 0..2 {
        assert_eq!(accept(replica, PASSWORD).await.code(), (400, "invalid_request"), "used once");
        let members = stage.on(replica, "GET", "/api/org/members").bearer(&ann.token).send().await;
        let roles: Vec<&Value> = members.as_array().unwrap().iter().map(|member| &member["role"]).collect();
        assert_eq!(roles, ["owner", "viewer"]);
        let invites = stage.on(replica, "GET", "/api/org/invites").bearer(&ann.token).send().await;
        assert_eq!(invites.body, json!([]));
    }
    let again = stage.call("POST", "/api/org/invites").bearer(&ann.token).json(&wish).await;
    assert_eq!(again.code(), (409, "conflict"));
}

#[tokio::test]
async fn a_role_decides_what_one_may_do_and_changes_at_once() {
    let stage = Stage::new().await;
    let ann = stage.tenant_on("team", "ann").await;
    let bob = stage.join(&ann, "bob@example.net", "viewer").await;
    let (token, id) = (bob.text_of("token"), bob.text_of("user_id"));
    let span = json!({"trace_id": "t", "name": "n"});
    let write =
        async |replica: usize| stage.on(replica, "POST", "/api/spans").bearer(&token).json(&span).await;
    for replica in 0..2 {
        assert_eq!(stage.on(replica, "GET", "/api/traces").bearer(&token).send().await.status, 200);
        assert_eq!(write(replica).await.code(), (403, "insufficient_scope"));
        for path in ["/api/org/api-keys", "/api/org/invites"] {
            let answer = stage.on(replica, "GET", path).bearer(&token).send().await;
            assert_eq!(answer.code(), (403, "insufficient_scope"), "{path}");
        }
    }
    let role = async |by: &str, user: &str, role: &str| {
        let call = stage.on(0, "PATCH", &format!("/api/org/members/{user}")).bearer(by);
        call.json(&json!({"role": role})).await
    };
    assert_eq!(role(&ann.token, &ann.user_id, "admin").await.code(), (403, "forbidden"), "the only owner");
    assert_eq!(role(&ann.token, &id, "member").await["role"], "member");
    assert_eq!(write(0).await.status, 201);
    soon("the role holds elsewhere", || async {
        let answer = write(1).await;
        if answer.status == 201 { Ok(()) } else { Err(answer.text) }
    })
    .await;
    assert_eq!(role(&token, &id, "admin").await.code(), (403, "insufficient_scope"));
    assert_eq!(role(&ann.token, &id, "admin").await["role"], "admin");
    soon("an admin manages the team", || async {
        let answer = stage.on(1, "GET", "/api/org/invites").bearer(&token).send().await;
        if answer.status == 200 { Ok(()) } else { Err(answer.text) }
    })
    .await;
    assert_eq!(role(&token, &id, "owner").await.code(), (403, "forbidden"), "owners are made by owners");
}

#[tokio::test]
async fn somebody_removed_is_out_on_all_replicas_at_once() {
    let stage = Stage::new().await;
    let ann = stage.tenant_on("team", "ann").await;
    let bob = stage.join(&ann, "bob@example.net", "member").await;
    let token = bob.text_of("token");
    for replica in 0..2 {
        assert_eq!(stage.on(replica, "GET", "/api/traces").bearer(&token).send().await.status, 200);
    }
    let path = format!("/api/org/members/{}", bob.text_of("user_id"));
    assert_eq!(stage.on(1, "DELETE", &path).bearer(&ann.token).send().await.body, json!({"ok": true}));
    for replica in [1, 0] {
        soon("the session is over", || async {
            stage.on(replica, "GET", "/api/traces").bearer(&token).send().await.is(401, "expired_session")
        })
        .await;
    }
}

#[tokio::test]
async fn an_account_joins_another_organisation_with_its_password_and_switches() {
    let stage = Stage::new().await;
    let (ann, bob) = (stage.tenant_on("team", "ann").await, stage.tenant("bob").await);
    let token = stage.invite(&ann, &bob.email, "member").await;
    let accept = async |password: &str| {
        let wish = json!({"token": token, "password": password});
        stage.call("POST", "/api/auth/accept-invite").json(&wish).await
    };
    assert_eq!(accept("another password").await.code(), (401, "invalid_auth"));
    let joined = accept(PASSWORD).await;
    assert_eq!((joined.status, &joined["user_id"]), (201, &json!(bob.user_id)));
    let switch = async |token: &str, org: &str| {
        stage.call("POST", "/api/org/switch").bearer(token).json(&json!({"org_id": org})).await
    };
    let there = switch(&bob.token, &ann.org_id).await;
    assert_eq!((there.status, &there["role"]), (200, &json!("member")));
    assert!(there.cookie().starts_with("session="));
    assert_eq!(switch(&ann.token, &bob.org_id).await.code(), (404, "not_found"), "not a member");
    for replica in 0..2 {
        let me = stage.on(replica, "GET", "/api/auth/me").bearer(&there.text_of("token")).send().await;
        assert_eq!((&me["org_id"], &me["project_id"]), (&json!(ann.org_id), &json!(ann.project_id)));
        assert_eq!(me["organizations"].as_array().unwrap().len(), 2);
        let before = stage.on(replica, "GET", "/api/auth/me").bearer(&bob.token).send().await;
        assert_eq!(before["org_id"], json!(bob.org_id), "the earlier session stays where it was");
    }
}
