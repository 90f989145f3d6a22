//! Every route asks for what its description says.

use std::sync::Arc;

use async_trait::async_trait;
use http::request::Parts;
use rest::{ApiError, Authenticator, Identity, Who};
use serde_json::{Value, json};
use trace::id::{OrgId, ProjectId, Scope};
use trace::identity::{Permission, Permissions};
use uuid::Uuid;

use crate::stage::{Answer, Stage, Wishes};

/// Gives everybody the same identity, or none.
struct Fixed(Option<Identity>);

#[async_trait]
impl Authenticator for Fixed {
    async fn identify(&self, _request: &Parts) -> Result<Identity, ApiError> {
        self.0.clone().ok_or(ApiError::MissingAuth)
    }
}

async fn stage(permissions: Option<Permissions>) -> Stage {
    let scope = Scope { org: OrgId(Uuid::from_u128(1)), project: ProjectId(Uuid::from_u128(2)) };
    let identity = permissions.map(|permissions| Identity { scope, permissions, who: Who::Key(None) });
    Stage::with(Wishes { authenticator: Some(Arc::new(Fixed(identity))), ..Wishes::default() }).await
}

/// A route as the description shows it.
struct Route {
    method: String,
    path: String,
    /// Whether a login is asked for, and the scopes; `None` when nothing is.
    needs: Option<(bool, Vec<String>)>,
}

fn routes() -> Vec<Route> {
    let api: Value = serde_json::to_value(rest::openapi()).unwrap();
    let mut routes = Vec::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let needs = operation["security"].as_array().map(|all| {
                let [one] = &all[..] else { panic!("{method} {path}: one requirement is expected") };
                let (scheme, scopes) = one.as_object().unwrap().iter().next().unwrap();
                assert!(["bearer", "session"].contains(&scheme.as_str()), "{method} {path}: {scheme}");
                (scheme == "session", serde_json::from_value(scopes.clone()).unwrap())
            });
            routes.push(Route { method: method.to_uppercase(), path: path.clone(), needs });
        }
    }
    assert!(routes.len() > 40, "{} routes", routes.len());
    routes
}

async fn call(stage: &Stage, route: &Route) -> Answer {
    let mut path = String::new();
    for part in route.path.split('/').skip(1) {
        path.push('/');
        path.push_str(if part.starts_with('{') { "00000000-0000-0000-0000-000000000009" } else { part });
    }
    // A moment is enough for every call of the walk to be within the rate.
    stage.clock.advance_secs(1);
    stage.call(&route.method, &path).json(&json!({})).await
}

#[tokio::test]
async fn a_route_is_open_or_asks_who_calls() {
    let stage = stage(None).await;
    for route in routes() {
        let answer = call(&stage, &route).await;
        let is_refused = answer.code() == (401, "missing_auth");
        assert_eq!(is_refused, route.needs.is_some(), "{} {}: {}", route.method, route.path, answer.body);
    }
}

#[tokio::test]
async fn a_route_refuses_whoever_lacks_the_scope_it_names() {
    for route in routes() {
        let Some((_, scopes)) = &route.needs else { continue };
        let shown = format!("{} {}", route.method, route.path);
        let [scope] = &scopes[..] else {
            assert!(scopes.is_empty(), "{shown} asks for one scope");
            continue;
        };
        let needed = Permission::parse(scope).unwrap();
        let others: Vec<Permission> = Permission::ALL.into_iter().filter(|other| *other != needed).collect();
        let answer = call(&stage(Some(Permissions::of(&others))).await, &route).await;
        assert_eq!(answer.code(), (403, "insufficient_scope"), "{shown}: {}", answer.body);
        assert!(answer.body["error"].as_str().unwrap().ends_with(scope), "{shown}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_route_that_names_its_scope_asks_for_no_other() {
    for route in routes() {
        let Some((is_session, scopes)) = &route.needs else { continue };
        let granted: Vec<Permission> = scopes.iter().map(|scope| Permission::parse(scope).unwrap()).collect();
        let answer = call(&stage(Some(Permissions::of(&granted))).await, &route).await;
        let shown = format!("{} {}: {} {}", route.method, route.path, answer.status, answer.body);
        assert_ne!(answer.code().1, "insufficient_scope", "{shown}");
        assert_eq!(answer.code() == (403, "forbidden"), *is_session, "a key will not do: {shown}");
    }
}
