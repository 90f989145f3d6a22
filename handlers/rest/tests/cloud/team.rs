//! Members and invites.

use http::StatusCode;
use serde_json::{Value, json};
use trace::identity::Plan;
use trace::ports::Orgs;

use crate::stage::{Answer, Login, PASSWORD, Stage, Wishes};

async fn invite(stage: &Stage, by: &Login, body: Value) -> Answer {
    stage.call("POST", "/api/org/invites").bearer(&by.token).json(&body).await
}

async fn accept(stage: &Stage, body: Value) -> Answer {
    stage.call("POST", "/api/auth/accept-invite").json(&body).await
}

async fn list(stage: &Stage, by: &Login, path: &str) -> Value {
    stage.call("GET", path).bearer(&by.token).send().await.body
}

async fn change(stage: &Stage, by: &Login, user: &str, role: &str) -> Answer {
    let call = stage.call("PATCH", &format!("/api/org/members/{user}")).bearer(&by.token);
    call.json(&json!({"role": role})).await
}

async fn remove(stage: &Stage, by: &Login, user: &str) -> Answer {
    stage.call("DELETE", &format!("/api/org/members/{user}")).bearer(&by.token).send().await
}

#[tokio::test]
async fn an_invite_becomes_a_member() {
    let stage = Stage::new().await;
    let owner = stage.sign_up_on(Plan::Pro, "ann@x.org").await;
    let created = invite(&stage, &owner, json!({"email": " Bob@X.org "})).await;
    assert_eq!(created.status, StatusCode::CREATED);
    let expected = json!({
        "id": created.body["id"], "email": "bob@x.org", "role": "member", "invited_by": owner.user,
        "expires_at": "2025-01-08T00:00:00Z", "created_at": "2025-01-01T00:00:00Z", "email_sent": true,
    });
    assert_eq!(created.body, expected);
    assert_eq!(list(&stage, &owner, "/api/org/invites").await.as_array().unwrap().len(), 1);
    let token = stage.mailed_token().await;
    let answer = accept(&stage, json!({"token": token, "password": PASSWORD, "name": "Bob"})).await;
    assert_eq!((answer.status, &answer.body["role"]), (StatusCode::CREATED, &json!("member")));
    assert_eq!(Login::of(&answer).org, owner.org);
    assert!(answer.set_cookie().is_some());
    assert_eq!(list(&stage, &owner, "/api/org/invites").await, json!([]));
    let members = list(&stage, &owner, "/api/org/members").await;
    let bob = json!({"id": answer.body["user_id"], "email": "bob@x.org", "name": "Bob", "role": "member"});
    assert_eq!((members.as_array().unwrap().len(), &members[1]), (2, &bob));
    let again = accept(&stage, json!({"token": token, "password": PASSWORD})).await;
    assert_eq!(again.code(), (400, "invalid_request"));
}

#[tokio::test]
async fn an_invite_ends_after_seven_days_or_when_it_is_taken_back() {
    let stage = Stage::new().await;
    let owner = stage.sign_up_on(Plan::Pro, "ann@x.org").await;
    invite(&stage, &owner, json!({"email": "bob@x.org"})).await;
    let token = stage.mailed_token().await;
    stage.clock.advance_secs(7 * 24 * 3600);
    let late = accept(&stage, json!({"token": token, "password": PASSWORD})).await;
    assert_eq!(late.code(), (410, "expired"));
    assert_eq!(list(&stage, &owner, "/api/org/invites").await, json!([]));
    let id = invite(&stage, &owner, json!({"email": "bob@x.org"})).await.body["id"].clone();
    let token = stage.mailed_token().await;
    let path = format!("/api/org/invites/{}", id.as_str().unwrap());
    let delete = async || stage.call("DELETE", &path).bearer(&owner.token).send().await;
    assert_eq!(delete().await.body, json!({"ok": true}));
    assert_eq!(delete().await.code(), (404, "not_found"));
    assert_eq!(accept(&stage, json!({"token": token, "password": PASSWORD})).await.body["field"], "token");
}

