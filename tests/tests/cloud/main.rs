//! What only the cloud has: accounts, limits, billing and tenants, over HTTP against two replicas of the real binary.
//!
//! They need the services of `eval "$(scripts/services.sh start)"`, and the binary built with `cargo build -p api`.
#![expect(clippy::unwrap_used, reason = "tests")]

mod accounts;
mod billing;
mod doors;
mod isolation;
mod keys;
mod limits;
mod live;
mod projects;
mod quota;
mod races;
mod secrets;
mod stage;
mod start;
mod team;
