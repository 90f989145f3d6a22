//! The stores in a real Postgres, which `scripts/services.sh start` starts.

#![expect(clippy::unwrap_used, reason = "tests")]

mod contract;
mod identity;
mod jobs;
mod rollups;
mod start;
mod support;
mod usage;
