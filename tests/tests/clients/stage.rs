//! A server, a provider and the clients between them.

use std::time::{Duration, Instant};

use conformance::clients::{self, Addresses, Client, Language};
use conformance::mount::{Capability, Instance, LocalMount, Mount, RunningMount, StartOptions};
use conformance::providers::{self, Emulator};
use serde_json::{Value, json};

/// How long what a client did may take to show.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running server with a provider for it to call.
pub(crate) struct Stage {
    pub(crate) provider: Emulator,
    instance: Instance,
    http: reqwest::Client,
    session: String,
    is_ours: bool,
}

impl Stage {
    /// Starts a provider and a server that sends proxied calls to it.
    ///
    /// With `CONFORMANCE_URL` set, the server there is used.
    pub(crate) async fn set() -> Self {
        clients::set_up().await.unwrap();
        let provider = providers::start().await.unwrap();
        let mount: Box<dyn Mount> = match RunningMount::from_env() {
            Some(mount) => Box::new(mount),
            None => Box::new(LocalMount),
        };
        let options = StartOptions::default().with("TRACEWAY_PROXY_TARGET", provider.base_url());
        let is_ours = mount.capabilities().contains(&Capability::Fresh);
        let instance = if is_ours { mount.fresh(&options).await } else { mount.shared().await };
        let session = format!("session-{}", unique());
        Self { provider, instance: instance.unwrap(), http: reqwest::Client::new(), session, is_ours }
    }

    pub(crate) fn addresses(&self) -> Addresses {
        Addresses {
            api: self.instance.api[0].clone(),
            proxy: self.instance.proxy.clone().unwrap_or_default(),
            provider: self.provider.base_url().to_owned(),
        }
    }

    /// Runs a client that calls the proxy as if it were the provider, and returns what it saw.
    ///
    /// Nothing but the environment makes a client do so: a base URL, and headers that every vendor lets users add.
    pub(crate) async fn call(&self, language: Language, script: &'static str, scene: &'static str) -> Value {
        self.start(language, script, scene).await.unwrap()
    }

    /// As [`Stage::call`], for tests that look while the client works.
    pub(crate) async fn start(
        &self,
        language: Language,
        script: &'static str,
        scene: &'static str,
    ) -> Result<Value, clients::ClientError> {
        let addresses = self.addresses();
        let mut headers = vec![
            ("X-Traceway-Session-Id".to_owned(), self.session.clone()),
            ("X-Forward-URL".to_owned(), addresses.provider.clone()),
        ];
        // The header that names a provider's address also says that it is an Ollama.
        if script.starts_with("ollama") {
            "X-Ollama-Base".clone_into(&mut headers[1].0);
        }
        headers.extend(self.instance.proxy_headers.iter().cloned());
        let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let headers = headers.join("\n");
        let openai = format!("{}/v1", addresses.proxy);
        let env = [
            ("OPENAI_API_KEY", "sk-test"),
            ("OPENAI_BASE_URL", openai.as_str()),
            ("OPENAI_CUSTOM_HEADERS", headers.as_str()),
            ("ANTHROPIC_API_KEY", "sk-test"),
            ("ANTHROPIC_BASE_URL", addresses.proxy.as_str()),
            ("ANTHROPIC_CUSTOM_HEADERS", headers.as_str()),
            ("OLLAMA_HOST", addresses.proxy.as_str()),
            ("OLLAMA_CUSTOM_HEADERS", headers.as_str()),
            ("CURL_HEADERS", headers.as_str()),
        ];
        let scene = std::slice::from_ref(Box::leak(Box::new(scene)));
        Client { name: script, language, script, scene, env: &[] }.run(&addresses, &env).await
    }

    /// Runs a client that is told one thing only: a base URL. Returns the trace that the server then has of it.
    ///
    /// A server that somebody else started cannot be told of this stage's provider, so there it is `None`.
    pub(crate) async fn call_with_base_url_alone(
        &self,
        language: Language,
        script: &'static str,
    ) -> Option<Value> {
        if !self.is_ours {
            return None;
        }
        let addresses = self.addresses();
        let openai = format!("{}/v1", addresses.proxy);
        let env = [("OPENAI_API_KEY", "sk-test"), ("OPENAI_BASE_URL", openai.as_str())];
        let client = Client { name: script, language, script, scene: &["chat"], env: &[] };
        client.run(&addresses, &env).await.unwrap();
        let trace = self.wait_for("/api/traces", |page| {
            let trace = page["traces"].as_array()?.first()?;
            (trace["status"] != "running").then(|| trace.clone())
        });
        Some(trace.await)
    }

