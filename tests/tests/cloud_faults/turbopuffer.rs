//! Turbopuffer gone, slow, refusing, answering nonsense, and back.

use std::time::Duration;

use turbopuffer_emulator::{Fault, RequestKind, Rule};

use crate::load::Load;
use crate::stage::{Stage, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_turbopuffer_traces_are_refused_and_proxied_calls_go_on() {
    let stage = Stage::new().await;
    for replica in 0..2 {
        stage.ingest(replica, &format!("before-{replica}")).await.ok().unwrap();
    }
    stage.stack.turbopuffer.stop().await;
    let mut called = Vec::new();
    for replica in 0..2 {
        stage.ingest(replica, &format!("refused-{replica}")).await.assert_unavailable();
        stage.get(replica, &format!("/api/spans/before-{replica}")).await.assert_unavailable();
        stage.log_in(replica).await.ok().unwrap();
        called.push(stage.call(replica, "is anybody there?").await);
    }
    stage.stack.turbopuffer.resume().await;
    for (replica, span) in called.iter().enumerate() {
        stage.await_span(replica, span).await;
        eventually("ingest", async || stage.ingest(replica, &format!("after-{replica}")).await.ok()).await;
        stage.get(replica, "/api/ready").await.ok().unwrap();
    }
    stage.assert_calm();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_turbopuffer_makes_traces_slow_and_nothing_fail() {
    let stage = Stage::new().await;
    stage.stack.turbopuffer.fault(Rule::new(Fault::DelayBefore { ms: 400 }));
    for replica in 0..2 {
        let id = format!("slow-{replica}");
        stage.ingest(replica, &id).await.ok().unwrap();
        stage.get(1 - replica, &format!("/api/spans/{id}")).await.ok().unwrap();
        let span = stage.call(replica, "take your time").await;
        stage.await_span(replica, &span).await;
    }
    stage.assert_calm();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turbopuffer_that_fails_now_and_then_loses_nothing_and_counts_nothing_twice() {
    let stage = Stage::new().await;
    let refusal = |status| Fault::Status { status, retry_after: Some(1), plain: false };
    let faults = [
        (refusal(429), 0.05),
        (refusal(503), 0.05),
        (Fault::ResetBefore, 0.05),
        (Fault::ResetAfter, 0.1),
        (Fault::StatusAfter { status: 500 }, 0.1),
        (Fault::TruncatedBody, 0.05),
    ];
    for (fault, probability) in faults {
        stage.stack.turbopuffer.fault(Rule::new(fault).on(RequestKind::Write).with_probability(probability));
    }
    let load = Load::start(4, stage.stack.apis(), &stage.tenant.api_key);
    tokio::time::sleep(Duration::from_secs(8)).await;
    // Nothing answers for longer than one request may take.
    stage.stack.turbopuffer.stop().await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    stage.stack.turbopuffer.resume().await;
    stage.stack.turbopuffer.clear_faults();
    let told = load.finish().await;
    assert!(told.acknowledged.len() > 50, "only {} spans were written", told.acknowledged.len());
    assert!(told.refused > 0, "no request was refused");
    stage.assert_has(&told).await;
    stage.assert_calm();
}
