//! Instances that end between invocations, as those do that the service no longer needs.

use std::collections::BTreeSet;
use std::sync::Arc;

use conformance::cloud::FunctionsOptions;
use conformance::providers;
use lambda_emulator::Function;

use crate::stage::Stage;

/// Clients, each of which keeps one of as many instances busy.
const CLIENTS: usize = 4;

const INVOCATIONS: usize = 200;

/// Every fifth invocation is a call through the proxy.
const PROXIED: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_instances_end_between_invocations() {
    let options = FunctionsOptions {
        provisioned: CLIENTS,
        max_instances: CLIENTS,
        kill_one_in: Some(5),
        ..FunctionsOptions::default()
    };
    let stage = Arc::new(Stage::new(options).await);
    let provider = Arc::new(providers::start().await.unwrap());
    let client = |number: usize| {
        let (stage, provider) = (Arc::clone(&stage), Arc::clone(&provider));
        tokio::spawn(async move {
            let mut acknowledged = BTreeSet::new();
            for n in (number..INVOCATIONS).step_by(CLIENTS) {
                if n % PROXIED == 0 {
                    let answer = stage.chat(provider.base_url(), &format!("call {n}")).send().await.unwrap();
                    assert_eq!(answer.status(), 200, "{}", stage.functions.log());
                    acknowledged.insert(answer.headers()["x-traceway-span-id"].to_str().unwrap().to_owned());
                    // The client has all of it; what is not recorded by now may never be.
                    answer.bytes().await.unwrap();
                } else {
                    let id = format!("span-{n}");
                    stage.ingest(&id).await;
                    acknowledged.insert(id);
                }
            }
            acknowledged
        })
    };
    let clients: Vec<_> = (0..CLIENTS).map(client).collect();
    let mut acknowledged = BTreeSet::new();
    for client in clients {
        acknowledged.extend(client.await.unwrap());
    }
    assert_eq!(acknowledged.len(), INVOCATIONS);
    let functions = &stage.functions;
    assert!(killed(&functions.rest) > 3 && killed(&functions.proxy) > 0, "{:?}", functions.rest.figures());
    for function in [&functions.rest, &functions.proxy] {
        assert_eq!(function.failures(), [], "no request was lost");
    }
    stage.assert_has(&acknowledged).await;
    // All of them ended, the calls too.
    let completed = stage.get("/api/spans?status=completed&limit=1000").await;
    assert_eq!(completed["spans"].as_array().unwrap().len(), INVOCATIONS);
}

fn killed(function: &Function) -> usize {
    function.figures().iter().filter(|figures| figures.ended.is_some()).count()
}
