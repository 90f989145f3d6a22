//! The contracts hold for the plain store they compare others with.

#![cfg(feature = "testing")]

use trace::testing::{
    MemoryStore, TextSearch, payload_store_contract, rollups_contract, span_store_contract,
};

#[tokio::test]
async fn the_plain_store_keeps_the_span_store_contract() {
    span_store_contract(&MemoryStore::default(), TextSearch::Anywhere).await;
}

#[tokio::test]
async fn the_plain_store_keeps_the_payload_store_contract() {
    let store = MemoryStore::default();
    payload_store_contract(&store, &store).await;
}

#[tokio::test]
async fn the_plain_store_keeps_the_rollups_contract() {
    let store = MemoryStore::default();
    rollups_contract(&store, &store).await;
}
