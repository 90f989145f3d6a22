//! Counts requests and how long they take, and bounds the memory their bodies hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use tokio::time::Instant;

use crate::memory::Budget;

/// How many requests one router has answered, how many of them with a server error, and what those in flight hold.
#[derive(Default)]
pub(crate) struct Traffic {
    requests: AtomicU64,
    errors: AtomicU64,
    bodies: Budget,
}

/// Makes every metric known, so that what has not happened yet is 0 rather than missing.
pub(crate) fn register() {
    for name in [
        "traceway_span_writes_total",
        "traceway_span_reads_total",
        "traceway_trace_writes_total",
        "traceway_sse_connections_total",
    ] {
        metrics::counter!(name).increment(0);
    }
    // A counter with labels is known by its first set of them.
    let labels = [("method", "GET"), ("route", "/api/metrics"), ("status", "200")];
    metrics::counter!("traceway_api_requests_total", &labels).increment(0);
    metrics::counter!("traceway_api_errors_total", "code" => "internal").increment(0);
    for name in [
        "traceway_sse_connections_active",
        "traceway_span_count",
        "traceway_trace_count",
        "traceway_span_write_latency_ms",
        "traceway_api_latency_ms",
        "traceway_error_rate",
    ] {
        metrics::gauge!(name).increment(0.0);
    }
}

/// Returns a method's label. Made-up methods share one, so that they cannot fill the registry.
fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The layer: gives the request its share of memory, which it holds until it is answered, and counts it, its status
/// and its time to the first byte.
pub(crate) async fn count(State(traffic): State<Arc<Traffic>>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = label(request.method()).to_owned();
    let share = traffic.bodies.share();
    request.extensions_mut().insert(share.clone());
    let started = Instant::now();
    let response = next.run(request).await;
    drop(share);
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
