//! Recordings that outlive the answer they belong to.

use proxy::{Background, Hold, Work};
use tokio_util::task::TaskTracker;

/// Runs work in tasks that are awaited when the process stops.
pub(crate) struct Tracked(pub(crate) TaskTracker);

impl Background for Tracked {
    fn start(&self, work: Work) -> Option<Hold> {
        self.0.spawn(work);
        None
    }
}
