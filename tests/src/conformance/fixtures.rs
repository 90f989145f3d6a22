//! What cases make before they look.

use serde_json::{Value, json};

use super::Ctx;

/// A kind of a model call with token counts.
pub(super) fn llm(model: &str, input_tokens: u64, output_tokens: u64) -> Value {
    json!({"type": "llm_call", "model": model, "provider": "openai",
        "input_tokens": input_tokens, "output_tokens": output_tokens})
}

/// Puts the members of `more` into `base`, an object.
pub(super) fn with(mut base: Value, more: Value) -> Value {
    let (Some(base_members), Value::Object(more)) = (base.as_object_mut(), more) else {
        panic!("both must be objects");
    };
    base_members.extend(more);
    base
}

/// Returns the string members called `member` of an array of objects.
#[track_caller]
pub(super) fn column<'a>(rows: &'a Value, member: &str) -> Vec<&'a str> {
    let rows = rows.as_array().unwrap_or_else(|| panic!("not an array: {rows}"));
    rows.iter()
        .map(|row| row[member].as_str().unwrap_or_else(|| panic!("no text {member} in {row}")))
        .collect()
}

/// Returns a string member.
#[track_caller]
pub(super) fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no text {member} in {value}"))
}

/// Checks that a number is this one, but for rounding.
#[track_caller]
pub(super) fn assert_number(value: &Value, expected: f64) {
    let number = value.as_f64().unwrap_or_else(|| panic!("not a number: {value}, expected {expected}"));
    let close = (number - expected).abs() <= 1e-9 * expected.abs().max(1e-12);
    assert!(close, "{number} instead of {expected}");
}

/// Checks for RFC 3339 in UTC with `Z` and a fraction of 0, 3, 6 or 9 digits.
#[track_caller]
pub(super) fn assert_time(value: &Value) {
    let time = value.as_str().unwrap_or_else(|| panic!("not a time: {value}"));
    assert!(time.parse::<jiff::Timestamp>().is_ok(), "not a time: {time}");
    let bare = time.strip_suffix('Z').unwrap_or_else(|| panic!("{time} does not end in Z"));
    let digits = bare.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    assert!([0, 3, 6, 9].contains(&digits), "{time} has {digits} digits of fraction");
}

/// Checks that two times are the same instant.
#[track_caller]
pub(super) fn assert_same_time(value: &Value, expected: &str) {
    assert_time(value);
    let found: jiff::Timestamp = value.as_str().and_then(|text| text.parse().ok()).expect("checked above");
    assert_eq!(found, expected.parse().expect("the case names a time"), "{value} instead of {expected}");
}

/// Checks for a ULID: 26 characters of Crockford's base 32 in upper case.
#[track_caller]
pub(super) fn assert_ulid(value: &Value) {
    let id = value.as_str().unwrap_or_else(|| panic!("not an id: {value}"));
    let crockford = |c: char| c.is_ascii_digit() || (c.is_ascii_uppercase() && !"ILOU".contains(c));
    assert!(id.len() == 26 && id.chars().all(crockford), "not a ULID: {id}");
}

impl Ctx {
    /// Creates a trace and returns it.
    pub(super) async fn trace(&self, body: Value) -> Value {
        self.post("/api/traces", &body).await.created()
    }

    /// Starts a span and returns its id. Without `trace_id` and `name` it gets those of this case.
    pub(super) async fn span(&self, body: Value) -> String {
        let defaults = json!({"trace_id": self.id("trace"), "name": "step"});
        let created = self.post("/api/spans", &with(defaults, body)).await.created();
        text(&created, "id").to_owned()
    }

    /// Completes a span.
    pub(super) async fn complete(&self, id: &str, body: Value) {
        self.post(&format!("/api/spans/{id}/complete"), &body).await.ok();
    }

    /// Fails a span.
    pub(super) async fn fail(&self, id: &str, error: &str) {
        self.post(&format!("/api/spans/{id}/fail"), &json!({"error": error})).await.ok();
    }

    /// Returns a span.
    pub(super) async fn find(&self, id: &str) -> Value {
        self.get(&format!("/api/spans/{id}")).await.ok()
    }

    /// Returns a span of the case's trace as lists show it; reading it alone may tell more of its cost.
    pub(super) async fn listed(&self, id: &str) -> Value {
        let page = self.list("/api/spans", &[("trace_id", &self.id("trace"))]).await.ok();
        let mut rows = page["spans"].as_array().into_iter().flatten();
        rows.find(|row| row["id"] == id).cloned().unwrap_or_else(|| panic!("{id} is not in the list"))
    }

