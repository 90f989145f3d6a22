//! Processes that stood still for a minute, with connections open.

use std::time::Duration;

use conformance::cloud::FunctionsOptions;
use conformance::providers;

use crate::stage::{Stage, send, with_relays};

/// How long functions are frozen.
const FROZEN: Duration = Duration::from_mins(1);

/// Lets every function use all it is connected to.
async fn use_all(stage: &Stage, provider: &str, round: &str) {
    stage.ingest(&format!("ingested-{round}")).await;
    let listed = stage.get("/api/spans").await;
    assert!(listed.to_string().contains(&format!("ingested-{round}")), "{listed}");
    let account = stage.client.get(format!("{}/api/auth/me", stage.functions.api.url));
    let answer = send(account.bearer_auth(&stage.tenant.token)).await;
    assert_eq!(answer.0, 200, "{}", stage.why(&answer));
    let answer = send(stage.chat(provider, round)).await;
    assert_eq!(answer.0, 200, "{}", stage.why(&answer));
    stage.functions.task("drain").await.unwrap();
}

async fn freeze(stage: &Stage, meanwhile: impl Future<Output = ()>) {
    let functions = &stage.functions;
    tokio::join!(
        functions.rest.freeze_for(FROZEN),
        functions.proxy.freeze_for(FROZEN),
        functions.worker.freeze_for(FROZEN),
        meanwhile
    );
}

/// Asserts that the same processes served all the time.
fn assert_same_processes(stage: &Stage) {
    for function in [&stage.functions.rest, &stage.functions.proxy] {
        let figures = function.figures();
        assert_eq!((figures.len(), figures[0].ended.as_ref()), (1, None), "{figures:?}");
        assert_eq!(function.failures(), []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_request_succeeds_after_a_minute_of_standing_still() {
    let stage = Stage::new(FunctionsOptions { max_instances: 1, ..FunctionsOptions::default() }).await;
    let provider = providers::start().await.unwrap();
    use_all(&stage, provider.base_url(), "before").await;
    freeze(&stage, async {}).await;
    use_all(&stage, provider.base_url(), "after").await;
    assert_same_processes(&stage);
    assert_eq!(stage.spans().await.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_other_side_closed_meanwhile_are_replaced() {
    let stage = Stage::new(FunctionsOptions { max_instances: 1, ..with_relays() }).await;
    let provider = providers::start().await.unwrap();
    use_all(&stage, provider.base_url(), "before").await;
    let stack = &stage.functions.stack;
    freeze(&stage, async {
        for relay in [&stack.postgres, &stack.redis].into_iter().flatten() {
            relay.cut().await;
            relay.restore().await;
        }
        stack.turbopuffer.stop().await;
        stack.turbopuffer.resume().await;
    })
    .await;
    use_all(&stage, provider.base_url(), "after").await;
    assert_same_processes(&stage);
    assert_eq!(stage.spans().await.len(), 4);
}
