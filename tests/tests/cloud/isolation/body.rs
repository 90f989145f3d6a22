//! Bodies as the description's schemas have them, with ids of the victim in them.

use serde_json::{Map, Value, json};

use super::chance::Chance;
use super::victim::{OTLP_TRACE, Victim};

/// The schemas that others refer to.
pub(super) struct Bodies(Map<String, Value>);

/// Where clients choose ids of their own: what is sent there is theirs from then on, so that only such ids of the
/// victim are sent which clients choose as well.
const CHOSEN: [&str; 4] = ["/api/spans", "/api/traces", "/api/ingest", "/v1/"];

impl Bodies {
    pub(super) fn of(document: &Value) -> Self {
        Self(document["components"]["schemas"].as_object().unwrap().clone())
    }

    /// Makes up a body for a route.
    pub(super) fn make(&self, chance: &mut Chance, victim: &Victim, path: &str, schema: &Value) -> Value {
        match path {
            "/v1/traces" => otlp(chance),
            "/api/billing/polar/webhook" => webhook(chance, victim),
            _ => self.value(chance, victim, path, "", schema, 0),
        }
    }

    fn value(
        &self,
        chance: &mut Chance,
        victim: &Victim,
        path: &str,
        name: &str,
        schema: &Value,
        depth: usize,
    ) -> Value {
        if depth > 6 {
            return Value::Null;
        }
        let within = |bodies: &Self, chance: &mut Chance, name: &str, schema: &Value| {
            bodies.value(chance, victim, path, name, schema, depth + 1)
        };
        if let Some(reference) = schema["$ref"].as_str() {
            let (_, referred) = reference.rsplit_once('/').unwrap();
            return within(self, chance, name, &self.0[referred]);
        }
        if let Some(choices) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
            let choice = chance.pick(choices).clone();
            return within(self, chance, name, &choice);
        }
        if let Some(parts) = schema["allOf"].as_array() {
            let mut all = Map::new();
            for part in parts {
                if let Value::Object(members) = within(self, chance, name, part) {
                    all.extend(members);
                }
            }
            return Value::Object(all);
        }
        let kind = schema["type"].as_str().or(schema["type"][0].as_str()).unwrap_or_default();
        match kind {
            "object" => {
                let required = schema["required"].as_array().cloned().unwrap_or_default();
                let mut members = Map::new();
                for (member, schema) in schema["properties"].as_object().into_iter().flatten() {
                    if required.iter().any(|name| name == member) || chance.one_in(2) {
                        members.insert(member.clone(), within(self, chance, member, schema));
                    }
                }
                Value::Object(members)
            }
            "array" => {
                let count = chance.below(3);
                (0..count).map(|_| within(self, chance, name, &schema["items"])).collect()
            }
            "integer" | "number" => json!(chance.below(40)),
            "boolean" => json!(chance.one_in(2)),
            "string" if schema["format"] == "date-time" => json!("2030-01-01T00:00:00Z"),
            "string" => json!(text(chance, victim, path, name)),
            _ => json!({"own": chance.below(100)}),
        }
    }
}

fn text(chance: &mut Chance, victim: &Victim, path: &str, name: &str) -> String {
    let words: &[&str] = match name {
        // Hashing is dear, so that most passwords are too short.
        "password" if chance.one_in(30) => &["long enough to be hashed"],
        "password" => &["short"],
        "role" => &["owner", "admin", "member", "viewer"],
        "plan" => &["pro", "team", "free"],
        "status" => &["running", "completed", "failed"],
        "scopes" => &["read", "write", "admin", "traces_read"],
        "default_time_range" => &["1h", "30d"],
        "email" if path.starts_with("/api/auth") && chance.one_in(2) => return victim.email.clone(),
        "email" => return format!("own{}@example.net", chance.below(20)),
        "token" => return chance.pick(&victim.guesses).clone(),
        _ if name == "id" || name.ends_with("_id") => {
            let is_chosen = CHOSEN.iter().any(|start| path.starts_with(start));
            return match (is_chosen, chance.one_in(3)) {
                (_, true) => format!("own-{}", chance.below(40)),
                (true, false) => chance.pick(&victim.chosen).clone(),
                (false, false) => chance.pick(&victim.ids).clone(),
            };
        }
        _ => &["n", "own", "gpt-4o", "x y z"],
    };
    (*chance.pick(words)).to_owned()
}

fn otlp(chance: &mut Chance) -> Value {
    let span = json!({
        "traceId": OTLP_TRACE, "spanId": format!("{:016x}", chance.below(20) + 1), "name": "own",
        "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000001000000000",
    });
    json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
}

fn webhook(chance: &mut Chance, victim: &Victim) -> Value {
    let kind = *chance.pick(&["subscription.revoked", "subscription.active", "order.created"]);
    let product = json!({"name": "Pro", "metadata": {}});
    json!({"type": kind, "data": {"status": "active", "product": product, "metadata": {"org_id": victim.org_id}}})
}
