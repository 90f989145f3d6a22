//! Who belongs to an organisation.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use trace::identity::{Member, Role, UserId};
use trace::ports::{Clock, MemberChange, Revocation};
use utoipa::ToSchema;

use crate::caller::{Admin, Caller, Known, Session};
use crate::cloud::{Cloud, InCloud};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, Path};
use crate::spans::{DONE, Done};

/// A user as the others see them.
#[derive(Serialize, ToSchema)]
#[schema(as = Member)]
pub(super) struct MemberView {
    id: uuid::Uuid,
    email: String,
    name: String,
    /// `owner`, `admin`, `member` or `viewer`.
    role: &'static str,
}

impl From<Member> for MemberView {
    fn from(member: Member) -> Self {
        Self { id: member.id.0, email: member.email.into(), name: member.name, role: member.role.as_str() }
    }
}

/// Returns the members by the time they joined.
#[utoipa::path(get, path = "/api/org/members", tag = "org", security(("bearer" = [])),
    responses((status = 200, body = Vec<MemberView>), (status = 401, body = ErrorBody)))]
pub(super) async fn list_members(
    State(cloud): State<Option<Arc<Cloud>>>,
    caller: Caller<Known>,
) -> Result<Json<Vec<MemberView>>, ApiError> {
    let Some(cloud) = cloud else { return Ok(Json(Vec::new())) };
    let members = cloud.orgs.list_members(caller.scope.org).await?;
    Ok(Json(members.into_iter().map(MemberView::from).collect()))
}

/// What a member is to become.
#[derive(Deserialize, ToSchema)]
pub(super) struct RoleChange {
    /// `owner`, `admin`, `member` or `viewer`.
    role: String,
}

/// Returns a role, or the error that names its member.
pub(super) fn role(word: &str) -> Result<Role, ApiError> {
    Role::parse(word).map_err(|error| ApiError::field("role", error.to_string()))
}

fn done(change: MemberChange) -> Result<Member, ApiError> {
    match change {
        MemberChange::Done(member) => Ok(member),
        MemberChange::Missing => Err(ApiError::NotFound("member")),
        MemberChange::LastOwner => {
            Err(ApiError::Forbidden("the only owner cannot leave or become something else".to_owned()))
        }
        MemberChange::OwnersOnly => {
            Err(ApiError::Forbidden("only an owner may make, change or remove an owner".to_owned()))
        }
    }
}

/// Changes what a member is.
#[utoipa::path(patch, path = "/api/org/members/{id}", tag = "org", security(("session" = ["admin"])),
    params(("id" = uuid::Uuid, Path)), request_body = RoleChange,
    responses((status = 200, body = MemberView), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
pub(super) async fn change_member(
    session: Session<Admin>,
    InCloud(cloud): InCloud,
    Path(id): Path<uuid::Uuid>,
    Json(change): Json<RoleChange>,
) -> Result<Json<MemberView>, ApiError> {
    let (id, role) = (UserId(id), role(&change.role)?);
    let member = done(cloud.orgs.set_role(session.scope.org, id, role, session.role).await?)?;
    cloud.revoke(Revocation::User { id }).await;
    Ok(Json(member.into()))
}

/// Removes a member and ends their sessions.
#[utoipa::path(delete, path = "/api/org/members/{id}", tag = "org", security(("session" = ["admin"])),
    params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = Done), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(super) async fn remove_member(
    session: Session<Admin>,
    InCloud(cloud): InCloud,
    State(clock): State<Arc<dyn Clock>>,
    Path(id): Path<uuid::Uuid>,
) -> Result<Json<Done>, ApiError> {
    let id = UserId(id);
    if id == session.user.id {
        return Err(ApiError::Forbidden("nobody can remove themselves".to_owned()));
    }
    done(cloud.orgs.remove_member(session.scope.org, id, session.role, clock.now()).await?)?;
    cloud.revoke(Revocation::User { id }).await;
    Ok(DONE)
}
