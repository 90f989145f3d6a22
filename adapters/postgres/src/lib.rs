//! Identity, metering, jobs and sums in Postgres, for any number of processes at once.
//!
//! [`connect`] gives a [`Database`], of which the stores are made: [`PostgresIdentity`], [`PostgresMeter`],
//! [`PostgresJobs`], [`PostgresRollups`] with its decorator [`RolledUp`], [`LostWrites`], [`PostgresNamespaces`] and
//! [`Leases`].
//! What must hold for all processes together is decided by a row lock or by one statement, never by reading first
//! and writing later.
//!
//! Deliberately absent: spans and payloads, which other stores keep, and secrets, of which only hashes come here.

mod database;
mod identity;
mod jobs;
mod leases;
mod lost;
mod meter;
mod migrate;
mod namespaces;
mod pooler;
mod rolled_up;
mod rollups;
mod sql;

pub use database::{ConnectError, Database, PoolOptions, Start, connect};
pub use identity::PostgresIdentity;
pub use jobs::PostgresJobs;
pub use leases::{Lease, Leases};
pub use lost::LostWrites;
pub use meter::PostgresMeter;
pub use migrate::{MigrateError, migrate};
pub use namespaces::{Namespace, PostgresNamespaces};
pub use pooler::{PoolerError, check_pooler};
pub use rolled_up::RolledUp;
pub use rollups::{Changes, PostgresRollups};
