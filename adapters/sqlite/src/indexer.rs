//! Brings the text index and the columns up to date behind the writer's back, a little at a time.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Notify, oneshot};
use trace::ports::{StoreError, chain};

use crate::documents::{document, documents};
use crate::open::is_damaged;
use crate::parts::read_chunk;
use crate::session::{Session, shrink};
use crate::sql::{Insert, Value, arguments, column, json_array, unavailable};
use crate::text_file::{self, Progress};
use crate::writer::Writer;
use crate::{columns, payloads};

/// Text taken in by one transaction.
const STEP_BYTES: usize = 512 << 10;

/// Chunks or spans looked at in one step.
const STEP_ROWS: i64 = 800;

/// How long new spans are gathered before they are indexed.
const GATHER: Duration = Duration::from_millis(400);

/// How long nothing is written before memory is given back.
const IDLE: Duration = Duration::from_secs(10);

/// How long to wait after an error.
const RECOVER: Duration = Duration::from_secs(2);

/// The thread that indexes text.
#[derive(Debug)]
pub(crate) struct Indexer {
    signal: Arc<Signal>,
    end: Mutex<Option<oneshot::Receiver<()>>>,
}

#[derive(Debug, Default)]
struct Signal {
    wake: Notify,
    stop: Notify,
    stopped: AtomicBool,
}

impl Signal {
    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.stop.notify_one();
        self.wake.notify_one();
    }

    /// Waits, but not for longer than until the stop.
    async fn pause(&self, time: Duration) {
        if !self.is_stopped() {
            let _ = tokio::time::timeout(time, self.stop.notified()).await;
        }
    }
}

impl Indexer {
    /// Starts indexing the database at `path`, first what was left undone.
    pub(crate) fn start(writer: Arc<Writer>, path: PathBuf) -> std::io::Result<Self> {
        let signal = Arc::new(Signal::default());
        let heard = Arc::clone(&signal);
        let end =
            adapter_threads::spawn("text-index", move || async move { run(&writer, &path, &heard).await })?;
        Ok(Self { signal, end: Mutex::new(Some(end)) })
    }

    /// Tells that something was written.
    pub(crate) fn wake(&self) {
        self.signal.wake.notify_one();
    }

    /// Stops after the step under way.
    pub(crate) async fn stop(&self) {
        self.signal.stop();
        let end = self.end.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(end) = end {
            // Nothing is ever sent: the other end goes with the thread.
            let _ = end.await;
        }
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        self.signal.stop();
    }
}

