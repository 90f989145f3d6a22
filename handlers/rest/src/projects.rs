//! `/api/projects`: the projects of an organisation.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use serde::{Deserialize, Deserializer, Serialize};
use trace::id::{ProjectId, Scope};
use trace::identity::{DEFAULT_PROJECT, Project, ProjectSettings};
use trace::ports::{Clock, NewProject, ProjectChange, Revocation};
use trace::record::Recorder;
use trace::time::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{required_name, slug};
use crate::caller::{Admin, Caller, Known, Session, Who};
use crate::cloud::{Cloud, InCloud, unharmed};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Created, Json, Path};
use crate::router::Deps;
use crate::spans::{DONE, Done};
use crate::system::Server;

/// The ranges a project may show first.
const RANGES: [&str; 4] = ["1h", "24h", "7d", "30d"];

pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new()
        .routes(routes!(list_projects, create_project))
        .routes(routes!(switch_project))
        .routes(routes!(change_project, delete_project))
}

/// A separate body of traces, keys and settings.
#[derive(Serialize, ToSchema)]
#[schema(as = Project)]
struct ProjectView {
    id: uuid::Uuid,
    org_id: uuid::Uuid,
    name: String,
    slug: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    settings: SettingsView,
}

/// What the members of a project chose.
#[derive(Serialize, ToSchema)]
#[schema(as = ProjectSettings)]
struct SettingsView {
    /// `1h`, `24h`, `7d` or `30d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    default_time_range: Option<String>,
    /// Days after which traces are deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_days: Option<u32>,
}

impl From<Project> for ProjectView {
    fn from(project: Project) -> Self {
        let ProjectSettings { default_time_range, retention_days } = project.settings;
        Self {
            id: project.id.0,
            org_id: project.org.0,
            name: project.name,
            slug: project.slug,
            created_at: project.created_at,
            updated_at: project.updated_at,
            settings: SettingsView { default_time_range, retention_days },
        }
    }
}

/// The one project of local mode, and of keys that belong to none.
fn local_project(started_at: Timestamp) -> Project {
    Project {
        id: Scope::LOCAL.project,
        org: Scope::LOCAL.org,
        name: "Local".to_owned(),
        slug: "local".to_owned(),
        settings: ProjectSettings::default(),
        created_at: started_at,
        updated_at: started_at,
    }
}

/// Returns the projects of the organisation, the oldest first; an API key sees its own.
#[utoipa::path(get, path = "/api/projects", tag = "org", security(("bearer" = [])),
    responses((status = 200, body = Vec<ProjectView>), (status = 401, body = ErrorBody)))]
async fn list_projects(
    State(cloud): State<Option<Arc<Cloud>>>,
    State(server): State<Server>,
    caller: Caller<Known>,
) -> Result<Json<Vec<ProjectView>>, ApiError> {
    let projects = match cloud {
        Some(cloud) if caller.scope != Scope::LOCAL => {
            let mut projects = cloud.projects.list_projects(caller.scope.org).await?;
            projects.retain(|project| may_see(&caller.who, caller.scope, project.id));
            projects
        }
        _ => vec![local_project(server.started_at)],
    };
    Ok(Json(projects.into_iter().map(ProjectView::from).collect()))
}

/// A key is bound to one project; a user sees all of the organisation.
fn may_see(who: &Who, scope: Scope, project: ProjectId) -> bool {
    !matches!(who, Who::Key(_)) || project == scope.project
}

/// A project to be created.
#[derive(Deserialize, ToSchema)]
struct ProjectWish {
    name: String,
}

/// Creates a project.
#[utoipa::path(post, path = "/api/projects", tag = "org", security(("session" = ["admin"])),
    request_body = ProjectWish,
    responses((status = 201, body = ProjectView), (status = 400, body = ErrorBody), (status = 409, body = ErrorBody)))]
async fn create_project(
    session: Session<Admin>,
    InCloud(cloud): InCloud,
    Json(wish): Json<ProjectWish>,
) -> Result<Created<ProjectView>, ApiError> {
    let name = required_name("name", &wish.name)?;
    let stem = slug(&name);
    let slug = format!("{}-{}", if stem.is_empty() { "project" } else { &stem }, suffix(cloud.random()));
    let project = cloud.projects.create_project(session.scope.org, NewProject { name, slug }).await?;
    let project = project.ok_or(ApiError::Conflict("a project with this slug exists; try again"))?;
    Ok(Created(project.into()))
}

/// Returns six characters that tell projects of one name apart.
fn suffix(bytes: [u8; 6]) -> String {
    const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    bytes.iter().map(|byte| char::from(DIGITS[usize::from(byte % 32)])).collect()
}

/// Where to go.
#[derive(Deserialize, ToSchema)]
struct ProjectChoice {
    project_id: uuid::Uuid,
}

