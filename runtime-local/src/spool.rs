//! Records the store refused, in a file, until it takes them.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use proxy::{Record, Spool, SpoolError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use trace::ports::StoreError;
use trace::record::Recorder;

/// The largest the file may grow, in bytes.
pub(crate) const FILE_LIMIT: u64 = 256 * 1024 * 1024;

/// How many bytes are kept in memory when the file cannot be written, which is when the disk is full: the store
/// refuses then, too.
const MEMORY_LIMIT: usize = 64 * 1024 * 1024;

/// How much is read from the file at a time: at least one record, then no more than this.
const READ_AHEAD: usize = 4 * 1024 * 1024;

/// The pauses between tries to hand records back.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A bounded file of JSON lines, and some memory for when the disk is full.
pub(crate) struct FileSpool {
    inner: Arc<Mutex<Inner>>,
    filled: Notify,
}

struct Inner {
    path: PathBuf,
    file: File,
    limit: u64,
    /// Where the next record to be handed back starts.
    start: u64,
    /// Where the next record is written.
    end: u64,
    memory: VecDeque<String>,
    memory_bytes: usize,
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
        // Prompts and answers are nobody else's business.
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let mut end = file.seek(SeekFrom::End(0))?;
        if end > 0 {
            // A process that died while writing leaves half a line, which must not swallow the next one.
            file.seek(SeekFrom::Start(end - 1))?;
            let mut last = [0];
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                end += 1;
            }
        }
        let inner = Inner {
            path: path.to_owned(),
            file,
            limit,
            start: 0,
            end,
            memory: VecDeque::new(),
            memory_bytes: 0,
        };
        Ok(Self { inner: Arc::new(Mutex::new(inner)), filled: Notify::new() })
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
                        tracing::error!(%error, "the spool cannot be read");
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
            let batch = self.blocking(Inner::peek).await?;
            if batch.is_empty() {
                return Ok(true);
            }
            for Line { text, place } in batch {
                match Record::parse(&text) {
                    Ok(record) => match sink.take(record).await {
                        Ok(()) => metrics::counter!("traceway_proxy_spool_replayed_total").increment(1),
                        Err(StoreError::Busy | StoreError::Unavailable(_)) => return Ok(false),
                        Err(error @ StoreError::Corrupt { .. }) => {
                            // Trying again would hold up all others for ever.
                            tracing::error!(%error, "a call from the spool is lost");
                            metrics::counter!("traceway_proxy_records_total", "to" => "nowhere").increment(1);
                        }
                    },
                    Err(error) => tracing::warn!(%error, "an unreadable line of the spool is skipped"),
                }
                self.blocking(move |inner| inner.done(&place)).await?;
            }
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Inner) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let inner = Arc::clone(&self.inner);
        let work = move || work(&mut inner.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
    }
}

#[async_trait]
impl Spool for FileSpool {
    async fn keep(&self, record: &Record) -> Result<(), SpoolError> {
        let line = record.to_line();
        let kept = self.blocking(move |inner| Ok(inner.push(line))).await;
        let kept = kept.map_err(|error| SpoolError::Unavailable(error.into())).flatten();
        if kept.is_ok() {
            self.filled.notify_one();
        }
        kept
    }
}

/// A record to be handed back.
struct Line {
    text: String,
    place: Place,
}

/// Where a record is kept.
enum Place {
    /// In the file; the next one starts there.
    File { next: u64 },
    /// In memory.
    Memory,
}

impl Inner {
    fn push(&mut self, line: String) -> Result<(), SpoolError> {
        // What is in memory is newer than the file; order is kept.
        if self.memory.is_empty() {
            match self.append(&line) {
                Ok(()) => return Ok(()),
                Err(SpoolError::Full) => return Err(SpoolError::Full),
                Err(SpoolError::Unavailable(error)) => {
                    tracing::warn!(%error, file = %self.path.display(), "the spool file cannot be written");
                }
            }
        }
        if self.memory_bytes + line.len() > MEMORY_LIMIT {
            return Err(SpoolError::Full);
        }
        self.memory_bytes += line.len();
        self.memory.push_back(line);
        Ok(())
    }

    fn append(&mut self, line: &str) -> Result<(), SpoolError> {
        let size = line.len() as u64 + 1;
        if self.end + size > self.limit {
            return Err(SpoolError::Full);
        }
        let end = self.end;
        let write = |file: &mut File| {
            file.seek(SeekFrom::Start(end))?;
            file.write_all(line.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_data()
        };
        match write(&mut self.file) {
            Ok(()) => {
                self.end += size;
                Ok(())
            }
            Err(error) => {
                // Half a line would be taken for a record. If this fails too, it is skipped when read.
                let _ = self.file.set_len(end);
                Err(SpoolError::Unavailable(error.into()))
            }
        }
    }

    /// Returns the next records without taking them out.
    fn peek(&mut self) -> io::Result<Vec<Line>> {
        if self.start == self.end {
            return Ok(self
                .memory
                .front()
                .cloned()
                .map(|text| Line { text, place: Place::Memory })
                .into_iter()
                .collect());
        }
        self.file.seek(SeekFrom::Start(self.start))?;
        let mut reader = BufReader::new((&mut self.file).take(self.end - self.start));
        let (mut lines, mut at, first) = (Vec::new(), self.start, self.start);
        while at < self.end && (lines.is_empty() || at - first < READ_AHEAD as u64) {
            let mut bytes = Vec::new();
            let read = reader.read_until(b'\n', &mut bytes)?;
            if read == 0 {
                // Somebody shortened the file; what is left was read.
                at = self.end;
                break;
            }
            at += read as u64;
            let text = String::from_utf8_lossy(bytes.trim_ascii_end()).into_owned();
            lines.push(Line { text, place: Place::File { next: at } });
        }
        if lines.is_empty() {
            self.done(&Place::File { next: at })?;
        }
        Ok(lines)
    }

    /// Takes out a record that was handed back.
    fn done(&mut self, place: &Place) -> io::Result<()> {
        match place {
            Place::Memory => {
                if let Some(line) = self.memory.pop_front() {
                    self.memory_bytes -= line.len();
                }
            }
            Place::File { next } => {
                self.start = *next;
                if self.start == self.end {
                    self.file.set_len(0)?;
                    (self.start, self.end) = (0, 0);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
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
        let writable = {
            let mut inner = spool.inner.lock().unwrap();
            std::mem::replace(&mut inner.file, File::open(&path).unwrap())
        };
        spool.keep(&record("b")).await.unwrap();
        spool.inner.lock().unwrap().file = writable;
        spool.keep(&record("c")).await.unwrap();
        let store = Store::default();
        assert!(spool.hand_back(&store).await.unwrap());
        assert_eq!(store.taken(), ["a", "b", "c"]);
        spool.keep(&record("d")).await.unwrap();
        assert!(std::fs::metadata(&path).unwrap().len() > 0);
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