/// Indexes until it is told to stop, on a new connection after an error.
async fn run(writer: &Writer, path: &Path, signal: &Signal) {
    let (mut untold, mut damaged) = (None, false);
    while !signal.is_stopped() {
        if damaged {
            match anew(writer, path).await {
                Ok(_) => (untold, damaged) = (None, false),
                Err(error) => {
                    tracing::error!(
                        error = %chain(&error),
                        "the text index cannot be made anew"
                    );
                    signal.pause(RECOVER).await;
                    continue;
                }
            }
        }
        let error = match text_file::connect(path).await {
            Ok(connection) => {
                let mut index = Index { connection, writer, untold };
                let ended = index.run(signal).await;
                untold = index.untold.take();
                index.close(ended.is_ok()).await;
                match ended {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
            Err(error) => error.into(),
        };
        match error {
            Failure::Damaged(error) => {
                tracing::error!(error = %chain(&error), "the text index is damaged and is made anew");
                damaged = true;
            }
            Failure::Store(error) => {
                tracing::warn!(error = %chain(&error), "text is not indexed for now");
                signal.pause(RECOVER).await;
            }
        }
    }
}

/// Makes a damaged index anew. Connections that have the old one open see that it is of another epoch.
async fn anew(writer: &Writer, path: &Path) -> Result<Progress, StoreError> {
    let begun = writer.act(Box::new(|session: &mut Session| Box::pin(session.begin_index())));
    text_file::create(&text_file::path_of(path), begun.await?).await.map_err(StoreError::unavailable)
}

/// Why indexing stopped.
enum Failure {
    /// The file of the index is damaged.
    Damaged(sqlx::Error),
    /// The database could not be read or written, or the index not written.
    Store(StoreError),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        if is_damaged(&error) { Self::Damaged(error) } else { Self::Store(unavailable(error)) }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The text index, open to be written, with the database beside it.
struct Index<'w> {
    connection: SqliteConnection,
    writer: &'w Writer,
    /// What the database has yet to be told of the last step.
    untold: Option<Told>,
}

/// What the database is told when the index has taken something in.
#[derive(Clone, Debug, Default)]
struct Told {
    step: i64,
    /// Spans taken in that were marked, and how often they had changed when they were read.
    spans: Vec<(i64, i64)>,
    /// Chunks likewise.
    chunks: Vec<(i64, i64)>,
}

/// What one step changes in the index.
#[derive(Debug, Default)]
struct Step {
    /// Documents that go, before others come.
    stale: Vec<i64>,
    /// Documents that come, with their texts.
    fresh: Vec<Value>,
    bytes: usize,
    progress: Progress,
    told: Told,
    /// Whether there was no more to be read.
    end: bool,
    /// Whether nothing is true any more of what the index holds.
    anew: bool,
}

/// What a step left.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Left {
    /// More to take in at once.
    More,
    /// What comes in the next moment.
    Later,
    /// Nothing: there was nothing to take in.
    Nothing,
}

impl Step {
    fn add(&mut self, document: i64, text: String) {
        self.bytes += text.len();
        self.fresh.extend([Value::from(document), text.into()]);
    }

    fn is_full(&self) -> bool {
        self.bytes >= STEP_BYTES
    }
}

/// Adds documents to the text index.
const DOCUMENTS: Insert = Insert { head: "INSERT INTO text (rowid, body) VALUES", columns: 2, tail: "" };

impl Index<'_> {
    async fn run(&mut self, signal: &Signal) -> Result<(), Failure> {
        while !signal.is_stopped() {
            if columns::seal(self.writer, &mut self.connection).await? {
                continue;
            }
            match self.step().await? {
                Left::More => {}
                Left::Later => signal.pause(GATHER).await,
                Left::Nothing if shrink(&mut self.connection).await? || self.shrink_database().await? => {}
                Left::Nothing => {
                    if tokio::time::timeout(IDLE, signal.wake.notified()).await.is_err() {
                        self.rest().await;
                        signal.wake.notified().await;
                    }
                    signal.pause(GATHER).await;
                }
            }
        }
        Ok(())
    }

    /// Gives free space of the database back to the disk while nothing waits. Returns whether there may be more.
    async fn shrink_database(&self) -> Result<bool, StoreError> {
        self.writer.act(Box::new(|session: &mut Session| Box::pin(session.shrink()))).await
    }

    /// Gives back the memory that only helps while there is something to write.
    async fn rest(&mut self) {
        let sql = "PRAGMA shrink_memory";
        let writer =
            self.writer.act(Box::new(move |session: &mut Session| Box::pin(session.run(sql, &[])))).await;
        let own = sqlx::query(sql).execute(&mut self.connection).await.map(drop).map_err(unavailable);
        if let Err(error) = writer.and(own) {
            tracing::debug!(error = %chain(&error), "memory is not given back for now");
        }
    }

    /// Takes in a little.
    async fn step(&mut self) -> Result<Left, Failure> {
        self.tell().await?;
        // One snapshot of the database for everything that is read, and no longer: it keeps the log from being written back.
        let mut snapshot = self.connection.begin().await?;
        let step = read(&mut snapshot).await?;
        snapshot.rollback().await?;
        let Some(step) = step else {
            return Ok(Left::Nothing);
        };
        let (number, end) = (step.progress.step, step.end);
        // Before it is taken, so that a database from before what was read knows nothing of it.
        self.writer
            .act(Box::new(move |session: &mut Session| {
                Box::pin(async move { session.run("UPDATE text_state SET announced = ?1", &[number]).await })
            }))
            .await?;
        let mut transaction = self.connection.begin().await?;
        let told = step.write(&mut transaction).await?;
        transaction.commit().await?;
        self.untold = Some(told);
        self.tell().await?;
        Ok(if end { Left::Later } else { Left::More })
    }

    /// Tells the database what was taken in. Until that worked, no other step begins.
    async fn tell(&mut self) -> Result<(), StoreError> {
        let Some(told) = self.untold.clone() else {
            return Ok(());
        };
        self.writer
            .act(Box::new(move |session: &mut Session| {
                let told = told.clone();
                Box::pin(async move { session.indexed(&told).await })
            }))
            .await?;
        self.untold = None;
        Ok(())
    }

    /// Closes the file, first writing its log back if it is to be tidy. That of the database is the writer's.
    async fn close(mut self, tidy: bool) {
        let mut done = Ok(());
        if tidy {
            let tidy = "PRAGMA main.incremental_vacuum(4096); PRAGMA main.wal_checkpoint(TRUNCATE)";
            done = sqlx::raw_sql(tidy).execute(&mut self.connection).await.map(drop);
        }
        if let Err(error) = done.and(self.connection.close().await) {
            tracing::debug!(error = %chain(&error), "the log of the text index is left as it is");
        }
    }
}

