//! The HTTP contract as named cases, run black box against any [`Mount`].
//!
//! A case is a function that talks to one instance through a [`Ctx`] and panics where the answer differs from the
//! contract. Cases share an instance and keep apart by ids of their own; those that need an empty project or other
//! settings start an instance for themselves. [`trials`] makes one test of each, so that a test runner can list,
//! filter and time them.

mod access;
mod answer;
mod case;
mod conventions;
mod costs;
mod ctx;
mod events;
mod events_stream;
mod fixtures;
mod ingest;
mod otlp;
mod paging;
mod proxy;
mod query;
mod report;
mod run;
mod sessions;
mod spans;
mod stats_export;
mod summary;
mod system;
mod traces;
mod upstream;

pub use self::case::{Case, all};
pub use self::ctx::Ctx;
pub use self::report::{Outcome, Report};
pub use self::run::{Suite, trials};
