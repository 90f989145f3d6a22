//! Listening sockets, and serving a router on one until told to stop.

use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;

use anyhow::{Context, anyhow};
use axum::Router;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Opens a port. The error names the address and the setting that changes it.
pub(crate) async fn bind(address: SocketAddr, what: &str, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let why = match error.kind() {
            ErrorKind::AddrInUse => "another program uses this port".to_owned(),
            ErrorKind::PermissionDenied => "this port needs more rights".to_owned(),
            ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
            _ => error.to_string(),
        };
        anyhow!("cannot listen on {address} for the {what}: {why}. Choose another address with {flag}.")
    })
}

/// Serves `router` until `stop`, then finishes the requests in flight.
pub(crate) fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> impl Future<Output = anyhow::Result<()>> {
    // Nagle's algorithm would hold back small streamed chunks for up to 40 ms.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    async move {
        axum::serve(listener, service)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
            .context("the listener failed")
    }
}
