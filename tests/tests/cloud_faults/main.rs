//! What happens to a cloud when parts of it go: replicas killed, services stopped, slow and back.
//!
//! Each test starts a cloud of its own. They need the services of `eval "$(scripts/services.sh start)"`, and the
//! binary built with `cargo build -p api`.
#![expect(clippy::unwrap_used, reason = "tests")]

mod kill;
mod load;
mod postgres;
mod redis;
mod restart;
mod stage;
mod stream;
mod turbopuffer;
mod webhooks;