    /// Runs a client that calls the provider itself and tells the server, and returns what it saw.
    pub(crate) async fn export(&self, name: &str) -> Value {
        let client = clients::INSTRUMENTED.iter().find(|client| client.name == name).unwrap();
        let headers: Vec<String> =
            self.instance.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers = headers.join(",").replace(' ', "%20");
        client.run(&self.addresses(), &[("OTEL_EXPORTER_OTLP_HEADERS", &headers)]).await.unwrap()
    }

    /// Reads from the API.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let mut request = self.http.get(format!("{}{path}", self.instance.api[0]));
        for (name, value) in &self.instance.headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    /// Returns the traces of this stage's session, oldest first, once there are `count` and all have ended.
    ///
    /// A call is recorded as ended only after its last byte has gone to the client, so the client can be first.
    pub(crate) async fn traces(&self, count: usize) -> Vec<Value> {
        let path = format!("/api/traces?session_id={}&sort_order=asc", self.session);
        self.wait_for(&path, |page| {
            let traces = page["traces"].as_array()?;
            let ended = traces.iter().all(|trace| trace["status"] != "running");
            (traces.len() >= count && ended).then(|| traces.clone())
        })
        .await
    }

    /// Returns the one span of each of the session's traces, oldest first, after checking what is alike in all.
    pub(crate) async fn calls(&self, count: usize) -> Vec<Value> {
        let mut spans = Vec::new();
        let traces = self.traces(count).await;
        assert_eq!(traces.len(), count, "one trace for each call");
        for trace in traces {
            let detail = self.get(&format!("/api/traces/{}", trace["id"].as_str().unwrap())).await;
            let span = detail["spans"][0].clone();
            assert_eq!(detail["count"], 1, "one span for each call");
            assert_eq!(detail["trace"], trace, "the trace is the same in the list and by itself");
            assert_eq!(trace["tags"], json!(["proxy"]));
            assert_eq!(trace["session_id"], self.session.as_str());
            assert_eq!(trace["name"], span["kind"]["model"]);
            assert_eq!(span["name"], span["kind"]["model"]);
            assert_eq!(span["parent_id"], Value::Null);
            let cost = if span["kind"]["cost"].is_null() { &json!(0.0) } else { &span["kind"]["cost"] };
            assert_eq!(trace["total_cost"], *cost);
            assert!(span["metadata"]["duration_ms"].is_u64(), "{span}");
            spans.push(span);
        }
        spans
    }

    /// Returns a span of this session as soon as it runs.
    pub(crate) async fn running(&self) -> Value {
        let path = format!("/api/spans?session_id={}&status=running", self.session);
        self.wait_for(&path, |page| page["spans"].as_array()?.first().cloned()).await
    }

    /// Returns trace and spans by start, once there are `count` and none runs.
    pub(crate) async fn trace(&self, id: &Value, count: usize) -> (Value, Vec<Value>) {
        let id = id.as_str().unwrap();
        let detail = self
            .wait_for(&format!("/api/traces/{id}"), |detail| {
                let ended = detail["trace"]["status"] != "running";
                (detail["spans"].as_array()?.len() >= count && ended).then(|| detail.clone())
            })
            .await;
        let spans = detail["spans"].as_array().unwrap().clone();
        assert_eq!(spans.len(), count, "{}", outline(&spans));
        (detail["trace"].clone(), spans)
    }

    async fn wait_for<T>(&self, path: &str, found: impl Fn(&Value) -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            let answer = self.get(path).await;
            if let Some(found) = found(&answer) {
                return found;
            }
            assert!(started.elapsed() < PATIENCE, "{path} stays {answer:#}\n{}", self.instance.guard.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Opens the stream of events of this stage's session.
    pub(crate) async fn events(&self) -> Events {
        let path = format!("{}/api/events?session_id={}", self.instance.api[0], self.session);
        let mut request = self.http.get(path);
        for (name, value) in &self.instance.headers {
            request = request.header(name, value);
        }
        let mut events = Events { response: request.send().await.unwrap(), text: String::new() };
        // The stream says something at once, so that what follows is known to be heard.
        events.text.push_str(&String::from_utf8_lossy(&events.response.chunk().await.unwrap().unwrap()));
        events
    }
}

/// A stream of events.
pub(crate) struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    /// Returns the next event.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            if let Some(end) = self.text.find("\n\n") {
                let frame: String = self.text.drain(..end + 2).collect();
                if let Some(data) = frame.lines().find_map(|line| line.strip_prefix("data: ")) {
                    return serde_json::from_str(data).unwrap();
                }
                continue;
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let chunk = chunk.expect("an event comes in time").unwrap().expect("the stream stays open");
            self.text.push_str(&String::from_utf8_lossy(&chunk));
        }
    }
}

