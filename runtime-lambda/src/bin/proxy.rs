//! The function `proxy`: the recording proxy behind a Function URL.

use runtime_lambda::{Lazy, Proxy, Start, serve, start_logging};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    start_logging();
    serve::<Proxy>(Lazy::new(Start::from_env()?)?).await
}
