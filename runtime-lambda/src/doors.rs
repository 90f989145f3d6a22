//! What the two HTTP functions serve.
//!
//! They are types rather than values, so that the proxy's package does not carry the API and its dashboard.

use std::future::{Future, ready};

use axum::Router;
use axum::extract::Request;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tower::util::MapRequestLayer;

use crate::instance::Instance;

/// What a Function URL adds to every request: whose call it is, a model's provider is not told.
const ADDED: [&str; 4] = ["x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "x-amzn-trace-id"];

/// What a function serves.
pub trait Door: Default + Send + Sync + 'static {
    /// Returns the router for one invocation, which has to end when `cut` is cancelled.
    fn router(&self, instance: &Instance, cut: CancellationToken) -> impl Future<Output = Router> + Send;
}

/// The API and the dashboard.
#[derive(Default)]
pub struct Rest(OnceCell<Router>);

impl Door for Rest {
    async fn router(&self, instance: &Instance, _: CancellationToken) -> Router {
        self.0.get_or_init(async || rest::router(instance.rest())).await.clone()
    }
}

/// The recording proxy.
#[derive(Default)]
pub struct Proxy;

impl Door for Proxy {
    fn router(&self, instance: &Instance, cut: CancellationToken) -> impl Future<Output = Router> + Send {
        ready(proxy::router(instance.proxy(cut)).layer(MapRequestLayer::new(as_sent)))
    }
}

fn as_sent(mut request: Request) -> Request {
    for name in ADDED {
        request.headers_mut().remove(name);
    }
    request
}
