//! Getting back in without the password.

use std::sync::Arc;

use axum::extract::State;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use trace::id::Scope;
use trace::identity::{MailJob, SecretToken};
use trace::ports::{Clock, Revocation, chain};
use utoipa::ToSchema;

use super::entry::email;
use crate::cloud::InCloud;
use crate::error::{ApiError, ErrorBody};
use crate::extract::Json;
use crate::password::Passwords;
use crate::rate::{self, Client};
use crate::spans::{DONE, Done};

/// Who cannot get in.
#[derive(Deserialize, ToSchema)]
pub(super) struct Forgot {
    email: String,
}

/// The same answer for everybody.
#[derive(Serialize, ToSchema)]
pub(super) struct ForgotAnswer {
    ok: bool,
    message: &'static str,
}

/// Sends a link to set a new password, if anybody has the address.
///
/// Whether somebody has it, the worker finds out: neither the answer nor the time it takes tells.
#[utoipa::path(post, path = "/api/auth/forgot-password", tag = "auth", request_body = Forgot,
    responses((status = 200, body = ForgotAnswer), (status = 400, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub(super) async fn forgot_password(
    InCloud(cloud): InCloud,
    State(clock): State<Arc<dyn Clock>>,
    parts: Parts,
    Json(wish): Json<Forgot>,
) -> Result<Json<ForgotAnswer>, ApiError> {
    let email = email(&wish.email)?;
    rate::forgot(&*cloud.limiter, &Client::of(&parts), &email).await?;
    if let Some(jobs) = &cloud.mail {
        let job = MailJob::Reset { email }.due(clock.now());
        if let Err(error) = jobs.enqueue(&Scope::LOCAL, &[job]).await {
            tracing::warn!(error = %chain(&error), "a mail to reset a password could not be enqueued");
        }
    }
    let message = "if an account with this e-mail exists, a link to set a new password is on its way";
    Ok(Json(ForgotAnswer { ok: true, message }))
}

/// A new password.
#[derive(Deserialize, ToSchema)]
pub(super) struct Reset {
    token: String,
    password: String,
}

/// Sets a new password and ends all sessions of the user.
#[utoipa::path(post, path = "/api/auth/reset-password", tag = "auth", request_body = Reset,
    responses((status = 200, body = Done), (status = 400, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub(super) async fn reset_password(
    InCloud(cloud): InCloud,
    State(clock): State<Arc<dyn Clock>>,
    parts: Parts,
    Json(wish): Json<Reset>,
) -> Result<Json<Done>, ApiError> {
    Passwords::accept(&wish.password)?;
    rate::reset(&*cloud.limiter, &Client::of(&parts)).await?;
    let hash = cloud.passwords.hash(wish.password).await?;
    let token = SecretToken::from_client(&wish.token).hash();
    let user = cloud.resets.use_reset(&token, &hash, clock.now()).await?;
    let id = user.ok_or_else(|| ApiError::field("token", "the link is unknown, used or expired"))?;
    cloud.revoke(Revocation::User { id }).await;
    Ok(DONE)
}
