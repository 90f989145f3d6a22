//! The proxy on a real port, between a raw client and a raw provider.

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(unreachable_pub, reason = "a test binary exports nothing")]

mod calls;
mod support;
