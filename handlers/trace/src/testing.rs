//! Fixtures and the contract of each port, for the crates that implement one.
//!
//! A contract is one async function per port that panics when a promise of the port's documentation is broken. Run
//! it against a store of its own: it makes tenants as it needs them and expects them to be empty.

#![expect(clippy::unwrap_used, reason = "a contract fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "contracts run in tests, where tasks may be spawned")]

mod clock;
mod events;
mod fixtures;
mod identity;
mod ids;
mod jobs;
mod limits;
mod memory;
mod meter;
mod payloads;
mod queue;
mod revocations;
mod rollups;
mod samples;
mod spans;

pub use clock::{CountingRandom, FixedClock};
pub use events::event_bus_contract;
pub use fixtures::{batch, completed, llm_span, new_span, new_trace, scope, span, time};
pub use identity::MemoryIdentity;
pub use ids::{clock_contract, ids_contract};
pub use jobs::job_queue_contract;
pub use limits::MemoryLimiter;
pub use memory::MemoryStore;
pub use meter::MemoryMeter;
pub use payloads::payload_store_contract;
pub use queue::MemoryJobs;
pub use revocations::MemoryRevocations;
pub use rollups::rollups_contract;
pub use spans::{TextSearch, span_store_contract};
