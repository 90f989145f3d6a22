use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lambda_emulator::Function;

use super::{Capability, Guard, Instance, Measured, Mount, MountError, StartOptions};
use crate::cloud::{Functions, FunctionsOptions, MOST_MEMORY, StackOptions};

/// The product for teams as functions: several instances, frozen between invocations, and a worker behind a queue.
///
/// What it cannot do, and why: bodies beyond the 6 MB of a Function URL are refused before any code of ours
/// ([`Capability::LargeBodies`]); the URL speaks HTTP/1.1 alone ([`Capability::Grpc`]), frames
/// answers itself, joins repeated fields, tells nobody that a client left, and knows neither an answer without a body nor
/// one that breaks off ([`Capability::Listener`]); counters of an instance end with
/// it ([`Capability::Metrics`]); the log of events is in Redis ([`Capability::MemoryLog`]); and as in every cloud,
/// credentials are asked for, and Turbopuffer neither finds text inside words nor counts cheaply.
#[derive(Debug, Default)]
pub struct LambdaMount;

const MIB: u64 = 1 << 20;

/// Cases that open a live stream keep an instance until it ends, whether they listen or not.
const SHARED_INSTANCES: usize = 128;

impl Guard for Functions {
    fn log(&self) -> String {
        Functions::log(self)
    }

    fn measured(&self) -> Vec<Measured> {
        self.each().into_iter().map(|(name, function)| memory(name, function)).collect()
    }
}

/// Returns the most memory an instance of a function held. One that nobody measured is not within its budget.
fn memory(name: &str, function: &Function) -> Measured {
    let peak = function.max_rss();
    let text = peak.map_or_else(|| "not measured".to_owned(), |bytes| format!("{} MiB", bytes.div_ceil(MIB)));
    Measured {
        text: format!("memory of {name}: {text} at most, {} MiB are allowed", MOST_MEMORY / MIB),
        kept: peak.is_some_and(|bytes| bytes <= MOST_MEMORY),
    }
}

impl LambdaMount {
    async fn instance(options: &StartOptions, provisioned: usize) -> Result<Instance, MountError> {
        let start = async {
            let functions = Functions::start(FunctionsOptions {
                stack: StackOptions { replicas: 0, env: options.env.clone(), ..StackOptions::default() },
                provisioned,
                max_instances: SHARED_INSTANCES,
                stream: Duration::from_secs(20),
                drain_every: Duration::from_secs(10),
                ..FunctionsOptions::default()
            })
            .await?;
            let tenant = functions.unlimited("suite").await?;
            anyhow::Ok(Instance {
                api: vec![functions.api.url.clone()],
                proxy: Some(functions.proxy_url.url.clone()),
                headers: vec![("authorization".to_owned(), format!("Bearer {}", tenant.api_key))],
                proxy_headers: vec![("x-traceway-api-key".to_owned(), tenant.api_key)],
                settle: Duration::ZERO,
                guard: Box::new(functions),
            })
        };
        start.await.map_err(|error| MountError::Other(Arc::from(format!("{error:#}"))))
    }
}

#[async_trait]
impl Mount for LambdaMount {
    fn name(&self) -> &'static str {
        "lambda"
    }

    fn capabilities(&self) -> &[Capability] {
        &[Capability::Proxy, Capability::Fresh, Capability::Settings, Capability::Dashboard]
    }

    async fn shared(&self) -> Result<Instance, MountError> {
        Self::instance(&StartOptions::default(), 4).await
    }

    async fn fresh(&self, options: &StartOptions) -> Result<Instance, MountError> {
        Self::instance(options, 1).await
    }
}
