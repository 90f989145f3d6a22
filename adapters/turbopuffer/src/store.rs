use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use trace::filter::{ListQuery, Page};
use trace::id::{Scope, SpanId, TraceId};
use trace::ports::{Batch, BatchId, Counts, Creators, PayloadStore, SpanKey, SpanStore, StoreError, Written};
use trace::span::{Payload, Span};
use trace::time::Timestamp;
use trace::trace::{Session, Trace};
use uuid::Uuid;

use crate::client::{
    Client, ClientError, ClientOptions, Compression, Filter, InvalidEndpoint, Row, Secret, Write, endpoint,
};
use crate::commit::commit;
use crate::lanes::{Grouping, Lanes, Room, Work};
use crate::namespace::{Companion, InvalidPrefix, Namespaces};
use crate::parts::{self, PartsWrite};
use crate::payloads::{self, Tables};
use crate::prepared::Prepared;
use crate::table::Table;
use crate::{clock, deletes, schema, sessions, spans, traces};

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// The API key.
    pub key: Secret,
    /// The region; `None` means the default one, or the one that the base address names.
    pub region: Option<String>,
    /// The base address, with `{region}` where the region goes; `None` means the service's own.
    pub base_url: Option<String>,
    /// What namespaces start with.
    pub prefix: String,
    /// How long a request may take, all its tries together.
    pub timeout: Duration,
    /// Whether writes of a project go together.
    pub grouping: Grouping,
    /// Whether long requests are compressed.
    pub compression: Compression,
    /// Bytes of one project's writes that may wait.
    pub project_room: usize,
    /// Bytes of all writes that may wait.
    pub room: usize,
}

impl Options {
    /// Returns the options of an ordinary deployment.
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            key: Secret::new(key),
            region: None,
            base_url: None,
            prefix: Namespaces::DEFAULT_PREFIX.to_owned(),
            timeout: Duration::from_secs(30),
            grouping: Grouping::Lanes,
            compression: Compression::Off,
            project_room: 8 << 20,
            room: 64 << 20,
        }
    }
}

/// A store cannot be opened as asked.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The base address or region cannot be used.
    #[error(transparent)]
    Endpoint(#[from] InvalidEndpoint),
    /// The prefix cannot be used.
    #[error(transparent)]
    Prefix(#[from] InvalidPrefix),
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Traces, spans and payloads in Turbopuffer. Cheap to clone; clones share lanes and connections.
///
/// Nothing is kept in the process, so any number of instances may share the namespaces: each reads what any wrote.
#[derive(Clone)]
pub struct TurbopufferStore {
    shared: Arc<Shared>,
}

struct Shared {
    client: Client,
    names: Namespaces,
    spans: Arc<Lanes<Spans>>,
    parts: Arc<Lanes<Parts>>,
    /// When a health check last wrote, in microseconds since 1970.
    probed: AtomicU64,
}

impl fmt::Debug for TurbopufferStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurbopufferStore").field("client", &self.shared.client).finish_non_exhaustive()
    }
}

/// Sockets at rest in a process that freezes are dead when it thaws.
const IDLE: Duration = Duration::from_secs(50);
const IDLE_WHEN_FROZEN: Duration = Duration::from_secs(30);

/// How long a health check trusts the last one's write.
const PROBE_EVERY: u64 = 60_000_000;

