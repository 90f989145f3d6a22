use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::answer::Answer;
use crate::mount::{Capability, Instance, Mount, StartOptions};

/// What a case works with: one instance, and ids nobody else uses.
#[derive(Clone)]
pub struct Ctx {
    mount: Arc<dyn Mount>,
    instance: Arc<Instance>,
    client: reqwest::Client,
    turn: Arc<AtomicUsize>,
    unique: String,
    noted: Arc<Mutex<String>>,
}

impl Ctx {
    /// Returns the context of one case.
    pub fn new(mount: Arc<dyn Mount>, instance: Arc<Instance>, client: reqwest::Client) -> Self {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        Self { mount, instance, client, turn: Arc::default(), unique, noted: Arc::default() }
    }

    /// Starts an empty instance for this case alone.
    pub(super) async fn fresh(&self) -> Self {
        self.fresh_with(StartOptions::default()).await
    }

    /// Starts an empty instance with settings of its own.
    pub(super) async fn fresh_with(&self, options: StartOptions) -> Self {
        let instance = self.mount.fresh(&options).await.expect("a further instance starts");
        Self { instance: Arc::new(instance), ..self.clone() }
    }

    /// Returns whether the mount can do this.
    pub(super) fn can(&self, capability: Capability) -> bool {
        self.mount.capabilities().contains(&capability)
    }

    /// Returns an id of this case; the same hint gives the same id.
    pub(super) fn id(&self, hint: &str) -> String {
        format!("{}.{hint}", &self.unique[..16])
    }

    /// Returns a word that occurs nowhere else, made of letters and digits.
    pub(super) fn word(&self, hint: &str) -> String {
        format!("{hint}{}", &self.unique[..10])
    }

    /// Returns what every id and word of this case contains.
    pub(super) fn mark(&self) -> &str {
        &self.unique[..10]
    }

    /// Returns an OpenTelemetry trace id of this case.
    pub(super) fn otel_trace(&self, n: u8) -> String {
        format!("{}{n:02x}", &self.unique[..30])
    }

    /// Returns an OpenTelemetry span id of this case.
    pub(super) fn otel_span(&self, n: u8) -> String {
        format!("{}{n:02x}", &self.unique[..14])
    }

    /// Returns the base URL of the API whose turn it is.
    pub(super) fn api(&self) -> &str {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        &self.instance.api[turn % self.instance.api.len()]
    }

    /// Returns the header fields of every request to the API.
    pub(super) fn api_headers(&self) -> &[(String, String)] {
        &self.instance.headers
    }

    /// Returns the header fields of every request to the proxy.
    pub(super) fn proxy_headers(&self) -> &[(String, String)] {
        &self.instance.proxy_headers
    }

    /// Waits until a change shows.
    pub(super) async fn settle(&self) {
        if !self.instance.settle.is_zero() {
            tokio::time::sleep(self.instance.settle).await;
        }
    }

    /// Reads a path on every replica.
    pub(super) async fn get_everywhere(&self, path: &str) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(self.instance.api.len());
        for api in &self.instance.api {
            answers.push(self.request("GET", &format!("{api}{path}"), &self.instance.headers).send().await);
        }
        answers
    }

    /// Returns the base URL of the proxy.
    pub(super) fn proxy_url(&self) -> &str {
        self.instance.proxy.as_deref().expect("the mount has a proxy")
    }

    /// Returns what the instance has logged.
    pub(super) fn log(&self) -> String {
        self.instance.guard.log()
    }

    /// Starts a request to the API.
    pub(super) fn call(&self, method: &str, path: &str) -> Call {
        let headers = &self.instance.headers;
        self.request(method, &format!("{}{path}", self.api()), headers)
    }

    /// Starts a request to the proxy that it should send to `base`.
    pub(super) fn proxied(&self, base: &str, method: &str, path: &str) -> Call {
        self.proxy(method, path).header("x-forward-url", base)
    }

    /// Starts a request to the proxy.
    pub(super) fn proxy(&self, method: &str, path: &str) -> Call {
        let headers = &self.instance.proxy_headers;
        let mut call = self.request(method, &format!("{}{path}", self.proxy_url()), headers);
        call.settle = Duration::ZERO;
        call
    }

    fn request(&self, method: &str, url: &str, headers: &[(String, String)]) -> Call {
        let method: Method = method.parse().expect("a method");
        let asked = format!("{method} {url}");
        let settle = if method.is_safe() { Duration::ZERO } else { self.instance.settle };
        let mut request = self.client.request(method, url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        Call { asked, request, settle }
    }

    /// Reads a path.
    pub(super) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path).send().await
    }

    /// Reads a path with query parameters, encoded here.
    pub(super) async fn list(&self, path: &str, query: &[(&str, &str)]) -> Answer {
        self.call("GET", &with_query(path, query)).send().await
    }

    /// Posts JSON.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path).json(body).send().await
    }

    /// Posts nothing.
    pub(super) async fn post_nothing(&self, path: &str) -> Answer {
        self.call("POST", path).send().await
    }

    /// Deletes.
    pub(super) async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path).send().await
    }

    /// Asks until there is an answer, for what the contract lets happen later. Gives up after thirty seconds.
    pub(super) async fn eventually<T, F: Future<Output = Option<T>>>(
        &self,
        what: &str,
        mut ask: impl FnMut() -> F,
    ) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = ask().await {
                return found;
            }
            if started.elapsed() > Duration::from_secs(30) {
                let note = self.noted.lock().map(|note| note.clone()).unwrap_or_default();
                panic!("{what} did not happen within thirty seconds {note}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Remembers what is still missing, for the message of [`Self::eventually`]; returns nothing found.
    pub(super) fn note<T>(&self, text: &str) -> Option<T> {
        if let Ok(mut note) = self.noted.lock() {
            text.clone_into(&mut note);
        }
        None
    }
}

/// Returns a path with encoded query parameters.
pub(super) fn with_query(path: &str, query: &[(&str, &str)]) -> String {
    let mut encoder = url::form_urlencoded::Serializer::new(String::new());
    encoder.extend_pairs(query);
    format!("{path}?{}", encoder.finish())
}

/// A request being made.
pub(super) struct Call {
    asked: String,
    request: reqwest::RequestBuilder,
    settle: Duration,
}

impl Call {
    /// Sets a header field.
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// Sets a JSON body.
    pub(super) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sets a body of another type.
    pub(super) fn body(mut self, content_type: &str, body: impl Into<reqwest::Body>) -> Self {
        self.request = self.request.header("content-type", content_type).body(body);
        self
    }

    /// Sets a body without saying what it is.
    pub(super) fn bare_body(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.request = self.request.body(body);
        self
    }

    /// Sends, and returns the answer as it starts.
    pub(super) async fn open(self) -> reqwest::Response {
        match self.request.send().await {
            Ok(response) => response,
            Err(error) => panic!("{}: no answer: {error:?}", self.asked),
        }
    }

    /// Sends, and returns the whole answer.
    pub(super) async fn send(self) -> Answer {
        let (asked, settle) = (self.asked.clone(), self.settle);
        let response = self.open().await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body: Bytes = match response.bytes().await {
            Ok(body) => body,
            Err(error) => panic!("{asked}: {status}, but the body broke off: {error:?}"),
        };
        if !settle.is_zero() {
            tokio::time::sleep(settle).await;
        }
        Answer { asked, status, headers, body }
    }

    /// Sends, and returns the answer or the transport's error.
    pub(super) async fn try_send(self) -> Result<Answer, reqwest::Error> {
        let response = self.request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { asked: self.asked, status, headers, body: response.bytes().await? })
    }
}
