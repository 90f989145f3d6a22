//! What the worker sends, and what it tries again.

use rest::jobs::JobError;
use serde_json::json;
use trace::identity::Plan;
use trace::ports::JobQueue;

use crate::stage::Stage;

#[tokio::test]
async fn no_secret_waits_in_the_queue() {
    let stage = Stage::new().await;
    let owner = stage.sign_up_on(Plan::Pro, "ann@x.org").await;
    stage.call("POST", "/api/org/invites").bearer(&owner.token).json(&json!({"email": "bob@x.org"})).await;
    stage.call("POST", "/api/auth/forgot-password").json(&json!({"email": "ann@x.org"})).await;
    let leased = stage.jobs.lease(&["mail"], std::time::Duration::ZERO, 10).await.unwrap();
    let payloads: Vec<String> = leased.iter().map(|job| job.job.payload.as_str().to_owned()).collect();
    assert_eq!(payloads.len(), 2);
    assert!(payloads[0].starts_with("{\"mail\":\"invite\",\"org\":") && !payloads[0].contains("token"));
    assert_eq!(payloads[1], "{\"mail\":\"reset\",\"email\":\"ann@x.org\"}");
}

#[tokio::test]
async fn a_mail_that_could_not_be_sent_is_tried_again_with_a_new_link() {
    let stage = Stage::new().await;
    let owner = stage.sign_up_on(Plan::Pro, "ann@x.org").await;
    stage.call("POST", "/api/org/invites").bearer(&owner.token).json(&json!({"email": "bob@x.org"})).await;
    stage.resend.fail_next(500, "application_error");
    assert!(matches!(stage.work().await[..], [Err(JobError::Later(_))]));
    assert!(matches!(stage.work().await[..], [Ok(())]));
    let sent = stage.resend.sent();
    assert_eq!((sent.len(), sent[0].to[0].as_str()), (1, "bob@x.org"));
    assert!(sent[0].text.contains("ann@x.org invites you to join ann's Org"), "{}", sent[0].text);
    assert!(sent[0].text.contains("https://app.example/accept-invite?token="));
    assert_eq!(sent[0].idempotency_key.as_deref(), Some("traceway-job-1-2"));
}

#[tokio::test]
async fn an_invite_taken_back_is_not_mailed() {
    let stage = Stage::new().await;
    let owner = stage.sign_up_on(Plan::Pro, "ann@x.org").await;
    let body = json!({"email": "bob@x.org"});
    let invite = stage.call("POST", "/api/org/invites").bearer(&owner.token).json(&body).await.body;
    let path = format!("/api/org/invites/{}", invite["id"].as_str().unwrap());
    stage.call("DELETE", &path).bearer(&owner.token).send().await;
    assert!(matches!(stage.work().await[..], [Ok(())]));
    assert!(stage.resend.sent().is_empty());
}

#[tokio::test]
async fn admins_and_owners_hear_of_usage_and_nobody_twice() {
    let stage = Stage::new().await;
    let owner = stage.sign_up_on(Plan::Team, "ann@x.org").await;
    stage.join(&owner, "bob@x.org", "admin").await;
    stage.join(&owner, "carol@x.org", "member").await;
    let before = stage.resend.sent().len();
    stage.use_up(&owner, 7_999_999).await;
    let span = json!({"trace_id": "t", "name": "n"});
    stage.call("POST", "/api/spans").bearer(&owner.token).json(&span).await;
    // The first mail fails, the second is sent; the next try sends the first only.
    stage.resend.fail_next(503, "");
    assert!(matches!(stage.work().await[..], [Err(JobError::Later(_))]));
    assert!(matches!(stage.work().await[..], [Ok(())]));
    let sent = stage.resend.sent().split_off(before);
    let mut to: Vec<&str> = sent.iter().map(|mail| mail.to[0].as_str()).collect();
    to.sort_unstable();
    assert_eq!(to, ["ann@x.org", "bob@x.org"]);
    assert!(sent[0].subject.contains("80 %"), "{}", sent[0].subject);
    assert!(sent[0].text.contains("8,000,000 of the 10,000,000 spans"));
    assert!(sent[0].text.contains("https://app.example/settings/billing"));
}

#[tokio::test]
async fn what_is_no_mail_is_never_tried_again() {
    let stage = Stage::new().await;
    let payload = trace::json::Json::from_serialize(&json!({"mail": "unknown"}));
    let job = trace::ports::NewJob {
        kind: "mail".to_owned(),
        payload,
        run_at: trace::testing::time(0),
        max_attempts: 3,
    };
    stage.jobs.enqueue(&trace::id::Scope::LOCAL, &[job]).await.unwrap();
    assert!(matches!(stage.work().await[..], [Err(JobError::Never(_))]));
}
