//! A server or a cloud, a provider and the clients between them.

use std::time::{Duration, Instant};

use conformance::clients::{self, Addresses, Client, Language};
use conformance::mount::{Capability, CloudMount, Instance, LocalMount, Mount, RunningMount, StartOptions};
use conformance::providers::{self, Emulator};
use serde_json::{Value, json};

/// How long what a client did may take to show.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes each of these functions two tests: against a local server, and against a cloud.
macro_rules! on_each_mount {
    ($($test:ident),+ $(,)?) => {
        mod local {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(&$crate::stage::Stage::local().await).await;
                }
            )+
        }

        mod cloud {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(&$crate::stage::Stage::cloud().await).await;
                }
            )+
        }
    };
}

pub(crate) use on_each_mount;

/// How a client that calls the proxy shows its Traceway key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shown<'a> {
    /// Not at all, as locally.
    Nowhere,
    /// In a header beside the provider's key.
    Header(&'a str),
    /// In the base URL, for clients that can add no header.
    BaseUrl(&'a str),
}

/// A running server with a provider for it to call.
///
/// In a cloud, clients call one replica and results are read from the other.
pub(crate) struct Stage {
    pub(crate) provider: Emulator,
    instance: Instance,
    http: reqwest::Client,
    /// The key that the cloud asks for.
    key: Option<String>,
    session: String,
    is_ours: bool,
}

impl Stage {
    /// Starts a provider and a local server that sends proxied calls to it.
    ///
    /// With `CONFORMANCE_URL` set, the server there is used.
    pub(crate) async fn local() -> Self {
        match RunningMount::from_env() {
            Some(mount) => Self::set(&mount).await,
            None => Self::set(&LocalMount).await,
        }
    }

    /// Starts a provider and a cloud of two replicas, with an organisation and its key.
    pub(crate) async fn cloud() -> Self {
        let stage = Self::set(&CloudMount).await;
        assert!(stage.instance.api.len() == 2 && stage.key.is_some());
        stage
    }

    async fn set(mount: &dyn Mount) -> Self {
        clients::set_up().await.unwrap();
        let provider = providers::start().await.unwrap();
        let options = StartOptions::default().with("TRACEWAY_PROXY_TARGET", provider.base_url());
        let is_ours = mount.capabilities().contains(&Capability::Fresh);
        let instance = if is_ours { mount.fresh(&options).await } else { mount.shared().await };
        let instance = instance.unwrap();
        let key = instance.proxy_headers.iter().find(|(name, _)| name == "x-traceway-api-key");
        let key = key.map(|(_, key)| key.clone());
        let session = format!("session-{}", unique());
        Self { provider, instance, http: reqwest::Client::new(), key, session, is_ours }
    }

    /// Lets clients find the proxy on the port of the API, where a cloud has it too.
    pub(crate) fn with_the_proxy_on_the_port_of_the_api(mut self) -> Self {
        self.instance.proxy = Some(format!("{}/proxy", self.instance.api[0]));
        self
    }

    /// The key of this stage's project.
    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Base URLs of the API, one for each replica.
    pub(crate) fn replicas(&self) -> &[String] {
        &self.instance.api
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
        let shown = self.key().map_or(Shown::Nowhere, Shown::Header);
        self.start_as(shown, language, script, scene).await
    }

    /// As [`Stage::start`], with another key, or one shown in another way.
    pub(crate) async fn start_as(
        &self,
        shown: Shown<'_>,
        language: Language,
        script: &'static str,
        scene: &'static str,
    ) -> Result<Value, clients::ClientError> {
        let addresses = self.addresses();
        // The header that names a provider's address also says that it is an Ollama.
        let forward = if script.starts_with("ollama") { "X-Ollama-Base" } else { "X-Forward-URL" };
        let (header, query) = match shown {
            Shown::Nowhere => (String::new(), String::new()),
            Shown::Header(key) => (format!("\nX-Traceway-Api-Key: {key}"), String::new()),
            Shown::BaseUrl(key) => (String::new(), format!("?token={key}")),
        };
        let headers =
            format!("X-Traceway-Session-Id: {}\n{forward}: {}{header}", self.session, addresses.provider);
        let (openai, anthropic) =
            (format!("{}/v1{query}", addresses.proxy), format!("{}{query}", addresses.proxy));
        let env = [
            ("OPENAI_API_KEY", "sk-test"),
            ("OPENAI_BASE_URL", openai.as_str()),
            ("OPENAI_CUSTOM_HEADERS", headers.as_str()),
            ("ANTHROPIC_API_KEY", "sk-test"),
            ("ANTHROPIC_BASE_URL", anthropic.as_str()),
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
        let query = self.key().map(|key| format!("?token={key}")).unwrap_or_default();
        let openai = format!("{}/v1{query}", addresses.proxy);
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
        let seen = self.export_as(self.key(), name).await;
        let complaints = seen["complaints"].as_array();
        assert!(complaints.is_none_or(Vec::is_empty), "{complaints:?}");
        seen
    }

    /// As [`Stage::export`], with another key or none; complaints of the exporter are in what it returns.
    pub(crate) async fn export_as(&self, key: Option<&str>, name: &str) -> Value {
        let client = clients::INSTRUMENTED.iter().find(|client| client.name == name).unwrap();
        let headers = key.map(|key| format!("authorization=Bearer%20{key}"));
        let mut env = Vec::new();
        if let (Some(key), Some(headers)) = (key, &headers) {
            // Traceloop has a setting of its own.
            env = vec![("OTEL_EXPORTER_OTLP_HEADERS", headers.as_str()), ("TRACELOOP_API_KEY", key)];
        }
        client.run(&self.addresses(), &env).await.unwrap()
    }

    /// Runs curl against the API and OTLP, with a key or without.
    pub(crate) async fn curl_as(&self, key: Option<&str>, scene: &[&str]) -> Value {
        let header = key.map(|key| format!("authorization: Bearer {key}")).unwrap_or_default();
        let proxied = key.map(|key| format!("X-Traceway-Api-Key: {key}")).unwrap_or_default();
        let env = [("CURL_API_HEADERS", header.as_str()), ("CURL_HEADERS", proxied.as_str())];
        let words: Vec<&'static str> = scene.iter().map(|word| &*(*word).to_owned().leak()).collect();
        let (language, script) = (Language::Shell, "curl_calls.sh");
        let client = Client { name: script, language, script, scene: words.leak(), env: &[] };
        client.run(&self.addresses(), &env).await.unwrap()
    }

    /// Reads from the API: in a cloud, from the replica that clients do not call.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.get_as(self.key(), self.instance.api.len() - 1, path).await;
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    /// Reads from a replica, with another key; returns the status too.
    pub(crate) async fn get_as(&self, key: Option<&str>, replica: usize, path: &str) -> (u16, Value) {
        let request = self.http.get(format!("{}{path}", self.instance.api[replica]));
        let request = key.into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
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
        self.wait_for_as(self.key(), self.instance.api.len() - 1, path, found).await
    }

    /// Reads from a replica with a key, until what is looked for is there.
    pub(crate) async fn wait_for_as<T>(
        &self,
        key: Option<&str>,
        replica: usize,
        path: &str,
        found: impl Fn(&Value) -> Option<T>,
    ) -> T {
        let started = Instant::now();
        loop {
            let (status, answer) = self.get_as(key, replica, path).await;
            assert!((200..300).contains(&status), "{path}: {status} {answer}");
            if let Some(found) = found(&answer) {
                return found;
            }
            assert!(started.elapsed() < PATIENCE, "{path} stays {answer:#}\n{}", self.instance.guard.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Opens the stream of events of this stage's session.
    pub(crate) async fn events(&self) -> Events {
        let api = &self.instance.api[self.instance.api.len() - 1];
        let request = self.http.get(format!("{api}/api/events?session_id={}", self.session));
        let request = self.key().into_iter().fold(request, reqwest::RequestBuilder::bearer_auth);
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
