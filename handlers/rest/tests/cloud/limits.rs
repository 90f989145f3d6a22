//! What a plan allows: spans of a month, calls of a second.

use http::StatusCode;
use serde_json::{Value, json};
use trace::identity::Plan;
use trace::ports::{Orgs, Revocation, Revocations};

use crate::stage::{Answer, Login, Stage};

async fn create(stage: &Stage, key: &str, id: &str) -> Answer {
    let body = json!({"id": id, "trace_id": "t", "name": "n"});
    stage.call("POST", "/api/spans").bearer(key).json(&body).await
}

async fn usage(stage: &Stage, login: &Login) -> Value {
    stage.call("GET", "/api/org/usage").bearer(&login.token).send().await.body
}

#[tokio::test]
async fn the_organisation_shows_its_plan_and_usage() {
    let stage = Stage::new().await;
    let login = stage.sign_up("ann@x.org").await;
    let org = stage.call("GET", "/api/org").bearer(&login.token).send().await.body;
    let limits =
        json!({"spans_per_month": 10_000, "max_team_members": 1, "max_api_keys": 1, "retention_days": 7});
    let expected = json!({
        "id": login.org, "name": "ann's Org", "slug": "ann-s-org", "plan": "free", "plan_limits": limits,
    });
    assert_eq!(org, expected);
    create(&stage, &login.token, "a").await;
    create(&stage, &login.token, "a").await;
    let expected = json!({
        "period_start": "2025-01-01T00:00:00Z", "spans": {"used": 1, "limit": 10_000}, "traces": {"used": 1},
        "eval_runs": {"used": 0}, "storage_bytes": 0, "members": {"used": 1, "limit": 1},
        "api_keys": {"used": 0, "limit": 1},
    });
    assert_eq!(usage(&stage, &login).await, expected);
    stage.identity.set_plan(login.scope().org, Plan::Enterprise).await.unwrap();
    let org = stage.call("GET", "/api/org").bearer(&login.token).send().await.body;
    let limits = json!({"spans_per_month": null, "max_team_members": null, "max_api_keys": null, "retention_days": 365});
    assert_eq!(org["plan_limits"], limits);
}

#[tokio::test]
async fn at_the_quota_spans_end_but_do_not_begin() {
    let stage = Stage::new().await;
    let login = stage.sign_up("ann@x.org").await;
    stage.use_up(&login, 9_999).await;
    assert_eq!(create(&stage, &login.token, "a").await.status, StatusCode::CREATED);
    let refused = create(&stage, &login.token, "b").await;
    assert_eq!((refused.code(), &refused.body["limit"]), ((402, "plan_limit_exceeded"), &json!(10_000)));
    assert_eq!(create(&stage, &login.token, "a").await.status, StatusCode::OK, "a repeat is not new");
    let end = stage.call("POST", "/api/spans/a/complete").bearer(&login.token).send().await;
    assert_eq!(end.status, StatusCode::OK);
    assert_eq!(usage(&stage, &login).await["spans"]["used"], 10_000);
    let own = create(&stage, crate::stage::OWN_KEY, "b").await;
    assert_eq!(own.status, StatusCode::CREATED, "the operator's own keys have no plan");
}

#[tokio::test]
async fn a_batch_is_taken_as_far_as_it_fits() {
    let stage = Stage::new().await;
    let login = stage.sign_up("ann@x.org").await;
    stage.use_up(&login, 9_999).await;
    let body = json!({
        "traces": [{"id": "t"}, {"id": "u"}, {"id": "v"}],
        "spans": [{"id": "a", "trace_id": "t", "name": "n"}, {"id": "b", "trace_id": "u", "name": "n"}],
    });
    let ingest = async || stage.call("POST", "/api/ingest").bearer(&login.token).json(&body).await;
    let answer = ingest().await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!((&answer.body["accepted_traces"], &answer.body["accepted_spans"]), (&json!(2), &json!(1)));
    let mut rejected: Vec<Value> = answer.body["rejected"].as_array().unwrap().clone();
    rejected.sort_by_key(|rejected| rejected["list"].to_string());
    let places: Vec<_> = rejected.iter().map(|r| (&r["list"], &r["index"], &r["code"])).collect();
    let code = json!("plan_limit_exceeded");
    assert_eq!(places, [(&json!("spans"), &json!(1), &code), (&json!("traces"), &json!(1), &code)]);
    let other = json!({"spans": [{"id": "c", "trace_id": "w", "name": "n"}]});
    let refused = stage.call("POST", "/api/ingest").bearer(&login.token).json(&other).await;
    assert_eq!(refused.code(), (402, "plan_limit_exceeded"));
    let trace = stage.call("GET", "/api/traces/w").bearer(&login.token).send().await;
    assert_eq!(trace.status, StatusCode::NOT_FOUND);
}

fn otlp(ids: &[u8]) -> Value {
    let span = |id: &u8| {
        json!({
            "traceId": format!("{:032x}", 7), "spanId": format!("{id:016x}"), "name": "n",
            "startTimeUnixNano": "1735689600000000000", "endTimeUnixNano": "1735689601000000000",
        })
    };
    let spans: Vec<Value> = ids.iter().map(span).collect();
    json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
}

#[tokio::test]
async fn an_export_says_how_many_spans_did_not_fit() {
    let stage = Stage::new().await;
    let login = stage.sign_up("ann@x.org").await;
    stage.use_up(&login, 9_999).await;
    let export =
        async |ids: &[u8]| stage.call("POST", "/v1/traces").bearer(&login.token).json(&otlp(ids)).await;
    let answer = export(&[1, 2, 3]).await;
    assert_eq!(
        (answer.status, &answer.body["partialSuccess"]["rejectedSpans"]),
        (StatusCode::OK, &json!("2"))
    );
    assert!(answer.body["partialSuccess"]["errorMessage"].as_str().unwrap().contains("10000 spans"));
    assert_eq!(export(&[4, 5]).await.code(), (402, "plan_limit_exceeded"));
    assert_eq!(export(&[1]).await.status, StatusCode::OK, "a span that exists may come again");
}

#[tokio::test]
async fn a_better_plan_counts_at_once() {
    let stage = Stage::new().await;
    let login = stage.sign_up("ann@x.org").await;
    stage.use_up(&login, 10_000).await;
    assert_eq!(create(&stage, &login.token, "a").await.code(), (402, "plan_limit_exceeded"));
    stage.identity.set_plan(login.scope().org, Plan::Pro).await.unwrap();
    stage.revocations.publish(Revocation::Org { id: login.scope().org }).await.unwrap();
    assert_eq!(create(&stage, &login.token, "a").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn an_organisation_may_call_a_hundred_times_a_second() {
    let stage = Stage::new().await;
    let (ann, bob) = (stage.sign_up("ann@x.org").await, stage.sign_up("bob@x.org").await);
    let call = async |login: &Login| stage.call("GET", "/api/org").bearer(&login.token).send().await;
    for _ in 0..100 {
        assert_eq!(call(&ann).await.status, StatusCode::OK);
    }
    let limited = call(&ann).await;
    assert_eq!(
        (limited.code(), limited.headers["retry-after"].as_bytes()),
        ((429, "rate_limited"), &b"1"[..])
    );
    assert_eq!(call(&bob).await.status, StatusCode::OK);
    stage.clock.advance_secs(1);
    assert_eq!(call(&ann).await.status, StatusCode::OK);
}
