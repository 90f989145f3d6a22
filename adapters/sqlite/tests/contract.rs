//! The SQLite store keeps the contract of every port it implements.

#![expect(clippy::unwrap_used, reason = "tests")]

use adapter_sqlite::{Options, SqliteStore};
use tempfile::TempDir;
use trace::testing::{TextSearch, payload_store_contract, span_store_contract};

async fn store() -> (TempDir, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("traceway.db"), Options::default()).await.unwrap();
    (directory, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_span_store_contract() {
    let (_directory, store) = store().await;
    span_store_contract(&store, TextSearch::Anywhere).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_payload_store_contract() {
    let (_directory, store) = store().await;
    payload_store_contract(&store, &store).await;
}
