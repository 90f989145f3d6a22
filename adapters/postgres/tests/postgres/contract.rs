//! The stores in Postgres keep the contract of every port they implement.

use std::sync::Arc;

use crate::support::{Schema, SystemTime};
use adapter_postgres::{PostgresIdentity, PostgresJobs, PostgresMeter, PostgresRollups, RolledUp};
use trace::ports::SpanStore;
use trace::testing::{
    MemoryStore, TextSearch, accounts_contract, api_keys_contract, invites_contract, job_queue_contract,
    meter_contract, orgs_contract, projects_contract, resets_contract, rollups_contract, span_store_contract,
};

macro_rules! identity_contract {
    ($name:ident, $contract:ident) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let (schema, database) = Schema::migrated().await;
            $contract(&PostgresIdentity::new(&database)).await;
            database.close().await;
            schema.drop().await;
        }
    };
}

identity_contract!(postgres_keeps_the_accounts_contract, accounts_contract);
identity_contract!(postgres_keeps_the_orgs_contract, orgs_contract);
identity_contract!(postgres_keeps_the_projects_contract, projects_contract);
identity_contract!(postgres_keeps_the_api_keys_contract, api_keys_contract);
identity_contract!(postgres_keeps_the_invites_contract, invites_contract);
identity_contract!(postgres_keeps_the_resets_contract, resets_contract);

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_the_meter_contract_with_two_pools() {
    let (schema, one) = Schema::migrated().await;
    let other = schema.connect(10).await;
    meter_contract(&[&PostgresMeter::new(&one), &PostgresMeter::new(&other)]).await;
    one.close().await;
    other.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_the_job_queue_contract() {
    let (schema, database) = Schema::migrated().await;
    job_queue_contract(&PostgresJobs::new(&database), &SystemTime).await;
    database.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_keeps_the_rollups_contract() {
    let (schema, database) = Schema::migrated().await;
    let spans: Arc<dyn SpanStore> = Arc::new(MemoryStore::default());
    let rollups = Arc::new(PostgresRollups::new(&database, Arc::clone(&spans)));
    rollups_contract(&RolledUp::new(spans, Arc::clone(&rollups)), &*rollups).await;
    database.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_with_sums_keeps_the_span_store_contract() {
    let (schema, database) = Schema::migrated().await;
    let spans: Arc<dyn SpanStore> = Arc::new(MemoryStore::default());
    let rollups = Arc::new(PostgresRollups::new(&database, Arc::clone(&spans)));
    span_store_contract(&RolledUp::new(spans, rollups), TextSearch::Anywhere).await;
    database.close().await;
    schema.drop().await;
}
