//! Rate limits: how often one may log in, ask for a reset, or call at all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use trace::identity::{Email, SecretHash};
use trace::ports::{RateLimiter, Verdict, Window, chain};

use crate::caller::Identity;
use crate::cloud::Cloud;
use crate::error::ApiError;

const LOGIN: Window = Window { max: 10, per: Duration::from_mins(1) };
const RESET: Window = Window { max: 30, per: Duration::from_mins(1) };
const FORGOT_BY_EMAIL: Window = Window { max: 3, per: Duration::from_hours(1) };
const FORGOT_BY_IP: Window = Window { max: 10, per: Duration::from_hours(1) };

/// The client's address as the contract tells it, hashed: what limits are kept by need not be readable.
pub(crate) struct Client(String);

impl Client {
    /// Returns the first entry of `X-Forwarded-For`, else `X-Real-IP`, else the socket's peer.
    pub(crate) fn of(parts: &Parts) -> Self {
        let header = |name: &str| {
            let text = parts.headers.get(name)?.to_str().ok()?;
            text.split(',').next().map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned)
        };
        let peer = || parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip().to_string());
        let address = header("x-forwarded-for").or_else(|| header("x-real-ip")).or_else(peer);
        Self(hashed(&address.unwrap_or_default()))
    }
}

fn hashed(text: &str) -> String {
    SecretHash::of(text).as_str()[..32].to_owned()
}

/// Asks whether one more is allowed. A limiter that cannot answer stops nobody.
async fn check(limiter: &dyn RateLimiter, key: String, window: Window) -> Result<(), ApiError> {
    match limiter.check(&key, window).await {
        Ok(Verdict::Allowed) => Ok(()),
        Ok(Verdict::Limited(wait)) => Err(ApiError::RateLimited(wait)),
        Err(error) => {
            metrics::counter!("traceway_rate_limiter_errors_total").increment(1);
            tracing::warn!(error = %chain(&error), "a rate limit could not be checked; the request goes on");
            Ok(())
        }
    }
}

/// Limits logins.
pub(crate) async fn login(limiter: &dyn RateLimiter, client: &Client) -> Result<(), ApiError> {
    check(limiter, format!("login:{}", client.0), LOGIN).await
}

/// Limits guesses at the password of an account that was invited.
pub(crate) async fn invited(limiter: &dyn RateLimiter, client: &Client) -> Result<(), ApiError> {
    check(limiter, format!("invited:{}", client.0), LOGIN).await
}

/// Limits requests for a reset, by who asks and by whom it is for.
pub(crate) async fn forgot(
    limiter: &dyn RateLimiter,
    client: &Client,
    email: &Email,
) -> Result<(), ApiError> {
    check(limiter, format!("forgot:ip:{}", client.0), FORGOT_BY_IP).await?;
    check(limiter, format!("forgot:email:{}", hashed(email.as_str())), FORGOT_BY_EMAIL).await
}

/// Limits new passwords by a link, each of which is hashed before the link is looked at.
pub(crate) async fn reset(limiter: &dyn RateLimiter, client: &Client) -> Result<(), ApiError> {
    check(limiter, format!("reset:{}", client.0), RESET).await
}

/// The layer: limits the calls of an organisation. It lies within the one that knows who calls.
pub(crate) async fn per_org(
    State(cloud): State<Option<Arc<Cloud>>>,
    request: Request,
    next: Next,
) -> Response {
    if let (Some(cloud), Some(identity)) = (cloud, request.extensions().get::<Identity>()) {
        let key = format!("org:{}", identity.scope.org.0);
        let calls = Window { max: cloud.calls_per_second, per: Duration::from_secs(1) };
        if let Err(error) = check(&*cloud.limiter, key, calls).await {
            return error.into_response();
        }
    }
    next.run(request).await
}
