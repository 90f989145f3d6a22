//! A function: its instances, and the requests that wait for one.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::failure::Failure;
use crate::figures::{Figures, Package};
use crate::instance::{Event, Instance};
use crate::options::FunctionOptions;
use crate::reply::Reply;

/// A function whose instances run on this machine. Dropping it kills them.
pub struct Function {
    pub(crate) shared: Arc<Shared>,
}

/// What a function's instances, URL, queue and schedule share.
pub(crate) struct Shared {
    pub(crate) options: FunctionOptions,
    folder: TempDir,
    pool: Mutex<Pool>,
}

struct Pool {
    /// Instances that wait, the one that has waited longest first.
    idle: VecDeque<Arc<Instance>>,
    /// All instances, those that have ended too.
    all: Vec<Arc<Instance>>,
    /// How many of them live.
    live: usize,
    waiting: VecDeque<Event>,
    failures: Vec<Failure>,
    chance: Rng,
    is_paused: bool,
    is_over: bool,
}

/// What an instance that asks for an invocation is to do.
pub(crate) enum Offer {
    Take(Event),
    Freeze,
    Wait,
    Die,
}

impl Function {
    /// Starts the provisioned instances of a function. Needs a Tokio runtime.
    pub fn start(options: FunctionOptions) -> io::Result<Self> {
        if !options.binary.is_file() {
            let told = format!("{} is missing", options.binary.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, told));
        }
        let provisioned = options.limits.provisioned.min(options.limits.max_instances);
        let folder = tempfile::Builder::new().prefix("function-").tempdir()?;
        let pool = Pool {
            idle: VecDeque::new(),
            all: Vec::new(),
            live: 0,
            waiting: VecDeque::new(),
            failures: Vec::new(),
            chance: Rng::with_seed(options.seed),
            is_paused: false,
            is_over: false,
        };
        let shared = Arc::new(Shared { options, folder, pool: Mutex::new(pool) });
        let function = Self { shared };
        let mut pool = function.shared.pool();
        for _ in 0..provisioned {
            function.shared.start_instance(&mut pool, None);
        }
        drop(pool);
        Ok(function)
    }

    /// Invokes the function and returns once its answer begins.
    ///
    /// The invocation goes on when the caller stops waiting.
    pub async fn invoke(&self, payload: impl Into<Bytes>) -> Result<Reply, Failure> {
        self.shared.invoke(payload.into()).await
    }

    /// Invokes the function with JSON and returns the JSON it answers.
    pub async fn invoke_json(&self, payload: &Value) -> Result<Value, Failure> {
        self.invoke(payload.to_string()).await?.json()
    }

    /// Keeps every instance that waits frozen for this long, and requests waiting, even without
    /// [`FunctionOptions::freezing`].
    pub async fn freeze_for(&self, duration: Duration) {
        {
            let mut pool = self.shared.pool();
            pool.is_paused = true;
            pool.idle.iter().for_each(|instance| instance.process.freeze());
        }
        tokio::time::sleep(duration).await;
        let waiting = {
            let mut pool = self.shared.pool();
            pool.is_paused = false;
            if !self.shared.options.freezing {
                pool.idle.iter().for_each(|instance| instance.process.thaw());
            }
            std::mem::take(&mut pool.waiting)
        };
        for event in waiting {
            self.shared.place(event);
        }
    }

    /// Kills the instances that wait, as the service does when they are not needed; returns how many.
    pub fn kill_idle(&self) -> usize {
        let idle = std::mem::take(&mut self.shared.pool().idle);
        for instance in &idle {
            instance.process.kill();
        }
        idle.len()
    }

    /// Returns what was measured of each instance so far.
    pub fn figures(&self) -> Vec<Figures> {
        let all = self.shared.pool().all.clone();
        all.iter().map(|instance| instance.figures()).collect()
    }

    /// Returns the most memory any instance held, in bytes; `None` when none was measured.
    pub fn max_rss(&self) -> Option<u64> {
        self.figures().iter().filter_map(|figures| figures.max_rss).max()
    }

    /// Measures the program.
    pub fn package(&self) -> io::Result<Package> {
        Package::of(&self.shared.options.binary)
    }

    /// Returns why invocations failed so far, in their order.
    pub fn failures(&self) -> Vec<Failure> {
        self.shared.pool().failures.clone()
    }

    /// Returns what all instances have logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.shared.log_path()).unwrap_or_default()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl Shared {
    pub(crate) async fn invoke(self: &Arc<Self>, payload: Bytes) -> Result<Reply, Failure> {
        let (reply, mut answer) = oneshot::channel();
        let id = uuid::Uuid::new_v4().to_string();
        self.place(Event { id: id.clone(), payload, reply });
        let gone = |_| Err(Failure::Died("the emulator is gone".to_owned()));
        match tokio::time::timeout(self.options.limits.max_wait, &mut answer).await {
            Ok(answer) => answer.unwrap_or_else(gone),
            // Only a request that no instance has taken is refused.
            Err(_) if self.withdraw(&id) => Err(Failure::Throttled),
            Err(_) => answer.await.unwrap_or_else(gone),
        }
    }

    /// Gives an event to an instance that waits, to a new one, or lets it wait.
    fn place(self: &Arc<Self>, mut event: Event) {
        let mut pool = self.pool();
        while !pool.is_paused
            && let Some(instance) = pool.idle.pop_front()
        {
            match instance.assign(event) {
                Ok(()) => return,
                // It has just died.
                Err(back) => event = back,
            }
        }
        if pool.live < self.options.limits.max_instances && !pool.is_paused && !pool.is_over {
            self.start_instance(&mut pool, Some(event));
        } else {
            pool.waiting.push_back(event);
        }
    }

    fn start_instance(self: &Arc<Self>, pool: &mut Pool, event: Option<Event>) {
        match Instance::start(self, pool.all.len() + 1, event) {
            Ok(instance) => {
                pool.live += 1;
                pool.all.push(instance);
            }
            Err((error, event)) => {
                let failure = Failure::Init(error.to_string());
                pool.failures.push(failure.clone());
                if let Some(event) = event {
                    // Who asked may have left.
                    let _ = event.reply.send(Err(failure));
                }
            }
        }
    }

    fn withdraw(&self, id: &str) -> bool {
        let mut pool = self.pool();
        let before = pool.waiting.len();
        pool.waiting.retain(|event| event.id != id);
        let is_withdrawn = pool.waiting.len() < before;
        if is_withdrawn {
            pool.failures.push(Failure::Throttled);
        }
        is_withdrawn
    }

    /// Tells an instance that has nothing to do what to do.
    pub(crate) fn offer(&self, instance: &Arc<Instance>, has_worked: bool) -> Offer {
        let mut pool = self.pool();
        if pool.is_over {
            return Offer::Die;
        }
        if let Some(times) = self.options.kill_one_in
            && has_worked
            && pool.chance.u32(0..times.max(1)) == 0
        {
            return Offer::Die;
        }
        if !pool.is_paused
            && let Some(event) = pool.waiting.pop_front()
        {
            return Offer::Take(event);
        }
        pool.idle.push_back(Arc::clone(instance));
        if self.options.freezing || pool.is_paused { Offer::Freeze } else { Offer::Wait }
    }

    /// Forgets an instance that has ended, and starts another when requests wait.
    pub(crate) fn has_ended(self: &Arc<Self>, instance: &Arc<Instance>) {
        let mut pool = self.pool();
        pool.live -= 1;
        pool.idle.retain(|other| !Arc::ptr_eq(other, instance));
        if !pool.is_paused
            && !pool.is_over
            && let Some(event) = pool.waiting.pop_front()
        {
            self.start_instance(&mut pool, Some(event));
        }
    }

    pub(crate) fn note(&self, failure: &Failure) {
        self.pool().failures.push(failure.clone());
    }

    pub(crate) fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn end(&self) {
        let mut pool = self.pool();
        pool.is_over = true;
        pool.waiting.clear();
        pool.all.iter().for_each(|instance| instance.process.kill());
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