impl Session {
    async fn begin_index(&mut self) -> Result<i64, StoreError> {
        text_file::begin_anew(&mut self.connection).await.map_err(unavailable)
    }

    async fn indexed(&mut self, told: &Told) -> Result<(), StoreError> {
        for (table, seen) in [("text_changed", &told.spans), ("text_chunks", &told.chunks)] {
            if !seen.is_empty() {
                self.unmark(table, seen).await?;
            }
        }
        // A new epoch may have begun since.
        self.run("UPDATE text_state SET step = ?1 WHERE announced = ?1", &[told.step]).await
    }
}

/// Reads what is to be taken in next; `None` when there is nothing.
async fn read(connection: &mut SqliteConnection) -> Result<Option<Step>, Failure> {
    let epoch = text_file::epoch(connection).await.map_err(unavailable)?;
    let before: Progress = sqlx::query_as("SELECT epoch, step, chunk, span FROM text_progress")
        .fetch_one(&mut *connection)
        .await?;
    let mut step = Step { progress: before, ..Step::default() };
    step.anew = epoch != before.epoch;
    if step.anew {
        step.progress = Progress { epoch, step: before.step, ..Progress::default() };
    }
    // A span goes after all its parts: what the index knows of it is then everything.
    step.end = step.read_changed_chunks(connection).await?
        && step.read_chunks(connection).await?
        && step.read_changed_spans(connection).await?
        && step.read_spans(connection).await?;
    let nothing = step.progress == before && step.told.spans.is_empty() && step.told.chunks.is_empty();
    step.progress.step += 1;
    step.told.step = step.progress.step;
    Ok((!nothing).then_some(step))
}

impl Step {
    /// Takes it in. Returns what the database is to be told.
    async fn write(self, connection: &mut SqliteConnection) -> Result<Told, sqlx::Error> {
        if self.anew {
            let clear = sqlx::query("INSERT INTO text (text) VALUES ('delete-all')");
            clear.execute(&mut *connection).await?;
        }
        if !self.stale.is_empty() {
            let sql = "DELETE FROM text WHERE rowid IN (SELECT value FROM json_each(?))";
            let stale = arguments([json_array(&self.stale)]);
            sqlx::query_with(sql, stale).execute(&mut *connection).await?;
        }
        DOCUMENTS.run(&mut *connection, self.fresh).await?;
        sqlx::query("UPDATE text_progress SET epoch = ?1, step = ?2, chunk = ?3, span = ?4")
            .bind(self.progress.epoch)
            .bind(self.progress.step)
            .bind(self.progress.chunk)
            .bind(self.progress.span)
            .execute(connection)
            .await?;
        Ok(self.told)
    }

