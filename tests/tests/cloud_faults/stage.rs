//! A cloud with an organisation, a model provider, and calls for both.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use conformance::cloud::{Stack, StackOptions, Tenant};
use conformance::providers;
use http::HeaderMap;
use serde_json::{Value, json};

use crate::load::Told;

/// How long something may take that happens by itself once a service is back.
const RECOVERY: Duration = Duration::from_secs(40);

/// How long it may take until a replica settles what is lost: the lead of a dead one lasts half a minute.
const SETTLEMENT: Duration = Duration::from_mins(3);

/// A running cloud.
pub(crate) struct Stage {
    pub(crate) stack: Stack,
    pub(crate) tenant: Tenant,
    pub(crate) client: reqwest::Client,
    provider: providers::Emulator,
}

impl Stage {
    /// Starts a cloud whose services can be cut, and whose requests to Turbopuffer give up soon.
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// Starts such a cloud with further environment variables.
    pub(crate) async fn with(env: &[(&str, &str)]) -> Self {
        let further = env;
        let provider = providers::start().await.unwrap();
        let env = [("TRACEWAY_PROXY_TARGET", provider.base_url()), ("TURBOPUFFER_TIMEOUT", "3")];
        let env = env.iter().chain(further).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let options = StackOptions { env: env.collect(), relays: true, ..StackOptions::default() };
        let stack = Stack::start(options).await.unwrap();
        let tenant = Tenant::unlimited(&stack, "faults").await.unwrap();
        Self { stack, tenant, client: client(), provider }
    }

    /// Sends a request to one replica with the organisation's key.
    pub(crate) async fn get(&self, replica: usize, path: &str) -> Answer {
        let request = self.client.get(format!("{}{path}", self.stack.replicas[replica].api));
        send(request.bearer_auth(&self.tenant.api_key)).await
    }

    /// Writes one span through one replica.
    pub(crate) async fn ingest(&self, replica: usize, id: &str) -> Answer {
        let request = self.client.post(format!("{}/api/ingest", self.stack.replicas[replica].api));
        send(request.bearer_auth(&self.tenant.api_key).json(&batch(&[id.to_owned()]))).await
    }

    /// Logs in through one replica. Each call claims an address of its own, so that it is not one too many.
    pub(crate) async fn log_in(&self, replica: usize) -> Answer {
        let request = self.client.post(format!("{}/api/auth/login", self.stack.replicas[replica].api));
        let [a, b, c, ..] = *uuid::Uuid::new_v4().as_bytes();
        let wish = json!({"email": self.tenant.email, "password": conformance::cloud::PASSWORD});
        send(request.header("x-forwarded-for", format!("10.{a}.{b}.{c}")).json(&wish)).await
    }

