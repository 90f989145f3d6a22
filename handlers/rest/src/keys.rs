//! `/api/org/api-keys`: the keys of an organisation.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use trace::identity::{ApiKey, ApiKeyId, ApiKeyText, Permissions};
use trace::ports::{Clock, KeyOutcome, NewApiKey, Revocation};
use trace::time::Timestamp;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::required_name;
use crate::caller::{Admin, Session};
use crate::cloud::{Cloud, InCloud};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Created, Json, Path};
use crate::router::Deps;
use crate::spans::{DONE, Done};

pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new().routes(routes!(list_keys, create_key)).routes(routes!(delete_key))
}

/// A key without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
struct KeyView {
    id: uuid::Uuid,
    name: String,
    /// Its first 16 characters.
    key_prefix: String,
    scopes: Vec<&'static str>,
    project_id: uuid::Uuid,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    last_used_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    expires_at: Option<Timestamp>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        Self {
            id: key.id.0,
            name: key.name,
            key_prefix: key.prefix,
            scopes: key.permissions.names(),
            project_id: key.project.0,
            created_at: key.created_at,
            last_used_at: key.last_used_at,
            expires_at: key.expires_at,
        }
    }
}

/// Returns the keys of the organisation, the oldest first.
#[utoipa::path(get, path = "/api/org/api-keys", tag = "org", security(("session" = ["admin"])),
    responses((status = 200, body = Vec<KeyView>), (status = 403, body = ErrorBody)))]
async fn list_keys(
    session: Option<Session<Admin>>,
    State(cloud): State<Option<Arc<Cloud>>>,
) -> Result<Json<Vec<KeyView>>, ApiError> {
    let (Some(session), Some(cloud)) = (session, cloud) else { return Ok(Json(Vec::new())) };
    let keys = cloud.keys.list_keys(session.scope.org).await?;
    Ok(Json(keys.into_iter().map(KeyView::from).collect()))
}

/// A key to be created, for the current project.
#[derive(Deserialize, ToSchema)]
struct KeyWish {
    name: String,
    /// Scopes, or `read`, `write`, `admin`; all but `admin` when absent or empty.
    scopes: Option<Vec<String>>,
    /// When it stops working; never when absent.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// A key, shown this once.
#[derive(Serialize, ToSchema)]
struct CreatedKey {
    id: uuid::Uuid,
    key: String,
    name: String,
    key_prefix: String,
    scopes: Vec<&'static str>,
}

/// Creates a key of the current project. Only this answer holds the whole key.
#[utoipa::path(post, path = "/api/org/api-keys", tag = "org", security(("session" = ["admin"])),
    request_body = KeyWish,
    responses((status = 201, body = CreatedKey), (status = 400, body = ErrorBody), (status = 403, body = ErrorBody)))]
async fn create_key(
    session: Session<Admin>,
    InCloud(cloud): InCloud,
    State(clock): State<Arc<dyn Clock>>,
    Json(wish): Json<KeyWish>,
) -> Result<Created<CreatedKey>, ApiError> {
    let name = required_name("name", &wish.name)?;
    let words = wish.scopes.unwrap_or_default();
    let permissions = match Permissions::parse(words.iter().map(String::as_str)) {
        Ok(none) if none.is_empty() => Permissions::WRITE,
        Ok(some) => some,
        Err(error) => return Err(ApiError::field("scopes", error.to_string())),
    };
    if wish.expires_at.is_some_and(|end| end <= clock.now()) {
        return Err(ApiError::field("expires_at", "this time has passed"));
    }
    let text = ApiKeyText::from_random(cloud.random());
    let new = NewApiKey {
        project: session.scope.project,
        name,
        prefix: text.prefix().to_owned(),
        hash: text.hash(),
        permissions,
        expires_at: wish.expires_at,
    };
    let limit = cloud.org(session.scope.org).await?.plan.limits().max_api_keys;
    match cloud.keys.create_key(session.scope.org, new, limit).await? {
        KeyOutcome::Created(key) => Ok(Created(CreatedKey {
            id: key.id.0,
            key: text.reveal().to_owned(),
            name: key.name,
            key_prefix: key.prefix,
            scopes: key.permissions.names(),
        })),
        KeyOutcome::LimitReached => {
            Err(ApiError::PlanLimitReached { what: "API keys", limit: limit.unwrap_or_default() })
        }
    }
}

/// Deletes a key, which stops working at once.
#[utoipa::path(delete, path = "/api/org/api-keys/{id}", tag = "org", security(("session" = ["admin"])),
    params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = Done), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn delete_key(
    session: Session<Admin>,
    InCloud(cloud): InCloud,
    Path(id): Path<uuid::Uuid>,
) -> Result<Json<Done>, ApiError> {
    let id = ApiKeyId(id);
    if !cloud.keys.delete_key(session.scope.org, id).await? {
        return Err(match cloud.keys.org_of_key(id).await? {
            Some(_) => ApiError::Forbidden("the key is another organisation's".to_owned()),
            None => ApiError::NotFound("API key"),
        });
    }
    cloud.revoke(Revocation::Key { id }).await;
    Ok(DONE)
}
