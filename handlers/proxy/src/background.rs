//! Work that outlives an answer.

use futures_util::future::BoxFuture;

/// A piece of work.
pub type Work = BoxFuture<'static, ()>;

/// Ends when a piece of work has ended.
pub type Hold = BoxFuture<'static, ()>;

/// Runs work that outlives the answer it belongs to.
pub trait Background: Send + Sync {
    /// Starts `work`, which runs to its end whether or not anybody waits.
    ///
    /// Where nothing runs after an answer, the returned [`Hold`] ends with the work and the answer's last byte
    /// waits for it. Where the process lives on, it is `None`, and the process awaits the work when it stops.
    fn start(&self, work: Work) -> Option<Hold>;
}
