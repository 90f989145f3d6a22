//! Records the store refused, kept until it takes them.

mod backlog;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use proxy::{Record, Spool, SpoolError};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use trace::ports::{StoreError, chain};
use trace::record::Recorder;

use self::backlog::{Backlog, Line, MEMORY_LIMIT};

/// The largest the file may grow, in bytes.
pub(crate) const FILE_LIMIT: u64 = 256 * 1024 * 1024;

/// The pauses between tries to hand records back, or to write a file that could not be written.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Keeps records in a [`Backlog`], and hands them back.
pub(crate) struct FileSpool {
    backlog: Arc<Mutex<Backlog>>,
    waiting: Arc<Mutex<Waiting>>,
    filled: Notify,
}

/// Records that are about to be kept. One thread writes them, all that have come at once, so that a slow disk does not
/// hold up as many threads as there are calls.
#[derive(Default)]
struct Waiting {
    records: Vec<Coming>,
    bytes: usize,
    is_writing: bool,
}

/// A record that is about to be kept, and who waits for that.
struct Coming {
    line: String,
    told: oneshot::Sender<Result<(), SpoolError>>,
}

/// Takes records back.
#[async_trait]
pub(crate) trait Sink: Send + Sync {
    async fn take(&self, record: Record) -> Result<(), StoreError>;
}

#[async_trait]
impl Sink for Recorder {
    async fn take(&self, record: Record) -> Result<(), StoreError> {
        let (scope, traces, spans) = record.into_writes();
        self.record(&scope, traces, spans).await.map(|_| ())
    }
}

impl FileSpool {
    /// Opens the file, created when missing, with what an earlier process left in it.
    pub(crate) fn open(path: &Path, limit: u64) -> io::Result<Self> {
        let backlog = Arc::new(Mutex::new(Backlog::open(path, limit)?));
        Ok(Self { backlog, waiting: Arc::default(), filled: Notify::new() })
    }

    /// Writes to the file what is only in memory. What cannot be written is lost, and said to be.
    pub(crate) async fn close(&self) {
        let lost = self.blocking(|backlog| Ok(backlog.close())).await.unwrap_or_default();
        if lost > 0 {
            metrics::counter!("traceway_proxy_records_total", "to" => "nowhere").increment(lost as u64);
            tracing::error!(calls = lost, "calls are lost: neither the store nor the spool file takes them");
        }
    }

    /// Hands records to `sink` in order, as soon as there are some, until `stop`.
    pub(crate) async fn empty_into(&self, sink: &dyn Sink, stop: CancellationToken) {
        let work = async {
            let mut pause = FIRST_PAUSE;
            loop {
                match self.hand_back(sink).await {
                    Ok(true) => {
                        pause = FIRST_PAUSE;
                        self.filled.notified().await;
                        // What made the store refuse is seldom over at once.
                        tokio::time::sleep(FIRST_PAUSE).await;
                    }
                    Ok(false) => {
                        tokio::time::sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                    Err(error) => {
                        tracing::error!(error = %chain(&error), "the spool cannot be read");
                        tokio::time::sleep(LONGEST_PAUSE).await;
                    }
                }
            }
        };
        stop.run_until_cancelled(work).await;
    }

    /// Hands records back until there are none (`true`) or the store refuses again (`false`).
    async fn hand_back(&self, sink: &dyn Sink) -> io::Result<bool> {
        loop {
            let batch = self.blocking(Backlog::peek).await?;
            if batch.is_empty() {
                return Ok(true);
            }
            for Line { text, place } in batch {
                match Record::parse(&text) {
                    Ok(record) => match sink.take(record).await {
                        Ok(()) => metrics::counter!("traceway_proxy_spool_replayed_total").increment(1),
                        Err(StoreError::Busy | StoreError::Unavailable(_)) => {
                            // Nothing is on its way any more, and what is in memory may go to the file.
                            self.blocking(|backlog| {
                                backlog.put_back();
                                Ok(())
                            })
                            .await?;
                            return Ok(false);
                        }
                        Err(error @ StoreError::Corrupt { .. }) => {
                            // Trying again would hold up all others for ever.
                            tracing::error!(error = %chain(&error), "a call from the spool is lost");
                            metrics::counter!("traceway_proxy_records_total", "to" => "nowhere").increment(1);
                        }
                    },
                    Err(error) => {
                        tracing::warn!(error = %chain(&error), "an unreadable line of the spool is skipped");
                        metrics::counter!("traceway_proxy_records_total", "to" => "nowhere").increment(1);
                    }
                }
                self.blocking(move |backlog| backlog.done(&place)).await?;
            }
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Backlog) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let backlog = Arc::clone(&self.backlog);
        let work = move || work(&mut lock(&backlog));
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
    }
}

#[async_trait]
impl Spool for FileSpool {
    async fn keep(&self, record: &Record) -> Result<(), SpoolError> {
        let (told, kept) = oneshot::channel();
        if lock(&self.waiting).add(Coming { line: record.to_line(), told })? {
            let (waiting, backlog) = (Arc::clone(&self.waiting), Arc::clone(&self.backlog));
            tokio::task::spawn_blocking(move || write(&waiting, &backlog));
        }
        kept.await.map_err(|error| SpoolError::Unavailable(error.into()))??;
        self.filled.notify_one();
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Waiting {
    /// Adds a record. Returns whether somebody has to begin writing.
    fn add(&mut self, coming: Coming) -> Result<bool, SpoolError> {
        if self.bytes + coming.line.len() > MEMORY_LIMIT {
            return Err(SpoolError::Full);
        }
        self.bytes += coming.line.len();
        self.records.push(coming);
        Ok(!std::mem::replace(&mut self.is_writing, true))
    }

    /// Takes all there are out; `None` when there are none, and then nobody writes any more.
    fn take(&mut self) -> Option<Vec<Coming>> {
        self.is_writing = !self.records.is_empty();
        self.bytes = 0;
        self.is_writing.then(|| std::mem::take(&mut self.records))
    }
}

/// Lets somebody else write should this one not come to its end, and tells those who wait.
struct Turn<'a>(&'a Mutex<Waiting>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            *lock(self.0) = Waiting::default();
        }
    }
}

