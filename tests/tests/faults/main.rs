//! What happens when things go wrong: the process killed, the disk full or slow, input hostile.
//!
//! Each test starts the real binary. `scripts/test.sh faults` runs them.
#![expect(clippy::unwrap_used, reason = "tests")]

mod disk_full;
mod hostile;
mod kill;
mod server;
mod slow_disk;
