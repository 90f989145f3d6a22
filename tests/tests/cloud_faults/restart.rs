//! A new version: all replicas replaced, one after the other, while clients work.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use conformance::cloud::Balancer;
use conformance::mount::LocalServer;
use serde_json::json;
use tokio::task::JoinSet;

use crate::stage::{Stage, batch, client};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_are_replaced_under_load_without_a_failed_request() {
    // What it is by default; clients of a busy machine may need longer than a second from one request to the next.
    let mut stage = Stage::with(&[("TRACEWAY_DRAIN", "3")]).await;
    let (api, proxy) = (Balancer::bind(ANY).await.unwrap(), Balancer::bind(ANY).await.unwrap());
    let add = |replica: &LocalServer| {
        let ready = format!("{}/api/ready", replica.api);
        api.add(&replica.api, ready.clone()).unwrap();
        proxy.add(&replica.proxy, ready).unwrap();
    };
    stage.stack.replicas.iter().for_each(add);
    let (is_over, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut clients = JoinSet::new();
    for number in 0..3 {
        let (api, proxy, key) = (api.url.clone(), proxy.url.clone(), stage.tenant.api_key.clone());
        let (is_over, sent) = (Arc::clone(&is_over), Arc::clone(&sent));
        clients.spawn(async move {
            let client = client();
            for n in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let id = format!("c{number}-{n}");
                let written = client
                    .post(format!("{api}/api/ingest"))
                    .bearer_auth(&key)
                    .json(&batch(std::slice::from_ref(&id)));
                let read = client.get(format!("{api}/api/spans/{id}")).bearer_auth(&key);
                let body = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": id}]});
                let called = client.post(format!("{proxy}/v1/chat/completions")).bearer_auth("sk-test");
                let called = called.header("x-traceway-api-key", &key).json(&body);
                for (what, request) in [("write", written), ("read", read), ("call", called)] {
                    let response =
                        request.send().await.unwrap_or_else(|error| panic!("{what} {id}: {error:?}"));
                    let status = response.status();
                    let text = response.text().await.unwrap_or_else(|error| panic!("{what} {id}: {error:?}"));
                    assert_eq!(status, 200, "{what} {id}: {text}");
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    let before = sent.load(Ordering::Relaxed);
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        add(stage.stack.add_replica().await.unwrap());
        let old = stage.stack.replicas.remove(0);
        let status = tokio::task::spawn_blocking(|| old.terminate()).await.unwrap().unwrap();
        assert!(status.success(), "{status}");
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    is_over.store(true, Ordering::Relaxed);
    while let Some(ended) = clients.join_next().await {
        ended.unwrap();
    }
    let sent = sent.load(Ordering::Relaxed) - before;
    assert!(sent > 100, "only {sent} requests were sent");
    stage.assert_calm();
}
