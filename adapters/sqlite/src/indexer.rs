//! Brings the text index and the columns up to date behind the writer's back, a little at a time.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::sqlite::SqliteRow;
use sqlx::{SqliteConnection, SqlitePool};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use trace::ports::StoreError;

use crate::aside::aside;
use crate::columns;
use crate::documents::{document, documents};
use crate::parts::read_chunk;
use crate::payloads;
use crate::session::Session;
use crate::sql::{Insert, Value, column, json_array, unavailable};
use crate::writer::Writer;

/// Text indexed in one transaction: as long as a writer has to wait for it, some 20 ms.
const STEP_BYTES: usize = 256 << 10;

/// Chunks or spans looked at in one step.
const STEP_ROWS: i64 = 400;

/// How long new spans are gathered before they are indexed.
const GATHER: Duration = Duration::from_millis(400);

/// How long nothing is written before memory is given back.
const IDLE: Duration = Duration::from_secs(10);

/// How long to wait after an error.
const RECOVER: Duration = Duration::from_secs(2);

/// The task that indexes text.
#[derive(Debug)]
pub(crate) struct Indexer {
    signal: Arc<Signal>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Signal {
    wake: Notify,
    stop: AtomicBool,
}

impl Indexer {
    /// Starts indexing, first what was left undone.
    pub(crate) fn start(writer: Arc<Writer>, readers: SqlitePool) -> Self {
        let signal = Arc::new(Signal::default());
        let task = tokio::spawn(run(writer, readers, Arc::clone(&signal)));
        Self { signal, task: Mutex::new(Some(task)) }
    }

    /// Tells that something was written.
    pub(crate) fn wake(&self) {
        self.signal.wake.notify_one();
    }

    /// Stops after the step under way.
    pub(crate) async fn stop(&self) {
        self.signal.stop.store(true, Ordering::Relaxed);
        self.signal.wake.notify_one();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        self.signal.stop.store(true, Ordering::Relaxed);
        self.signal.wake.notify_one();
    }
}

async fn run(writer: Arc<Writer>, readers: SqlitePool, signal: Arc<Signal>) {
    while !signal.stop.load(Ordering::Relaxed) {
        let start = Instant::now();
        let sealed = columns::seal(&writer, &readers).await;
        let done = match sealed {
            Ok(false) => step(&writer, &readers).await,
            sealed => sealed,
        };
        match done {
            Ok(true) if writer.is_busy() => {
                // Writers come first: they get two thirds of the time while they wait.
                tokio::time::sleep(start.elapsed() * 2).await;
            }
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) if shrink(&writer).await => tokio::task::yield_now().await,
            Ok(false) => {
                if tokio::time::timeout(IDLE, signal.wake.notified()).await.is_err() {
                    rest(&writer).await;
                    signal.wake.notified().await;
                }
                if !signal.stop.load(Ordering::Relaxed) {
                    tokio::time::sleep(GATHER).await;
                }
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "text is not indexed for now");
                let _ = tokio::time::timeout(RECOVER, signal.wake.notified()).await;
                tokio::time::sleep(GATHER).await;
            }
        }
    }
}

/// Gives free space back to the disk while nothing waits. Returns whether there may be more.
async fn shrink(writer: &Writer) -> bool {
    let shrunk = writer.act(Box::new(|session: &mut Session| Box::pin(session.shrink()))).await;
    shrunk.unwrap_or_else(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "free space is not given back for now");
        false
    })
}

/// Gives back the memory that only helps while there is something to write.
async fn rest(writer: &Writer) {
    let sql = "PRAGMA shrink_memory";
    let rested = writer.act(Box::new(move |session: &mut Session| Box::pin(session.run(sql, &[])))).await;
    if let Err(error) = rested {
        tracing::debug!(error = &error as &dyn std::error::Error, "memory is not given back for now");
    }
}

/// What one step adds to the index.
#[derive(Clone, Debug, Default)]
struct Step {
    /// Chunks, the first parts of their documents, and the texts of those.
    chunks: Vec<(i64, i64, Arc<str>)>,
    /// Spans and their texts.
    spans: Vec<(i64, Arc<str>)>,
    /// The last chunk and span of the index after the step.
    progress: Progress,
    /// Which of the spans had changed when they were read, and how often.
    fresh: Vec<(i64, i64)>,
    /// Whether spans changed that the index knows.
    changed: bool,
}

/// How far the index has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    pub(crate) chunk: i64,
    pub(crate) span: i64,
}

