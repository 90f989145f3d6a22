//! Faults on request.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use turbopuffer_emulator::{Emulator, Fault, RequestKind, Rule, Settings};

use crate::Api;

fn write() -> Value {
    json!({"upsert_rows": [{"id": 1}]})
}

async fn is_stored(api: &Api) -> bool {
    let query = json!({"rank_by": ["id", "asc"], "limit": 1});
    api.post("/v2/namespaces/ns/query", &query).await.0.is_success()
}

#[tokio::test]
async fn status_is_answered_instead_of_applying() {
    let api = Api::start().await;
    let busy = Fault::Status { status: 429, retry_after: Some(2), plain: false };
    api.emulator.fault(Rule::new(busy).on(RequestKind::Write).times(1));
    api.emulator.fault(Rule::new(Fault::Status { status: 503, retry_after: None, plain: true }).times(1));
    let response = api.send(Method::POST, "/v2/namespaces/ns", Some(&write())).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (429, &"2".parse().unwrap())
    );
    let (status, body) = api.post("/v2/namespaces/ns", &write()).await;
    assert!(status == 503 && body.is_string(), "{body}");
    assert!(!is_stored(&api).await);
    api.write(write()).await;
    let counters = api.emulator.counters();
    assert_eq!(counters.requests(RequestKind::Write), 3);
    assert_eq!((counters.total.faults, counters.total.statuses[&429]), (2, 1));
}

#[tokio::test]
async fn connection_is_reset_before_or_after_applying() {
    let api = Api::start().await;
    api.emulator.fault(Rule::new(Fault::ResetBefore).in_namespace("ns").on(RequestKind::Write).times(1));
    let error = api.send(Method::POST, "/v2/namespaces/ns", Some(&write())).await.unwrap_err();
    assert!(format!("{error:?}").contains("ConnectionReset"), "{error:?}");
    assert!(!is_stored(&api).await);
    api.emulator.fault(Rule::new(Fault::ResetAfter).on(RequestKind::Write).times(1));
    assert!(api.send(Method::POST, "/v2/namespaces/ns", Some(&write())).await.is_err());
    assert!(is_stored(&api).await, "only the answer was lost");
}

#[tokio::test]
async fn answer_is_lost_or_broken_after_applying() {
    let api = Api::start().await;
    api.emulator.fault(Rule::new(Fault::StatusAfter { status: 500 }).times(1));
    assert_eq!(api.post("/v2/namespaces/ns", &write()).await.0.as_u16(), 500);
    assert!(is_stored(&api).await);
    api.emulator.fault(Rule::new(Fault::TruncatedBody).times(1));
    let response = api.send(Method::POST, "/v2/namespaces/ns", Some(&write())).await.unwrap();
    assert_eq!(response.status().as_u16(), 200);
    assert!(response.text().await.is_err());
}

#[tokio::test]
async fn requests_are_delayed_or_hang() {
    let api = Api::start().await;
    api.emulator.fault(Rule::new(Fault::DelayBefore { ms: 80 }).times(1));
    api.emulator.fault(Rule::new(Fault::DelayAfter { ms: 80 }).times(1));
    for _ in 0..2 {
        let started = Instant::now();
        api.write(write()).await;
        assert!(started.elapsed() >= Duration::from_millis(80));
    }
    api.emulator.fault(Rule::new(Fault::Hang { ms: 60 }).times(1));
    let started = Instant::now();
    assert!(api.send(Method::POST, "/v2/namespaces/ns", Some(&write())).await.is_err());
    assert!(started.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn filter_writes_are_partial_on_request() {
    let api = Api::with_rows(json!({"a": "int"}), json!([{"id": 1}, {"id": 2}, {"id": 3}])).await;
    api.emulator.fault(Rule::new(Fault::FilterCap { rows: 1 }).times(2));
    let body = json!({"delete_by_filter": ["a", "Eq", null], "delete_by_filter_allow_partial": true});
    assert_eq!(api.write(body.clone()).await["rows_remaining"], true);
    assert_eq!(api.refused_write(json!({"delete_by_filter": ["a", "Eq", null]})).await.0, 400);
    let answer = api.write(body).await;
    assert_eq!((&answer["rows_deleted"], &answer["rows_remaining"]), (&json!(2), &json!(false)));
    api.emulator.fault(Rule::new(Fault::IndexBuilding { status: 202 }).times(1));
    let query = json!({"rank_by": ["id", "asc"], "limit": 1});
    assert_eq!(api.post("/v2/namespaces/ns/query", &query).await.0.as_u16(), 202);
}

#[tokio::test]
async fn stopped_service_refuses_connections_and_keeps_its_data() {
    let api = Api::start().await;
    api.write(write()).await;
    api.emulator.stop().await;
    let error = api.send(Method::POST, "/v2/namespaces/ns", Some(&write())).await.unwrap_err();
    assert!(error.is_connect() || error.is_request(), "{error:?}");
    api.emulator.resume().await;
    assert!(is_stored(&api).await);
    api.emulator.wipe();
    assert!(!is_stored(&api).await);
}

#[tokio::test]
async fn dropped_emulator_frees_its_port() {
    let emulator = Emulator::start().await;
    let url = emulator.url.clone();
    drop(emulator);
    let gone = async {
        while reqwest::get(&url).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.unwrap();
}

#[tokio::test]
async fn switches_are_reachable_over_http() {
    let api = Api::start().await;
    let admin = |path: &str| format!("{}{path}", api.emulator.admin_url);
    let rule = json!({"fault": {"fault": "status", "status": 500}, "request": "write", "times": 1});
    assert_eq!(api.http.post(admin("/faults")).json(&rule).send().await.unwrap().status(), 201);
    assert_eq!(api.post("/v2/namespaces/ns", &write()).await.0.as_u16(), 500);
    api.write(write()).await;
    let counters: Value = api.http.get(admin("/counters")).send().await.unwrap().json().await.unwrap();
    assert_eq!(counters["namespaces"]["ns"]["requests"]["write"], 2);
    api.http.delete(admin("/counters")).send().await.unwrap();
    assert_eq!(api.emulator.counters().requests(RequestKind::Write), 0);
    let changes = json!({"limits": {"id_bytes": 8}, "commit_interval_ms": 5});
    let response = api.http.patch(admin("/settings")).json(&changes).send().await.unwrap();
    let settings: Settings = response.json().await.unwrap();
    assert_eq!((settings.limits.id_bytes, settings.limits.rows), (8, 10_000));
    assert_eq!(api.emulator.settings(), settings);
    let unknown = json!({"limit": 1});
    assert_eq!(api.http.patch(admin("/settings")).json(&unknown).send().await.unwrap().status(), 400);
    api.http.post(admin("/stop")).send().await.unwrap();
    assert!(api.send(Method::POST, "/v2/namespaces/ns", Some(&write())).await.is_err());
    api.http.post(admin("/resume")).send().await.unwrap();
    assert!(is_stored(&api).await);
    api.http.delete(admin("/namespaces")).send().await.unwrap();
    assert!(!is_stored(&api).await);
}
