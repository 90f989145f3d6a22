//! The contracts hold for the plain store they compare others with.

#![cfg(feature = "testing")]

use std::sync::Arc;

use trace::ports::Clock;
use trace::testing::{
    FixedClock, MemoryIdentity, MemoryLimiter, MemoryMeter, MemoryStore, TextSearch, accounts_contract,
    api_keys_contract, creators_contract, invites_contract, meter_contract, orgs_contract,
    payload_store_contract, projects_contract, rate_limiter_contract, resets_contract, rollups_contract,
    span_store_contract,
};
use trace::time::Timestamp;

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
async fn the_plain_store_keeps_the_creators_contract() {
    let store = MemoryStore::default();
    creators_contract(&store, &store).await;
}

#[tokio::test]
async fn the_plain_store_keeps_the_rollups_contract() {
    let store = MemoryStore::default();
    rollups_contract(&store, &store).await;
}

#[tokio::test]
async fn the_plain_identity_keeps_the_contracts_of_its_ports() {
    let identity = || MemoryIdentity::new(Arc::new(FixedClock::default()));
    accounts_contract(&identity()).await;
    orgs_contract(&identity()).await;
    projects_contract(&identity()).await;
    api_keys_contract(&identity()).await;
    invites_contract(&identity()).await;
    resets_contract(&identity()).await;
}

#[tokio::test]
async fn the_plain_meter_keeps_the_meter_contract() {
    meter_contract(&[&MemoryMeter::default()]).await;
}

#[tokio::test]
async fn the_plain_limiter_keeps_the_rate_limiter_contract() {
    rate_limiter_contract(&[&MemoryLimiter::new(Arc::new(SystemTime))]).await;
}

struct SystemTime;

impl Clock for SystemTime {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a time after 1970");
        Timestamp::from_micros(i64::try_from(since.as_micros()).expect("a time before the year 9999"))
    }
}
