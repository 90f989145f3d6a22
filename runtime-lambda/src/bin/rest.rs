//! The function `rest`: the API and the dashboard behind a Function URL.

use runtime_lambda::{Lazy, Rest, Start, serve, start_logging};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    start_logging();
    serve::<Rest>(Lazy::new(Start::from_env()?)?).await
}
