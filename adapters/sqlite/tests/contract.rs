//! The SQLite store keeps the contract of every port it implements.

#![expect(clippy::unwrap_used, reason = "tests")]

use adapter_sqlite::{Options, SqliteStore};
use tempfile::TempDir;
use trace::ports::Clock;
use trace::testing::{
    TextSearch, job_queue_contract, payload_store_contract, rollups_contract, span_store_contract,
};
use trace::time::Timestamp;

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

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_rollups_contract() {
    let (_directory, store) = store().await;
    rollups_contract(&store, &store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_job_queue_contract() {
    let (_directory, store) = store().await;
    job_queue_contract(&store, &SystemTime).await;
}

struct SystemTime;

impl Clock for SystemTime {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
    }
}

/// Returns a store that seals columns after every few spans, so that its lists are mostly scans.
async fn store_of_small_segments() -> (TempDir, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("traceway.db");
    SqliteStore::open(&path, Options::default()).await.unwrap().close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
    sqlx::query("UPDATE column_progress SET size = 40").execute(&mut connection).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
    (directory, SqliteStore::open(&path, Options::default()).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_keeps_the_span_store_contract_with_columns() {
    let (_directory, store) = store_of_small_segments().await;
    span_store_contract(&store, TextSearch::Anywhere).await;
}
