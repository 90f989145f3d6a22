//! The way from an invocation to a router and back.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::IntoResponse;
use cloud::Secret;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, header};
use lambda_http::request::RequestContext;
use lambda_http::{RequestExt, run_with_streaming_response};
use rest::{ApiError, StreamLimit};
use tokio_util::sync::CancellationToken;
use tokio_util::sync::DropGuard;
use tower::ServiceExt;
use trace::ports::StoreError;

use crate::body::{Whole, fit};
use crate::deadline;
use crate::doors::Door;
use crate::instance::Lazy;
use crate::nodelay::Connections;

/// What is kept back of an invocation's time to record a call that is cut off, or to answer that there is no time.
const RESERVE: Duration = Duration::from_secs(3);

/// What something in front of the functions says it is.
const ORIGIN: &str = "x-origin-verify";

struct Front<D> {
    door: D,
    lazy: Lazy,
    connections: Option<Connections>,
}

/// Serves invocations until the process is stopped.
pub async fn serve<D: Door>(lazy: Lazy) -> Result<(), lambda_http::Error> {
    let front = Arc::new(Front { door: D::default(), lazy, connections: Connections::from_env() });
    run_with_streaming_response(tower::service_fn(move |request: lambda_http::Request| {
        let front = Arc::clone(&front);
        async move { Ok::<_, std::convert::Infallible>(front.answer(request).await) }
    }))
    .await
}

impl<D: Door> Front<D> {
    async fn answer(&self, request: lambda_http::Request) -> Response<Whole<DropGuard>> {
        if let Some(connections) = self.connections {
            connections.set();
        }
        let left = deadline::left(&request.lambda_context());
        let time = deadline::before(left, RESERVE);
        let cut = CancellationToken::new();
        // Runs while the answer does, and ends with it.
        let over = CancellationToken::new();
        let (alarm, until) = (cut.clone(), over.clone());
        tokio::spawn(async move {
            if until.run_until_cancelled(tokio::time::sleep(time)).await.is_some() {
                alarm.cancel();
            }
        });
        let answered = tokio::time::timeout(time, self.route(request, time, cut));
        let response = answered.await.unwrap_or_else(|_| {
            let late = "the answer takes longer than this function may run";
            ApiError::Store(StoreError::unavailable(late)).into_response()
        });
        let (mut parts, body) = response.into_parts();
        fit(&mut parts);
        let body = Whole::new(body, &parts.headers, over.drop_guard());
        Response::from_parts(parts, body)
    }

    async fn route(
        &self,
        request: lambda_http::Request,
        time: Duration,
        cut: CancellationToken,
    ) -> Response<Body> {
        let instance = match self.lazy.get().await {
            Ok(instance) => instance,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "the function cannot start and tries again");
                let why = StoreError::unavailable("the function cannot reach what it needs");
                return ApiError::Store(why).into_response();
            }
        };
        let origin = instance.settings.origin_secret.as_ref();
        if !origin.is_none_or(|secret| comes_from(request.headers(), secret)) {
            return (StatusCode::FORBIDDEN, "this address is not the one to call").into_response();
        }
        instance.refresh().await;
        let mut request = plain(request, origin.is_some());
        request.extensions_mut().insert(StreamLimit(instance.settings.stream.min(time)));
        self.door.router(instance, cut).await.oneshot(request).await.unwrap_or_else(|never| match never {})
    }
}

/// Returns whether a request carries the secret of what stands in front, compared in constant time.
fn comes_from(headers: &HeaderMap, secret: &Secret) -> bool {
    use subtle::ConstantTimeEq;
    let given = headers.get(ORIGIN).map(HeaderValue::as_bytes).unwrap_or_default();
    given.ct_eq(secret.reveal().as_bytes()).into()
}

/// Returns the request as a server would get it: with a path instead of a URL, and with the address of its client.
fn plain(request: lambda_http::Request, is_forwarded: bool) -> Request<Body> {
    let address = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.clone(),
        _ => None,
    };
    let (mut parts, body) = request.into_parts();
    if let Some(path) = parts.uri.path_and_query() {
        parts.uri = Uri::from(path.clone());
    }
    parts.headers.remove(ORIGIN);
    // There is no answer without content here.
    parts.headers.remove(header::IF_NONE_MATCH);
    if let Some(address) = address {
        if !is_forwarded && let Ok(value) = HeaderValue::from_str(&address) {
            // Whoever calls a Function URL may claim to be anybody.
            parts.headers.insert("x-forwarded-for", value);
        }
        if let Ok(address) = address.parse::<IpAddr>() {
            parts.extensions.insert(ConnectInfo(SocketAddr::new(address, 0)));
        }
    }
    let body = match body {
        lambda_http::Body::Text(text) => Body::from(text),
        lambda_http::Body::Binary(bytes) => Body::from(bytes),
        _ => Body::empty(),
    };
    Request::from_parts(parts, body)
}
