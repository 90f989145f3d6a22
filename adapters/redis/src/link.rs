//! The way to Redis: one connection, made when first used, and a pause after it failed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, FromRedisValue, RedisError, RedisResult, ScriptInvocation};
use tokio::sync::OnceCell;
use trace::ports::StoreError;

/// How long an answer may take. Everything asked here is small, and callers can do without.
const ANSWER: Duration = Duration::from_secs(2);

/// How long opening a connection may take.
const CONNECT: Duration = Duration::from_secs(2);

/// How long nothing is tried after a failure, so that requests do not wait for a Redis that is away.
const PAUSE: Duration = Duration::from_secs(1);

/// The URL of Redis cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the URL of Redis cannot be used")]
pub struct LinkError(#[source] RedisError);

/// Redis cannot be reached, or could not a moment ago.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Away {
    /// It failed within the last second and is left alone.
    #[error("Redis is away")]
    Paused,
    /// It failed now.
    #[error("Redis failed")]
    Failed(#[source] RedisError),
}

impl From<Away> for StoreError {
    fn from(away: Away) -> Self {
        Self::unavailable(away)
    }
}

/// The way to one Redis. Made once per process; nothing is connected before it is used.
pub struct Link {
    client: Client,
    connection: OnceCell<ConnectionManager>,
    started: Instant,
    /// Milliseconds since `started` until which nothing is tried.
    paused_until: AtomicU64,
}

impl Link {
    /// Returns the link to a `redis://` or `rediss://` URL.
    pub fn new(url: &str) -> Result<Self, LinkError> {
        let client = Client::open(url).map_err(LinkError)?;
        let (connection, paused_until) = (OnceCell::new(), AtomicU64::new(0));
        Ok(Self { client, connection, started: Instant::now(), paused_until })
    }

    /// Returns the client, for connections of their own.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Returns whether Redis answers.
    pub async fn ping(&self) -> bool {
        self.ask(async |mut connection| redis::cmd("PING").query_async::<String>(&mut connection).await)
            .await
            .is_ok()
    }

    /// Runs a script.
    pub(crate) async fn run<T: FromRedisValue>(&self, script: &ScriptInvocation<'_>) -> Result<T, Away> {
        self.ask(async |mut connection| script.invoke_async(&mut connection).await).await
    }

    /// Asks something on the shared connection.
    pub(crate) async fn ask<T>(
        &self,
        ask: impl AsyncFnOnce(ConnectionManager) -> RedisResult<T>,
    ) -> Result<T, Away> {
        if self.since_start() < self.paused_until.load(Ordering::Relaxed) {
            return Err(Away::Paused);
        }
        let answer = match self.connected().await {
            Ok(connection) => ask(connection).await,
            Err(error) => Err(error),
        };
        answer.map_err(|error| {
            let pause = u64::try_from(PAUSE.as_millis()).unwrap_or(u64::MAX);
            self.paused_until.store(self.since_start() + pause, Ordering::Relaxed);
            metrics::counter!("traceway_redis_errors_total").increment(1);
            Away::Failed(error)
        })
    }

    /// Forgets the pause: Redis was seen to be back.
    pub(crate) fn resume(&self) {
        self.paused_until.store(0, Ordering::Relaxed);
    }

    async fn connected(&self) -> RedisResult<ConnectionManager> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER))
            .set_number_of_retries(1);
        let connect = || ConnectionManager::new_with_config(self.client.clone(), config);
        self.connection.get_or_try_init(connect).await.cloned()
    }

    fn since_start(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
