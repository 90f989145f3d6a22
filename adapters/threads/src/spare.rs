//! Work that may wait for an idle processor, but not for long.

use std::io;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use trace::ports::{Computation, Compute};

use crate::idle::give_way;

/// How long work waits to be begun before whoever wants it does it: what others keep a processor busy with may last.
const PATIENCE: Duration = Duration::from_millis(25);

/// Work that waits at most, so that a thread that gets no processor keeps little from being let go.
const QUEUE: usize = 1_024;

/// A thread that runs work while a processor has nothing else to do.
///
/// Work that is not begun within [`PATIENCE`] is taken back and run by whoever waits for it, and until the thread has
/// come upon what was taken back, all other work is run by its callers at once.
#[derive(Debug)]
pub struct Spare {
    jobs: SyncSender<Arc<Job>>,
    /// How much was taken back that the thread has yet to come upon. It may do so before that is counted, hence the sign.
    abandoned: Arc<AtomicIsize>,
    patience: Duration,
}

/// Work, until somebody takes it to run it.
struct Job(Mutex<Option<Computation>>);

impl Job {
    /// Returns work with what tells that it has ended.
    fn new(work: Computation) -> (Arc<Self>, oneshot::Receiver<()>) {
        let (ended, end) = oneshot::channel::<()>();
        let work = move || {
            work();
            drop(ended);
        };
        (Arc::new(Self(Mutex::new(Some(Box::new(work))))), end)
    }

    /// Takes the work to run it, unless it was taken back.
    fn take(&self) -> Option<Computation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Takes the work back, unless it has begun. Does not wait for a thread that is about to begin it: that may take long.
    fn take_back(&self) -> Option<Computation> {
        self.0.try_lock().ok()?.take()
    }
}

impl Spare {
    /// Starts the thread, which ends with the returned value.
    pub fn start() -> io::Result<Self> {
        let (jobs, waiting) = sync_channel(QUEUE);
        let abandoned = Arc::new(AtomicIsize::new(0));
        let missed = Arc::clone(&abandoned);
        let name = "spare";
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            give_way(name);
            run(&waiting, &missed);
        })?;
        Ok(Self { jobs, abandoned, patience: PATIENCE })
    }
}

impl Compute for Spare {
    fn run(&self, work: Computation) -> BoxFuture<'static, ()> {
        let (job, mut end) = Job::new(work);
        let (abandoned, patience) = (Arc::clone(&self.abandoned), self.patience);
        let keeps_up = abandoned.load(Ordering::Relaxed) <= 0;
        let handed_over = keeps_up && self.jobs.try_send(Arc::clone(&job)).is_ok();
        Box::pin(async move {
            if handed_over && tokio::time::timeout(patience, &mut end).await.is_ok() {
                return;
            }
            if let Some(work) = job.take_back() {
                if handed_over {
                    abandoned.fetch_add(1, Ordering::Relaxed);
                }
                return work();
            }
            // It has begun.
            let _ = end.await;
        })
    }
}

/// Runs what waits, until nobody can hand over any more.
fn run(waiting: &Receiver<Arc<Job>>, abandoned: &AtomicIsize) {
    for job in waiting {
        match job.take() {
            Some(work) => work(),
            None => {
                abandoned.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::sync::mpsc;
    use std::thread::ThreadId;

    use trace::ports::computed;

    use super::*;

    /// Returns a thread whose work is not taken back, however busy this machine is.
    fn patient() -> Spare {
        Spare { patience: Duration::from_mins(1), ..Spare::start().unwrap() }
    }

    /// Returns the same thread for somebody with little patience.
    fn hasty(spare: &Spare) -> Spare {
        let (jobs, abandoned) = (spare.jobs.clone(), Arc::clone(&spare.abandoned));
        Spare { jobs, abandoned, patience: Duration::from_millis(5) }
    }

    /// Returns the thread on which work is run that is asked for now.
    async fn thread_of(spare: &Spare) -> ThreadId {
        computed(spare, || thread::current().id()).await.unwrap()
    }

    /// Keeps the thread busy until what is returned is dropped.
    async fn occupy(spare: &Arc<Spare>) -> mpsc::Sender<()> {
        let (release, held) = mpsc::channel::<()>();
        let (tell, begun) = oneshot::channel();
        let busy = Arc::clone(spare);
        tokio::spawn(async move {
            let work = move || {
                tell.send(()).unwrap();
                held.recv().unwrap_err();
            };
            computed(&*busy, work).await
        });
        begun.await.unwrap();
        release
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn work_is_run_when_nothing_else_is() {
        let spare = patient();
        assert_eq!(computed(&spare, crate::idle::tests::policy).await.unwrap(), crate::idle::tests::IDLE);
    }

    #[tokio::test]
    async fn work_that_is_not_begun_is_taken_back_and_more_is_not_handed_over_until_the_thread_is_back() {
        let spare = Arc::new(patient());
        let elsewhere = thread_of(&spare).await;
        let here = thread::current().id();
        assert_ne!(elsewhere, here);
        let release = occupy(&spare).await;
        let hasty = hasty(&spare);
        assert_eq!(tokio::join!(thread_of(&hasty), thread_of(&hasty)), (here, here));
        assert_eq!(spare.abandoned.load(Ordering::Relaxed), 2);
        assert_eq!(thread_of(&spare).await, here);
        drop(release);
        // It comes upon what was taken back.
        while spare.abandoned.load(Ordering::Relaxed) != 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(thread_of(&spare).await, elsewhere);
    }

    #[tokio::test]
    async fn work_that_has_begun_is_waited_for() {
        let spare = hasty(&patient());
        let (tell, begun) = oneshot::channel();
        let (ended, end) = mpsc::channel();
        let work = spare.run(Box::new(move || {
            tell.send(()).unwrap();
            thread::sleep(Duration::from_millis(50));
            ended.send(thread::current().id()).unwrap();
        }));
        begun.await.unwrap();
        work.await;
        assert_ne!(end.try_recv().unwrap(), thread::current().id());
    }

    #[tokio::test]
    async fn work_that_panics_is_told_apart_and_the_thread_goes_on() {
        let spare = patient();
        let elsewhere = thread_of(&spare).await;
        let outcome: Option<()> = computed(&spare, || panic!("as asked")).await;
        assert_eq!(outcome, None);
        assert_eq!(thread_of(&spare).await, elsewhere);
    }

    #[tokio::test]
    async fn work_beyond_the_queue_is_run_at_once() {
        let spare = Arc::new(patient());
        let release = occupy(&spare).await;
        let waiting: Vec<_> = (0..QUEUE).map(|_| spare.run(Box::new(|| ()))).collect();
        assert_eq!(thread_of(&spare).await, thread::current().id());
        drop((release, waiting));
    }
}
