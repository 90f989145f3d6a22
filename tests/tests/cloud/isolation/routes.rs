//! The routes as the server describes them, and random requests of each.

use std::fmt::Write;

use serde_json::Value;

use super::body::Bodies;
use super::callers::Caller;
use super::chance::Chance;
use super::victim::Victim;

/// All routes.
pub(super) struct Routes {
    all: Vec<Route>,
    /// Places in `all`, as often as they are to be called.
    draws: Vec<usize>,
    bodies: Bodies,
}

/// One route.
pub(super) struct Route {
    pub(super) method: String,
    /// With names in braces.
    pub(super) path: String,
    /// Whether it asks for credentials.
    pub(super) is_guarded: bool,
    query: Vec<String>,
    body: Option<Value>,
}

/// A request that was made up.
pub(super) struct Sent {
    pub(super) bytes: Vec<u8>,
    pub(super) path: String,
    pub(super) is_guarded: bool,
}

/// Routes that cost a password hash, wait, or add to lists that grow are called less often.
const RARE: [&str; 8] = [
    "POST /api/auth/signup",
    "POST /api/auth/login",
    "POST /api/auth/reset-password",
    "POST /api/projects",
    "POST /api/org/api-keys",
    "POST /api/org/invites",
    "GET /api/events",
    "GET /api/metrics",
];

impl Routes {
    /// Reads the server's description of itself.
    pub(super) fn read(document: &Value) -> Self {
        let mut routes = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let query = operation["parameters"].as_array().into_iter().flatten();
                let query = query.filter(|parameter| parameter["in"] == "query");
                let body = operation["requestBody"]["content"]["application/json"].as_object();
                routes.push(Route {
                    method: method.to_uppercase(),
                    path: path.clone(),
                    is_guarded: operation["security"].as_array().is_some_and(|security| !security.is_empty()),
                    query: query
                        .filter_map(|parameter| parameter["name"].as_str().map(str::to_owned))
                        .collect(),
                    body: body.map(|body| body.get("schema").cloned().unwrap_or_default()),
                });
            }
        }
        assert!(routes.len() > 40, "{} routes", routes.len());
        let often =
            |route: &Route| if RARE.contains(&&*format!("{} {}", route.method, route.path)) { 1 } else { 10 };
        let draws = routes
            .iter()
            .enumerate()
            .flat_map(|(place, route)| std::iter::repeat_n(place, often(route)))
            .collect();
        Self { all: routes, draws, bodies: Bodies::of(document) }
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    pub(super) fn all(&self) -> &[Route] {
        &self.all
    }

    pub(super) fn any(&self, chance: &mut Chance) -> &Route {
        &self.all[*chance.pick(&self.draws)]
    }
}

impl Route {
    /// Makes up a request of this route.
    pub(super) fn request(
        &self,
        chance: &mut Chance,
        routes: &Routes,
        victim: &Victim,
        caller: &Caller,
    ) -> Sent {
        let mut target = String::new();
        for part in self.path.split('/').skip(1) {
            let part = if part.starts_with('{') { id(chance, victim) } else { part.to_owned() };
            write!(target, "/{part}").unwrap();
        }
        let mut query: Vec<String> = Vec::new();
        for name in &self.query {
            if chance.one_in(if name.ends_with("_id") { 2 } else { 6 }) {
                query.push(format!("{name}={}", value(chance, victim, name)));
            }
        }
        if chance.one_in(8) {
            // Ways to name a tenant that no route has.
            let name = chance.pick(&["org_id", "project_id", "org", "project", "namespace", "user_id"]);
            query.push(format!("{name}={}", id(chance, victim)));
        }
        query.extend(caller.query.clone());
        if !query.is_empty() {
            write!(target, "?{}", query.join("&")).unwrap();
        }
        let mut head =
            format!("{} {target} HTTP/1.1\r\nhost: {}\r\n{}", self.method, caller.host, caller.headers);
        if chance.one_in(8) {
            let name = chance.pick(&["x-org-id", "x-project-id", "x-traceway-org", "x-traceway-project"]);
            write!(head, "{name}: {}\r\n", id(chance, victim)).unwrap();
        }
        let body = self.body.as_ref().map(|schema| routes.bodies.make(chance, victim, &self.path, schema));
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        if !body.is_empty() {
            head.push_str("content-type: application/json\r\n");
        }
        write!(head, "content-length: {}\r\n\r\n{body}", body.len()).unwrap();
        Sent { bytes: head.into_bytes(), path: self.path.clone(), is_guarded: self.is_guarded }
    }
}

/// Returns an id of the victim, mostly as it is.
fn id(chance: &mut Chance, victim: &Victim) -> String {
    let id = chance.pick(&victim.ids).clone();
    match chance.below(24) {
        0 => id.to_uppercase(),
        1 => format!("{id}%20"),
        2 => format!("..%2F{id}"),
        3 => format!("{id}%00"),
        4 => id.replace('-', ""),
        5 => format!("{id}%27%20OR%201=1"),
        6 => "own".to_owned(),
        7 => uuid::Uuid::nil().to_string(),
        _ => id,
    }
}

/// Returns a value of a query parameter.
fn value(chance: &mut Chance, victim: &Victim, name: &str) -> String {
    let words: &[&str] = match name {
        "limit" => &["1", "50", "1000"],
        "include" => &["traces", "spans", "all"],
        "payload" => &["full", "none", "preview"],
        "sort_order" => &["asc", "desc"],
        "sort_by" => &["started_at", "duration", "cost", "name"],
        "since" => &["0", "2020-01-01T00:00:00Z", "1h"],
        "until" => &["2030-01-01T00:00:00Z"],
        "status" => &["running", "completed", "failed"],
        "kind" => &["llm_call", "custom"],
        "q" => &["name:n", "status:failed", "victim", "trace_id:victim-trace-0", "tag:own"],
        "cursor" => return chance.pick(&victim.cursors).clone(),
        name if name.ends_with("_id") => return id(chance, victim),
        name if name.ends_with("_min") || name.ends_with("_max") => &["0", "1", "1000000"],
        _ => &["n", "victim", "own", "gpt-4o", "openai", "%25", "*"],
    };
    (*chance.pick(words)).to_owned()
}
