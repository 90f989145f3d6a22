//! Ports that live in the process: the event bus of a single instance, the system's clock, and fresh ids.
//!
//! Nothing here survives a restart or reaches another instance; what must, has an adapter of its own.

mod bus;
mod clock;
mod ids;
mod limits;
mod random;
mod revocations;

pub use bus::MemoryBus;
pub use clock::SystemClock;
pub use ids::UlidIds;
pub use limits::MemoryLimiter;
pub use random::SystemRandom;
pub use revocations::MemoryRevocations;
