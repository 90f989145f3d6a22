//! The organisation whose data nobody else may see or change.

use conformance::cloud::{PASSWORD, Tenant};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::stage::Stage;

/// Is in every text of the victim's that no caller ever sends.
pub(super) const MARK: &str = "zqxmark";

/// The trace that the victim has sent over OTLP, and others send as well.
pub(super) const OTLP_TRACE: &str = "00000000000000000000000000000b0b";

/// An organisation with a bit of everything.
pub(super) struct Victim {
    tenant: Tenant,
    pub(super) org_id: String,
    pub(super) email: String,
    pub(super) key: String,
    pub(super) token: String,
    /// The SHA-256 of the key, as it is stored.
    pub(super) key_hash: String,
    pub(super) revoked_key: String,
    pub(super) former_member: String,
    /// A key of the second project.
    second_key: String,
    /// All ids that callers send.
    pub(super) ids: Vec<String>,
    /// Those of them which clients choose.
    pub(super) chosen: Vec<String>,
    /// Those of them which the server made.
    made: Vec<String>,
    /// Tokens that may be tried.
    pub(super) guesses: Vec<String>,
    /// Cursors of the victim's lists.
    pub(super) cursors: Vec<String>,
}

/// What of the victim is there: names and contents.
pub(super) type Snapshot = Vec<(String, String)>;

impl Victim {
    /// Signs up and leaves something of every kind.
    pub(super) async fn new(stage: &Stage) -> Self {
        let tenant = stage.tenant_on("team", MARK).await;
        let post = async |path: &str, token: &str, body: Value| {
            let answer = stage.call("POST", path).bearer(token).json(&body).await;
            assert!((200..300).contains(&answer.status), "{path}: {}", answer.text);
            answer
        };
        let (owner, key) = (&tenant.token, &tenant.api_key);
        post("/api/ingest", key, data()).await;
        let otlp = json!({
            "traceId": OTLP_TRACE, "spanId": "00000000000000b1", "name": format!("{MARK} otlp"),
            "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000001000000000",
        });
        post("/v1/traces", key, json!({"resourceSpans": [{"scopeSpans": [{"spans": [otlp]}]}]})).await;
        let second =
            post("/api/projects", owner, json!({"name": format!("{MARK} second")})).await.text_of("id");
        let switched = post("/api/projects/switch", owner, json!({"project_id": second})).await;
        let second_key =
            post("/api/org/api-keys", &switched.text_of("token"), json!({"name": format!("{MARK} two")}))
                .await;
        let span =
            json!({"id": "victim-second-span", "trace_id": "victim-second", "name": MARK, "input": MARK});
        post("/api/spans", &second_key.text_of("key"), span).await;
        let revoked = post("/api/org/api-keys", owner, json!({"name": "revoked"})).await;
        let path = format!("/api/org/api-keys/{}", revoked.text_of("id"));
        assert_eq!(stage.call("DELETE", &path).bearer(owner).send().await.status, 200);
        let member = stage.join(&tenant, &format!("{MARK}-member@example.net"), "member").await;
        let former = stage.join(&tenant, &format!("{MARK}-former@example.net"), "admin").await;
        let path = format!("/api/org/members/{}", former.text_of("user_id"));
        assert_eq!(stage.call("DELETE", &path).bearer(owner).send().await.status, 200);
        stage.invite(&tenant, &format!("{MARK}-invited@example.net"), "viewer").await;
        let invites = stage.call("GET", "/api/org/invites").bearer(owner).send().await;
        let path = format!("/api/projects/{}", tenant.project_id);
        let change = json!({"name": format!("{MARK} first"), "settings": {"retention_days": 60}});
        assert_eq!(stage.call("PATCH", &path).bearer(owner).json(&change).await.status, 200);
        let mut cursors = Vec::new();
        for list in ["traces", "spans", "sessions"] {
            let page = stage.call("GET", &format!("/api/{list}?limit=1")).bearer(key).send().await;
            cursors.push(page.text_of("cursor"));
        }
        let chosen: Vec<String> = (0..4)
            .flat_map(|n| ["trace", "span", "session"].map(|kind| format!("victim-{kind}-{n}")))
            .chain(["victim-second", "victim-second-span", "victim-running", OTLP_TRACE].map(str::to_owned))
            .collect();
        let made = vec![
            tenant.org_id.clone(),
            tenant.project_id.clone(),
            tenant.user_id.clone(),
            tenant.key_id.clone(),
            second,
            second_key.text_of("id"),
            member.text_of("user_id"),
            invites[0]["id"].as_str().unwrap().to_owned(),
        ];
        let mut connection = stage.stack.database.connect().await.unwrap();
        let hashes = "SELECT token_hash FROM invites WHERE org_id = $1::uuid
            UNION ALL SELECT key_hash FROM api_keys WHERE id = $2::uuid";
        let hashes: Vec<String> = sqlx::query_scalar(hashes)
            .bind(&tenant.org_id)
            .bind(&tenant.key_id)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let mut guesses = hashes.clone();
        guesses.extend(made.iter().cloned());
        guesses.extend(["", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"].map(str::to_owned));
        Self {
            org_id: tenant.org_id.clone(),
            email: tenant.email.clone(),
            key: tenant.api_key.clone(),
            token: tenant.token.clone(),
            key_hash: hashes[1].clone(),
            revoked_key: revoked.text_of("key"),
            former_member: former.text_of("token"),
            second_key: second_key.text_of("key"),
            ids: chosen.iter().chain(&made).cloned().collect(),
            chosen,
            made,
            guesses,
            cursors,
            tenant,
        }
    }

    /// Returns what of the victim an answer shows, besides what the request itself says.
    pub(super) fn seen_in<'a>(&'a self, answer: &str, request: &str) -> Option<&'a str> {
        let is_shown = if request.contains(&self.email) {
            answer.replace(&self.email, "").contains(MARK)
        } else {
            answer.contains(MARK)
        };
        if is_shown {
            return Some(MARK);
        }
        self.made.iter().map(String::as_str).find(|id| answer.contains(id) && !request.contains(id))
    }

