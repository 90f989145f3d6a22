//! What only functions have: they are frozen, killed, cut off at a time, and woken by a queue and the clock.
//!
//! They need the services of `eval "$(scripts/services.sh start)"`, and the functions built with
//! `cargo build --release -p runtime-lambda`.
#![expect(clippy::unwrap_used, reason = "tests")]

mod frozen;
mod jobs;
mod kills;
mod live;
mod proxied;
mod routes;
mod stage;