/// Indexes a little. Returns whether there may be more.
async fn step(writer: &Writer, readers: &SqlitePool) -> Result<bool, StoreError> {
    let mut snapshot = readers.begin().await.map_err(unavailable)?;
    let before = progress(&mut snapshot).await?;
    let step = read(&mut snapshot, before).await?;
    snapshot.commit().await.map_err(unavailable)?;
    if step.progress == before && step.fresh.is_empty() && !step.changed {
        return Ok(false);
    }
    writer
        .act(Box::new(move |session: &mut Session| {
            let step = step.clone();
            Box::pin(async move { session.index(&step).await })
        }))
        .await?;
    Ok(true)
}

/// Returns how far the index has come.
pub(crate) async fn progress(connection: &mut SqliteConnection) -> Result<Progress, StoreError> {
    let (chunk, span) = sqlx::query_as("SELECT chunk, span FROM text_progress")
        .fetch_one(connection)
        .await
        .map_err(unavailable)?;
    Ok(Progress { chunk, span })
}

async fn read(connection: &mut SqliteConnection, before: Progress) -> Result<Step, StoreError> {
    let mut step = Step { progress: before, ..Step::default() };
    let mut bytes = 0;
    let sizes = "SELECT id, length(data) FROM chunks WHERE id > ?1 ORDER BY id LIMIT ?2";
    let sizes = sizes_of(connection, sizes, before.chunk).await?;
    let chunks: Vec<SqliteRow> =
        sqlx::query("SELECT id, data FROM chunks WHERE id > ?1 AND id <= ?2 ORDER BY id")
            .bind(before.chunk)
            .bind(few(&sizes).unwrap_or(before.chunk))
            .fetch_all(&mut *connection)
            .await
            .map_err(unavailable)?;
    for row in &chunks {
        if bytes >= STEP_BYTES {
            break;
        }
        let (chunk, packed): (i64, &[u8]) = (column(row, 0)?, column(row, 1)?);
        step.progress.chunk = chunk;
        let parts = read_chunk(packed)?;
        let length = parts.iter().map(String::len).sum();
        for (part, text) in aside(length, move || documents(chunk, &parts)).await? {
            bytes += text.len();
            step.chunks.push((chunk, part, text.into()));
        }
    }
    // A span goes after all its parts: what the index knows of it is then everything.
    let last = sizes.last().map(|(last, _)| *last);
    let all_chunks = last.is_none_or(|last| last == step.progress.chunk) && sizes.len() < rows(STEP_ROWS);
    if !all_chunks || bytes >= STEP_BYTES {
        return Ok(step);
    }
    let sizes = "SELECT s.row, ifnull(length(p.input), 0) + ifnull(length(p.output), 0)
         FROM spans s LEFT JOIN payloads p ON p.row = s.row WHERE s.row > ?1 ORDER BY s.row LIMIT ?2";
    let sizes = sizes_of(connection, sizes, before.span).await?;
    let spans: Vec<(i64, String)> =
        sqlx::query_as("SELECT row, name FROM spans WHERE row > ?1 AND row <= ?2 ORDER BY row")
            .bind(before.span)
            .bind(few(&sizes).unwrap_or(before.span))
            .fetch_all(&mut *connection)
            .await
            .map_err(unavailable)?;
    let numbers: Vec<i64> = spans.iter().map(|(row, _)| *row).collect();
    let mut literals = payloads::literals(connection, &numbers).await?;
    for (row, name) in spans {
        if bytes >= STEP_BYTES {
            break;
        }
        let literals = literals.remove(&row).unwrap_or_default();
        let length = literals.iter().map(String::len).sum::<usize>() + name.len();
        let text = aside(length, move || document(&name, &literals)).await?;
        bytes += text.len();
        step.progress.span = row;
        step.spans.push((row, text.into()));
    }
    // Marks beyond the last span are of spans that are gone.
    let last = sizes.last().map_or(before.span, |(last, _)| *last);
    let is_end = last == step.progress.span && sizes.len() < rows(STEP_ROWS);
    step.fresh = sqlx::query_as("SELECT row, times FROM text_changed WHERE row > ?1 AND row <= ?2")
        .bind(before.span)
        .bind(if is_end { i64::MAX } else { step.progress.span })
        .fetch_all(&mut *connection)
        .await
        .map_err(unavailable)?;
    step.changed = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM text_changed WHERE row <= ?1)")
        .bind(before.span)
        .fetch_one(connection)
        .await
        .map_err(unavailable)?;
    Ok(step)
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

