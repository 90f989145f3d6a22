//! `kill -9` at any moment under mixed load.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use conformance::mount::LocalServer;
use conformance::providers;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::server::{call, client, entry, start};

const KILLS: u64 = 50;

/// What clients were promised: span ids with the time of their 2xx.
type Promises = Arc<Mutex<Vec<(String, Instant)>>>;

/// A call through the proxy is answered before it is recorded, so that recording cannot slow it. What was answered
/// longer ago than this must be there.
const PROXY_GRACE: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_span_answered_2xx_survives_fifty_kills() {
    let provider = providers::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut promised = 0;
    for round in 0..KILLS {
        let server = start(folder.path(), provider.base_url(), &[]);
        let (rest, otlp, proxied) = (Promises::default(), Promises::default(), Promises::default());
        let mut load = JoinSet::new();
        for worker in 0..3 {
            load.spawn(send_rest(server.api.clone(), format!("r{round}-{worker}"), Arc::clone(&rest)));
            load.spawn(send_otlp(server.api.clone(), round * 100 + worker, Arc::clone(&otlp)));
            load.spawn(send_proxied(server.proxy.clone(), Arc::clone(&proxied)));
        }
        // A different moment each time, with bursts that end inside a commit.
        tokio::time::sleep(Duration::from_millis(150 + round * 37 % 450)).await;
        let killed = Instant::now();
        drop(server);
        load.shutdown().await;
        let mut wanted: Vec<String> = Vec::new();
        for promises in [&rest, &otlp] {
            wanted.extend(promises.lock().unwrap().iter().map(|(id, _)| id.clone()));
        }
        let early = |(_, at): &&(String, Instant)| *at + PROXY_GRACE < killed;
        wanted.extend(proxied.lock().unwrap().iter().filter(early).map(|(id, _)| id.clone()));
        promised += wanted.len();
        assert_all_there(&start(folder.path(), provider.base_url(), &[]), &wanted, round).await;
        assert_intact(folder.path()).await;
    }
    assert!(promised > 1000, "only {promised} spans were promised in all; the load was too small to tell");
}

async fn send_rest(api: String, prefix: String, promises: Promises) {
    let client = client();
    for n in 0.. {
        let id = format!("{prefix}-{n}");
        let answer =
            client.post(format!("{api}/api/ingest")).json(&entry(&id, "text of a span")).send().await;
        match answer {
            Ok(answer) if answer.status().is_success() => promises.lock().unwrap().push((id, Instant::now())),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

async fn send_otlp(api: String, seed: u64, promises: Promises) {
    let client = client();
    for n in 0_u64.. {
        let ids: Vec<String> = (0..8).map(|k| format!("{:016x}", (seed << 32) + n * 8 + k + 1)).collect();
        let spans: Vec<Value> = ids
            .iter()
            .map(|id| {
                json!({ "traceId": format!("{:016x}{:016x}", seed + 1, n + 1), "spanId": id, "name": "otlp",
                    "startTimeUnixNano": "1760000000000000000", "endTimeUnixNano": "1760000001000000000" })
            })
            .collect();
        let body = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": spans }] }] });
        match client.post(format!("{api}/v1/traces")).json(&body).send().await {
            Ok(answer) if answer.status().is_success() => {
                let now = Instant::now();
                promises.lock().unwrap().extend(ids.into_iter().map(|id| (id, now)));
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

async fn send_proxied(proxy: String, promises: Promises) {
    let client = client();
    loop {
        match call(&client, &proxy).await {
            Ok((200, Some(id))) => promises.lock().unwrap().push((id, Instant::now())),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

async fn assert_all_there(server: &LocalServer, wanted: &[String], round: u64) {
    let client = client();
    let mut missing = Vec::new();
    for id in wanted {
        let answer = client.get(format!("{}/api/spans/{id}", server.api)).send().await.unwrap();
        if answer.status() != 200 {
            missing.push((id, answer.status()));
        }
    }
    assert!(missing.is_empty(), "round {round}: {} of {} are gone: {missing:?}", missing.len(), wanted.len());
}

async fn assert_intact(folder: &Path) {
    use sqlx::Connection;
    let url = format!("sqlite://{}?mode=ro", folder.join("traceway.db").display());
    let mut connection = sqlx::sqlite::SqliteConnection::connect(&url).await.unwrap();
    let verdict: String = sqlx::query_scalar("PRAGMA quick_check").fetch_one(&mut connection).await.unwrap();
    assert_eq!(verdict, "ok");
}
