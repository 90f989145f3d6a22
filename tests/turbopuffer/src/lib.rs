//! Turbopuffer's HTTP API in memory, for tests and benchmarks.
//!
//! [`Emulator::start`] serves it on a free port of this process; the binary serves it to tests in other
//! languages. Semantics follow the contract that the adapter is written against; where the service is
//! not documented, the emulator does what is least convenient for a client that guesses. [`Rule`]s let
//! requests fail, [`Settings`] change limits and latency, and [`Counters`] say what was asked for.
//!
//! Deliberately absent: embedding and reranking models, highlighting, the deprecated export,
//! persistence. Vector search is exact.

mod admin;
mod aggregate;
mod analysis;
mod api;
mod compile;
mod counters;
mod datetime;
mod emulator;
mod error;
mod faults;
mod filter;
mod fusion;
mod incoming;
mod index;
mod kind;
mod lane;
mod matcher;
mod namespace;
mod namespaces;
mod order;
mod plan;
mod queries;
mod query;
mod rank;
mod reply;
mod request;
mod rows;
mod schema;
mod score;
mod server;
mod service;
mod settings;
mod text;
mod value;
mod vector;
mod write;
mod writes;

pub use counters::{Counters, RequestKind, Tally};
pub use emulator::Emulator;
pub use faults::{Fault, Rule};
pub use settings::{Latency, Limits, Settings, Spread};

#[cfg(test)]
mod equivalence;
