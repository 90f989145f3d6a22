//! `/api/org`: the organisation of the caller, its members and invites.

mod invites;
mod members;

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use trace::id::{OrgId, Scope};
use trace::identity::{Org, PlanLimits};
use trace::ports::Clock;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::AuthAnswer;
use crate::caller::{Caller, Known, Session};
use crate::cloud::{Cloud, InCloud, local_org};
use crate::error::{ApiError, ErrorBody};
use crate::extract::Json;
use crate::router::Deps;

pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new()
        .routes(routes!(get_org))
        .routes(routes!(switch_org))
        .routes(routes!(members::list_members))
        .routes(routes!(members::change_member, members::remove_member))
        .routes(routes!(invites::list_invites, invites::create_invite))
        .routes(routes!(invites::delete_invite))
}

/// Who is billed, and what for.
#[derive(Serialize, ToSchema)]
#[schema(as = Org)]
struct OrgView {
    id: uuid::Uuid,
    name: String,
    slug: String,
    /// `free`, `pro`, `team` or `enterprise`.
    plan: &'static str,
    plan_limits: LimitsView,
}

/// What the plan allows; `null` is unlimited.
#[derive(Serialize, ToSchema)]
#[schema(as = PlanLimits)]
struct LimitsView {
    #[schema(required)]
    spans_per_month: Option<u64>,
    #[schema(required)]
    max_team_members: Option<u64>,
    #[schema(required)]
    max_api_keys: Option<u64>,
    retention_days: u32,
}

impl From<Org> for OrgView {
    fn from(org: Org) -> Self {
        let PlanLimits { spans_per_month, max_team_members, max_api_keys, retention_days } =
            org.plan.limits();
        let plan_limits = LimitsView { spans_per_month, max_team_members, max_api_keys, retention_days };
        Self { id: org.id.0, name: org.name, slug: org.slug, plan: org.plan.as_str(), plan_limits }
    }
}

/// Returns the organisation of the caller.
#[utoipa::path(get, path = "/api/org", tag = "org", security(("bearer" = [])),
    responses((status = 200, body = OrgView), (status = 401, body = ErrorBody)))]
async fn get_org(
    State(cloud): State<Option<Arc<Cloud>>>,
    caller: Caller<Known>,
) -> Result<Json<OrgView>, ApiError> {
    let org = match cloud {
        Some(cloud) => cloud.org(caller.scope.org).await?,
        None => local_org(),
    };
    Ok(Json(org.into()))
}

/// Where to go.
#[derive(Deserialize, ToSchema)]
struct OrgChoice {
    org_id: uuid::Uuid,
}

/// Goes on in another organisation of the user, in its default project.
#[utoipa::path(post, path = "/api/org/switch", tag = "org", security(("session" = [])), request_body = OrgChoice,
    responses((status = 200, body = AuthAnswer), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn switch_org(
    session: Session<Known>,
    InCloud(cloud): InCloud,
    State(clock): State<Arc<dyn Clock>>,
    parts: Parts,
    Json(choice): Json<OrgChoice>,
) -> Result<Response, ApiError> {
    let org = OrgId(choice.org_id);
    let place = cloud.accounts.find_member(org, session.user.id).await?;
    let (user, place) = place.ok_or(ApiError::NotFound("organisation"))?;
    let scope = Scope { org, project: cloud.default_project(org).await? };
    let page = cloud.site.page_of(&parts.headers, &parts.uri);
    AuthAnswer::open(&cloud, StatusCode::OK, (user, scope, place.role), page, clock.now())
}
