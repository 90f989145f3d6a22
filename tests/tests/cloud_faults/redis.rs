//! Redis gone, slow, and back.

use std::time::{Duration, Instant};

use crate::stage::{Stage, eventually};
use crate::stream::Events;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_the_api_keeps_working_and_events_come_back_with_it() {
    let stage = Stage::new().await;
    stage.ingest(0, "before").await.ok().unwrap();
    let redis = stage.stack.redis.as_ref().unwrap();
    redis.cut().await;
    everything_works(&stage, "gone").await;
    redis.restore().await;
    // Listeners wait a little before they try again.
    let number = std::sync::atomic::AtomicUsize::new(0);
    eventually("an event of the other replica", async || {
        let (url, key) = (&stage.stack.replicas[1].api, &stage.tenant.api_key);
        let mut events = Events::open(url, key, None).await.ok_or("no stream")?;
        let id = format!("back-{}", number.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        stage.ingest(0, &id).await.ok()?;
        let told = tokio::time::timeout(Duration::from_secs(2), async {
            while let Some(event) = events.next().await {
                if event.span() == Some(&id) {
                    return true;
                }
            }
            false
        });
        told.await.ok().filter(|told| *told).map(drop).ok_or_else(|| "no event".to_owned())
    })
    .await;
    stage.assert_calm();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hardly_answers_holds_nobody_up_for_long() {
    let stage = Stage::new().await;
    stage.ingest(0, "before").await.ok().unwrap();
    stage.stack.redis.as_ref().unwrap().slow(Duration::from_mins(10)).await;
    let started = Instant::now();
    everything_works(&stage, "slow").await;
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    stage.assert_calm();
}

async fn everything_works(stage: &Stage, word: &str) {
    for replica in 0..2 {
        let id = format!("{word}-{replica}");
        stage.ingest(replica, &id).await.ok().unwrap();
        // What one replica acknowledged, the other reads.
        stage.get(1 - replica, &format!("/api/spans/{id}")).await.ok().unwrap();
        stage.get(1 - replica, "/api/traces").await.ok().unwrap();
        stage.log_in(replica).await.ok().unwrap();
        let span = stage.call(replica, word).await;
        stage.await_span(1 - replica, &span).await;
    }
}