#[tokio::test]
async fn a_known_account_joins_with_its_password_or_session_and_keeps_it() {
    let stage = Stage::new().await;
    let owner = stage.sign_up_on(Plan::Team, "ann@x.org").await;
    let bob = stage.sign_up("bob@x.org").await;
    invite(&stage, &owner, json!({"email": "bob@x.org", "role": "viewer"})).await;
    let token = stage.mailed_token().await;
    let body = |password: &str| json!({"token": token, "password": password});
    assert_eq!(accept(&stage, body("another password")).await.code(), (401, "invalid_auth"));
    assert_eq!(accept(&stage, json!({"token": token})).await.body["field"], "password");
    let joined = accept(&stage, body(PASSWORD)).await;
    assert_eq!((joined.status, &joined.body["user_id"]), (StatusCode::CREATED, &json!(bob.user)));
    let log_in = json!({"email": "bob@x.org", "password": PASSWORD});
    let again = stage.call("POST", "/api/auth/login").json(&log_in).await;
    assert_eq!(Login::of(&again).org, bob.org, "the password stays, and so does where one begins");
    assert_eq!(invite(&stage, &owner, json!({"email": "bob@x.org"})).await.code(), (409, "conflict"));
    // With a session, no password is needed.
    let carol = stage.sign_up("carol@x.org").await;
    invite(&stage, &owner, json!({"email": "carol@x.org"})).await;
    let token = stage.mailed_token().await;
    let call = |login: &Login| stage.call("POST", "/api/auth/accept-invite").bearer(&login.token);
    assert_eq!(call(&bob).json(&json!({"token": token})).await.body["field"], "password");
    assert_eq!(call(&carol).json(&json!({"token": token})).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn one_goes_on_in_another_organisation() {
    let stage = Stage::new().await;
    let owner = stage.sign_up_on(Plan::Pro, "ann@x.org").await;
    let bob = stage.sign_up("bob@x.org").await;
    let switch = async |org: &str| {
        stage.call("POST", "/api/org/switch").bearer(&bob.token).json(&json!({"org_id": org})).await
    };
    assert_eq!(switch(&owner.org).await.code(), (404, "not_found"));
    assert_eq!(switch("nonsense").await.code(), (400, "invalid_request"));
    stage.join(&owner, "bob@x.org", "viewer").await;
    let answer = switch(&owner.org).await;
    assert_eq!((answer.status, &answer.body["role"]), (StatusCode::OK, &json!("viewer")));
    assert!(answer.set_cookie().is_some());
    let me = list(&stage, &Login::of(&answer), "/api/auth/me").await;
    assert_eq!((&me["org_id"], me["organizations"].as_array().unwrap().len()), (&json!(owner.org), 2));
}

#[tokio::test]
async fn a_plan_has_so_many_seats_and_open_invites_take_them() {
    let stage = Stage::new().await;
    let owner = stage.sign_up("ann@x.org").await;
    let full = invite(&stage, &owner, json!({"email": "bob@x.org"})).await;
    assert_eq!((full.code(), &full.body["limit"]), ((403, "plan_limit_reached"), &json!(1)));
    let owner = stage.sign_up_on(Plan::Pro, "olga@x.org").await;
    for number in 0..4 {
        let answer = invite(&stage, &owner, json!({"email": format!("m{number}@x.org")})).await;
        assert_eq!(answer.status, StatusCode::CREATED);
    }
    assert_eq!(
        invite(&stage, &owner, json!({"email": "m9@x.org"})).await.code(),
        (403, "plan_limit_reached")
    );
    let again = invite(&stage, &owner, json!({"email": "m0@x.org"})).await;
    assert_eq!(again.status, StatusCode::CREATED, "an invite that is replaced takes no other seat");
}

#[tokio::test]
async fn a_full_organisation_lets_nobody_in() {
    let stage = Stage::new().await;
    let owner = stage.sign_up_on(Plan::Pro, "ann@x.org").await;
    invite(&stage, &owner, json!({"email": "bob@x.org"})).await;
    let token = stage.mailed_token().await;
    stage.identity.set_plan(owner.scope().org, Plan::Free).await.unwrap();
    let answer = accept(&stage, json!({"token": token, "password": PASSWORD})).await;
    assert_eq!(answer.code(), (403, "plan_limit_reached"));
}

#[tokio::test]
async fn wrong_invites_are_named_and_mail_may_be_off() {
    let stage = Stage::with(Wishes { no_mail: true, ..Wishes::default() }).await;
    let owner = stage.sign_up_on(Plan::Pro, "ann@x.org").await;
    for (body, field) in [
        (json!({}), "email"),
        (json!({"email": "bob"}), "email"),
        (json!({"email": "b@x.org", "role": "root"}), "role"),
    ] {
        let answer = invite(&stage, &owner, body).await;
        assert_eq!((answer.code(), &answer.body["field"]), ((400, "invalid_request"), &json!(field)));
    }
    let answer = invite(&stage, &owner, json!({"email": "b@x.org"})).await;
    assert_eq!((answer.status, &answer.body["email_sent"]), (StatusCode::CREATED, &json!(false)));
}

#[tokio::test]
async fn owners_are_made_and_removed_by_owners_and_one_stays() {
    let stage = Stage::new().await;
    let owner = stage.sign_up_on(Plan::Team, "ann@x.org").await;
    let admin = stage.join(&owner, "bob@x.org", "admin").await;
    let member = stage.join(&owner, "carol@x.org", "member").await;
    let body = json!({"email": "d@x.org", "role": "owner"});
    assert_eq!(invite(&stage, &admin, body).await.code(), (403, "forbidden"));
    assert_eq!(change(&stage, &admin, &member.user, "owner").await.code(), (403, "forbidden"));
    assert_eq!(change(&stage, &admin, &owner.user, "member").await.code(), (403, "forbidden"));
    assert_eq!(remove(&stage, &admin, &owner.user).await.code(), (403, "forbidden"));
    assert_eq!(
        change(&stage, &owner, &owner.user, "admin").await.code(),
        (403, "forbidden"),
        "the only owner"
    );
    assert_eq!(remove(&stage, &owner, &owner.user).await.code(), (403, "forbidden"), "oneself");
    assert_eq!(change(&stage, &owner, &admin.user, "owner").await.body["role"], "owner");
    assert_eq!(change(&stage, &owner, &owner.user, "admin").await.status, StatusCode::OK);
    assert_eq!(change(&stage, &owner, &member.user, "root").await.code(), (400, "invalid_request"));
    let nobody = "00000000-0000-0000-0000-00000000beef";
    assert_eq!(change(&stage, &owner, nobody, "member").await.code(), (404, "not_found"));
    assert_eq!(remove(&stage, &owner, nobody).await.code(), (404, "not_found"));
    assert_eq!(remove(&stage, &owner, "nonsense").await.code(), (404, "not_found"));
}

#[tokio::test]
async fn a_removed_members_sessions_end_at_once() {
    let stage = Stage::new().await;
    let owner = stage.sign_up_on(Plan::Pro, "ann@x.org").await;
    let member = stage.join(&owner, "bob@x.org", "member").await;
    let me = async || stage.call("GET", "/api/auth/me").bearer(&member.token).send().await;
    assert_eq!(me().await.status, StatusCode::OK);
    assert_eq!(remove(&stage, &owner, &member.user).await.body, json!({"ok": true}));
    assert_eq!(me().await.code(), (401, "expired_session"));
    assert_eq!(list(&stage, &owner, "/api/org/members").await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn members_of_other_organisations_do_not_exist() {
    let stage = Stage::new().await;
    let (ann, bob) = (stage.sign_up_on(Plan::Pro, "ann@x.org").await, stage.sign_up("bob@x.org").await);
    assert_eq!(change(&stage, &ann, &bob.user, "viewer").await.code(), (404, "not_found"));
    assert_eq!(remove(&stage, &ann, &bob.user).await.code(), (404, "not_found"));
    let id = invite(&stage, &ann, json!({"email": "c@x.org"})).await.body["id"].clone();
    let path = format!("/api/org/invites/{}", id.as_str().unwrap());
    assert_eq!(stage.call("DELETE", &path).bearer(&bob.token).send().await.code(), (404, "not_found"));
}

#[tokio::test]
async fn viewers_and_members_manage_nobody() {
    let stage = Stage::new().await;
    let owner = stage.sign_up_on(Plan::Pro, "ann@x.org").await;
    for (email, role) in [("bob@x.org", "member"), ("carol@x.org", "viewer")] {
        let login = stage.join(&owner, email, role).await;
        assert_eq!(
            invite(&stage, &login, json!({"email": "d@x.org"})).await.code(),
            (403, "insufficient_scope")
        );
        assert_eq!(change(&stage, &login, &owner.user, "viewer").await.code(), (403, "insufficient_scope"));
        let members = stage.call("GET", "/api/org/members").bearer(&login.token).send().await;
        assert_eq!(members.status, StatusCode::OK);
    }
}