    /// Makes a model call through one replica's proxy, asserts that it is the provider's own answer, and returns the
    /// id of its span.
    pub(crate) async fn call(&self, replica: usize, text: &str) -> String {
        let body = json!({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]});
        let ask = |base: &str| {
            let request = self.client.post(format!("{base}/v1/chat/completions")).bearer_auth("sk-test");
            request.header("x-traceway-api-key", &self.tenant.api_key).json(&body)
        };
        let proxied = send(ask(&self.stack.replicas[replica].proxy)).await;
        let direct = send(ask(self.provider.base_url())).await;
        assert_eq!((proxied.status, direct.status), (200, 200), "{}", proxied.text);
        assert_eq!(proxied.text, direct.text, "the answer is relayed unchanged");
        proxied.headers["x-traceway-span-id"].to_str().unwrap().to_owned()
    }

    /// Waits until a span can be read, ended.
    pub(crate) async fn await_span(&self, replica: usize, id: &str) {
        let path = format!("/api/spans/{id}");
        eventually(&format!("span {id}"), async || {
            let answer = self.get(replica, &path).await;
            if answer.status == 200 && answer.body["status"] == "completed" {
                Ok(())
            } else {
                Err(answer.text)
            }
        })
        .await;
    }

    /// Lets a quarter of an hour pass for writes that never ended, and waits until they are settled.
    async fn settle(&self) {
        let mut connection = self.stack.database.connect().await.unwrap();
        for statement in [
            "UPDATE rollup_writes SET begun_at = begun_at - interval '15 minutes'",
            "UPDATE usage_reservations SET due_at = due_at - interval '15 minutes'",
        ] {
            sqlx::query(statement).execute(&mut connection).await.unwrap();
        }
        let open = "SELECT count(*) FROM usage_reservations WHERE NOT looked";
        within(SETTLEMENT, "settling what is lost", async || {
            let mut connection = self.stack.database.connect().await.unwrap();
            let open: i64 = sqlx::query_scalar(open).fetch_one(&mut connection).await.unwrap();
            if open == 0 { Ok(()) } else { Err(format!("{open} writes are open")) }
        })
        .await;
    }

    /// Asserts that the project has exactly the spans that clients were told of, each once, and that usage and sums
    /// say the same once a quarter of an hour has passed: whatever was killed, refused or lost.
    pub(crate) async fn assert_has(&self, told: &Told) {
        let wanted: BTreeSet<&str> = told.acknowledged.iter().map(String::as_str).collect();
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(0, &format!("/api/spans?limit=100&cursor={cursor}")).await;
            assert_eq!(page.status, 200, "{}", page.text);
            let spans = page.body["spans"].as_array().unwrap();
            found.extend(spans.iter().map(|span| span["id"].as_str().unwrap().to_owned()));
            match page.body["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
        }
        let distinct: BTreeSet<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(found.len(), distinct.len(), "a span is there twice");
        let lost: Vec<_> = wanted.difference(&distinct).collect();
        assert!(lost.is_empty(), "{} of {} spans are lost: {lost:?}", lost.len(), wanted.len());
        let more: Vec<_> = distinct.difference(&wanted).collect();
        assert!(more.is_empty(), "spans that nobody was told of: {more:?}");
        self.settle().await;
        let count = wanted.len() as u64;
        let usage = self.get(0, "/api/org/usage").await;
        let used = usage.body["spans"]["used"].as_u64().unwrap();
        assert_eq!(used, count, "spans refused: {}, in doubt: {}", told.refused, told.doubtful);
        let summary = self.get(0, "/api/analytics/summary").await;
        assert_eq!(summary.body["total_spans"], json!(count), "{}", summary.text);
    }

    /// Asserts that no replica panicked.
    pub(crate) fn assert_calm(&self) {
        let log = self.stack.log();
        let panics: Vec<&str> = log.lines().filter(|line| line.contains("panicked")).collect();
        assert!(panics.is_empty(), "{panics:?}");
    }
}

/// A client that gives up rather than hang.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_mins(1)).build().unwrap()
}

/// Returns completed spans of one trace each, as `/api/ingest` takes them.
pub(crate) fn batch(ids: &[String]) -> Value {
    let now = jiff::Timestamp::now().to_string();
    let span = |id: &String| {
        json!({"id": id, "trace_id": format!("t-{id}"), "name": "work", "status": "completed",
            "started_at": now, "ended_at": now, "input": "asked", "output": "answered"})
    };
    json!({"spans": ids.iter().map(span).collect::<Vec<_>>()})
}

/// Asks until an answer is as expected, as long as recovery may take.
pub(crate) async fn eventually(what: &str, ask: impl AsyncFn() -> Result<(), String>) {
    within(RECOVERY, what, ask).await;
}

async fn within(limit: Duration, what: &str, ask: impl AsyncFn() -> Result<(), String>) {
    let started = Instant::now();
    while let Err(instead) = ask().await {
        assert!(started.elapsed() < limit, "{what}: {instead}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    /// Asserts that the server says it cannot now, and when to come again.
    #[track_caller]
    pub(crate) fn assert_unavailable(&self) {
        assert_eq!((self.status, &self.body["code"]), (503, &json!("unavailable")), "{}", self.text);
        let wait = self.headers.get("retry-after").expect("Retry-After").to_str().unwrap();
        assert!(wait.parse::<u64>().is_ok_and(|seconds| seconds > 0), "{wait}");
    }

    /// Returns `Ok` for an answer of 200.
    pub(crate) fn ok(self) -> Result<(), String> {
        if self.status == 200 { Ok(()) } else { Err(format!("{} {}", self.status, self.text)) }
    }
}

/// Sends a request and reads the answer.
pub(crate) async fn send(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or_default();
    Answer { status, headers, text, body }
}
