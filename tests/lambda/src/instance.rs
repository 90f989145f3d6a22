//! An instance: one process, one invocation at a time.

use std::fs::OpenOptions;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime};

use axum::serve::ListenerExt;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::AbortHandle;

use crate::api;
use crate::failure::Failure;
use crate::figures::Figures;
use crate::function::{Offer, Shared};
use crate::process::Process;
use crate::reply::Reply;
use crate::signature::{ACCESS_KEY, REGION, SECRET_KEY};

/// Something for a function to do.
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) payload: Bytes,
    pub(crate) reply: ReplySender,
}

pub(crate) type ReplySender = oneshot::Sender<Result<Reply, Failure>>;

/// A process and what it is doing.
pub(crate) struct Instance {
    pub(crate) process: Process,
    pub(crate) function: Weak<Shared>,
    number: usize,
    started: Instant,
    state: Mutex<State>,
    is_assigned: Notify,
    /// Whether the last invocation was answered to its end.
    is_answered: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    assigned: Option<Event>,
    running: Option<Running>,
    is_waiting: bool,
    is_dead: bool,
    is_late: bool,
    init_error: Option<String>,
    watchdog: Option<AbortHandle>,
    server: Option<AbortHandle>,
    figures: Figures,
}

struct Running {
    id: String,
    /// Taken by the answer.
    reply: Option<ReplySender>,
}

/// What an instance is told of an invocation.
pub(crate) struct Invocation {
    pub(crate) id: String,
    pub(crate) payload: Bytes,
    pub(crate) deadline: SystemTime,
}

impl Instance {
    /// Starts a process, whose first invocation may be known already.
    pub(crate) fn start(
        function: &Arc<Shared>,
        number: usize,
        event: Option<Event>,
    ) -> Result<Arc<Self>, (io::Error, Option<Event>)> {
        match Self::spawn(function, number) {
            Ok(instance) => {
                if let Some(event) = event {
                    instance.state().assigned = Some(event);
                }
                Ok(instance)
            }
            Err(error) => Err((error, event)),
        }
    }