/// Writes what waits until nothing does.
fn write(waiting: &Mutex<Waiting>, backlog: &Mutex<Backlog>) {
    let _turn = Turn(waiting);
    loop {
        // The lock is not held while it is written.
        let Some(records) = lock(waiting).take() else { return };
        let (lines, told): (Vec<_>, Vec<_>) =
            records.into_iter().map(|coming| (coming.line, coming.told)).unzip();
        let kept = lock(backlog).push(lines);
        for (told, kept) in told.into_iter().zip(kept) {
            let _ = told.send(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::fs::{File, OpenOptions};
    use std::io::Write;
    use std::path::PathBuf;

    use trace::id::{Scope, SpanId, TraceId};
    use trace::kind::{Attributes, LlmCall, SpanKind};
    use trace::span::{NewSpan, Payload, Span, SpanStatus, Version};
    use trace::time::Timestamp;
    use trace::trace::NewTrace;

    use super::*;

    fn record(id: &str) -> Record {
        let (at, trace_id) = (Timestamp::from_micros(1), TraceId::parse(id).unwrap());
        let span = Span {
            id: SpanId::parse(id).unwrap(),
            trace_id: trace_id.clone(),
            parent_id: None,
            name: "m".to_owned(),
            kind: SpanKind::LlmCall(LlmCall::default()),
            status: SpanStatus::Completed,
            started_at: at,
            ended_at: Some(at),
            attributes: Attributes::new(),
            ms_to_first_chunk: None,
            preview: None,
        };
        Record {
            scope: Scope::LOCAL,
            trace: NewTrace::implicit(trace_id, at),
            span: NewSpan { span, payload: Payload::default(), version: Version(1) },
        }
    }

    /// Takes records while it may.
    #[derive(Default)]
    struct Store {
        taken: Mutex<Vec<String>>,
        refusals: Mutex<usize>,
    }

    impl Store {
        fn taken(&self) -> Vec<String> {
            self.taken.lock().unwrap().clone()
        }
    }

    #[async_trait]
    impl Sink for Store {
        async fn take(&self, record: Record) -> Result<(), StoreError> {
            let mut refusals = self.refusals.lock().unwrap();
            if *refusals > 0 {
                *refusals -= 1;
                return Err(StoreError::unavailable("full"));
            }
            self.taken.lock().unwrap().push(record.span.span.id.to_string());
            Ok(())
        }
    }

    fn file() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool.jsonl");
        (dir, path)
    }

    #[tokio::test]
    async fn records_come_back_in_order_once_the_store_answers() {
        let (_dir, path) = file();
        let spool = FileSpool::open(&path, FILE_LIMIT).unwrap();
        let store = Store { refusals: Mutex::new(1), ..Store::default() };
        for id in ["a", "b", "c"] {
            spool.keep(&record(id)).await.unwrap();
        }
        assert!(!spool.hand_back(&store).await.unwrap());
        assert!(store.taken().is_empty());
        assert!(spool.hand_back(&store).await.unwrap());
        assert_eq!(store.taken(), ["a", "b", "c"]);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
        spool.keep(&record("d")).await.unwrap();
        assert!(spool.hand_back(&store).await.unwrap());
        assert_eq!(store.taken().last().unwrap(), "d");
    }

    #[tokio::test]
    async fn the_next_process_hands_back_what_the_last_one_kept() {
        let (_dir, path) = file();
        let spool = FileSpool::open(&path, FILE_LIMIT).unwrap();
        spool.keep(&record("a")).await.unwrap();
        drop(spool);
        let mut torn = OpenOptions::new().append(true).open(&path).unwrap();
        torn.write_all(b"{\"org\":\"half a li").unwrap();
        drop(torn);
        let (spool, store) = (FileSpool::open(&path, FILE_LIMIT).unwrap(), Store::default());
        spool.keep(&record("b")).await.unwrap();
        assert!(spool.hand_back(&store).await.unwrap());
        assert_eq!(store.taken(), ["a", "b"]);
    }

    #[tokio::test]
    async fn a_full_spool_refuses_and_takes_again_when_emptied() {
        let (_dir, path) = file();
        let size = record("a").to_line().len() as u64 + 1;
        let spool = FileSpool::open(&path, 2 * size).unwrap();
        spool.keep(&record("a")).await.unwrap();
        spool.keep(&record("b")).await.unwrap();
        assert!(matches!(spool.keep(&record("c")).await, Err(SpoolError::Full)));
        assert!(spool.hand_back(&Store::default()).await.unwrap());
        spool.keep(&record("c")).await.unwrap();
    }

    #[test]
    fn the_file_is_its_owners_alone() {
        let (_dir, path) = file();
        FileSpool::open(&path, FILE_LIMIT).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[tokio::test]
    async fn a_full_disk_leaves_records_in_memory_behind_those_in_the_file() {
        let (_dir, path) = file();
        let spool = FileSpool::open(&path, FILE_LIMIT).unwrap();
        spool.keep(&record("a")).await.unwrap();
        // A file that cannot be written stands for a disk that is full.
        let writable = lock(&spool.backlog).replace_file(File::open(&path).unwrap());
        spool.keep(&record("b")).await.unwrap();
        lock(&spool.backlog).replace_file(writable);
        spool.keep(&record("c")).await.unwrap();
        let store = Store::default();
        assert!(spool.hand_back(&store).await.unwrap());
        assert_eq!(store.taken(), ["a", "b", "c"]);
        spool.keep(&record("d")).await.unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() > 0);
    }

    #[tokio::test]
    async fn what_is_in_memory_is_written_once_the_disk_takes_it_again() {
        let (_dir, path) = file();
        let spool = FileSpool::open(&path, FILE_LIMIT).unwrap();
        let writable = lock(&spool.backlog).replace_file(File::open(&path).unwrap());
        for id in ["a", "b"] {
            spool.keep(&record(id)).await.unwrap();
        }
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
        let store = Store { refusals: Mutex::new(1), ..Store::default() };
        assert!(!spool.hand_back(&store).await.unwrap());
        {
            let mut backlog = lock(&spool.backlog);
            backlog.replace_file(writable);
            backlog.retry_now();
        }
        spool.keep(&record("c")).await.unwrap();
        assert_eq!(lock(&spool.backlog).in_memory(), 0);
        spool.close().await;
        drop(spool);
        let (spool, store) = (FileSpool::open(&path, FILE_LIMIT).unwrap(), Store::default());
        assert!(spool.hand_back(&store).await.unwrap());
        assert_eq!(store.taken(), ["a", "b", "c"]);
    }

    #[tokio::test]
    async fn many_records_at_once_are_all_kept() {
        let (_dir, path) = file();
        let spool = Arc::new(FileSpool::open(&path, FILE_LIMIT).unwrap());
        let keeping = (0..500).map(|id| {
            let spool = Arc::clone(&spool);
            tokio::spawn(async move { spool.keep(&record(&format!("r{id}"))).await.unwrap() })
        });
        for kept in keeping.collect::<Vec<_>>() {
            kept.await.unwrap();
        }
        let (spool, store) = (FileSpool::open(&path, FILE_LIMIT).unwrap(), Store::default());
        assert!(spool.hand_back(&store).await.unwrap());
        assert_eq!(store.taken().len(), 500);
    }

    #[tokio::test]
    async fn the_running_spool_empties_itself_and_stops() {
        let (_dir, path) = file();
        let spool = Arc::new(FileSpool::open(&path, FILE_LIMIT).unwrap());
        let store = Arc::new(Store { refusals: Mutex::new(1), ..Store::default() });
        let stop = CancellationToken::new();
        spool.keep(&record("a")).await.unwrap();
        let running = tokio::spawn({
            let (spool, store, stop) = (spool.clone(), store.clone(), stop.clone());
            async move { spool.empty_into(&*store, stop).await }
        });
        while store.taken().is_empty() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        spool.keep(&record("b")).await.unwrap();
        while store.taken().len() < 2 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        stop.cancel();
        running.await.unwrap();
        assert_eq!(store.taken(), ["a", "b"]);
    }
}
