//! What a function is started with.

use std::path::PathBuf;
use std::time::Duration;

/// A program and how the service runs it.
#[derive(Clone, Debug)]
pub struct FunctionOptions {
    /// The function's name.
    pub name: String,
    /// The program, the `bootstrap` of a deployment package.
    pub binary: PathBuf,
    /// Environment variables of every instance, besides those the service sets.
    pub env: Vec<(String, String)>,
    /// What the service allows it.
    pub limits: Limits,
    /// Whether an instance is stopped while it has nothing to do.
    pub freezing: bool,
    /// Kills an instance, by chance, once in so many times that it has finished an invocation.
    pub kill_one_in: Option<u32>,
    /// What chance begins with.
    pub seed: u64,
}

impl FunctionOptions {
    /// Returns a function with the limits of the service's defaults, which is frozen and never killed.
    pub fn new(name: &str, binary: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            binary: binary.into(),
            env: Vec::new(),
            limits: Limits::default(),
            freezing: true,
            kill_one_in: None,
            seed: 1,
        }
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }
}

/// What the service allows a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// How long an invocation may take; the instance is killed then.
    pub timeout: Duration,
    /// How long an instance may take until it asks for its first invocation.
    ///
    /// The service allows ten seconds; machines for tests may be slower.
    pub init_timeout: Duration,
    /// The memory figure the instance is told, in MB. It is not enforced.
    pub memory_mb: u32,
    /// How many instances there may be at once.
    pub max_instances: usize,
    /// How many instances are started before the first request.
    pub provisioned: usize,
    /// How long a request waits for an instance before it is refused.
    pub max_wait: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_mins(1),
            init_timeout: Duration::from_mins(1),
            memory_mb: 512,
            max_instances: 10,
            provisioned: 0,
            max_wait: Duration::from_secs(10),
        }
    }
}
