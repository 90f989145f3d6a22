//! The stores and ports of local mode, opened together.

use std::sync::Arc;

use adapter_memory::{MemoryBus, SystemClock, UlidIds};
use adapter_sqlite::{Options, SqliteStore};
use anyhow::Context;
use tokio_util::task::TaskTracker;
use trace::ports::{Clock, EventBus, Ids, Metered, PayloadStore, Rollups, SpanStore};
use trace::record::Recorder;

use crate::background::Tracked;
use crate::settings::Settings;
use crate::spool::{FILE_LIMIT, FileSpool};

/// Everything the handlers ask of the world, in local mode.
pub(crate) struct Stores {
    pub(crate) sqlite: Arc<SqliteStore>,
    pub(crate) spans: Arc<dyn SpanStore>,
    pub(crate) payloads: Arc<dyn PayloadStore>,
    pub(crate) rollups: Arc<dyn Rollups>,
    pub(crate) events: Arc<dyn EventBus>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) recorder: Recorder,
    pub(crate) spool: Arc<FileSpool>,
    /// Changes that are being written and announced.
    changes: TaskTracker,
}

impl Stores {
    /// Opens the database, creating its folder when missing.
    pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        let path = &settings.db_path;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(".".as_ref());
        std::fs::create_dir_all(folder).with_context(|| {
            format!("the data folder {} cannot be created. Choose another with --data-dir.", folder.display())
        })?;
        let sqlite = Arc::new(SqliteStore::open(path, Options::default()).await?);
        let spool = folder.join("traceway-spool.jsonl");
        let spool = FileSpool::open(&spool, FILE_LIMIT)
            .with_context(|| format!("the spool file {} cannot be opened", spool.display()))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let spans: Arc<dyn SpanStore> = Arc::new(Metered::new(Arc::clone(&sqlite) as _, Arc::clone(&clock)));
        let events: Arc<dyn EventBus> = Arc::new(MemoryBus::new(&*clock));
        let changes = TaskTracker::new();
        let recorder = Recorder::new(Arc::clone(&spans), Arc::clone(&events), Arc::clone(&settings.prices))
            .detached_by(Arc::new(Tracked(changes.clone())));
        Ok(Self {
            spans,
            payloads: Arc::clone(&sqlite) as _,
            rollups: Arc::clone(&sqlite) as _,
            sqlite,
            events,
            clock,
            ids: Arc::new(UlidIds::new()),
            recorder,
            spool: Arc::new(spool),
            changes,
        })
    }

    /// Waits until everything taken is written, then closes the file.
    pub(crate) async fn close(self) {
        self.changes.close();
        self.changes.wait().await;
        self.sqlite.close().await;
    }
}
