//! The proxy on a real port, between a raw client and a raw provider.

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "a test is its own runtime")]
#![expect(unreachable_pub, reason = "a test binary exports nothing")]

mod access;
mod bodies;
mod calls;
mod cloud;
mod failures;
mod recording;
mod streams;
mod support;
