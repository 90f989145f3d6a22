//! A job queue of one process.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use crate::id::Scope;
use crate::ports::{Clock, Job, JobId, JobQueue, Leased, NewJob, StoreError};
use crate::time::Timestamp;

/// Jobs in a vector. For tests.
pub struct MemoryJobs {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    jobs: Vec<Entry>,
    dead: Vec<(Job, String)>,
}

struct Entry {
    job: Job,
    run_at: Timestamp,
    leased_until: Option<Timestamp>,
    token: u64,
    max_attempts: u32,
}

impl MemoryJobs {
    /// Returns an empty queue that tells time by `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }
}

fn after(now: Timestamp, time: Duration) -> Timestamp {
    now.minus_micros(-i64::try_from(time.as_micros()).unwrap())
}

impl State {
    fn take(&mut self, leased: &Leased) -> Option<Entry> {
        let is_it = |entry: &Entry| entry.job.id == leased.job.id && entry.token == leased.token;
        self.jobs.iter().position(is_it).map(|place| self.jobs.remove(place))
    }
}

#[async_trait]
impl JobQueue for MemoryJobs {
    async fn enqueue(&self, scope: &Scope, jobs: &[NewJob]) -> Result<Vec<JobId>, StoreError> {
        let mut state = self.state.lock().unwrap();
        let mut ids = Vec::new();
        for new in jobs {
            state.next += 1;
            let id = JobId(format!("job-{}", state.next));
            let job = Job {
                id: id.clone(),
                scope: *scope,
                kind: new.kind.clone(),
                payload: new.payload.clone(),
                attempt: 0,
            };
            let (run_at, max_attempts) = (new.run_at, new.max_attempts);
            state.jobs.push(Entry { job, run_at, leased_until: None, token: 0, max_attempts });
            ids.push(id);
        }
        Ok(ids)
    }

    async fn lease(&self, kinds: &[&str], lease: Duration, limit: usize) -> Result<Vec<Leased>, StoreError> {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap();
        state.jobs.sort_by_key(|entry| entry.run_at);
        let is_due = |entry: &&mut Entry| {
            let is_free = entry.leased_until.is_none_or(|until| until <= now);
            kinds.contains(&entry.job.kind.as_str()) && entry.run_at <= now && is_free
        };
        let due = state.jobs.iter_mut().filter(is_due).take(limit);
        Ok(due
            .map(|entry| {
                entry.token += 1;
                entry.job.attempt += 1;
                entry.leased_until = Some(after(now, lease));
                Leased { job: entry.job.clone(), token: entry.token }
            })
            .collect())
    }

    async fn complete(&self, leased: &Leased) -> Result<bool, StoreError> {
        Ok(self.state.lock().unwrap().take(leased).is_some())
    }

    async fn fail(&self, leased: &Leased, error: &str, delay: Duration) -> Result<bool, StoreError> {
        let mut state = self.state.lock().unwrap();
        let Some(entry) = state.take(leased) else { return Ok(false) };
        if entry.job.attempt >= entry.max_attempts {
            state.dead.insert(0, (entry.job, error.to_owned()));
        } else {
            let run_at = after(self.clock.now(), delay);
            state.jobs.push(Entry { run_at, leased_until: None, ..entry });
        }
        Ok(true)
    }

    async fn dead(&self, kind: &str, limit: usize) -> Result<Vec<(Job, String)>, StoreError> {
        let state = self.state.lock().unwrap();
        Ok(state.dead.iter().filter(|(job, _)| job.kind == kind).take(limit).cloned().collect())
    }
}
