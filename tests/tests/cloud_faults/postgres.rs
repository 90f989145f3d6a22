//! Postgres gone, slow, and back.

use std::time::Duration;

use crate::stage::{Stage, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_postgres_writes_are_refused_and_proxied_calls_go_on() {
    let stage = Stage::new().await;
    for replica in 0..2 {
        stage.ingest(replica, &format!("before-{replica}")).await.ok().unwrap();
        stage.call(replica, "hello").await;
    }
    let postgres = stage.stack.postgres.as_ref().unwrap();
    postgres.cut().await;
    let mut called = Vec::new();
    for replica in 0..2 {
        stage.ingest(replica, &format!("refused-{replica}")).await.assert_unavailable();
        stage.log_in(replica).await.assert_unavailable();
        stage.get(replica, "/api/org/usage").await.assert_unavailable();
        // The key was checked less than a minute ago, and traces lie elsewhere.
        stage.get(replica, &format!("/api/spans/before-{replica}")).await.ok().unwrap();
        called.push(stage.call(replica, "is anybody there?").await);
    }
    postgres.restore().await;
    for (replica, span) in called.iter().enumerate() {
        stage.await_span(replica, span).await;
        eventually("ingest", async || stage.ingest(replica, &format!("after-{replica}")).await.ok()).await;
        eventually("login", async || stage.log_in(replica).await.ok()).await;
    }
    for replica in 0..2 {
        let refused = stage.get(replica, &format!("/api/spans/refused-{replica}")).await;
        assert_eq!(refused.status, 404, "what was refused is not written");
    }
    stage.assert_calm();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_postgres_makes_everything_slow_and_nothing_fail() {
    let stage = Stage::new().await;
    stage.stack.postgres.as_ref().unwrap().slow(Duration::from_millis(60)).await;
    for replica in 0..2 {
        stage.ingest(replica, &format!("slow-{replica}")).await.ok().unwrap();
        stage.log_in(replica).await.ok().unwrap();
        let span = stage.call(replica, "take your time").await;
        stage.await_span(replica, &span).await;
    }
    stage.assert_calm();
}
