//! Recordings that answers wait for.

use futures_util::FutureExt;
use proxy::{Background, Hold, Work};

/// Runs work beside the answer it belongs to, whose last byte waits for its end.
pub(crate) struct Held;

impl Background for Held {
    fn start(&self, work: Work) -> Option<Hold> {
        let task = tokio::spawn(work);
        Some(
            task.map(|ended| {
                if let Err(error) = ended {
                    tracing::error!(%error, "a recording broke off");
                }
            })
            .boxed(),
        )
    }
}