    /// Reads chunks that changed after they were taken in. Like the next ones returns whether there are no more, and
    /// room for others.
    async fn read_changed_chunks(&mut self, connection: &mut SqliteConnection) -> Result<bool, StoreError> {
        let marks: Vec<(i64, i64, i64, i64)> = sqlx::query_as(
            "SELECT m.row, ifnull(length(c.data), 0), m.last, m.times
             FROM text_chunks m LEFT JOIN chunks c ON c.id = m.row ORDER BY m.row LIMIT ?1",
        )
        .bind(STEP_ROWS)
        .fetch_all(&mut *connection)
        .await
        .map_err(unavailable)?;
        let sizes: Vec<(i64, i64)> = marks.iter().map(|(chunk, size, ..)| (*chunk, *size)).collect();
        let Some(end) = few(&sizes) else {
            return Ok(true);
        };
        let mut known = Vec::new();
        for (chunk, _, last, times) in marks.iter().filter(|(chunk, ..)| *chunk <= end) {
            self.told.chunks.push((*chunk, *times));
            self.stale.extend((*chunk..=*last).map(|part| 2 * part));
            known.extend((*chunk <= self.progress.chunk).then_some(*chunk));
        }
        let sql = "SELECT id, data FROM chunks WHERE id IN (SELECT value FROM json_each(?))";
        let chunks = sqlx::query_with(sql, arguments([json_array(&known)]));
        for row in chunks.fetch_all(connection).await.map_err(unavailable)? {
            self.add_chunk(&row)?;
        }
        Ok(self.told.chunks.len() == marks.len() && self.is_end(marks.len()))
    }

    /// Reads the next chunks.
    async fn read_chunks(&mut self, connection: &mut SqliteConnection) -> Result<bool, StoreError> {
        let before = self.progress.chunk;
        let sizes = "SELECT id, length(data) FROM chunks WHERE id > ?1 ORDER BY id LIMIT ?2";
        let sizes = sizes_of(connection, sizes, before).await?;
        let chunks: Vec<SqliteRow> =
            sqlx::query("SELECT id, data FROM chunks WHERE id > ?1 AND id <= ?2 ORDER BY id")
                .bind(before)
                .bind(few(&sizes).unwrap_or(before))
                .fetch_all(&mut *connection)
                .await
                .map_err(unavailable)?;
        for row in &chunks {
            if self.is_full() {
                break;
            }
            self.progress.chunk = self.add_chunk(row)?;
        }
        let last = sizes.last().map(|(last, _)| *last);
        Ok(last.is_none_or(|last| last == self.progress.chunk) && self.is_end(sizes.len()))
    }

    /// Adds the documents of a chunk and returns its number.
    fn add_chunk(&mut self, row: &SqliteRow) -> Result<i64, StoreError> {
        let (chunk, packed): (i64, &[u8]) = (column(row, 0)?, column(row, 1)?);
        for (part, text) in documents(chunk, &read_chunk(packed)?) {
            self.add(2 * part, text);
        }
        Ok(chunk)
    }