/// A project, and the session in it.
#[derive(Serialize, ToSchema)]
struct Switched {
    #[serde(flatten)]
    #[schema(inline)]
    project: ProjectView,
    /// For `Authorization: Bearer`.
    token: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Goes on in another project of the organisation.
#[utoipa::path(post, path = "/api/projects/switch", tag = "org", security(("session" = [])),
    request_body = ProjectChoice,
    responses((status = 200, body = Switched), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn switch_project(
    session: Session<Known>,
    InCloud(cloud): InCloud,
    State(clock): State<Arc<dyn Clock>>,
    parts: Parts,
    Json(choice): Json<ProjectChoice>,
) -> Result<Response, ApiError> {
    let project = cloud.projects.find_project(session.scope.org, ProjectId(choice.project_id)).await?;
    let project = project.ok_or(ApiError::NotFound("project"))?;
    let scope = Scope { project: project.id, ..session.scope };
    let opened = cloud.open_session(&session.user, scope, session.role, clock.now())?;
    let token = opened.token.clone();
    let answer = Switched { project: project.into(), token: opened.token, expires_at: opened.expires_at };
    let page = cloud.site.page_of(&parts.headers, &parts.uri);
    Ok(cloud.with_cookie(Json(answer), &token, page))
}

/// What of a project changes.
#[derive(Deserialize, ToSchema)]
struct ProjectPatch {
    name: Option<String>,
    settings: Option<SettingsPatch>,
}

/// What of the settings changes; `null` takes a choice back.
#[derive(Deserialize, ToSchema)]
#[expect(clippy::option_option, reason = "what is absent stays, and null takes a choice back")]
struct SettingsPatch {
    /// `1h`, `24h`, `7d` or `30d`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    default_time_range: Option<Option<String>>,
    /// Never more than the plan's.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    retention_days: Option<Option<u32>>,
}

/// Tells `null` from absent.
#[expect(clippy::option_option, reason = "null is told from absent")]
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(value).map(Some)
}

impl SettingsPatch {
    fn apply(self, settings: &mut ProjectSettings, most_days: u32) -> Result<(), ApiError> {
        if let Some(range) = self.default_time_range {
            if range.as_deref().is_some_and(|range| !RANGES.contains(&range)) {
                let message = format!("a range is one of {}", RANGES.join(", "));
                return Err(ApiError::field("settings.default_time_range", message));
            }
            settings.default_time_range = range;
        }
        if let Some(days) = self.retention_days {
            if days.is_some_and(|days| !(1..=most_days).contains(&days)) {
                let message = format!("the plan keeps traces for 1 to {most_days} days");
                return Err(ApiError::field("settings.retention_days", message));
            }
            settings.retention_days = days;
        }
        Ok(())
    }
}

/// Changes a project. An API key can change its own.
#[utoipa::path(patch, path = "/api/projects/{id}", tag = "org", security(("bearer" = ["admin"])),
    params(("id" = uuid::Uuid, Path)), request_body = ProjectPatch,
    responses((status = 200, body = ProjectView), (status = 400, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn change_project(
    caller: Caller<Admin>,
    InCloud(cloud): InCloud,
    Path(id): Path<uuid::Uuid>,
    Json(patch): Json<ProjectPatch>,
) -> Result<Json<ProjectView>, ApiError> {
    let (org, id) = (caller.scope.org, ProjectId(id));
    let project = cloud.projects.find_project(org, id).await?;
    let project = project.filter(|_| may_see(&caller.who, caller.scope, id));
    let project = project.ok_or(ApiError::NotFound("project"))?;
    let name = patch.name.as_deref().map(|name| required_name("name", name)).transpose()?;
    let settings = match patch.settings {
        None => None,
        Some(patch) => {
            let mut settings = project.settings;
            patch.apply(&mut settings, cloud.org(org).await?.plan.limits().retention_days)?;
            Some(settings)
        }
    };
    let changed = cloud.projects.change_project(org, id, ProjectChange { name, settings }).await?;
    let changed = changed.ok_or(ApiError::NotFound("project"))?;
    cloud.revoke(Revocation::Org { id: org }).await;
    Ok(Json(changed.into()))
}

/// Deletes a project with its keys and all its data. Who is in it goes on in the default one.
#[utoipa::path(delete, path = "/api/projects/{id}", tag = "org", security(("session" = ["admin"])),
    params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = Done), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn delete_project(
    session: Session<Admin>,
    InCloud(cloud): InCloud,
    State(recorder): State<Recorder>,
    State(clock): State<Arc<dyn Clock>>,
    Path(id): Path<uuid::Uuid>,
    parts: Parts,
) -> Result<Response, ApiError> {
    let (org, id) = (session.scope.org, ProjectId(id));
    let project = cloud.projects.find_project(org, id).await?.ok_or(ApiError::NotFound("project"))?;
    if project.slug == DEFAULT_PROJECT {
        return Err(ApiError::Forbidden("the default project cannot be deleted".to_owned()));
    }
    if !cloud.projects.delete_project(org, id).await? {
        return Err(ApiError::NotFound("project"));
    }
    cloud.revoke(Revocation::Org { id: org }).await;
    // The mark of the deleted project stays until the worker has removed the rest, and this again if it failed.
    unharmed(recorder.clear(&Scope { org, project: id }).await, "deleting a project's traces");
    unharmed(cloud.meter.forget_project(org, id).await, "forgetting a project's size");
    if session.scope.project != id {
        return Ok(DONE.into_response());
    }
    let scope = Scope { org, project: cloud.default_project(org).await? };
    let opened = cloud.open_session(&session.user, scope, session.role, clock.now())?;
    Ok(cloud.with_cookie(DONE, &opened.token, cloud.site.page_of(&parts.headers, &parts.uri)))
}
