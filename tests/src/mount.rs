//! Where the suite runs: a way to start the product and what it takes to reach it.
//!
//! A mount is the product in one of its shapes: the local binary, a container, functions. [`LocalMount`] starts the
//! real binary in a folder of its own; [`RunningMount`] uses a server somebody else started.

mod cloud;
mod lambda;
mod local;
mod running;

use std::any::Any;
use std::time::Duration;

use async_trait::async_trait;

pub use self::cloud::CloudMount;
pub use self::lambda::LambdaMount;
pub use self::local::{LocalMount, LocalServer, binary};
pub use self::running::RunningMount;

/// What a mount can do that others may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// No credentials are asked for; hosts and origins of this machine only.
    LocalAccess,
    /// The recording proxy has a port, and it may call addresses of this machine.
    Proxy,
    /// OTLP over gRPC on the API port.
    Grpc,
    /// Further instances, each empty, can be started.
    Fresh,
    /// Settings can be given as environment variables to a further instance.
    Settings,
    /// The dashboard answers at `/`.
    Dashboard,
    /// Text is also found when the needle starts inside a word.
    InsideWords,
    /// Health counts traces and spans.
    HealthCounts,
    /// Bodies may be as large as the contract allows; functions take less.
    LargeBodies,
    /// The process listens itself: it frames its answers, limits bodies, sees clients leave and can break off. What
    /// stands before functions does all that, and takes neither repeated fields nor answers without a body.
    Listener,
    /// Metrics are those of a process that lives on; functions have none to ask.
    Metrics,
    /// The log of events begins with the process, so a sequence of before it is too old.
    MemoryLog,
}

/// What a further instance is started with.
#[derive(Clone, Debug, Default)]
pub struct StartOptions {
    /// Environment variables.
    pub env: Vec<(String, String)>,
}

impl StartOptions {
    /// Adds one environment variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }
}

/// A running product. Dropping it stops what was started for it.
pub struct Instance {
    /// Base URLs of the API, one for each replica, without a trailing slash. Requests take turns.
    pub api: Vec<String>,
    /// Base URL of the recording proxy, without a trailing slash.
    pub proxy: Option<String>,
    /// Headers of every API request, such as credentials.
    pub headers: Vec<(String, String)>,
    /// Headers of every proxy request, such as credentials.
    pub proxy_headers: Vec<(String, String)>,
    /// How long after a 2xx a change may take to show. Zero means at once.
    pub settle: Duration,
    /// Stops the processes when dropped.
    pub guard: Box<dyn Guard>,
}

/// Keeps an instance running.
pub trait Guard: Any + Send + Sync {
    /// Returns what the instance has logged so far.
    fn log(&self) -> String;

    /// Returns what was measured while the instance ran.
    fn measured(&self) -> Vec<Measured> {
        Vec::new()
    }
}

/// A figure of a running product.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The figure, in words.
    pub text: String,
    /// Whether it is within its budget.
    pub kept: bool,
}

/// Why a mount did not start.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The program to start is missing.
    #[error("{0} is missing; build it with `cargo build -p api` or name it in TRACEWAY_BIN")]
    NoBinary(String),
    /// The program could not be started, or has ended.
    #[error("the server did not start: {reason}\n{log}")]
    NotStarted {
        /// What happened.
        reason: String,
        /// What it said.
        log: String,
    },
    /// The mount cannot start further instances.
    #[error("this mount has one instance only")]
    OneInstance,
    /// What the mount needs could not be started.
    #[error("the mount did not start: {0}")]
    Other(std::sync::Arc<str>),
    /// A file or process operation failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A way to start the product.
#[async_trait]
pub trait Mount: Send + Sync {
    /// Names the mount in reports.
    fn name(&self) -> &str;

    /// Returns what this mount can do.
    fn capabilities(&self) -> &[Capability];

    /// Returns the instance that most cases share. It may hold data.
    async fn shared(&self) -> Result<Instance, MountError>;

    /// Starts a further instance, which is empty. Needs [`Capability::Fresh`].
    async fn fresh(&self, options: &StartOptions) -> Result<Instance, MountError>;
}
