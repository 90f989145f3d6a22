//! The store keeps the contracts of its ports.

#![expect(clippy::unwrap_used, reason = "tests")]

use adapter_turbopuffer::{Grouping, Options, TurbopufferStore};
use trace::testing::{TextSearch, creators_contract, payload_store_contract, span_store_contract};
use turbopuffer_emulator::Emulator;

fn store(emulator: &Emulator, grouping: Grouping) -> TurbopufferStore {
    let base_url = Some(emulator.url.clone());
    TurbopufferStore::new(Options { base_url, grouping, ..Options::new("tpuf_test") }).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_keep_their_contract() {
    let emulator = Emulator::start().await;
    span_store_contract(&store(&emulator, Grouping::Lanes), TextSearch::AtWords).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_keep_their_contract_without_lanes() {
    let emulator = Emulator::start().await;
    span_store_contract(&store(&emulator, Grouping::Off), TextSearch::AtWords).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_keep_their_contract() {
    let emulator = Emulator::start().await;
    let store = store(&emulator, Grouping::Lanes);
    payload_store_contract(&store, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_created_a_span_keeps_its_contract() {
    let emulator = Emulator::start().await;
    let store = store(&emulator, Grouping::Lanes);
    creators_contract(&store, &store).await;
}
