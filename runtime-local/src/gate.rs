//! When requests should come here: from when the server is warm until it was told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, Version, header};
use axum::middleware::{Next, from_fn};
use tokio_util::sync::CancellationToken;

const STARTING: u8 = 0;
const OPEN: u8 = 1;
const CLOSED: u8 = 2;

/// Whether requests should come here, and when to stop taking them. Clones are the same gate.
#[derive(Clone)]
pub(crate) struct Gate {
    state: Arc<AtomicU8>,
    grace: Duration,
    /// Cancelled when nothing is accepted any more.
    pub(crate) stop: CancellationToken,
}

impl Gate {
    /// Returns a gate that is not open yet. Between closing and the stop there is `grace`, in which load balancers
    /// see that it is closed.
    pub(crate) fn new(grace: Duration) -> Self {
        Self { state: Arc::default(), grace, stop: CancellationToken::new() }
    }

    /// Lets requests come, unless it was closed already.
    pub(crate) fn open(&self) {
        // A server that was told to stop while it started stays closed.
        let _ = self.state.compare_exchange(STARTING, OPEN, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Asks for no more requests, and stops after the grace.
    pub(crate) fn close(&self) {
        self.state.store(CLOSED, Ordering::Relaxed);
        let (stop, grace) = (self.stop.clone(), self.grace);
        if grace.is_zero() {
            stop.cancel();
        } else {
            tokio::spawn(async move {
                tokio::time::sleep(grace).await;
                stop.cancel();
            });
        }
    }

    /// Returns a router that ends connections with their next answer once the gate is closed.
    ///
    /// A connection that stays open until the stop may carry a request at the very moment it is closed, which its
    /// client can only take for a failure. HTTP/2 has a word of its own for that.
    pub(crate) fn around(&self, router: Router) -> Router {
        let gate = self.clone();
        router.layer(from_fn(move |request: Request, next: Next| {
            let gate = gate.clone();
            async move {
                let has_word = request.version() >= Version::HTTP_2;
                let mut response = next.run(request).await;
                if gate.is_closed() && !has_word {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                response
            }
        }))
    }

    /// Returns whether requests should come.
    pub(crate) fn is_open(&self) -> bool {
        self.state.load(Ordering::Relaxed) == OPEN && !self.stop.is_cancelled()
    }

    /// Returns whether it was told to stop.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Relaxed) == CLOSED || self.stop.is_cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_gate_is_closed_a_while_before_the_stop() {
        let gate = Gate::new(Duration::from_secs(3));
        assert!(!gate.is_open());
        gate.open();
        assert!(gate.is_open());
        gate.close();
        assert!(!gate.is_open() && !gate.stop.is_cancelled());
        tokio::time::sleep(Duration::from_secs(4)).await;
        assert!(gate.stop.is_cancelled());
        gate.open();
        assert!(!gate.is_open() && gate.is_closed());
    }

    #[tokio::test]
    async fn without_a_grace_it_stops_at_once() {
        let gate = Gate::new(Duration::ZERO);
        gate.open();
        gate.close();
        assert!(gate.stop.is_cancelled());
    }
    #[tokio::test]
    async fn connections_end_once_a_gate_is_closed() {
        let gate = Gate::new(Duration::from_mins(1));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = gate.around(Router::new().route("/", axum::routing::get(async || "hello")));
        tokio::spawn(crate::listen::serve(listener, router, gate.stop.clone()));
        let connection = async || {
            let answer = reqwest::get(&url).await.expect("an answer");
            answer.headers().get("connection").map(|value| value.as_bytes().to_owned())
        };
        assert_eq!(connection().await, None);
        gate.close();
        assert_eq!(connection().await.as_deref(), Some(b"close".as_slice()));
    }
}
