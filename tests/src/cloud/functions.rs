//! The cloud as functions: the same services, and the release binaries of `runtime-lambda` behind an emulator of AWS
//! Lambda.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use lambda_emulator::{
    Function, FunctionOptions, FunctionUrl, Limits, Mapping, MappingOptions, Queue, QueueOptions, Schedule,
    Services,
};
use serde_json::{Value, json};

use super::{Stack, StackOptions, Tenant};

/// Variables that a deployment keeps in its secret; the others are in the environment of the functions.
const SECRET: [&str; 7] = [
    "DATABASE_URL",
    "TURBOPUFFER_API_KEY",
    "JWT_SECRET",
    "RESEND_API_KEY",
    "REDIS_URL",
    "POLAR_ACCESS_TOKEN",
    "POLAR_WEBHOOK_SECRET",
];

/// The most memory an instance may hold, in bytes.
pub const MOST_MEMORY: u64 = 128 << 20;

/// How functions are started.
#[derive(Clone, Debug)]
pub struct FunctionsOptions {
    /// The services. It has no replicas unless they are asked for here.
    pub stack: StackOptions,
    /// How many instances the functions `rest` and `proxy` have from the beginning.
    pub provisioned: usize,
    /// How many instances each of them may have.
    pub max_instances: usize,
    /// Kills an instance of `rest` or `proxy`, by chance, once in so many invocations.
    pub kill_one_in: Option<u32>,
    /// How long a live stream stays open.
    pub stream: Duration,
    /// How often the worker looks for jobs nobody woke it for.
    pub drain_every: Duration,
    /// How long a message of the queue is hidden while it is worked on.
    pub visibility: Duration,
    /// How often a message is received before it goes to the dead letters.
    pub max_receives: u32,
}

impl Default for FunctionsOptions {
    fn default() -> Self {
        Self {
            stack: StackOptions { replicas: 0, ..StackOptions::default() },
            provisioned: 1,
            max_instances: 10,
            kill_one_in: None,
            stream: Duration::from_secs(20),
            drain_every: Duration::from_mins(1),
            visibility: Duration::from_mins(3),
            max_receives: 5,
        }
    }
}

/// Running functions with everything they need. Dropping it stops all.
pub struct Functions {
    /// Base URL of the API.
    pub api: FunctionUrl,
    /// Base URL of the proxy.
    pub proxy_url: FunctionUrl,
    /// The function `rest`.
    pub rest: Function,
    /// The function `proxy`.
    pub proxy: Function,
    /// The function `worker`.
    pub worker: Function,
    /// The queue that wakes the worker.
    pub jobs: Arc<Queue>,
    /// Where messages go that the worker failed on.
    pub dead_letters: Arc<Queue>,
    /// SQS and Secrets Manager.
    pub services: Services,
    /// Postgres, Turbopuffer, Redis, mail and billing.
    pub stack: Stack,
    _mapping: Mapping,
    _schedules: [Schedule; 2],
}

impl Functions {
    /// Returns the functions with their names.
    pub fn each(&self) -> [(&'static str, &Function); 3] {
        [("rest", &self.rest), ("proxy", &self.proxy), ("worker", &self.worker)]
    }

    /// Starts everything and brings the database up to date.
    pub async fn start(options: FunctionsOptions) -> anyhow::Result<Self> {
        let stack = Stack::start(options.stack.clone()).await?;
        let services = Services::start().await?;
        let dead_letters = services.add_queue("jobs-dead", QueueOptions::default());
        let jobs = services.add_queue(
            "jobs",
            QueueOptions {
                visibility_timeout: options.visibility,
                dead_letters: Some((Arc::clone(&dead_letters), options.max_receives)),
            },
        );
        let env = environment(&stack, &services, &jobs, options.stream);
        let function = |name: &str, memory_mb: u32, front: bool| -> anyhow::Result<Function> {
            let started = Function::start(FunctionOptions {
                env: env.clone(),
                limits: Limits {
                    timeout: Duration::from_mins(2),
                    memory_mb,
                    max_instances: if front { options.max_instances } else { 2 },
                    provisioned: if front { options.provisioned } else { 1 },
                    max_wait: Duration::from_secs(30),
                    ..Limits::default()
                },
                kill_one_in: options.kill_one_in.filter(|_| front),
                ..FunctionOptions::new(name, folder().join(name))
            });
            started.with_context(|| {
                format!("the function {name}; build it with `cargo build --release -p runtime-lambda`")
            })
        };
        let worker = function("worker", 512, false)?;
        let migrated = worker.invoke_json(&json!({"task": "migrate"})).await;
        let migrated = migrated.with_context(|| worker.log())?;
        ensure!(migrated["ok"] == true, "the database was not brought up to date: {migrated}");
        let (rest, proxy) = (function("rest", 512, true)?, function("proxy", 256, true)?);
        let mapping = Mapping::start(&jobs, &worker, MappingOptions::default());
        let schedules = [
            Schedule::start(&worker, options.drain_every, &json!({"task": "drain"})),
            Schedule::start(&worker, Duration::from_secs(30), &json!({"task": "sums"})),
        ];
        Ok(Self {
            api: FunctionUrl::start(&rest).await?,
            proxy_url: FunctionUrl::start(&proxy).await?,
            rest,
            proxy,
            worker,
            jobs,
            dead_letters,
            services,
            stack,
            _mapping: mapping,
            _schedules: schedules,
        })
    }

    /// Signs up an organisation on the plan that has no limits.
    pub async fn unlimited(&self, name: &str) -> anyhow::Result<Tenant> {
        let tenant = Tenant::sign_up(&self.api.url, name).await?;
        tenant.set_plan(&self.stack, "enterprise").await?;
        Ok(tenant)
    }

    /// Gives the worker a task, and returns what it answers.
    pub async fn task(&self, task: &str) -> anyhow::Result<Value> {
        Ok(self.worker.invoke_json(&json!({"task": task})).await?)
    }

    /// What all instances have logged, and what failed.
    pub fn log(&self) -> String {
        let parts = [("rest", &self.rest), ("proxy", &self.proxy), ("worker", &self.worker)].map(
            |(name, function)| {
                let failures =
                    function.failures().into_iter().map(|failure| format!("WARN {name}: {failure}\n"));
                function.log() + &failures.collect::<String>()
            },
        );
        parts.concat()
    }
}

/// Where the binaries are: `TRACEWAY_LAMBDA_DIR`, else the release build.
fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("TRACEWAY_LAMBDA_DIR") {
        return folder.into();
    }
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    target.join("release")
}

/// The variables of every function; some of them are in a secret instead.
fn environment(stack: &Stack, services: &Services, jobs: &Queue, stream: Duration) -> Vec<(String, String)> {
    let is_secret = |(name, _): &&(String, String)| SECRET.contains(&name.as_str());
    let (secret, mut env): (Vec<_>, Vec<_>) = stack.env().iter().partition(is_secret);
    let secret: serde_json::Map<String, Value> =
        secret.into_iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let mut own = services.env();
    let arn = services.set_secret("traceway", &Value::Object(secret).to_string());
    own.extend([
        ("TRACEWAY_SECRET_ARN".to_owned(), arn),
        ("TRACEWAY_JOBS_QUEUE_URL".to_owned(), services.queue_url(jobs)),
        ("TRACEWAY_SSE_SECONDS".to_owned(), stream.as_secs().to_string()),
    ]);
    // What a test sets comes last, and wins.
    env.retain(|(name, _)| !own.iter().any(|(other, _)| other == name));
    own.into_iter().chain(env.into_iter().cloned()).collect()
}