    /// Reads spans that changed after they were taken in.
    async fn read_changed_spans(&mut self, connection: &mut SqliteConnection) -> Result<bool, StoreError> {
        let marks: Vec<(i64, i64, i64)> = sqlx::query_as(
            "SELECT c.row, ifnull(length(p.input), 0) + ifnull(length(p.output), 0), c.times
             FROM text_changed c LEFT JOIN payloads p ON p.row = c.row WHERE c.row <= ?1 ORDER BY c.row LIMIT ?2",
        )
        .bind(self.progress.span)
        .bind(STEP_ROWS)
        .fetch_all(&mut *connection)
        .await
        .map_err(unavailable)?;
        let sizes: Vec<(i64, i64)> = marks.iter().map(|(row, size, _)| (*row, *size)).collect();
        let end = few(&sizes).unwrap_or(0);
        let seen = marks.into_iter().filter(|(row, ..)| *row <= end).map(|(row, _, times)| (row, times));
        let seen: Vec<(i64, i64)> = seen.collect();
        if seen.is_empty() {
            return Ok(true);
        }
        let all = seen.len() == sizes.len();
        let numbers: Vec<i64> = seen.iter().map(|(row, _)| *row).collect();
        let sql = "SELECT row, name FROM spans WHERE row IN (SELECT value FROM json_each(?))";
        let spans = sqlx::query_as_with(sql, arguments([json_array(&numbers)]));
        let spans: Vec<(i64, String)> = spans.fetch_all(&mut *connection).await.map_err(unavailable)?;
        self.stale.extend(numbers.iter().map(|row| 2 * row + 1));
        self.told.spans.extend(seen);
        let literals = payloads::literals(connection, &numbers).await?;
        for (row, name) in spans {
            self.add(2 * row + 1, document(&name, literals.get(&row).map_or(&[], Vec::as_slice)));
        }
        Ok(all && self.is_end(sizes.len()))
    }

    /// Reads the next spans.
    async fn read_spans(&mut self, connection: &mut SqliteConnection) -> Result<bool, StoreError> {
        let before = self.progress.span;
        let sizes = "SELECT s.row, ifnull(length(p.input), 0) + ifnull(length(p.output), 0)
             FROM spans s LEFT JOIN payloads p ON p.row = s.row WHERE s.row > ?1 ORDER BY s.row LIMIT ?2";
        let sizes = sizes_of(connection, sizes, before).await?;
        let spans: Vec<(i64, String)> =
            sqlx::query_as("SELECT row, name FROM spans WHERE row > ?1 AND row <= ?2 ORDER BY row")
                .bind(before)
                .bind(few(&sizes).unwrap_or(before))
                .fetch_all(&mut *connection)
                .await
                .map_err(unavailable)?;
        let numbers: Vec<i64> = spans.iter().map(|(row, _)| *row).collect();
        let literals = payloads::literals(connection, &numbers).await?;
        for (row, name) in spans {
            if self.is_full() {
                break;
            }
            self.progress.span = row;
            self.add(2 * row + 1, document(&name, literals.get(&row).map_or(&[], Vec::as_slice)));
        }
        // Marks beyond the last span are of spans that are gone.
        let last = sizes.last().map_or(before, |(last, _)| *last);
        let end = last == self.progress.span && self.is_end(sizes.len());
        let seen: Vec<(i64, i64)> =
            sqlx::query_as("SELECT row, times FROM text_changed WHERE row > ?1 AND row <= ?2")
                .bind(before)
                .bind(if end { i64::MAX } else { self.progress.span })
                .fetch_all(connection)
                .await
                .map_err(unavailable)?;
        self.told.spans.extend(seen);
        Ok(end)
    }

    /// Returns whether `rows` of them are all there are and leave room for others.
    fn is_end(&self, rows: usize) -> bool {
        i64::try_from(rows).is_ok_and(|rows| rows < STEP_ROWS) && !self.is_full()
    }
}

/// Returns the next rows on this side of `bound` and how many bytes each has.
async fn sizes_of(
    connection: &mut SqliteConnection,
    sql: &'static str,
    bound: i64,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let sizes = sqlx::query_as(sql).bind(bound).bind(STEP_ROWS);
    sizes.fetch_all(connection).await.map_err(unavailable)
}

/// Returns the last row that is read in a step: large ones are not all held in memory to take in the first.
fn few(sizes: &[(i64, i64)]) -> Option<i64> {
    let mut bytes = 0;
    let within = |(_, size): &&(i64, i64)| {
        let fits = bytes < STEP_BYTES;
        bytes += usize::try_from(*size).unwrap_or(0);
        fits
    };
    sizes.iter().take_while(within).last().map(|(row, _)| *row)
}
