//! Restarts a task that crashes, a few times.

use std::future::Future;
use std::time::Duration;

use anyhow::anyhow;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Restarts after 1, 2 and 4 seconds, then gives up.
const DELAYS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// A task that ran for so long before it crashed is as good as new.
const WELL: Duration = Duration::from_mins(10);

/// Runs `task` until it ends because of `stop`; when it crashes, starts it again.
///
/// Fails when it crashed once more than there are restarts.
pub(crate) async fn supervised<F, T>(
    name: &'static str,
    stop: CancellationToken,
    mut task: F,
) -> anyhow::Result<()>
where
    F: FnMut() -> T,
    T: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let mut delays = DELAYS.into_iter();
    loop {
        let begun = Instant::now();
        let error = match tokio::spawn(task()).await {
            Ok(Ok(())) if stop.is_cancelled() => return Ok(()),
            Ok(Ok(())) => anyhow!("it ended by itself"),
            Ok(Err(error)) => error,
            Err(panic) => anyhow!("it panicked: {panic}"),
        };
        if stop.is_cancelled() {
            return Ok(());
        }
        if begun.elapsed() > WELL {
            delays = DELAYS.into_iter();
        }
        let Some(delay) = delays.next() else {
            return Err(error.context(format!("the {name} crashed too often")));
        };
        tracing::error!(
            task = name,
            error = format!("{error:#}"),
            "crashed, restarting in {} s",
            delay.as_secs()
        );
        if stop.run_until_cancelled(tokio::time::sleep(delay)).await.is_none() {
            return Ok(());
        }
    }
}

/// Runs work that goes on until `stop` among `tasks`; when it crashes, starts it again, a few times.
pub(crate) fn keep_going<F, T>(tasks: &TaskTracker, name: &'static str, stop: &CancellationToken, mut work: F)
where
    F: FnMut() -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let stop = stop.clone();
    tasks.spawn(async move {
        let work = move || {
            let work = work();
            async move {
                work.await;
                Ok(())
            }
        };
        if let Err(error) = supervised(name, stop, work).await {
            tracing::error!(task = name, error = format!("{error:#}"), "given up until the next start");
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_always_crashes_is_given_up_after_three_restarts() {
        static RUNS: AtomicUsize = AtomicUsize::new(0);
        let outcome = supervised("test", CancellationToken::new(), || async {
            RUNS.fetch_add(1, Ordering::Relaxed);
            Err(anyhow!("boom"))
        });
        assert!(outcome.await.is_err());
        assert_eq!(RUNS.load(Ordering::Relaxed), 4);
    }

    #[tokio::test]
    async fn a_task_that_ends_on_request_is_not_restarted() {
        let stop = CancellationToken::new();
        stop.cancel();
        assert!(supervised("test", stop, || async { Ok(()) }).await.is_ok());
    }
}
