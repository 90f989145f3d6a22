//! Signing up and logging in.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use trace::id::Scope;
use trace::identity::{Email, Role};
use trace::ports::{Clock, NewAccount};
use utoipa::ToSchema;

use super::{AuthAnswer, name, slug};
use crate::cloud::{InCloud, unharmed};
use crate::error::{ApiError, ErrorBody};
use crate::extract::Json;
use crate::password::{Match, Passwords};
use crate::rate::{self, Client};

/// Returns an address, or the error that names its member.
pub(super) fn email(text: &str) -> Result<Email, ApiError> {
    Email::parse(text).map_err(|error| ApiError::field("email", error.to_string()))
}

/// Who signs up.
#[derive(Deserialize, ToSchema)]
pub(super) struct SignUp {
    email: String,
    password: String,
    name: Option<String>,
    /// The organisation's name.
    org_name: Option<String>,
}

/// Creates a user with an organisation of their own and its first project.
#[utoipa::path(post, path = "/api/auth/signup", tag = "auth", request_body = SignUp,
    responses((status = 201, body = AuthAnswer), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub(super) async fn sign_up(
    InCloud(cloud): InCloud,
    State(clock): State<Arc<dyn Clock>>,
    parts: Parts,
    Json(wish): Json<SignUp>,
) -> Result<Response, ApiError> {
    let email = email(&wish.email)?;
    Passwords::accept(&wish.password)?;
    let user_name = name("name", wish.name.as_deref().unwrap_or_default())?;
    let org_name = name("org_name", wish.org_name.as_deref().unwrap_or_default())?;
    let org_name = org_name.unwrap_or_else(|| format!("{}'s Org", email.local_part()));
    let org_slug = Some(slug(&org_name)).filter(|slug| !slug.is_empty()).unwrap_or("org".to_owned());
    let password_hash = cloud.passwords.hash(wish.password).await?;
    let name = user_name.unwrap_or_default();
    let account = NewAccount { email, name, password_hash, org_name, org_slug };
    let signed_up = cloud.accounts.sign_up(account).await?;
    let signed_up = signed_up.ok_or(ApiError::Conflict("an account with this e-mail exists"))?;
    let scope = Scope { org: signed_up.org, project: signed_up.project };
    let page = cloud.site.page_of(&parts.headers, &parts.uri);
    AuthAnswer::open(&cloud, StatusCode::CREATED, (signed_up.user, scope, Role::Owner), page, clock.now())
}

/// Who logs in.
#[derive(Deserialize, ToSchema)]
pub(super) struct LogIn {
    email: String,
    password: String,
}

/// The one answer to a wrong address and a wrong password.
const WRONG: ApiError = ApiError::InvalidAuth("the e-mail or the password is wrong");

/// Begins a session in the default project of the user's oldest organisation.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", request_body = LogIn,
    responses((status = 200, body = AuthAnswer), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
        (status = 429, body = ErrorBody)))]
pub(super) async fn log_in(
    InCloud(cloud): InCloud,
    State(clock): State<Arc<dyn Clock>>,
    parts: Parts,
    Json(wish): Json<LogIn>,
) -> Result<Response, ApiError> {
    rate::login(&*cloud.limiter, &Client::of(&parts)).await?;
    let email = email(&wish.email)?;
    let known = cloud.accounts.find_by_email(&email).await?;
    let stored = known.as_ref().map(|known| known.password_hash.as_str());
    // An unknown address takes as long as a known one.
    let found = cloud.passwords.check(wish.password.clone(), stored).await?;
    let user = known.filter(|_| found != Match::No).ok_or(WRONG)?.user;
    if found == Match::Weakly {
        let hash = cloud.passwords.hash(wish.password).await?;
        unharmed(cloud.accounts.rehash(user.id, &hash).await, "a stronger hash");
    }
    let place = cloud.accounts.memberships(user.id).await?.into_iter().next();
    let nowhere = || ApiError::Forbidden("this account belongs to no organisation any more".to_owned());
    let place = place.ok_or_else(nowhere)?;
    let scope = Scope { org: place.org.id, project: cloud.default_project(place.org.id).await? };
    let page = cloud.site.page_of(&parts.headers, &parts.uri);
    AuthAnswer::open(&cloud, StatusCode::OK, (user, scope, place.role), page, clock.now())
}
