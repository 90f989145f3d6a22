//! What the description of the API says of all routes.

use std::sync::Arc;

use axum::Extension;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, Required, Response, ResponseBuilder};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::extract::Json;
use crate::router::Deps;

/// Returns the routes that describe the API.
pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new().routes(routes!(openapi))
}

/// Returns this description of every route.
#[utoipa::path(get, path = "/api/openapi.json", tag = "system", responses((status = 200, body = serde_json::Value)))]
async fn openapi(
    Extension(api): Extension<Arc<utoipa::openapi::OpenApi>>,
) -> Json<Arc<utoipa::openapi::OpenApi>> {
    Json(api)
}

/// The frame of the description; the routes add themselves.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Traceway",
        description = "Observability for LLM applications: every call, with its prompts, answers, tokens and cost.",
        license(name = "MIT", identifier = "MIT")
    ),
    modifiers(&Credentials)
)]
pub(crate) struct ApiDoc;

/// How callers say who they are. In `security`, a route lists the scopes it asks for.
struct Credentials;

impl Modify for Credentials {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let bearer = bearer.description(Some("An API key (`tw_sk_…`) or the token of a session.")).build();
        let session = ApiKeyValue::with_description("session", "The session of somebody who has logged in.");
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme("session", SecurityScheme::ApiKey(ApiKey::Cookie(session)));
    }
}

/// Routes whose JSON body may be absent.
const OPTIONAL_BODIES: [&str; 3] =
    ["/api/traces", "/api/spans/{span_id}/complete", "/api/spans/{span_id}/fail"];

/// Adds to each route the errors that reading its parameters and its body may give.
pub(crate) fn add_common(api: &mut utoipa::openapi::OpenApi) {
    for (path, item) in &mut api.paths.paths {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            complete(path, operation);
        }
    }
}

fn complete(path: &str, operation: &mut Operation) {
    let mut errors = Vec::new();
    let is_query = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(own) if own.parameter_in == ParameterIn::Query);
    if operation.parameters.iter().flatten().any(is_query) {
        errors.push("400");
    }
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        errors.extend(["400", "413", "415"]);
        body.required = Some(if OPTIONAL_BODIES.contains(&path) { Required::False } else { Required::True });
    }
    for status in errors {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(error()));
    }
}

fn error() -> Response {
    let content = Content::new(Some(Ref::from_schema_name("Error")));
    ResponseBuilder::new().content("application/json", content).build()
}
