//! The function `worker`: jobs and chores, behind a queue and schedules.

use lambda_runtime::{LambdaEvent, run, service_fn};
use runtime_lambda::{Lazy, Start, start_logging, work};
use serde_json::Value;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    start_logging();
    let lazy = Lazy::new(Start::from_env()?)?;
    let lazy = &lazy;
    run(service_fn(async |event: LambdaEvent<Value>| {
        work(lazy, event).await.map_err(|error| lambda_runtime::Error::from(format!("{error:#}")))
    }))
    .await
}
