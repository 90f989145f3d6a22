//! Coming by an invite.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use trace::id::Scope;
use trace::identity::{Invite, SecretHash, SecretToken, User};
use trace::ports::{Acceptance, Clock, Revocation};
use utoipa::ToSchema;

use super::{AuthAnswer, name};
use crate::caller::{Authenticator, Who};
use crate::cloud::{Cloud, InCloud};
use crate::error::{ApiError, ErrorBody};
use crate::extract::Json;
use crate::password::{Match, Passwords};
use crate::rate::{self, Client};

/// An invite to be used.
#[derive(Deserialize, ToSchema)]
pub(super) struct Accept {
    token: String,
    /// The new account's password, or the one of the account that has the address. Not needed with its session.
    password: Option<String>,
    /// The new account's name.
    name: Option<String>,
}

fn unknown() -> ApiError {
    ApiError::field("token", "there is no such invite, or it was used")
}

/// Joins the organisation of an invite.
///
/// An account that has the address already only joins: its password is asked for and stays as it is.
#[utoipa::path(post, path = "/api/auth/accept-invite", tag = "auth", request_body = Accept,
    responses((status = 201, body = AuthAnswer), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 403, body = ErrorBody), (status = 409, body = ErrorBody), (status = 410, body = ErrorBody),
        (status = 429, body = ErrorBody)))]
pub(super) async fn accept_invite(
    InCloud(cloud): InCloud,
    State(clock): State<Arc<dyn Clock>>,
    State(authenticator): State<Arc<dyn Authenticator>>,
    parts: Parts,
    Json(wish): Json<Accept>,
) -> Result<Response, ApiError> {
    let now = clock.now();
    let token = SecretToken::from_client(&wish.token).hash();
    let user_name = name("name", wish.name.as_deref().unwrap_or_default())?.unwrap_or_default();
    let invite = cloud.invites.find_invite(&token).await?.ok_or_else(unknown)?;
    if invite.expires_at <= now {
        return Err(ApiError::Expired("the invite"));
    }
    let known = cloud.accounts.find_by_email(&invite.email).await?;
    let is_new = known.is_none();
    let hash = if let Some(known) = known {
        if !is_session_of(&known.user, &*authenticator, &parts).await {
            check(&cloud, &parts, wish.password, &known.password_hash).await?;
        }
        known.password_hash
    } else {
        let password = wish.password.ok_or_else(missing)?;
        Passwords::accept(&password)?;
        cloud.passwords.hash(password).await?
    };
    let seats = cloud.org(invite.org).await?.plan.limits().max_team_members;
    let (user, scope, role) = match cloud.invites.accept(&token, &user_name, &hash, seats, now).await? {
        Acceptance::Joined { user, org, project, role } => (user, Scope { org, project }, role),
        Acceptance::Unknown => return Err(unknown()),
        Acceptance::Expired => return Err(ApiError::Expired("the invite")),
        Acceptance::AlreadyMember => return Err(ApiError::Conflict("the account is a member already")),
        Acceptance::LimitReached => {
            return Err(ApiError::PlanLimitReached { what: "members", limit: seats.unwrap_or_default() });
        }
    };
    cloud.revoke(Revocation::User { id: user.id }).await;
    if is_new {
        created_by_us(&cloud, &invite, &hash).await?;
    }
    let page = cloud.site.page_of(&parts.headers, &parts.uri);
    AuthAnswer::open(&cloud, StatusCode::CREATED, (user, scope, role), page, now)
}

fn missing() -> ApiError {
    ApiError::field("password", "a password is needed")
}

async fn is_session_of(user: &User, authenticator: &dyn Authenticator, parts: &Parts) -> bool {
    let identity = authenticator.identify(parts).await;
    matches!(identity.map(|identity| identity.who), Ok(Who::User { user: caller, .. }) if caller.id == user.id)
}

async fn check(cloud: &Cloud, parts: &Parts, password: Option<String>, stored: &str) -> Result<(), ApiError> {
    let password = password.ok_or_else(missing)?;
    rate::invited(&*cloud.limiter, &Client::of(parts)).await?;
    match cloud.passwords.check(password, Some(stored)).await? {
        Match::No => {
            Err(ApiError::InvalidAuth("an account with this e-mail exists, and its password is another"))
        }
        Match::Yes | Match::Weakly => Ok(()),
    }
}

/// Makes sure that the account is the one just created, and not one that somebody signed up for meanwhile: its
/// password was not asked for.
async fn created_by_us(cloud: &Cloud, invite: &Invite, hash: &str) -> Result<(), ApiError> {
    let stored = cloud.accounts.find_by_email(&invite.email).await?.map(|stored| stored.password_hash);
    let is_ours = stored.is_some_and(|stored| SecretHash::of(&stored).matches(&SecretHash::of(hash)));
    if is_ours { Ok(()) } else { Err(ApiError::Conflict("an account with this e-mail exists; log in")) }
}