    fn spawn(function: &Arc<Shared>, number: usize) -> io::Result<Arc<Self>> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let mut child = command(function, number, listener.local_addr()?)?.spawn()?;
        let figures = Figures { instance: number, process_id: child.id(), ..Figures::default() };
        let instance = Arc::new(Self {
            process: Process::new(child.id()),
            function: Arc::downgrade(function),
            number,
            started: Instant::now(),
            state: Mutex::new(State { figures, ..State::default() }),
            is_assigned: Notify::new(),
            is_answered: watch::channel(true).0,
        });
        let router = api::router(Arc::clone(&instance));
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let server = tokio::spawn(async move {
            // It ends with the process.
            let _ = axum::serve(listener, router).await;
        });
        instance.state().server = Some(server.abort_handle());
        instance.watch(function.options.limits.init_timeout);
        let watched = Arc::clone(&instance);
        tokio::spawn(async move {
            let ended = child.wait().await;
            watched.has_ended(&ended.map_or_else(|error| error.to_string(), |status| status.to_string()));
        });
        Ok(instance)
    }

    /// Gives an instance that waits an event, unless it has died.
    pub(crate) fn assign(&self, event: Event) -> Result<(), Event> {
        let mut state = self.state();
        if state.is_dead {
            return Err(event);
        }
        state.assigned = Some(event);
        self.is_assigned.notify_one();
        Ok(())
    }

    /// Waits for the next invocation, frozen where nothing is to be done.
    pub(crate) async fn next(self: &Arc<Self>) -> Option<Invocation> {
        // What the process asks for before the answer is complete begins after it.
        self.is_answered.subscribe().wait_for(|answered| *answered).await.ok()?;
        if let Some(event) = self.is_free() {
            return self.begin(event);
        }
        match self.offer()? {
            Offer::Take(event) => return self.begin(event),
            Offer::Freeze => self.process.freeze(),
            Offer::Wait => {}
            Offer::Die => {
                self.process.kill();
                return std::future::pending().await;
            }
        }
        loop {
            if let Some(event) = self.take_assigned() {
                self.process.thaw();
                return self.begin(event);
            }
            self.is_assigned.notified().await;
        }
    }

    fn take_assigned(&self) -> Option<Event> {
        let mut state = self.state();
        let event = state.assigned.take()?;
        state.is_waiting = false;
        Some(event)
    }

    /// Notes that the process has nothing to do; returns an event it was given before.
    fn is_free(&self) -> Option<Event> {
        let max_rss = self.process.max_rss();
        let mut state = self.state();
        if let Some(watchdog) = state.watchdog.take() {
            watchdog.abort();
        }
        state.running = None;
        state.figures.max_rss = max_rss.or(state.figures.max_rss);
        let init = self.started.elapsed();
        state.figures.init.get_or_insert(init);
        state.assigned.take()
    }

    fn offer(self: &Arc<Self>) -> Option<Offer> {
        let function = self.function.upgrade()?;
        let has_worked = {
            let mut state = self.state();
            // A process that asks twice is in the list already.
            if std::mem::replace(&mut state.is_waiting, true) {
                return Some(Offer::Wait);
            }
            state.figures.invocations > 0
        };
        let offer = function.offer(self, has_worked);
        self.state().is_waiting = matches!(offer, Offer::Freeze | Offer::Wait);
        Some(offer)
    }

    fn begin(self: &Arc<Self>, event: Event) -> Option<Invocation> {
        let timeout = self.function.upgrade()?.options.limits.timeout;
        self.is_answered.send_replace(false);
        {
            let mut state = self.state();
            state.figures.invocations += 1;
            state.running = Some(Running { id: event.id.clone(), reply: Some(event.reply) });
        }
        self.watch(timeout);
        Some(Invocation { id: event.id, payload: event.payload, deadline: SystemTime::now() + timeout })
    }

    /// Kills the process unless it asks for an invocation in time.
    fn watch(self: &Arc<Self>, limit: Duration) {
        let instance = Arc::clone(self);
        let watchdog = tokio::spawn(async move {
            tokio::time::sleep(limit).await;
            instance.state().is_late = true;
            instance.process.kill();
        });
        self.state().watchdog = Some(watchdog.abort_handle());
    }

    /// Returns where the answer of an invocation goes, or `None` when it is not awaited.
    pub(crate) fn take_reply(&self, id: &str) -> Option<ReplySender> {
        self.state().running.as_mut().filter(|running| running.id == id)?.reply.take()
    }

    /// Notes that an invocation was answered to its end.
    pub(crate) fn is_answered(&self) {
        self.is_answered.send_replace(true);
    }

    /// Fails an invocation.
    pub(crate) fn fail(&self, reply: ReplySender, failure: Failure) {
        if let Some(function) = self.function.upgrade() {
            function.note(&failure);
        }
        // Who asked may have left.
        let _ = reply.send(Err(failure));
    }

    /// Notes why the process cannot start; it is expected to end.
    pub(crate) fn init_failed(&self, error: String) {
        self.state().init_error = Some(error);
    }

    pub(crate) fn figures(&self) -> Figures {
        self.state().figures.clone()
    }

    fn has_ended(self: &Arc<Self>, how: &str) {
        self.process.has_ended();
        let (replies, failure) = {
            let mut state = self.state();
            state.is_dead = true;
            state.figures.ended = Some(how.to_owned());
            for task in [state.watchdog.take(), state.server.take()].into_iter().flatten() {
                task.abort();
            }
            let assigned = state.assigned.take().map(|event| event.reply);
            let running = state.running.take().and_then(|running| running.reply);
            let failure = match (&state.init_error, state.figures.init) {
                (Some(error), None) => Failure::Init(error.clone()),
                (None, None) => Failure::Init(how.to_owned()),
                (_, Some(_)) if state.is_late => Failure::TimedOut,
                (_, Some(_)) => Failure::Died(how.to_owned()),
            };
            ([assigned, running], failure)
        };
        for reply in replies.into_iter().flatten() {
            self.fail(reply, failure.clone());
        }
        if let Some(function) = self.function.upgrade() {
            function.has_ended(self);
        }
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn command(function: &Shared, number: usize, api: SocketAddr) -> io::Result<Command> {
    let options = &function.options;
    let log = OpenOptions::new().create(true).append(true).open(function.log_path())?;
    let mut command = Command::new(&options.binary);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TZ", ":UTC")
        .env("LANG", "en_US.UTF-8")
        .env("_HANDLER", "bootstrap")
        .env("AWS_REGION", REGION)
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_LAMBDA_RUNTIME_API", api.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", &options.name)
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", options.limits.memory_mb.to_string())
        .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", options.name))
        .env("AWS_LAMBDA_LOG_STREAM_NAME", format!("[$LATEST]{number}"))
        .env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
        .envs(options.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true);
    Ok(command)
}
