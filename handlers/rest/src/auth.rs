//! `/api/auth`: who is calling, as far as a server without users can say.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::Identity;
use crate::extract::Json;
use crate::router::Deps;
use crate::system::Server;

pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new().routes(routes!(config)).routes(routes!(me))
}

/// What this server can do about users.
#[derive(Serialize, ToSchema)]
struct AuthConfig {
    /// `local` or `cloud`.
    mode: &'static str,
    features: Vec<&'static str>,
}

/// Returns the mode of the server.
#[utoipa::path(get, path = "/api/auth/config", tag = "auth", responses((status = 200, body = AuthConfig)))]
async fn config(State(server): State<Server>) -> Json<AuthConfig> {
    Json(AuthConfig { mode: server.mode, features: Vec::new() })
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
    role: Option<String>,
}

/// Returns who is calling.
#[utoipa::path(get, path = "/api/auth/me", tag = "auth", responses((status = 200, body = Me)))]
async fn me(State(server): State<Server>, axum::Extension(identity): axum::Extension<Identity>) -> Json<Me> {
    Json(Me {
        org_id: identity.scope.org.0,
        project_id: identity.scope.project.0,
        user_id: None,
        scopes: identity.grants.names().to_vec(),
        is_local_mode: server.mode == "local",
        email: None,
        name: None,
        role: None,
    })
}
