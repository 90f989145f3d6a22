//! The service over HTTP: typed requests, lenient answers, retries.

mod endpoint;
mod error;
mod filter;
mod query;
mod retry;
mod row;
mod slots;
mod write;

use std::fmt;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

pub use endpoint::{DEFAULT_REGION, InvalidEndpoint, endpoint};
pub use error::{Error, ErrorKind};
pub use filter::{Filter, LastWord, Operand, Operator};
pub use query::{Answer, Direction, Key, Query};
pub(crate) use retry::{random, wait};
pub use row::Row;
pub use write::{Write, Written};

use query::Answers;
use slots::Slots;

/// Tries of a query, and of a write, which is worth more.
const QUERY_TRIES: u32 = 5;
const WRITE_TRIES: u32 = 7;

/// The longest one try of a query may take.
const QUERY_TIMEOUT: Duration = Duration::from_secs(10);

/// Shorter bodies are not worth compressing.
const MIN_GZIP: usize = 1_024;

/// How requests are made.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// The base address, as [`endpoint`] returns it.
    pub url: String,
    /// The API key.
    pub key: Secret,
    /// How long a request may take, all its tries together.
    pub timeout: Duration,
    /// How long a connection at rest is kept.
    pub idle: Duration,
    /// Whether long requests are compressed.
    pub compression: Compression,
}

/// Whether long requests are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// They are sent as they are, which spares processor time.
    #[default]
    Off,
    /// Bodies above 1 KiB are compressed, which spares bandwidth.
    Gzip,
}

/// A text that is never printed.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text from being printed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A client of the service. Cheap to clone; clones share connections and query slots.
#[derive(Clone, Debug)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    http: reqwest::Client,
    options: ClientOptions,
    authorization: HeaderValue,
    slots: Slots,
}

/// The client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The key has characters that no header may have.
    #[error("the API key has characters that keys do not have")]
    InvalidKey,
    /// TLS could not be set up.
    #[error("the HTTP client could not be made")]
    Http(#[source] reqwest::Error),
}

struct Request<'a> {
    method: Method,
    namespace: &'a str,
    path: String,
    body: Option<Bytes>,
    compressed: bool,
    /// Query slots to hold.
    slots: u32,
    tries: u32,
    /// The longest one try may take.
    timeout: Duration,
}

