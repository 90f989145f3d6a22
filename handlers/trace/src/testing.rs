//! Fixtures and the contract of each port, for the crates that implement one.
//!
//! A contract is one async function per port that panics when a promise of the port's documentation is broken. Run
//! it against a store of its own: it makes tenants as it needs them and expects them to be empty.

#![expect(clippy::unwrap_used, reason = "a contract fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "contracts run in tests, where tasks may be spawned")]

mod agreement;
mod clock;
mod creators;
mod events;
mod fixtures;
mod identity;
mod identity_contract;
mod ids;
mod jobs;
mod limits;
mod limits_contract;
mod memory;
mod meter;
mod meter_contract;
mod payloads;
mod queue;
mod revocations;
mod rollups;
mod samples;
mod spans;

pub use clock::{CountingRandom, FixedClock};
pub use creators::creators_contract;
pub use events::{event_bus_contract, queueing_bus_contract};
pub use fixtures::{batch, completed, llm_span, new_span, new_trace, scope, span, span_keys, time};
pub use identity::MemoryIdentity;
pub use identity_contract::{
    accounts_contract, api_keys_contract, invites_contract, orgs_contract, projects_contract, resets_contract,
};
pub use ids::{clock_contract, ids_contract};
pub use jobs::job_queue_contract;
pub use limits::MemoryLimiter;
pub use limits_contract::rate_limiter_contract;
pub use memory::MemoryStore;
pub use meter::MemoryMeter;
pub use meter_contract::meter_contract;
pub use payloads::payload_store_contract;
pub use queue::MemoryJobs;
pub use revocations::MemoryRevocations;
pub use rollups::rollups_contract;
pub use spans::{TextSearch, span_store_contract};