    /// Returns everything the victim has: through both replicas, and as rows.
    pub(super) async fn snapshot(&self, stage: &Stage) -> Snapshot {
        let mut parts = Vec::new();
        let mut paths: Vec<(String, &str)> = Vec::new();
        for path in [
            "/api/traces?limit=1000",
            "/api/spans?limit=1000&payload=full",
            "/api/sessions?limit=1000",
            "/api/export/json",
            "/api/stats",
            "/api/analytics/summary?since=2020-01-01T00:00:00Z&until=2040-01-01T00:00:00Z",
        ] {
            paths.push((path.to_owned(), &self.key));
            paths.push((path.to_owned(), &self.second_key));
        }
        for id in &self.chosen {
            for kind in ["traces", "spans", "sessions"] {
                paths.push((format!("/api/{kind}/{id}"), &self.key));
            }
        }
        for path in [
            "/api/projects",
            "/api/org",
            "/api/org/members",
            "/api/org/invites",
            "/api/org/api-keys",
            "/api/org/usage",
            "/api/auth/me",
        ] {
            paths.push((path.to_owned(), &self.token));
        }
        for replica in 0..2 {
            for (path, token) in &paths {
                let answer = stage.on(replica, "GET", path).bearer(token).send().await;
                let mut body = answer.body.clone();
                body.as_object_mut().map(|body| body.remove("exported_at"));
                for key in body.as_array_mut().into_iter().flatten() {
                    // Reading with a key is use of it.
                    key.as_object_mut().map(|key| key.remove("last_used_at"));
                }
                let text = if body.is_null() { answer.text } else { body.to_string() };
                parts.push((format!("{path} of replica {replica}"), format!("{} {text}", answer.status)));
            }
        }
        parts.extend(self.rows(stage).await);
        parts
    }

    async fn rows(&self, stage: &Stage) -> Snapshot {
        let mut connection = stage.stack.database.connect().await.unwrap();
        let mut parts = Vec::new();
        let of_org = [
            "projects",
            "memberships",
            "api_keys",
            "invites",
            "usage_months",
            "usage_storage",
            "usage_notices",
            "deleted_projects",
        ];
        let of_org = of_org.map(|table| (table, "org_id = $1::uuid"));
        let others = [
            ("organizations", "id = $1::uuid"),
            ("users", "id IN (SELECT user_id FROM memberships WHERE org_id = $1::uuid)"),
        ];
        for (table, condition) in of_org.into_iter().chain(others) {
            // Both are written here.
            let rows = AssertSqlSafe(format!(
                "SELECT (to_jsonb(t) - 'last_used_at')::text FROM {table} t WHERE {condition} ORDER BY 1"
            ));
            let rows: Vec<String> =
                sqlx::query_scalar(rows).bind(&self.org_id).fetch_all(&mut connection).await.unwrap();
            let must_be = !["usage_notices", "deleted_projects"].contains(&table);
            assert!(!must_be || !rows.is_empty(), "the victim has nothing in {table}");
            parts.push((format!("rows of {table}"), rows.join("\n")));
        }
        parts
    }

    /// Uses all credentials once more.
    pub(super) async fn still_works(&self, stage: &Stage) {
        let login = json!({"email": self.email, "password": PASSWORD});
        let login = stage.call("POST", "/api/auth/login").json(&login).await;
        assert_eq!((login.status, &login["org_id"]), (200, &json!(self.tenant.org_id)));
        let span = json!({"id": "after", "trace_id": "victim-trace-0", "name": "n"});
        assert_eq!(stage.call("POST", "/api/spans").bearer(&self.key).json(&span).await.status, 201);
        let end = stage.call("POST", "/api/spans/victim-running/complete?trace_id=victim-trace-0");
        assert_eq!(end.bearer(&self.key).json(&json!({})).await.body, json!({"ok": true}));
    }
}

/// Returns traces with spans, sessions and payloads.
fn data() -> Value {
    let mut traces = Vec::new();
    let mut spans = Vec::new();
    for n in 0..4 {
        // What others may guess, and what they do not know.
        for (trace, span) in [
            (format!("victim-trace-{n}"), format!("victim-span-{n}")),
            (format!("{MARK}-trace-{n}"), format!("{MARK}-span-{n}")),
        ] {
            traces.push(json!({
                "id": trace, "name": format!("{MARK} trace"), "tags": [format!("{MARK}-tag")],
                "session_id": format!("victim-session-{n}"), "metadata": {"note": format!("{MARK} note")},
                "started_at": "2026-11-01T00:00:00Z",
            }));
            let kind = json!({"type": "llm_call", "model": format!("{MARK}-model"), "provider": format!("{MARK}-provider"), "cost": 0.5});
            spans.push(json!({
                "id": span, "trace_id": trace, "name": format!("{MARK} span"), "kind": kind,
                "input": {"text": format!("{MARK} input")}, "output": {"text": format!("{MARK} output")},
                "status": "completed", "started_at": "2026-11-01T00:00:00Z", "ended_at": "2026-11-01T00:00:01Z",
            }));
        }
    }
    spans.push(
        json!({"id": "victim-running", "trace_id": "victim-trace-0", "name": format!("{MARK} running")}),
    );
    json!({"traces": traces, "spans": spans})
}
