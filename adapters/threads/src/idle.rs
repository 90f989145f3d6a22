//! The scheduling class of threads that can wait.

use std::io;
use std::thread;

use tokio::sync::oneshot;

/// Runs `work` on a thread of its own that gets the processor when nobody else wants it. Returns what tells its end.
///
/// Threads that it starts, such as those of connections it opens, are as modest.
pub fn spawn<F>(
    name: &'static str,
    work: impl FnOnce() -> F + Send + 'static,
) -> io::Result<oneshot::Receiver<()>>
where
    F: Future<Output = ()>,
{
    let (ended, end) = oneshot::channel::<()>();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _ended = ended;
        give_way(name);
        runtime.block_on(work());
    })?;
    Ok(end)
}

/// Has the calling thread, called `name`, run only while a processor has nothing else to do, where it may.
pub(crate) fn give_way(name: &str) {
    if let Err(error) = step_back() {
        tracing::debug!(?error, name, "the thread competes with the others for the processor");
    }
}

/// Has the calling thread run only while a processor has nothing else to do.
///
/// Where Linux lets it: `SCHED_IDLE` gives way at once to whatever wakes, which a nice value does not.
#[cfg(target_os = "linux")]
fn step_back() -> Result<(), thread_priority::Error> {
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
        thread_native_id,
    };
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle)
}

#[cfg(not(target_os = "linux"))]
fn step_back() -> Result<(), thread_priority::Error> {
    thread_priority::ThreadPriority::Min.set_for_current()
}

#[cfg(all(test, target_os = "linux"))]
pub(crate) mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::sync::mpsc;

    use super::*;

    /// `SCHED_IDLE` in `/proc/<pid>/task/<tid>/stat`, see proc(5).
    pub(crate) const IDLE: &str = "5";

    /// Returns the scheduling class of the calling thread.
    pub(crate) fn policy() -> String {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        // The name before may hold spaces; the policy is the 41st field of all.
        let mut fields = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace();
        fields.nth(38).unwrap().to_owned()
    }

    #[tokio::test]
    async fn the_thread_and_those_it_starts_run_when_nothing_else_does() {
        let (sender, receiver) = mpsc::channel();
        let end = spawn("modest", move || async move {
            let child = thread::spawn(policy).join().unwrap();
            sender.send([policy(), child]).unwrap();
        });
        end.unwrap().await.unwrap_err();
        assert_eq!(receiver.recv().unwrap(), [IDLE, IDLE]);
        assert_ne!(policy(), IDLE);
    }
}