impl TurbopufferStore {
    /// Opens a store; no connection is made yet.
    pub fn new(options: Options) -> Result<Self, OpenError> {
        let url = endpoint(options.base_url.as_deref(), options.region.as_deref())?;
        let names = Namespaces::new(&options.prefix)?;
        let client = Client::new(ClientOptions {
            url,
            key: options.key,
            timeout: options.timeout,
            idle: if options.grouping == Grouping::Off { IDLE_WHEN_FROZEN } else { IDLE },
            compression: options.compression,
        })?;
        let room = Room { of_project: options.project_room, of_all: options.room };
        let spans = Spans { client: client.clone(), names: names.clone() };
        let parts = Parts { client: client.clone(), names: names.clone() };
        let shared = Shared {
            spans: Arc::new(Lanes::new(spans, options.grouping, room)),
            parts: Arc::new(Lanes::new(parts, options.grouping, room)),
            client,
            names,
            probed: AtomicU64::new(0),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    fn table(&self, scope: &Scope) -> Table {
        Table::new(&self.shared.client, self.shared.names.of(scope, Companion::Main))
    }

    fn tables(&self, scope: &Scope) -> Tables {
        let parts = self.shared.names.of(scope, Companion::Parts);
        Tables { main: self.table(scope), parts: Table::new(&self.shared.client, parts) }
    }
}

/// Writes spans and traces.
struct Spans {
    client: Client,
    names: Namespaces,
}

impl Work for Spans {
    type Item = Prepared;
    type Done = Written;

    async fn write(&self, scope: &Scope, items: &mut [Prepared]) -> Result<Vec<Written>, StoreError> {
        commit(&Table::new(&self.client, self.names.of(scope, Companion::Main)), items).await
    }
}

/// Writes payload parts.
struct Parts {
    client: Client,
    names: Namespaces,
}

impl Work for Parts {
    type Item = PartsWrite;
    type Done = ();

    async fn write(&self, scope: &Scope, items: &mut [PartsWrite]) -> Result<Vec<()>, StoreError> {
        let table = Table::new(&self.client, self.names.of(scope, Companion::Parts));
        parts::store(&table, items).await?;
        Ok(items.iter().map(|_| ()).collect())
    }
}

#[async_trait]
impl SpanStore for TurbopufferStore {
    async fn write(&self, scope: &Scope, batch: Batch) -> Result<Written, StoreError> {
        if batch.traces.is_empty() && batch.spans.is_empty() {
            return Ok(Written::default());
        }
        let (prepared, parts) = Prepared::beside(batch).await?;
        // A span must never name a part that is not there, so these go first, on a lane of their own.
        if !parts.is_empty() {
            let size = parts.size();
            self.shared.parts.write(scope, parts, size).await?;
        }
        let size = prepared.size();
        self.shared.spans.write(scope, prepared, size).await
    }

    async fn find(
        &self,
        scope: &Scope,
        trace: Option<&TraceId>,
        id: &SpanId,
    ) -> Result<Option<Span>, StoreError> {
        spans::find(&self.table(scope), trace, id).await
    }

    async fn list(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Span>, StoreError> {
        spans::list(&self.tables(scope), query).await
    }

    async fn list_of_traces(&self, scope: &Scope, traces: &[TraceId]) -> Result<Vec<Span>, StoreError> {
        spans::of_traces(&self.table(scope), traces).await
    }

    async fn find_trace(&self, scope: &Scope, id: &TraceId) -> Result<Option<Trace>, StoreError> {
        traces::find(&self.table(scope), id).await
    }

    async fn list_traces(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Trace>, StoreError> {
        traces::list(&self.tables(scope), query).await
    }

    async fn list_sessions(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Session>, StoreError> {
        sessions::list(&self.tables(scope), query).await
    }

    async fn find_session(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<(Session, Vec<Trace>)>, StoreError> {
        sessions::find(&self.table(scope), id).await
    }

    async fn delete(
        &self,
        scope: &Scope,
        trace: Option<&TraceId>,
        id: &SpanId,
    ) -> Result<Option<TraceId>, StoreError> {
        deletes::span(&self.table(scope), trace, id).await
    }

    async fn delete_trace(&self, scope: &Scope, id: &TraceId) -> Result<Option<u64>, StoreError> {
        deletes::trace(&self.table(scope), id).await
    }

    async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        deletes::everything(&self.tables(scope)).await
    }

    async fn sweep(&self, scope: &Scope, before: Timestamp) -> Result<u64, StoreError> {
        deletes::sweep(&self.tables(scope), before).await
    }

    async fn counts(&self, scope: &Scope) -> Result<Counts, StoreError> {
        deletes::counts(&self.table(scope)).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        let probe = Table::new(&self.shared.client, self.shared.names.probe());
        probe.by_id(None, &[Uuid::nil()], &[]).await?;
        // A write costs as much as a batch of spans, and checks are frequent.
        let now = clock::micros();
        if now.saturating_sub(self.shared.probed.load(Ordering::Relaxed)) < PROBE_EVERY {
            return Ok(());
        }
        let mut row = Row::new(Uuid::nil());
        row.set("at", now);
        probe.write(&Write::new(&schema::PROBE).upsert(&[row], Filter::Everything)).await?;
        self.shared.probed.store(now, Ordering::Relaxed);
        Ok(())
    }
}

#[async_trait]
impl Creators for TurbopufferStore {
    async fn creators(&self, scope: &Scope, spans: &[SpanKey]) -> Result<Vec<Option<BatchId>>, StoreError> {
        spans::creators(&self.table(scope), spans).await
    }
}

#[async_trait]
impl PayloadStore for TurbopufferStore {
    async fn load(&self, scope: &Scope, spans: &[SpanKey]) -> Result<Vec<Payload>, StoreError> {
        payloads::load(&self.tables(scope), spans).await
    }
}