    /// Writes traces and spans in one batch, all of which must be accepted.
    ///
    /// Spans without `trace_id` belong to the trace of this case, those without `status` are completed, those without
    /// a `name` are called `step`.
    pub(super) async fn ingest(&self, traces: Vec<Value>, spans: Vec<Value>) {
        let defaults = json!({"trace_id": self.id("trace"), "name": "step", "status": "completed"});
        let spans: Vec<Value> = spans.into_iter().map(|span| with(defaults.clone(), span)).collect();
        let expected =
            json!({"accepted_traces": traces.len(), "accepted_spans": spans.len(), "rejected": []});
        let answer = self.post("/api/ingest", &json!({"traces": traces, "spans": spans})).await.ok();
        assert_eq!(answer, expected);
    }

    /// Returns the trace of an id with its spans.
    pub(super) async fn read_trace(&self, id: &str) -> Value {
        self.get(&format!("/api/traces/{id}")).await.ok()
    }

    /// Returns the names of the spans of this case's session that match, in alphabetical order.
    pub(super) async fn matching(&self, query: &[(&str, &str)]) -> Vec<String> {
        let session = self.id("session");
        let mut parameters = vec![("session_id", session.as_str()), ("limit", "1000")];
        parameters.extend(query);
        let found = self.list("/api/spans", &parameters).await.ok();
        let mut names: Vec<String> = column(&found["spans"], "name").into_iter().map(str::to_owned).collect();
        names.sort_unstable();
        names
    }

    /// Writes three traces of one session: calls, tools, files; completed, failed and running.
    pub(super) async fn corpus(&self) {
        let session = self.id("session");
        let (checkout, refund, chat) = (self.id("checkout"), self.id("refund"), self.id("chat"));
        let traces = vec![
            json!({"id": checkout, "name": "Checkout flow", "session_id": session, "tags": ["env:prod", "team:pay"],
                "started_at": "2025-03-01T10:00:00Z"}),
            json!({"id": refund, "name": "Refund flow", "session_id": session, "tags": ["env:dev"],
                "started_at": "2025-03-01T11:00:00Z"}),
            json!({"id": chat, "session_id": session, "started_at": "2025-03-01T12:00:00Z"}),
        ];
        let spans = vec![
            json!({"id": self.id("plan"), "trace_id": checkout, "name": "plan",
                "kind": with(llm("gpt-4o", 100, 20), json!({"cost": 0.5})),
                "input": {"question": "Where is Lisbon?"}, "output": "Portugal has a harbour in Lisbon",
                "started_at": "2025-03-01T10:00:00Z", "ended_at": "2025-03-01T10:00:01Z"}),
            json!({"id": self.id("lookup"), "trace_id": checkout, "parent_id": self.id("plan"), "name": "Lookup Ports",
                "kind": {"type": "tool_call", "tool_name": "ports"},
                "input": "find every PORT", "output": {"hits": 3, "note": "quoted \"words\" here"},
                "started_at": "2025-03-01T10:00:00.250Z", "ended_at": "2025-03-01T10:00:00.500Z"}),
            json!({"id": self.id("read"), "trace_id": checkout, "name": "read",
                "kind": {"type": "fs_read", "path": "/etc/app.toml", "bytes_read": 12},
                "started_at": "2025-03-01T10:00:02Z", "ended_at": "2025-03-01T10:00:02.100Z"}),
            json!({"id": self.id("write"), "trace_id": checkout, "name": "write",
                "kind": {"type": "fs_write", "path": "/etc/app.toml", "bytes_written": 12},
                "started_at": "2025-03-01T10:00:03Z", "ended_at": "2025-03-01T10:00:03.100Z"}),
            json!({"id": self.id("answer"), "trace_id": refund, "name": "answer",
                "kind": with(llm("gpt-4o-mini", 1000, 200), json!({"cost": 0.01})), "status": "failed",
                "error": "context too long", "input": "Refund me", "output": "no",
                "started_at": "2025-03-01T11:00:00Z", "ended_at": "2025-03-01T11:00:05Z"}),
            json!({"id": self.id("embed"), "trace_id": refund, "name": "embed",
                "kind": {"type": "embedding", "dimensions": 8}, "input": ["Refund me", "Lisbon"],
                "started_at": "2025-03-01T11:00:06Z", "ended_at": "2025-03-01T11:00:06.050Z"}),
            json!({"id": self.id("stream"), "trace_id": chat, "name": "stream", "status": "running",
                "kind": {"type": "llm_call", "model": "claude-sonnet-4-5", "provider": "anthropic"},
                "input": "hello world", "started_at": "2025-03-01T12:00:00Z"}),
        ];
        self.ingest(traces, spans).await;
    }
}
