//! The listener: connections that can be reset, and a service that can be stopped.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

use crate::api;
use crate::error::{Failure, Outcome};
use crate::service::Service;

/// Starts and stops listening, as `wanted` says; `is_listening` follows.
pub(crate) async fn serve(
    service: Arc<Service>,
    mut listener: TcpListener,
    address: SocketAddr,
    mut wanted: watch::Receiver<bool>,
    is_listening: watch::Sender<bool>,
) {
    loop {
        accept(&service, listener, &mut wanted).await;
        is_listening.send_replace(false);
        if wanted.wait_for(|wanted| *wanted).await.is_err() {
            return;
        }
        listener = loop {
            match TcpListener::bind(address).await {
                Ok(listener) => break listener,
                // The port may still be held by connections that are being closed.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        is_listening.send_replace(true);
    }
}

/// Accepts connections until listening is no longer wanted; returning closes the port.
async fn accept(service: &Arc<Service>, listener: TcpListener, wanted: &mut watch::Receiver<bool>) {
    let connections_wanted = wanted.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    tokio::spawn(connection(Arc::clone(service), stream, connections_wanted.clone()));
                }
                // Out of file handles, most likely: wait for some to be closed.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            () = until_stopped(wanted) => return,
        }
    }
}

async fn until_stopped(wanted: &mut watch::Receiver<bool>) {
    // A sender that is gone means that the emulator is.
    let _ = wanted.wait_for(|wanted| !*wanted).await;
}

async fn connection(service: Arc<Service>, stream: TcpStream, mut wanted: watch::Receiver<bool>) {
    let Ok((stream, handle)) = with_handle(stream) else { return };
    let reset = Arc::new(Notify::new());
    let answer = service_fn(|request: Request<Incoming>| {
        let (service, reset) = (Arc::clone(&service), Arc::clone(&reset));
        async move {
            if let Some(response) = answer(&service, request).await {
                return Ok::<_, Infallible>(response);
            }
            reset.notify_one();
            std::future::pending().await
        }
    });
    let builder = Builder::new(TokioExecutor::new());
    let served = builder.serve_connection(TokioIo::new(stream), answer);
    let must_reset = tokio::select! {
        _ = served => false,
        () = reset.notified() => true,
        () = until_stopped(&mut wanted) => true,
    };
    // Only now has the stream been dropped: closing its last handle without lingering sends a reset.
    if must_reset {
        let _ = SockRef::from(&handle).set_linger(Some(Duration::ZERO));
    }
    drop(handle);
}

/// The stream, and a second handle that keeps its socket open when it is dropped.
fn with_handle(stream: TcpStream) -> io::Result<(TcpStream, std::net::TcpStream)> {
    stream.set_nodelay(true)?;
    let stream = stream.into_std()?;
    let handle = stream.try_clone()?;
    Ok((TcpStream::from_std(stream)?, handle))
}

/// `None` resets the connection.
async fn answer(service: &Arc<Service>, request: Request<Incoming>) -> Option<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = collected(body, service.settings().limits.body_bytes).await;
    api::answer(service, &parts, body).await.map(crate::reply::Reply::into_response)
}

async fn collected(body: Incoming, most: usize) -> Outcome<Bytes> {
    match Limited::new(body, most).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(api::too_large(most)),
        Err(error) => Err(Failure::invalid(format!("cannot read the request's body: {error}"))),
    }
}
