//! A proxy on a real port between a raw client and a raw provider, with a store in memory.

pub mod http;
pub mod store;

use std::sync::{Arc, Mutex};

use adapter_memory::{MemoryBus, SystemClock, UlidIds};
use async_trait::async_trait;
use proxy::{Background, Deps, Everyone, Hold, Record, Settings, Spool, SpoolError, Work};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trace::ports::Inline;
use trace::price::Prices;
use trace::record::Recorder;

pub use http::{Answer, Conn, Provider, exchange};
pub use store::{FakeStore, Recorded};

/// A proxy on a port of its own.
pub struct Proxy {
    pub address: String,
    pub store: Arc<FakeStore>,
    pub spool: Arc<MemorySpool>,
    tasks: TaskTracker,
}

impl Proxy {
    /// Starts a proxy that sends everything to `provider`.
    pub async fn start(provider: &Provider) -> Self {
        Self::with(provider, |_| {}).await
    }

    /// Starts a proxy whose settings are changed by `change`.
    pub async fn with(provider: &Provider, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings { target: Some(provider.url().parse().unwrap()), ..Settings::default() };
        change(&mut settings);
        Self::with_deps(settings, |_| {}).await
    }

    /// Starts a proxy whose ports are changed by `change`.
    pub async fn with_deps(settings: Settings, change: impl FnOnce(&mut Deps)) -> Self {
        let (store, spool, tasks) =
            (Arc::new(FakeStore::default()), Arc::new(MemorySpool::default()), TaskTracker::new());
        let bus = Arc::new(MemoryBus::new(&SystemClock));
        let mut deps = Deps {
            recorder: Recorder::new(store.clone(), bus, Arc::new(Prices::default())),
            spool: spool.clone(),
            background: Arc::new(Tracked(tasks.clone())),
            compute: Arc::new(Inline),
            admission: Arc::new(Everyone),
            clock: Arc::new(SystemClock),
            ids: Arc::new(UlidIds::default()),
            client: proxy::http_client().unwrap(),
            settings,
            cut: CancellationToken::new(),
        };
        change(&mut deps);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let listener = axum::serve::ListenerExt::tap_io(listener, |io| io.set_nodelay(true).unwrap());
        tokio::spawn(async move { axum::serve(listener, proxy::router(deps)).await.unwrap() });
        Self { address, store, spool, tasks }
    }

    /// Sends a raw request and reads the whole answer.
    pub async fn send(&self, request: impl AsRef<[u8]>) -> Answer {
        exchange(&self.address, request.as_ref()).await
    }

    /// Sends JSON to `path` with more header lines, each ended by CR LF.
    pub async fn post(&self, path: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        self.send(format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n{headers}\r\n{body}"
        ))
        .await
    }

    /// Waits until nothing is being recorded and returns what was.
    pub async fn recorded(&self) -> Vec<Recorded> {
        // The last byte reaches the client before the recording hears of it.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        self.tasks.close();
        tokio::time::timeout(std::time::Duration::from_secs(10), self.tasks.wait()).await.unwrap();
        self.tasks.reopen();
        self.store.recorded()
    }

    /// Waits until nothing is being recorded and returns the only span.
    pub async fn only(&self) -> Recorded {
        let mut recorded = self.recorded().await;
        assert_eq!(recorded.len(), 1, "{recorded:#?}");
        recorded.remove(0)
    }
}

/// Runs work in tracked tasks.
pub struct Tracked(pub TaskTracker);

impl Background for Tracked {
    fn start(&self, work: Work) -> Option<Hold> {
        self.0.spawn(work);
        None
    }
}

/// Runs work in tasks that hold the answer, as a Lambda has to.
pub struct Held;

impl Background for Held {
    fn start(&self, work: Work) -> Option<Hold> {
        let task = tokio::spawn(work);
        Some(Box::pin(async move { task.await.unwrap() }))
    }
}

/// Keeps refused records.
#[derive(Default)]
pub struct MemorySpool(pub Mutex<Vec<Record>>);

#[async_trait]
impl Spool for MemorySpool {
    async fn keep(&self, record: &Record) -> Result<(), SpoolError> {
        self.0.lock().unwrap().push(record.clone());
        Ok(())
    }
}
