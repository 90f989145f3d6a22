//! Limits, bills, and behaviour under load.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use turbopuffer_emulator::{Settings, Spread};

use crate::{Api, ids};

#[tokio::test]
async fn sizes_are_limited() {
    let schema = json!({
        "name": "string", "tags": "[]string",
        "data": {"type": "string", "filterable": false},
        "text": {"type": "string", "full_text_search": true},
    });
    let api = Api::start().await;
    let row = |name: &str, value: Value| json!({"schema": schema, "upsert_rows": [{"id": "x", name: value}]});
    let long = |bytes: usize| Value::String("é".repeat(bytes / 2));
    api.write(row("name", long(4096))).await;
    api.write(row("tags", json!([long(4096), long(4096)]))).await;
    api.write(row("data", long(8 << 20))).await;
    api.write(row("text", long(8192))).await;
    for (name, value, expected) in [
        ("name", long(4098), "more than 4096"),
        ("tags", json!(["ok", long(4098)]), "more than 4096"),
        ("data", long((8 << 20) + 2), "more than 8388608"),
    ] {
        let (status, message) = api.refused_write(row(name, value)).await;
        assert!(status == 400 && message.contains(expected), "{name}: {message}");
    }
    let long_id = json!({"upsert_rows": [{"id": "x".repeat(65)}]});
    assert_eq!(api.refused_write(long_id).await.0, 400);
    let mut wide = json!({"upsert_rows": [{"id": "x"}]});
    for column in 0..1_025 {
        wide["upsert_rows"][0][format!("c{column}")] = json!(1);
    }
    assert!(api.refused_write(wide).await.1.contains("too many attributes"));
    api.emulator.configure(|settings| {
        settings.limits.row_bytes = 1_000;
        settings.limits.body_bytes = 3_000;
    });
    assert!(api.refused_write(row("data", long(1_200))).await.1.contains("more than 1000"));
    assert_eq!(api.refused_write(row("data", long(4_000))).await.0, 413);
}

#[tokio::test]
async fn writes_are_billed_by_index_with_a_minimum() {
    let api = Api::start().await;
    let row = json!({"id": 1, "one": "x".repeat(1000), "none": "x".repeat(100_000), "two": "x".repeat(1000)});
    let answer = api
        .write(json!({
            "schema": {
                "one": "string",
                "none": {"type": "string", "filterable": false},
                "two": {"type": "string", "filterable": true, "full_text_search": true},
            },
            "upsert_rows": [row],
        }))
        .await;
    assert_eq!(answer["billing"]["billable_logical_bytes_written"], 8 + 102_000);
    let tally = api.emulator.counters().namespace("ns");
    assert_eq!(tally.billed_bytes_written, 8 + 1_000 + 50_000 + 2_000);
    api.write(json!({"deletes": [1]})).await;
    let tally = api.emulator.counters().namespace("ns");
    assert_eq!(tally.billed_bytes_written, 8 + 53_000 + 10_000, "a request costs 10 kB at least");
    assert_eq!((tally.rows_written, tally.commits), (2, 2));
}

#[tokio::test]
async fn concurrent_queries_share_16_slots() {
    let api = Api::with_rows(json!({}), json!([{"id": 1}])).await;
    api.emulator.configure(|settings| {
        settings.latency.query = Spread::new(300.0, 300.0);
        settings.limits.slot_wait_ms = 100;
    });
    let count = || api.post("/v2/namespaces/ns/query", &COUNT);
    let statuses: Vec<_> = futures_util::future::join_all((0..5).map(|_| count())).await;
    let statuses: Vec<_> = statuses.into_iter().map(|(status, _)| status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 1, "{statuses:?}");
    assert_eq!(api.emulator.counters().total.most_slots, 16);
}

static COUNT: std::sync::LazyLock<Value> =
    std::sync::LazyLock::new(|| json!({"aggregate_by": {"n": ["Count"]}}));

#[tokio::test]
async fn waiting_writes_share_a_commit() {
    let mut settings = Settings { commit_interval_ms: 1_500, ..Settings::default() };
    settings.latency.write = Spread::new(20.0, 20.0);
    let api = Api::start_with(settings).await;
    let started = Instant::now();
    api.write(json!({"upsert_rows": [{"id": 0}]})).await;
    let writes = (1..9).map(|id| {
        let api = &api;
        async move { api.write(json!({"upsert_rows": [{"id": id}]})).await }
    });
    futures_util::future::join_all(writes).await;
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(1_520), "the second commit waits for its turn: {took:?}");
    let tally = api.emulator.counters().namespace("ns");
    assert_eq!(tally.commits, 2, "eight writes share one commit");
    let started = Instant::now();
    let other = json!({"upsert_rows": [{"id": 1}]});
    api.post("/v2/namespaces/other", &other).await;
    assert!(started.elapsed() < Duration::from_secs(1), "namespaces commit independently");
}

