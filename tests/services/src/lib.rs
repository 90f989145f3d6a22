//! Resend and Polar, as far as Traceway uses them, for tests.
//!
//! Each emulator is a small server on a port of its own that remembers what it was sent and can be told to fail.
//! What Traceway does not use is deliberately absent.

mod polar;
mod resend;

pub use polar::{Event, Polar, SignedWebhook};
pub use resend::{Resend, Sent};

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A server that stops when it is dropped.
#[derive(Debug)]
struct Server {
    url: String,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(address: SocketAddr, router: Router) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let task = tokio::spawn(async move {
            // Serving ends only with its task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, task })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A free port of this machine.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
