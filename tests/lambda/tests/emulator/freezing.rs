//! What runs between invocations: nothing.

use std::time::Duration;

use crate::stage::Stage;

/// Milliseconds in which a thread that runs would count a lot.
const PAUSE: u64 = 2_000;

async fn ticks(stage: &Stage) -> u64 {
    stage.text("/ticks").await.parse().unwrap()
}

#[tokio::test]
async fn a_frozen_process_does_not_run_between_invocations() {
    let stage = Stage::new(Stage::one).await;
    ticks(&stage).await;
    stage.calm().await;
    let before = ticks(&stage).await;
    stage.calm().await;
    tokio::time::sleep(Duration::from_millis(PAUSE)).await;
    let after = ticks(&stage).await;
    // It counts a thousand times a second at most, and only while it handles the two requests.
    assert!(after - before < PAUSE / 2, "{before} {after}");
    assert_eq!(stage.function.figures().len(), 1);
}

#[tokio::test]
async fn without_freezing_it_runs() {
    let stage = Stage::new(|options| {
        options.freezing = false;
        Stage::one(options);
    })
    .await;
    let before = ticks(&stage).await;
    while ticks(&stage).await < before + 100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(stage.function.figures().len(), 1);
}

#[tokio::test]
async fn requests_wait_while_all_instances_are_frozen_for_a_time() {
    let stage = Stage::new(|options| {
        options.freezing = false;
        Stage::one(options);
    })
    .await;
    let process = stage.text("/process").await;
    let (before, pause) = (ticks(&stage).await, Duration::from_millis(PAUSE));
    let ((), after) = tokio::join!(stage.function.freeze_for(pause), async {
        // The pause has begun when this is asked.
        tokio::task::yield_now().await;
        ticks(&stage).await
    });
    assert!(after - before < PAUSE / 2, "{before} {after}");
    assert_eq!(stage.text("/process").await, process);
}

#[tokio::test]
async fn instances_killed_between_invocations_lose_no_request() {
    let stage = Stage::new(|options| options.kill_one_in = Some(2)).await;
    let mut processes = std::collections::HashSet::new();
    for _ in 0..20 {
        processes.insert(stage.text("/process").await);
    }
    assert!(processes.len() > 2, "{processes:?}");
    let before = stage.text("/process").await;
    stage.calm().await;
    stage.function.kill_idle();
    assert_ne!(stage.text("/process").await, before);
    assert_eq!(stage.function.failures(), []);
}
