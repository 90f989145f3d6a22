//! Time, instances and processes that die.

use std::time::Duration;

use lambda_emulator::Failure;
use serde_json::json;

use crate::stage::{Stage, eventually};

#[tokio::test]
async fn an_invocation_beyond_its_time_is_killed() {
    let stage = Stage::new(|options| {
        options.limits.timeout = Duration::from_secs(2);
        Stage::one(options);
    })
    .await;
    let process = stage.text("/process").await;
    assert_eq!(stage.get("/hang").await.status(), 502);
    assert_eq!(stage.function.failures(), [Failure::TimedOut]);
    assert_ne!(stage.text("/process").await, process, "another instance answers");
    assert!(stage.function.figures()[0].ended.as_ref().unwrap().contains("SIGKILL"));
}

#[tokio::test]
async fn a_process_that_dies_is_noticed() {
    let stage = Stage::new(|_| {}).await;
    assert_eq!(stage.get("/die").await.status(), 502);
    assert!(matches!(&stage.function.failures()[..], [Failure::Died(_)]), "{:?}", stage.function.failures());
    stage.text("/process").await;
}

#[tokio::test]
async fn a_stream_whose_process_dies_breaks_off() {
    let stage = Stage::new(|_| {}).await;
    let mut answer = stage.get("/cut").await;
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "first");
    assert!(answer.chunk().await.is_err(), "the client can tell that the rest is missing");
}

#[tokio::test]
async fn a_process_that_does_not_start_is_noticed() {
    let stage = Stage::new(|options| options.env.push(("FAIL_INIT".to_owned(), "1".to_owned()))).await;
    assert_eq!(stage.get("/process").await.status(), 502);
    assert!(matches!(&stage.function.failures()[..], [Failure::Init(_)]), "{:?}", stage.function.failures());
}

#[tokio::test]
async fn requests_start_instances_up_to_the_most_then_wait_then_are_refused() {
    let stage = Stage::new(|options| {
        options.limits.max_instances = 2;
        options.limits.max_wait = Duration::from_secs(3);
    })
    .await;
    let gate = stage.file("gate");
    let path = format!("/slow?gate={gate}");
    let busy = [stage.get(&path), stage.get(&path)];
    let (answers, refused) = tokio::join!(futures_util::future::join_all(busy), async {
        eventually("both are busy", || {
            stage.function.figures().iter().filter(|figures| figures.invocations == 1).count() == 2
        })
        .await;
        let refused = stage.get("/process").await.status();
        std::fs::write(&gate, "").unwrap();
        refused
    });
    assert_eq!(refused, 429);
    assert_eq!(answers.len(), 2);
    // One that waits is answered once an instance is free.
    assert!(
        futures_util::future::join_all((0..8).map(|_| stage.get("/process")))
            .await
            .iter()
            .all(|answer| answer.status() == 201)
    );
    assert_eq!(stage.function.figures().len(), 2);
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_refused() {
    let stage = Stage::new(|_| {}).await;
    let seen = stage.file("seen");
    let options = lambda_emulator::FunctionOptions::new("worker", crate::stage::example("worker"));
    let worker = lambda_emulator::Function::start(options.env("SEEN", seen)).unwrap();
    assert_eq!(worker.invoke_json(&json!({"size": 7_000_000})).await, Err(Failure::TooLarge));
    assert_eq!(worker.invoke_json(&json!({"size": 3})).await, Ok(json!({"large": "xxx"})));
}

#[tokio::test]
async fn figures_say_what_was_measured() {
    let stage = Stage::new(|options| options.limits.provisioned = 2).await;
    stage.calm().await;
    let figures = stage.function.figures();
    assert_eq!(figures.len(), 2);
    for figures in figures {
        assert!(figures.init.is_some_and(|init| !init.is_zero()), "{figures:?}");
        assert!(figures.max_rss.is_some_and(|bytes| bytes > 100_000), "{figures:?}");
    }
    let package = stage.function.package().unwrap();
    assert!(package.compressed_bytes > 0 && package.compressed_bytes < package.bytes, "{package:?}");
}
