//! What opens a session answers.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use trace::id::Scope;
use trace::identity::{Role, User};
use trace::time::Timestamp;
use utoipa::ToSchema;

use crate::cloud::Cloud;
use crate::error::ApiError;
use crate::extract::Json;
use crate::session_cookie::Page;

/// A session that was just begun, which is also a cookie.
#[derive(Serialize, ToSchema)]
#[schema(as = AuthResponse)]
pub(crate) struct AuthAnswer {
    user_id: uuid::Uuid,
    org_id: uuid::Uuid,
    project_id: uuid::Uuid,
    email: String,
    name: String,
    role: &'static str,
    /// For `Authorization: Bearer`, and `?token=` of the event stream.
    token: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl AuthAnswer {
    /// Begins a session and returns it, with its cookie where the page may have one.
    pub(crate) fn open(
        cloud: &Cloud,
        status: StatusCode,
        (user, scope, role): (User, Scope, Role),
        page: Page,
        now: Timestamp,
    ) -> Result<Response, ApiError> {
        let opened = cloud.open_session(&user, scope, role, now)?;
        let answer = Self {
            user_id: user.id.0,
            org_id: scope.org.0,
            project_id: scope.project.0,
            email: user.email.into(),
            name: user.name,
            role: role.as_str(),
            token: opened.token.clone(),
            expires_at: opened.expires_at,
        };
        let mut response = Json(answer).into_response();
        *response.status_mut() = status;
        Ok(cloud.with_cookie(response, &opened.token, page))
    }
}
