//! Load: requests at a fixed rate or as fast as answers come, and how long they took.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hdrhistogram::Histogram;
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::task::JoinSet;

/// A plain HTTP/1.1 client with keep-alive, the same for every measurement.
pub type Http = Client<HttpConnector, Full<Bytes>>;

/// Returns a client that sends small packets at once.
pub fn http() -> Http {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).pool_max_idle_per_host(2048).build(connector)
}

/// One request, sent again and again.
#[derive(Clone)]
pub struct Shot {
    /// The method.
    pub method: Method,
    /// Where to.
    pub uri: Uri,
    /// Headers besides `Host`.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Shot {
    /// Returns a POST of JSON.
    pub fn json(url: &str, body: impl Into<Bytes>) -> anyhow::Result<Self> {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        Ok(Self { method: Method::POST, uri: url.parse()?, headers, body: body.into() })
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = value.parse() {
            self.headers.insert(name, value);
        }
        self
    }

    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// How long requests took, in microseconds from when they were due.
pub struct Timings {
    /// Until the first byte of the body.
    pub first: Histogram<u64>,
    /// Until the last byte.
    pub whole: Histogram<u64>,
    /// Requests that failed or were not answered 2xx.
    pub failed: u64,
    /// From the first request to the last answer.
    pub took: Duration,
}

impl Timings {
    fn new() -> anyhow::Result<Self> {
        let histogram = || Histogram::new_with_bounds(1, 120_000_000, 3);
        Ok(Self { first: histogram()?, whole: histogram()?, failed: 0, took: Duration::ZERO })
    }

    /// Adds what another run measured.
    pub fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.first.add(&other.first)?;
        self.whole.add(&other.whole)?;
        self.failed += other.failed;
        self.took += other.took;
        Ok(())
    }

    /// Requests answered per second.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn rate(&self) -> f64 {
        self.whole.len() as f64 / self.took.as_secs_f64()
    }

    fn note(&mut self, outcome: &anyhow::Result<(Duration, Duration)>) {
        match outcome {
            Ok((first, whole)) => {
                self.first.saturating_record(micros(*first));
                self.whole.saturating_record(micros(*whole));
            }
            Err(_) => self.failed += 1,
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Sends `per_second` requests each second for `lasting`, whether or not earlier ones were answered.
pub async fn at_rate(
    http: &Http,
    shot: &Shot,
    per_second: u32,
    lasting: Duration,
) -> anyhow::Result<Timings> {
    let shot = Arc::new(shot.clone());
    let total = u64::from(per_second) * lasting.as_secs();
    let gap = Duration::from_secs(1) / per_second;
    let started = Instant::now();
    let mut flying = JoinSet::new();
    let mut timings = Timings::new()?;
    for index in 0..total {
        let due = started + gap * u32::try_from(index).unwrap_or(u32::MAX);
        tokio::time::sleep_until(due.into()).await;
        let (http, shot) = (http.clone(), Arc::clone(&shot));
        // The timer wakes up to a millisecond late; what counts is when the request really leaves.
        let sent = Instant::now();
        flying.spawn(async move { fire(&http, &shot, sent).await });
        while let Some(done) = flying.try_join_next() {
            timings.note(&done?);
        }
    }
    while let Some(done) = flying.join_next().await {
        timings.note(&done?);
    }
    timings.took = started.elapsed();
    Ok(timings)
}

/// Sends from `connections` tasks, each its next request when the last was answered, for `lasting`.
pub async fn closed(
    http: &Http,
    shot: &Shot,
    connections: usize,
    lasting: Duration,
) -> anyhow::Result<Timings> {
    let shot = Arc::new(shot.clone());
    let started = Instant::now();
    let mut workers = JoinSet::new();
    for _ in 0..connections {
        let (http, shot) = (http.clone(), Arc::clone(&shot));
        workers.spawn(async move {
            let mut timings = Timings::new()?;
            while started.elapsed() < lasting {
                let outcome = fire(&http, &shot, Instant::now()).await;
                timings.note(&outcome);
            }
            anyhow::Ok(timings)
        });
    }
    let mut all = Timings::new()?;
    while let Some(done) = workers.join_next().await {
        all.add(&done??)?;
    }
    all.took = started.elapsed();
    Ok(all)
}

/// Sends one request and reads the answer to its end.
async fn fire(http: &Http, shot: &Shot, from: Instant) -> anyhow::Result<(Duration, Duration)> {
    let response = http.request(shot.request()).await?;
    anyhow::ensure!(response.status().is_success(), "status {}", response.status());
    let mut body = response.into_body();
    let mut first = None;
    while let Some(frame) = body.frame().await {
        frame?;
        first.get_or_insert_with(|| from.elapsed());
    }
    let whole = from.elapsed();
    Ok((first.unwrap_or(whole), whole))
}

/// Adds a slice to those measured before it.
pub fn merge(all: &mut Option<Timings>, slice: Timings) -> anyhow::Result<()> {
    if let Some(all) = all {
        return all.add(&slice);
    }
    *all = Some(slice);
    Ok(())
}
