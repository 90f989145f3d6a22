//! What instances tell each other through Redis: live events with replay, revocations, rate limits.
//!
//! Nothing authoritative is kept here. While Redis is away events are delivered inside the process, rate limits
//! fail open in the caller, and a metric and a warning tell; everything goes on when it is back. What a client may
//! then have missed is told it as a resync.

mod bus;
mod channel;
mod event_json;
mod limits;
mod link;
mod listener;
mod names;
mod polled;
mod revocations;
mod tail;

pub use bus::{RedisBus, Work};
pub use limits::RedisLimiter;
pub use link::{Link, LinkError};
pub use polled::{PolledBus, PolledRevocations};
pub use revocations::RedisRevocations;
