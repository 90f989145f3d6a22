//! Traces, spans and payloads in Turbopuffer.
//!
//! A project has one namespace for spans and traces and one for payload parts. A write reads what it touches, applies
//! the batch in memory and writes what changed in one request, each row only where nobody was faster; so instances
//! need not know of each other. Totals of a trace lie in its row and go in the same request as its spans.
//!
//! Deliberately absent: caches of any kind, retention policy, analytics, and jobs, which belong where counters and
//! locks are.

mod client;
mod clock;
mod commit;
mod condition;
mod deletes;
mod fault;
mod ids;
mod key;
mod lanes;
mod manifest;
mod namespace;
mod order;
mod packed;
mod parts;
mod payloads;
mod pico;
mod prepared;
mod schema;
mod session;
mod sessions;
mod side;
mod span_row;
mod spans;
mod store;
mod table;
mod trace_row;
mod traces;
mod unit;
mod words;

pub use client::{
    Answer, Client, ClientError, ClientOptions, Compression, DEFAULT_REGION, Direction, Error, ErrorKind,
    Filter, InvalidEndpoint, Key, LastWord, Operand, Operator, Query, Row, Secret, Write, Written, endpoint,
};
pub use lanes::Grouping;
pub use namespace::{Companion, InvalidPrefix, Namespaces};
pub use store::{OpenError, Options, TurbopufferStore};
