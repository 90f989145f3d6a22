//! A Function URL: HTTP in front of a function, whose answers are passed on as they come.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::event::{LARGEST, event};
use crate::failure::Failure;
use crate::function::{Function, Shared};
use crate::prelude::Prelude;
use crate::reply::{Reply, StreamedBody, buffered};

/// A listening Function URL. Dropping it stops it.
pub struct FunctionUrl {
    /// Where it listens, without a trailing slash.
    pub url: String,
    task: JoinHandle<()>,
}

impl FunctionUrl {
    /// Starts one on a free port.
    pub async fn start(function: &Function) -> io::Result<Self> {
        Self::bind(function, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts one on `address`.
    pub async fn bind(function: &Function, address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(answer).with_state(Arc::clone(&function.shared));
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let task = tokio::spawn(async move {
            let service = router.into_make_service_with_connect_info::<SocketAddr>();
            // It ends with the URL.
            let _ = axum::serve(listener, service).await;
        });
        Ok(Self { url, task })
    }
}

impl Drop for FunctionUrl {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    State(function): State<Arc<Shared>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = collected(body).await else { return StatusCode::BAD_REQUEST.into_response() };
    let Some(event) = body.and_then(|body| event(&parts, &body, source.ip())) else {
        let told = format!("Request must be smaller than {LARGEST} bytes for the InvokeFunction operation");
        return (StatusCode::PAYLOAD_TOO_LARGE, axum::Json(json!({"Message": told}))).into_response();
    };
    let reply = match function.invoke(event.into()).await {
        Ok(Reply::Buffered(bytes)) => {
            buffered(&bytes).map(|(prelude, body)| built(prelude, Body::from(body)))
        }
        Ok(Reply::Streamed { prelude, body }) => streamed(prelude, body).await,
        Err(failure) => Err(failure),
    };
    reply.unwrap_or_else(|failure| {
        if let Failure::Malformed(_) = failure {
            function.note(&failure);
        }
        failed(&failure)
    })
}

/// Returns the body, or `None` when it is too large, which is read to its end, so that the client hears the answer.
async fn collected(mut body: Body) -> Result<Option<Bytes>, axum::Error> {
    let (mut bytes, mut is_too_large) = (BytesMut::new(), false);
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            is_too_large |= bytes.len() + data.len() > LARGEST;
            if !is_too_large {
                bytes.extend_from_slice(&data);
            }
        }
    }
    Ok((!is_too_large).then(|| bytes.freeze()))
}

/// Waits for the first piece of the body: URLs are reported to hang when nothing follows the head, so that a function
/// which sends nothing is refused here.
async fn streamed(prelude: Option<Prelude>, mut body: StreamedBody) -> Result<Response, Failure> {
    let Some(first) = body.next().await? else {
        return Err(Failure::Malformed("a streamed answer without a body".to_owned()));
    };
    let prelude = prelude.unwrap_or_else(|| {
        let octets = header::HeaderValue::from_static("application/octet-stream");
        Prelude { status: StatusCode::OK, headers: HeaderMap::from_iter([(header::CONTENT_TYPE, octets)]) }
    });
    let pieces = stream::unfold(Some((Some(first), body)), async |state| {
        let (first, mut body) = state?;
        if let Some(first) = first {
            return Some((Ok(first), Some((None, body))));
        }
        match body.next().await {
            Ok(Some(bytes)) => Some((Ok(bytes), Some((None, body)))),
            Ok(None) => None,
            Err(failure) => Some((Err(io::Error::other(failure)), None)),
        }
    });
    Ok(built(prelude, Body::from_stream(pieces)))
}

/// The front frames the body itself, whatever the function says of it.
fn built(prelude: Prelude, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = prelude.status;
    *response.headers_mut() = prelude.headers;
    for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
        response.headers_mut().remove(name);
    }
    response
}

fn failed(failure: &Failure) -> Response {
    match failure {
        Failure::Throttled => {
            let told = json!({"Reason": "ConcurrentInvocationLimitExceeded", "Type": "User",
                "message": "Rate Exceeded."});
            (StatusCode::TOO_MANY_REQUESTS, axum::Json(told)).into_response()
        }
        Failure::TimedOut
        | Failure::Died(_)
        | Failure::Init(_)
        | Failure::Function { .. }
        | Failure::TooLarge
        | Failure::Malformed(_) => (StatusCode::BAD_GATEWAY, "Internal Server Error").into_response(),
    }
}