/// A word no other run of the tests uses.
fn unique() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("{:x}-{:x}", now.as_nanos(), std::process::id())
}

/// Names, kinds and parents, for messages of failed tests.
pub(crate) fn outline(spans: &[Value]) -> String {
    let line = |span: &Value| {
        let kind =
            if span["kind"]["type"] == "custom" { &span["kind"]["kind"] } else { &span["kind"]["type"] };
        format!("{} {} {kind} in {} {}\n", span["id"], span["name"], span["parent_id"], span["status"])
    };
    spans.iter().map(line).collect()
}

/// Returns the only span of that name.
pub(crate) fn named<'a>(spans: &'a [Value], name: &str) -> &'a Value {
    let found: Vec<&Value> = spans.iter().filter(|span| span["name"] == name).collect();
    assert_eq!(found.len(), 1, "spans called {name} in\n{}", outline(spans));
    found[0]
}

/// Returns the calls of models, oldest first.
pub(crate) fn model_calls(spans: &[Value]) -> Vec<&Value> {
    spans.iter().filter(|span| span["kind"]["type"] == "llm_call").collect()
}

/// Tokens of a call by class, as its provider counts them, and prices in USD for a million of them.
pub(crate) struct Bill {
    pub(crate) input: f64,
    pub(crate) output: f64,
}

/// List prices of the models that the scripts use.
pub(crate) const GPT_4O_MINI: Bill = Bill { input: 0.15, output: 0.6 };
pub(crate) const GPT_4O: Bill = Bill { input: 2.5, output: 10.0 };
pub(crate) const O4_MINI: Bill = Bill { input: 1.1, output: 4.4 };
pub(crate) const EMBEDDING_3_SMALL: Bill = Bill { input: 0.02, output: 0.0 };

/// Checks that a call's tokens are those its client saw, and that its cost follows from them.
pub(crate) fn assert_counts(span: &Value, input: &Value, output: &Value, price: &Bill) {
    let kind = &span["kind"];
    assert_eq!(kind["type"], "llm_call", "{span:#}");
    assert_eq!(kind["input_tokens"], *input, "{span:#}");
    assert_eq!(kind["output_tokens"].as_u64().unwrap_or(0), output.as_u64().unwrap_or(0), "{span:#}");
    let total = input.as_u64().unwrap() + output.as_u64().unwrap_or(0);
    assert_eq!(span["metadata"]["total_tokens"], total);
    let (input, output) = (input.as_f64().unwrap(), output.as_f64().unwrap_or(0.0));
    assert_cost(span, (input * price.input + output * price.output) / 1e6);
}

/// Checks the cost of a call in USD.
pub(crate) fn assert_cost(span: &Value, expected: f64) {
    let cost = span["kind"]["cost"].as_f64().unwrap_or_else(|| panic!("no cost: {span:#}"));
    assert!((cost - expected).abs() < expected * 1e-9, "cost {cost}, not {expected}: {span:#}");
    assert_eq!(span["metadata"]["estimated_cost"], span["kind"]["cost"]);
}

/// Checks that a span has failed, and that the reason says what it should.
pub(crate) fn assert_failed(span: &Value, reason: &str) {
    let error = span["status"]["failed"]["error"].as_str();
    assert!(error.is_some_and(|error| error.contains(reason)), "not failed by {reason}: {span:#}");
}

/// Checks that some string inside a value contains a text.
pub(crate) fn assert_says(value: &Value, text: &Value) {
    let text = text.as_str().unwrap();
    assert!(!text.is_empty() && says(value, text), "{text:?} is not in {value:#}");
}

fn says(value: &Value, text: &str) -> bool {
    match value {
        Value::String(string) => string.contains(text),
        Value::Array(list) => list.iter().any(|item| says(item, text)),
        Value::Object(members) => members.values().any(|member| says(member, text)),
        _ => false,
    }
}
