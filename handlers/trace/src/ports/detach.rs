use async_trait::async_trait;
use futures_util::future::BoxFuture;

/// Runs work to its end, whatever becomes of the caller that waits for it.
///
/// A server drops what it was doing for a client that hung up. A change that is committed and not announced would
/// be lost to everyone who listens, so that both are one piece of work.
#[async_trait]
pub trait Detach: Send + Sync {
    /// Returns when the work has ended. Dropping the returned future lets the work go on once it has begun.
    async fn run(&self, work: BoxFuture<'static, ()>);
}

/// Runs work as part of its caller, for runtimes that never drop one.
#[derive(Clone, Copy, Debug)]
pub struct Inline;

#[async_trait]
impl Detach for Inline {
    async fn run(&self, work: BoxFuture<'static, ()>) {
        work.await;
    }
}