fn rows(limit: i64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Adds documents to the text index.
pub(crate) const DOCUMENTS: Insert =
    Insert { head: "INSERT INTO text (rowid, body) VALUES", columns: 2, tail: "" };

impl Session {
    async fn index(&mut self, step: &Step) -> Result<(), StoreError> {
        // What was deleted since it was read must not come back.
        let chunks = step.chunks.iter().map(|(chunk, ..)| *chunk).collect();
        let chunks = self.present("SELECT id FROM chunks WHERE id IN", chunks).await?;
        let spans = step.spans.iter().map(|(row, _)| *row).collect();
        let spans = self.present("SELECT row FROM spans WHERE row IN", spans).await?;
        let mut rows = Vec::new();
        for (_, part, text) in step.chunks.iter().filter(|(chunk, ..)| chunks.contains(chunk)) {
            rows.extend([Value::from(2 * part), Value::Text(Arc::clone(text))]);
        }
        for (row, text) in step.spans.iter().filter(|(row, _)| spans.contains(row)) {
            rows.extend([Value::from(2 * row + 1), Value::Text(Arc::clone(text))]);
        }
        DOCUMENTS.run(&mut self.connection, rows).await.map_err(unavailable)?;
        let Progress { chunk, span } = step.progress;
        self.run("UPDATE text_progress SET chunk = ?1, span = ?2", &[chunk, span]).await?;
        if !step.fresh.is_empty() {
            self.unmark("text_changed", &step.fresh).await?;
        }
        if step.changed { self.index_changed(step.progress).await } else { Ok(()) }
    }

    async fn present(&mut self, select: &'static str, ids: Vec<i64>) -> Result<HashSet<i64>, StoreError> {
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let sql = sqlx::AssertSqlSafe(format!("{select} (SELECT value FROM json_each(?))"));
        let found: Vec<i64> = sqlx::query_scalar_with(sql, crate::sql::arguments([json_array(&ids)]))
            .fetch_all(&mut self.connection)
            .await
            .map_err(unavailable)?;
        Ok(found.into_iter().collect())
    }

    /// Indexes spans anew that changed after they were indexed.
    async fn index_changed(&mut self, progress: Progress) -> Result<(), StoreError> {
        let sizes = "SELECT c.row, ifnull(length(p.input), 0) + ifnull(length(p.output), 0)
             FROM text_changed c LEFT JOIN payloads p ON p.row = c.row WHERE c.row <= ?1 ORDER BY c.row LIMIT ?2";
        let sizes = sizes_of(&mut self.connection, sizes, progress.span).await?;
        let end = few(&sizes).unwrap_or(0);
        let changed: Vec<i64> = sizes.into_iter().map(|(row, _)| row).take_while(|row| *row <= end).collect();
        let next: Option<i64> = sqlx::query_scalar("SELECT min(id) FROM chunks WHERE id > ?1")
            .bind(progress.chunk)
            .fetch_one(&mut self.connection)
            .await
            .map_err(unavailable)?;
        let next = next.unwrap_or(i64::MAX);
        // Chunks come first here too.
        let named = payloads::named(&mut self.connection, &changed).await?;
        let is_due = |row: &i64| named.get(row).is_none_or(|named| named.both().all(|part| *part < next));
        let done: Vec<i64> = changed.into_iter().filter(is_due).collect();
        let list = serde_json::to_string(&done).unwrap_or_default();
        let spans: Vec<(i64, String)> =
            sqlx::query_as("SELECT row, name FROM spans WHERE row IN (SELECT value FROM json_each(?1))")
                .bind(list.as_str())
                .fetch_all(&mut self.connection)
                .await
                .map_err(unavailable)?;
        let literals = payloads::literals(&mut self.connection, &done).await?;
        let mut documents = Vec::new();
        for (row, name) in spans {
            let text = document(&name, literals.get(&row).map_or(&[], Vec::as_slice));
            documents.extend([Value::from(2 * row + 1), text.into()]);
        }
        for sql in [
            "DELETE FROM text WHERE rowid IN (SELECT 2 * value + 1 FROM json_each(?1))",
            "DELETE FROM text_changed WHERE row IN (SELECT value FROM json_each(?1))",
        ] {
            let deleted = sqlx::query(sql).bind(list.as_str()).execute(&mut self.connection).await;
            deleted.map_err(unavailable)?;
        }
        DOCUMENTS.run(&mut self.connection, documents).await.map_err(unavailable)
    }
}
