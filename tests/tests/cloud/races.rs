//! Many at once over both replicas: exactly as many succeed as may.

use std::time::{Duration, Instant};

use conformance::cloud::PASSWORD;
use futures_util::future::join_all;
use serde_json::json;

use crate::stage::{Answer, Stage};

const CALLERS: usize = 50;

/// Splits answers into those that succeeded and those that were refused with this status and code.
#[track_caller]
fn winners(answers: Vec<Answer>, success: u16, refusals: &[(u16, &str)]) -> usize {
    let (won, lost): (Vec<Answer>, Vec<Answer>) =
        answers.into_iter().partition(|answer| answer.status == success);
    for answer in &lost {
        assert!(refusals.contains(&answer.code()), "{} {}", answer.status, answer.text);
    }
    won.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_invite_lets_one_in() {
    let stage = Stage::new().await;
    let ann = stage.tenant_on("team", "ann").await;
    let token = stage.invite(&ann, "bob@example.net", "member").await;
    let calls = (0..CALLERS).map(|caller| {
        let wish = json!({"token": token, "password": format!("password of caller {caller}"), "name": "Bob"});
        let stage = &stage;
        async move { stage.call("POST", "/api/auth/accept-invite").json(&wish).await }
    });
    // Once the first is in, others find no invite, or an account whose password they do not have, or too many guesses
    // at it from one address.
    let refusals =
        [(400, "invalid_request"), (401, "invalid_auth"), (409, "conflict"), (429, "rate_limited")];
    assert_eq!(winners(join_all(calls).await, 201, &refusals), 1);
    for replica in 0..2 {
        let members = stage.on(replica, "GET", "/api/org/members").bearer(&ann.token).send().await;
        assert_eq!(members.as_array().unwrap().len(), 2, "{}", members.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_seats_are_taken_by_as_many_as_there_are() {
    let stage = Stage::new().await;
    let ann = stage.tenant_on("enterprise", "ann").await;
    for caller in 0..CALLERS {
        let wish = json!({"email": format!("m{caller}@example.net")});
        let invite = stage.call("POST", "/api/org/invites").bearer(&ann.token).json(&wish).await;
        assert_eq!(invite.status, 201, "{}", invite.text);
    }
    let started = Instant::now();
    while stage.stack.resend.sent().len() < CALLERS {
        assert!(started.elapsed() < Duration::from_mins(1), "{}", stage.stack.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let tokens: Vec<String> =
        stage.stack.resend.sent().iter().map(|mail| mail.token().unwrap().to_owned()).collect();
    // Five members at most: four seats are left.
    ann.set_plan(&stage.stack, "pro").await.unwrap();
    let calls = tokens.iter().map(|token| {
        let wish = json!({"token": token, "password": PASSWORD});
        let stage = &stage;
        async move { stage.call("POST", "/api/auth/accept-invite").json(&wish).await }
    });
    assert_eq!(winners(join_all(calls).await, 201, &[(403, "plan_limit_reached")]), 4);
    let members = stage.call("GET", "/api/org/members").bearer(&ann.token).send().await;
    assert_eq!(members.as_array().unwrap().len(), 5, "{}", members.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_seat_is_offered_once() {
    let stage = Stage::new().await;
    let ann = stage.tenant_on("pro", "ann").await;
    let invite = |email: String| {
        let stage = &stage;
        let token = &ann.token;
        async move { stage.call("POST", "/api/org/invites").bearer(token).json(&json!({"email": email})).await }
    };
    for caller in 0..3 {
        assert_eq!(invite(format!("first{caller}@example.net")).await.status, 201);
    }
    let calls = (0..CALLERS).map(|caller| invite(format!("m{caller}@example.net")));
    assert_eq!(winners(join_all(calls).await, 201, &[(403, "plan_limit_reached")]), 1);
    let invites = stage.call("GET", "/api/org/invites").bearer(&ann.token).send().await;
    assert_eq!(invites.as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_keys_are_created_as_the_plan_has() {
    let stage = Stage::new().await;
    let ann = stage.tenant_on("pro", "ann").await;
    let calls = (0..CALLERS).map(|caller| {
        let (stage, token) = (&stage, &ann.token);
        async move {
            let wish = json!({"name": format!("key {caller}")});
            stage.call("POST", "/api/org/api-keys").bearer(token).json(&wish).await
        }
    });
    let answers = join_all(calls).await;
    let keys: Vec<String> =
        answers.iter().filter_map(|answer| answer["key"].as_str().map(str::to_owned)).collect();
    assert_eq!(winners(answers, 201, &[(403, "plan_limit_reached")]), 4, "five with the first");
    let listed = stage.call("GET", "/api/org/api-keys").bearer(&ann.token).send().await;
    assert_eq!(listed.as_array().unwrap().len(), 5);
    for key in keys {
        assert_eq!(stage.call("GET", "/api/traces").bearer(&key).send().await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_spans_of_a_month_are_created_once() {
    let stage = Stage::new().await;
    let ann = stage.tenant("ann").await;
    stage.use_up(&ann, 9_960).await;
    let calls = (0..CALLERS).map(|caller| {
        let (stage, key) = (&stage, &ann.api_key);
        async move {
            let span = |n: usize| json!({"id": format!("s{caller}-{n}"), "trace_id": format!("t{caller}"), "name": "n"});
            if caller % 2 == 0 {
                let answer = stage.call("POST", "/api/spans").bearer(key).json(&span(0)).await;
                assert!(answer.status == 201 || answer.code() == (402, "plan_limit_exceeded"), "{}", answer.text);
                return usize::from(answer.status == 201);
            }
            let batch = json!({"spans": [span(0), span(1), span(2)]});
            let answer = stage.call("POST", "/api/ingest").bearer(key).json(&batch).await;
            assert!(answer.status == 200 || answer.code() == (402, "plan_limit_exceeded"), "{}", answer.text);
            answer["accepted_spans"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
        }
    });
    let accepted: usize = join_all(calls).await.into_iter().sum();
    assert_eq!(accepted, 40, "100 were sent, 40 were left");
    for replica in 0..2 {
        let spans = stage.on(replica, "GET", "/api/spans?limit=1000").bearer(&ann.api_key).send().await;
        assert_eq!(spans["count"], 40);
        let usage = stage.on(replica, "GET", "/api/org/usage").bearer(&ann.api_key).send().await;
        assert_eq!(usage["spans"]["used"], 10_000);
    }
}
