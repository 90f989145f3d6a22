//! What the handlers ask of the world, opened together for one mode or the other.

use std::path::Path;
use std::sync::Arc;

use adapter_memory::{MemoryBus, SystemClock, UlidIds};
use adapter_sqlite::{Options, SqliteStore};
use adapter_threads::Spare;
use anyhow::Context;
use cloud::{CloudSettings, CloudStores, Life, Place};
use tokio_util::task::TaskTracker;
use trace::ports::{Clock, Compute, EventBus, Ids, Metered, PayloadStore, Rollups, SpanStore};
use trace::record::Recorder;

use crate::background::Tracked;
use crate::settings::Settings;
use crate::spool::{FILE_LIMIT, FileSpool};

/// Everything the handlers ask of the world.
pub(crate) struct Stores {
    pub(crate) spans: Arc<dyn SpanStore>,
    pub(crate) payloads: Arc<dyn PayloadStore>,
    pub(crate) rollups: Arc<dyn Rollups>,
    pub(crate) events: Arc<dyn EventBus>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) recorder: Recorder,
    /// Runs what takes a processor and may wait for it.
    pub(crate) compute: Arc<dyn Compute>,
    pub(crate) spool: Arc<FileSpool>,
    /// What only this mode has.
    pub(crate) own: Own,
    /// Changes that are being written and announced.
    changes: TaskTracker,
}

/// What only one mode has.
pub(crate) enum Own {
    /// One file, and nobody to tell apart.
    Local(Arc<SqliteStore>),
    /// Stores that all instances share, and who uses them.
    Cloud(Box<CloudStores>),
}

impl Stores {
    /// Opens what the settings ask for. `instance` names this process.
    pub(crate) async fn open(settings: &Settings, instance: &str) -> anyhow::Result<Self> {
        match &settings.cloud {
            None => Self::local(settings).await,
            Some(cloud) => Self::cloud(settings, cloud, instance).await,
        }
    }

    /// Opens the database, creating its folder when missing.
    async fn local(settings: &Settings) -> anyhow::Result<Self> {
        let path = &settings.db_path;
        let folder = existing(path.parent().unwrap_or(".".as_ref()))?;
        let sqlite = Arc::new(SqliteStore::open(path, Options::default()).await?);
        let spool = spool(folder)?;
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
            events,
            clock,
            ids: Arc::new(UlidIds::new()),
            recorder,
            compute: Arc::new(Spare::start()?),
            spool,
            own: Own::Local(sqlite),
            changes,
        })
    }

    /// Connects to what all instances share.
    async fn cloud(settings: &Settings, cloud: &CloudSettings, instance: &str) -> anyhow::Result<Self> {
        let spool = spool(existing(settings.db_path.parent().unwrap_or(".".as_ref()))?)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let place = Place {
            app_url: format!("http://localhost:{}", settings.api_addr.port()),
            origins: settings.origins.clone(),
        };
        let own = CloudStores::open(cloud, place, Arc::clone(&clock), instance, Life::Lasting).await?;
        let spans: Arc<dyn SpanStore> = Arc::new(Metered::new(Arc::clone(&own.spans), Arc::clone(&clock)));
        let changes = TaskTracker::new();
        let recorder =
            Recorder::new(Arc::clone(&spans), Arc::clone(&own.events), Arc::clone(&settings.prices))
                .detached_by(Arc::new(Tracked(changes.clone())))
                .within(Arc::clone(&own.quota));
        Ok(Self {
            spans,
            payloads: Arc::clone(&own.payloads),
            rollups: Arc::clone(&own.rollups) as _,
            events: Arc::clone(&own.events),
            clock,
            ids: Arc::new(UlidIds::new()),
            recorder,
            compute: Arc::new(Spare::start()?),
            spool,
            own: Own::Cloud(Box::new(own)),
            changes,
        })
    }

    /// Waits until everything taken is written, then closes what was opened.
    pub(crate) async fn close(self) {
        self.changes.close();
        self.changes.wait().await;
        self.spool.close().await;
        match self.own {
            Own::Local(sqlite) => sqlite.close().await,
            Own::Cloud(cloud) => cloud.database.close().await,
        }
    }
}

/// Returns the folder, created when missing. An empty path is the working folder.
fn existing(folder: &Path) -> anyhow::Result<&Path> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    std::fs::create_dir_all(folder).with_context(|| {
        format!("the data folder {} cannot be created; choose another with --data-dir", folder.display())
    })?;
    Ok(folder)
}

/// Opens the file of calls that a store refused.
fn spool(folder: &Path) -> anyhow::Result<Arc<FileSpool>> {
    let path = folder.join("traceway-spool.jsonl");
    let spool = FileSpool::open(&path, FILE_LIMIT)
        .with_context(|| format!("the spool file {} cannot be opened", path.display()))?;
    Ok(Arc::new(spool))
}
