//! What the two HTTP functions serve.
//!
//! They are types rather than values, so that the proxy's package does not carry the API and its dashboard.

use std::future::{Future, ready};

use axum::Router;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::instance::Instance;

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
        ready(proxy::router(instance.proxy(cut)))
    }
}
