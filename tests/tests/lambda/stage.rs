//! Functions with an organisation, and calls of both URLs.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use conformance::cloud::{Functions, FunctionsOptions, StackOptions, Tenant};
use serde_json::{Value, json};

/// How long something may take that happens by itself.
const PATIENCE: Duration = Duration::from_mins(1);

/// Running functions and a client of them.
pub(crate) struct Stage {
    pub(crate) functions: Functions,
    pub(crate) tenant: Tenant,
    pub(crate) client: reqwest::Client,
}

impl Stage {
    pub(crate) async fn new(options: FunctionsOptions) -> Self {
        let functions = Functions::start(options).await.unwrap();
        let tenant = functions.unlimited("lambda").await.unwrap_or_else(|error| {
            panic!("nobody can sign up: {error:#}\n{}", functions.log());
        });
        let client = reqwest::Client::builder().timeout(Duration::from_mins(2)).build().unwrap();
        Self { functions, tenant, client }
    }

    /// Prepares a call of the API with the organisation's key.
    pub(crate) fn call(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.functions.api.url);
        self.client.request(method.parse().unwrap(), url).bearer_auth(&self.tenant.api_key)
    }

    /// Prepares a call of a model through the proxy.
    pub(crate) fn chat(&self, provider: &str, text: &str) -> reqwest::RequestBuilder {
        let body = json!({"model": "gpt-4o-mini", "stream": true,
            "messages": [{"role": "user", "content": text}]});
        let url = format!("{}/v1/chat/completions", self.functions.proxy_url.url);
        let request = self.client.post(url).header("x-forward-url", provider).bearer_auth("sk-test");
        request.header("x-traceway-api-key", &self.tenant.api_key).json(&body)
    }

    /// Writes one span and asserts that it was taken.
    pub(crate) async fn ingest(&self, id: &str) {
        let now = jiff::Timestamp::now().to_string();
        let span = json!({"id": id, "trace_id": format!("t-{id}"), "name": "work", "status": "completed",
            "started_at": now, "ended_at": now, "input": "asked", "output": "answered"});
        let answer = send(self.call("POST", "/api/ingest").json(&json!({"spans": [span]}))).await;
        assert_eq!((answer.0, &answer.1["accepted_spans"]), (200, &json!(1)), "{}", self.why(&answer));
    }

    /// Reads a path that has to be there.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = send(self.call("GET", path)).await;
        assert_eq!(answer.0, 200, "{path}: {}", self.why(&answer));
        answer.1
    }

    /// Returns the ids of all spans of the project, each as often as it is listed.
    pub(crate) async fn spans(&self) -> Vec<String> {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/api/spans?limit=100&cursor={cursor}")).await;
            let spans = page["spans"].as_array().unwrap();
            found.extend(spans.iter().map(|span| span["id"].as_str().unwrap().to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => return found,
            }
        }
    }

    /// Asserts that the project has exactly these spans, each once.
    pub(crate) async fn assert_has(&self, wanted: &BTreeSet<String>) {
        let found = self.spans().await;
        let distinct: BTreeSet<String> = found.iter().cloned().collect();
        assert_eq!(found.len(), distinct.len(), "a span is there twice");
        let lost: Vec<_> = wanted.difference(&distinct).collect();
        assert!(lost.is_empty(), "{} of {} spans are lost: {lost:?}", lost.len(), wanted.len());
        let more: Vec<_> = distinct.difference(wanted).collect();
        assert!(more.is_empty(), "spans that nobody was told of: {more:?}");
    }

    /// What an answer and the functions say, for a message.
    pub(crate) fn why(&self, answer: &(u16, Value)) -> String {
        let log = self.functions.log();
        let lines: Vec<&str> =
            log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).collect();
        format!("{} {}\n{}", answer.0, answer.1, lines[lines.len().saturating_sub(20)..].join("\n"))
    }
}

/// Options with services that can be cut off.
pub(crate) fn with_relays() -> FunctionsOptions {
    let stack = StackOptions { replicas: 0, relays: true, ..StackOptions::default() };
    FunctionsOptions { stack, ..FunctionsOptions::default() }
}

/// Sends a request; text that is no JSON is a string.
pub(crate) async fn send(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Asks until an answer is as expected.
pub(crate) async fn eventually(what: &str, ask: impl AsyncFn() -> Result<(), String>) {
    let started = Instant::now();
    while let Err(instead) = ask().await {
        assert!(started.elapsed() < PATIENCE, "{what}: {instead}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
