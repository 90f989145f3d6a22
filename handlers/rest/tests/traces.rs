//! The API over a plain store, by requests through its router.

#![expect(clippy::unwrap_used, reason = "tests")]
#![allow(clippy::disallowed_methods, reason = "tests may spawn tasks")]

mod traces {
    mod bodies;
    mod grpc;
    mod ingest;
    mod lists;
    mod support;
    mod system;
}
