//! Signals to a process, and what the kernel knows of it.

use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process};

/// A child process, which is signalled no more once it has ended.
pub(crate) struct Process(Mutex<Option<Pid>>);

impl Process {
    pub(crate) fn new(id: Option<u32>) -> Self {
        Self(Mutex::new(id.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)))
    }

    /// Stops it where it is.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Ends it, frozen or not.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Notes that it has ended, so that its id may belong to another.
    pub(crate) fn has_ended(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Returns the id while it lives.
    pub(crate) fn id(&self) -> Option<u32> {
        let id = (*self.0.lock().unwrap_or_else(PoisonError::into_inner))?;
        u32::try_from(id.as_raw_nonzero().get()).ok()
    }

    /// Returns the most memory it ever held, in bytes.
    pub(crate) fn max_rss(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
    }

    fn signal(&self, signal: Signal) {
        let id = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = *id {
            // A process that has just ended needs no signal.
            let _ = kill_process(id, signal);
        }
    }
}
