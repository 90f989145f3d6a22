//! The local stores: traces, spans and payloads in one SQLite file, and their text index in another.
//!
//! One task writes, with a group commit; a pool of connections reads. What a write returned is durable and every
//! later read sees it. Absent on purpose: more than one process per file, and files on network drives.

mod aside;
mod batch;
mod chunks;
mod columns;
mod condition;
mod deletes;
mod documents;
mod fold;
mod grams;
mod indexer;
mod jobs;
mod open;
mod pack;
mod parts;
mod payloads;
mod rollup;
mod scan;
mod search;
mod session;
mod sessions;
mod span_row;
mod spans;
mod sql;
mod store;
mod summary;
mod text_file;
mod trace_row;
mod traces;
mod unit;
mod writer;

pub use open::{OpenError, Options};
pub use store::SqliteStore;
