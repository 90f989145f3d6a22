//! `/api/auth`: sign up, log in and out, come by an invite, get back in, and who is calling.

mod answer;
mod entry;
mod invitation;
mod reset;

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use serde::Serialize;
use trace::identity::Membership;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use self::answer::AuthAnswer;
use crate::caller::{Caller, Known, Who};
use crate::cloud::{Cloud, InCloud};
use crate::error::{ApiError, ErrorBody};
use crate::extract::Json;
use crate::router::Deps;
use crate::spans::DONE;
use crate::system::Server;

/// Longest name of a person, an organisation, a project or a key, in characters.
const NAME_LIMIT: usize = 200;

/// Routes that need no credentials.
pub(crate) fn open_routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new()
        .routes(routes!(config))
        .routes(routes!(entry::sign_up))
        .routes(routes!(entry::log_in))
        .routes(routes!(log_out))
        .routes(routes!(invitation::accept_invite))
        .routes(routes!(reset::forgot_password))
        .routes(routes!(reset::reset_password))
}

/// Routes for who is known.
pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new().routes(routes!(me))
}

/// Returns a name without spaces around it, or `None` when nothing is left.
pub(crate) fn name(field: &'static str, text: &str) -> Result<Option<String>, ApiError> {
    let text = text.trim();
    if text.chars().count() > NAME_LIMIT {
        return Err(ApiError::field(field, format!("a name has at most {NAME_LIMIT} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(ApiError::field(field, "a name has no control characters"));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

/// Returns a name that must not be empty.
pub(crate) fn required_name(field: &'static str, text: &str) -> Result<String, ApiError> {
    name(field, text)?.ok_or_else(|| ApiError::field(field, "a name must not be empty"))
}

/// Returns a name as a part of URLs: lower case, and `-` for whatever is no letter or digit.
pub(crate) fn slug(name: &str) -> String {
    let words =
        name.to_lowercase().chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect::<String>();
    words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// What this server can do about users.
#[derive(Serialize, ToSchema)]
struct AuthConfig {
    /// `local` or `cloud`.
    mode: &'static str,
    /// `auth`, `teams`, `api_keys` and `billing`, as far as there are.
    features: Vec<&'static str>,
}

/// Returns the mode of the server.
#[utoipa::path(get, path = "/api/auth/config", tag = "auth", responses((status = 200, body = AuthConfig)))]
async fn config(State(server): State<Server>, State(cloud): State<Option<Arc<Cloud>>>) -> Json<AuthConfig> {
    let features = cloud.map_or(Vec::new(), |cloud| {
        let billing = cloud.billing.as_ref().map(|_| "billing");
        ["auth", "teams", "api_keys"].into_iter().chain(billing).collect()
    });
    Json(AuthConfig { mode: server.mode, features })
}

/// Who is calling.
#[derive(Serialize, ToSchema)]
struct Me {
    org_id: uuid::Uuid,
    project_id: uuid::Uuid,
    #[schema(required)]
    user_id: Option<uuid::Uuid>,
    scopes: Vec<&'static str>,
    is_local_mode: bool,
    #[schema(required)]
    email: Option<String>,
    #[schema(required)]
    name: Option<String>,
    #[schema(required)]
    role: Option<&'static str>,
    /// Where the user belongs; empty for API keys and in local mode.
    organizations: Vec<Belonging>,
}

/// An organisation the user belongs to.
#[derive(Serialize, ToSchema)]
struct Belonging {
    id: uuid::Uuid,
    name: String,
    slug: String,
    role: &'static str,
}

impl From<Membership> for Belonging {
    fn from(place: Membership) -> Self {
        let Membership { org, role } = place;
        Self { id: org.id.0, name: org.name, slug: org.slug, role: role.as_str() }
    }
}

/// Returns who is calling.
#[utoipa::path(get, path = "/api/auth/me", tag = "auth", security(("bearer" = [])),
    responses((status = 200, body = Me), (status = 401, body = ErrorBody)))]
async fn me(State(cloud): State<Option<Arc<Cloud>>>, caller: Caller<Known>) -> Result<Json<Me>, ApiError> {
    let mut me = Me {
        org_id: caller.scope.org.0,
        project_id: caller.scope.project.0,
        user_id: None,
        scopes: caller.permissions.names(),
        is_local_mode: cloud.is_none(),
        email: None,
        name: None,
        role: None,
        organizations: Vec::new(),
    };
    if let (Some(cloud), Who::User { user, role }) = (cloud, caller.who) {
        let places = cloud.accounts.memberships(user.id).await?;
        me.organizations = places.into_iter().map(Belonging::from).collect();
        me.user_id = Some(user.id.0);
        me.email = Some(user.email.into());
        me.name = Some(user.name);
        me.role = Some(role.as_str());
    }
    Ok(Json(me))
}

/// Ends the session in the browser.
#[utoipa::path(post, path = "/api/auth/logout", tag = "auth",
    responses((status = 200, body = crate::spans::Done), (status = 404, body = ErrorBody)))]
async fn log_out(InCloud(cloud): InCloud) -> Response {
    let mut response = DONE.into_response();
    if let Some(cookie) = cloud.site.cleared_cookie() {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn slugs_are_words_in_lower_case() {
        assert_eq!(slug("  Ann's  Big-Org! "), "ann-s-big-org");
        assert_eq!(slug("Zoë 2"), "zoë-2");
        assert_eq!(slug("!!"), "");
    }

    #[test]
    fn names_are_short_and_plain() {
        assert_eq!(name("name", " Ann ").unwrap(), Some("Ann".to_owned()));
        assert_eq!(name("name", " ").unwrap(), None);
        for text in ["a\0b", "a\nb", &"x".repeat(201)] {
            assert_eq!(name("name", text).unwrap_err().body().field.as_deref(), Some("name"));
        }
    }
}
