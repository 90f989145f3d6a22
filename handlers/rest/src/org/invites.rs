//! Who is invited into an organisation.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use trace::identity::{Email, Invite, InviteId, MailJob, Role, SecretToken};
use trace::ports::{Clock, InviteOutcome, NewInvite};
use trace::time::Timestamp;
use utoipa::ToSchema;

use super::members::role;
use crate::caller::{Admin, Session};
use crate::cloud::{Cloud, InCloud};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Created, Json, Path};
use crate::spans::{DONE, Done};

/// How long an invite works: 7 days.
const LIFE_MICROS: i64 = 7 * 24 * 3600 * 1_000_000;

/// An open invitation.
#[derive(Serialize, ToSchema)]
#[schema(as = Invite)]
pub(super) struct InviteView {
    id: uuid::Uuid,
    email: String,
    role: &'static str,
    /// The user who invited.
    invited_by: uuid::Uuid,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Invite> for InviteView {
    fn from(invite: Invite) -> Self {
        Self {
            id: invite.id.0,
            email: invite.email.into(),
            role: invite.role.as_str(),
            invited_by: invite.invited_by.0,
            expires_at: invite.expires_at,
            created_at: invite.created_at,
        }
    }
}

/// Returns the invites that have not expired.
#[utoipa::path(get, path = "/api/org/invites", tag = "org", security(("session" = ["admin"])),
    responses((status = 200, body = Vec<InviteView>), (status = 403, body = ErrorBody)))]
pub(super) async fn list_invites(
    session: Option<Session<Admin>>,
    State(cloud): State<Option<Arc<Cloud>>>,
    State(clock): State<Arc<dyn Clock>>,
) -> Result<Json<Vec<InviteView>>, ApiError> {
    let (Some(session), Some(cloud)) = (session, cloud) else { return Ok(Json(Vec::new())) };
    let invites = cloud.invites.list_invites(session.scope.org, clock.now()).await?;
    Ok(Json(invites.into_iter().map(InviteView::from).collect()))
}

/// Who is to be invited.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewInvitation {
    email: String,
    /// `member` when absent.
    role: Option<String>,
}

/// An invite, and whether its mail is on its way.
#[derive(Serialize, ToSchema)]
pub(super) struct CreatedInvite {
    #[serde(flatten)]
    #[schema(inline)]
    invite: InviteView,
    /// Whether the mail with the link was taken to be sent.
    email_sent: bool,
}

/// Invites somebody by mail. Another invite for the same address is replaced.
#[utoipa::path(post, path = "/api/org/invites", tag = "org", security(("session" = ["admin"])),
    request_body = NewInvitation,
    responses((status = 201, body = CreatedInvite), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
pub(super) async fn create_invite(
    session: Session<Admin>,
    InCloud(cloud): InCloud,
    State(clock): State<Arc<dyn Clock>>,
    Json(wish): Json<NewInvitation>,
) -> Result<Created<CreatedInvite>, ApiError> {
    let email = Email::parse(&wish.email).map_err(|error| ApiError::field("email", error.to_string()))?;
    let role = wish.role.as_deref().map_or(Ok(Role::Member), role)?;
    if role == Role::Owner && session.role != Role::Owner {
        return Err(ApiError::Forbidden("only an owner may invite an owner".to_owned()));
    }
    let (org, now) = (cloud.org(session.scope.org).await?, clock.now());
    let new = NewInvite {
        email,
        role,
        invited_by: session.user.id,
        token: SecretToken::from_random(cloud.random()).hash(),
        expires_at: now.minus_micros(-LIFE_MICROS),
    };
    let limit = org.plan.limits().max_team_members;
    let invite = match cloud.invites.create_invite(org.id, new, limit, now).await? {
        InviteOutcome::Created(invite) => invite,
        InviteOutcome::AlreadyMember => return Err(ApiError::Conflict("this user is a member already")),
        InviteOutcome::LimitReached => {
            let (what, limit) = ("members and open invites", limit.unwrap_or_default());
            return Err(ApiError::PlanLimitReached { what, limit });
        }
    };
    let mail = MailJob::Invite { org: org.id, invite: invite.id }.due(now);
    let email_sent = match &cloud.mail {
        None => false,
        Some(jobs) => {
            let enqueued = jobs.enqueue(&session.scope, &[mail]).await;
            enqueued
                .inspect_err(|error| tracing::warn!(%error, "an invite's mail could not be enqueued"))
                .is_ok()
        }
    };
    Ok(Created(CreatedInvite { invite: invite.into(), email_sent }))
}

/// Takes an invite back.
#[utoipa::path(delete, path = "/api/org/invites/{id}", tag = "org", security(("session" = ["admin"])),
    params(("id" = uuid::Uuid, Path)), responses((status = 200, body = Done), (status = 404, body = ErrorBody)))]
pub(super) async fn delete_invite(
    session: Session<Admin>,
    InCloud(cloud): InCloud,
    Path(id): Path<uuid::Uuid>,
) -> Result<Json<Done>, ApiError> {
    let deleted = cloud.invites.delete_invite(session.scope.org, InviteId(id)).await?;
    if deleted { Ok(DONE) } else { Err(ApiError::NotFound("invite")) }
}