impl Client {
    /// Returns a client; no connection is made yet.
    pub fn new(options: ClientOptions) -> Result<Self, ClientError> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .pool_idle_timeout(options.idle)
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(ClientError::Http)?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", options.key.0))
            .map_err(|_| ClientError::InvalidKey)?;
        authorization.set_sensitive(true);
        let slots = Slots::default();
        Ok(Self { shared: Arc::new(Shared { http, options, authorization, slots }) })
    }

    /// Answers queries from one snapshot, in order. At most 16, and together at most 12 slots.
    pub async fn query(&self, namespace: &str, queries: &[Query]) -> Result<Vec<Answer>, Error> {
        let path = format!("/v2/namespaces/{namespace}/query");
        let slots = queries.iter().map(Query::slots).sum();
        match queries {
            [] => Ok(Vec::new()),
            [query] => Ok(vec![self.ask(namespace, path, query, slots).await?]),
            queries => {
                #[derive(Serialize)]
                struct Queries<'a> {
                    queries: &'a [Query],
                }
                let answers: Answers = self.ask(namespace, path, &Queries { queries }, slots).await?;
                Ok(answers.results)
            }
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        namespace: &str,
        path: String,
        body: &impl Serialize,
        slots: u32,
    ) -> Result<T, Error> {
        let (body, compressed) = self.body(body)?;
        let request = Request {
            method: Method::POST,
            namespace,
            path,
            body: Some(body),
            compressed,
            slots,
            tries: QUERY_TRIES,
            timeout: QUERY_TIMEOUT,
        };
        self.send(&request).await
    }

    /// Writes. A lost answer makes it write again, so the write must be idempotent.
    pub async fn write(&self, namespace: &str, write: &Write<'_>) -> Result<Written, Error> {
        let (body, compressed) = self.body(write)?;
        let request = Request {
            method: Method::POST,
            namespace,
            path: format!("/v2/namespaces/{namespace}"),
            body: Some(body),
            compressed,
            slots: 0,
            tries: WRITE_TRIES,
            timeout: self.shared.options.timeout,
        };
        self.send(&request).await
    }

    /// Deletes a namespace with all it holds.
    pub async fn delete_namespace(&self, namespace: &str) -> Result<(), Error> {
        let request = Request {
            method: Method::DELETE,
            namespace,
            path: format!("/v2/namespaces/{namespace}"),
            body: None,
            compressed: false,
            slots: 0,
            tries: WRITE_TRIES,
            timeout: self.shared.options.timeout,
        };
        self.send::<serde::de::IgnoredAny>(&request).await.map(drop)
    }

    fn body(&self, body: &impl Serialize) -> Result<(Bytes, bool), Error> {
        let json = serde_json::to_vec(body).map_err(|error| Error::transport(Uuid::nil(), error))?;
        if self.shared.options.compression == Compression::Off || json.len() <= MIN_GZIP {
            return Ok((json.into(), false));
        }
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let packed = encoder.write_all(&json).and_then(|()| encoder.finish());
        packed.map(|packed| (packed.into(), true)).map_err(|error| Error::transport(Uuid::nil(), error))
    }

    async fn send<T: DeserializeOwned>(&self, request: &Request<'_>) -> Result<T, Error> {
        let deadline = Instant::now() + self.shared.options.timeout;
        let request_id = Uuid::new_v4();
        let mut attempt = 0;
        let mut doubtful = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let tried = self.once(request, request_id, left.min(request.timeout)).await;
            let error = match tried {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            attempt += 1;
            let pause = wait(attempt - 1, error.retry_after);
            if !error.may_retry() || attempt >= request.tries || Instant::now() + pause >= deadline {
                // A refusal says that nothing was done; of an earlier try that may not be true.
                return Err(match (error.kind(), doubtful) {
                    (ErrorKind::Throttled, Some(earlier)) => earlier,
                    _ => error,
                });
            }
            tracing::debug!(
                error = %error, http.request.id = %request_id, retry.attempt = attempt, "trying again"
            );
            tokio::time::sleep(pause).await;
            if error.may_have_happened() {
                doubtful = Some(error);
            }
        }
    }

    /// Waits for the query slots of a request, as long as it may take.
    async fn slots(
        &self,
        request: &Request<'_>,
        request_id: Uuid,
        timeout: Duration,
    ) -> Result<Option<OwnedSemaphorePermit>, Error> {
        if request.slots == 0 {
            return Ok(None);
        }
        let taken = self.shared.slots.take(request.namespace, request.slots);
        tokio::time::timeout(timeout, taken).await.map_err(|_| Error::crowded(request_id))
    }

    async fn once<T: DeserializeOwned>(
        &self,
        request: &Request<'_>,
        request_id: Uuid,
        timeout: Duration,
    ) -> Result<T, Error> {
        let _slots = self.slots(request, request_id, timeout).await?;
        let url = format!("{}{}", self.shared.options.url, request.path);
        let mut builder = self
            .shared
            .http
            .request(request.method.clone(), url)
            .timeout(timeout)
            .header(AUTHORIZATION, self.shared.authorization.clone())
            .header("x-request-id", request_id.to_string());
        if let Some(body) = &request.body {
            builder = builder.header(CONTENT_TYPE, "application/json").body(body.clone());
            if request.compressed {
                builder = builder.header(CONTENT_ENCODING, "gzip");
            }
        }
        let response = builder.send().await.map_err(|error| Error::from_reqwest(request_id, error))?;
        let status = response.status();
        let (retry_after, should_retry) =
            (retry::asked(response.headers()), retry::advice(response.headers()));
        let body = response.bytes().await.map_err(|error| Error::from_reqwest(request_id, error))?;
        if status != StatusCode::OK {
            let error = Error::of_answer(request_id, status.as_u16(), &body);
            return Err(Error { retry_after, should_retry, ..error });
        }
        serde_json::from_slice(&body).map_err(|error| Error::transport(request_id, error))
    }
}
