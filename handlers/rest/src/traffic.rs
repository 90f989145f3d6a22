//! Counts requests and how long they take.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;

/// How many requests one router has answered, and how many of them with a server error.
#[derive(Default)]
pub(crate) struct Traffic {
    requests: AtomicU64,
    errors: AtomicU64,
}

/// The layer: counts the request and, when it is answered, its status and time to the first byte.
pub(crate) async fn count(State(traffic): State<Arc<Traffic>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = request.method().as_str().to_owned();
    let started = Instant::now();
    let response = next.run(request).await;
    // Paths that are no route share one label, so that a scan cannot fill the registry.
    let route = route.unwrap_or_else(|| "other".to_owned());
    let status = response.status();
    let labels = [("method", method), ("route", route), ("status", status.as_u16().to_string())];
    metrics::counter!("traceway_api_requests_total", &labels).increment(1);
    metrics::gauge!("traceway_api_latency_ms").set(started.elapsed().as_secs_f64() * 1000.0);
    let failed = u64::from(status.is_server_error());
    let requests = traffic.requests.fetch_add(1, Ordering::Relaxed) + 1;
    let errors = traffic.errors.fetch_add(failed, Ordering::Relaxed) + failed;
    metrics::gauge!("traceway_error_rate").set(ratio(errors, requests));
    response
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}
