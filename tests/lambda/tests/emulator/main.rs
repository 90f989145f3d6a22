//! The emulator runs small functions from `examples/`, which talk to it through the real runtime client.
#![expect(clippy::unwrap_used, reason = "tests")]

mod freezing;
mod front;
mod limits;
mod queue;
mod services;
mod stage;