#[tokio::test]
async fn backlog_throttles_writes_and_strong_queries() {
    let api = Api::start().await;
    api.emulator.configure(|settings| {
        settings.index_bytes_per_second = Some(1);
        settings.limits.unindexed_bytes = 1_000;
    });
    let body = json!({"upsert_rows": [{"id": 1, "a": "x".repeat(1_100)}]});
    api.write(body.clone()).await;
    let (_, metadata) = api.get("/v2/namespaces/ns/metadata").await;
    assert_eq!(metadata["index"]["status"], "updating");
    assert_eq!(api.refused_write(body.clone()).await.0, 429);
    let mut unthrottled = body;
    unthrottled["disable_backpressure"] = json!(true);
    api.write(unthrottled.clone()).await;
    unthrottled["upsert_condition"] = json!(["id", "Eq", null]);
    assert_eq!(api.refused_write(unthrottled).await.0, 429, "a condition needs the index");
    let query = json!({"rank_by": ["id", "asc"], "limit": 1});
    assert_eq!(api.refused_query(query.clone()).await.0, 429);
    let mut eventual = query;
    eventual["consistency"] = json!({"level": "eventual"});
    assert_eq!(ids(&api.query(eventual).await), json!([1]));
}

#[tokio::test]
async fn eventual_queries_may_see_the_past() {
    let api = Api::with_rows(json!({}), json!([{"id": 1}])).await;
    api.emulator.configure(|settings| settings.stale_reads = true);
    let query =
        |consistency: Value| json!({"rank_by": ["id", "asc"], "limit": 9, "consistency": consistency});
    let eventual = query(json!({"level": "eventual", "max_staleness_seconds": 60}));
    assert_eq!(ids(&api.query(eventual.clone()).await), json!([1]));
    api.write(json!({"upsert_rows": [{"id": 2}]})).await;
    assert_eq!(ids(&api.query(eventual).await), json!([1]));
    assert_eq!(ids(&api.query(query(json!({"level": "strong"}))).await), json!([1, 2]));
    let fresh = query(json!({"level": "eventual", "max_staleness_seconds": 0}));
    assert_eq!(ids(&api.query(fresh).await), json!([1, 2]));
}

#[tokio::test]
async fn new_index_has_to_be_built_first() {
    let api =
        Api::with_rows(json!({"a": {"type": "string", "filterable": false}}), json!([{"id": 1, "a": "x"}]))
            .await;
    api.emulator.configure(|settings| settings.index_build_ms = 150);
    api.write(json!({"schema": {"a": {"type": "string", "filterable": true}, "new": "int"}})).await;
    let query = json!({"filters": ["a", "Eq", "x"], "rank_by": ["id", "asc"], "limit": 1});
    assert_eq!(api.refused_query(query.clone()).await.0, 409);
    api.emulator.configure(|settings| settings.index_building_status = 202);
    let (status, body) = api.post("/v2/namespaces/ns/query", &query).await;
    assert_eq!((status.as_u16(), &body["status"]), (202, &json!("error")));
    assert_eq!(api.ids(json!(["new", "Eq", 1])).await, json!([]), "a new attribute has nothing to index");
    tokio::time::sleep(Duration::from_millis(160)).await;
    assert_eq!(ids(&api.query(query).await), json!([1]));
}

#[tokio::test]
async fn performance_and_billing_have_all_members() {
    let api = Api::with_rows(json!({}), json!([{"id": 1, "s": "abc"}, {"id": 2}])).await;
    let answer = api.query(json!({"rank_by": ["id", "asc"], "limit": 5, "include_attributes": true})).await;
    assert_eq!(
        answer["billing"],
        json!({"billable_logical_bytes_queried": 256_000_000, "billable_logical_bytes_returned": 8 + 3 + 8})
    );
    let performance = &answer["performance"];
    assert_eq!(performance["cache_hit_ratio"].to_string(), "1.0");
    assert_eq!(performance["cache_temperature"], "hot");
    assert_eq!(
        (&performance["exhaustive_search_count"], &performance["approx_namespace_size"]),
        (&json!(2), &json!(2))
    );
    for name in ["server_total_ms", "query_execution_ms"] {
        assert!(performance[name].as_u64().unwrap() > 2, "{performance}");
    }
    assert!(performance["last_included_write_at"].is_string());
}
