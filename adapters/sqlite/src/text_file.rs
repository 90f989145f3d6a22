//! The file of the text index, beside the database: nothing that is written waits for it, and what does not belong to
//! the database is made anew from it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sqlx::{Connection, SqliteConnection};

use crate::open::{OpenError, probe, writable};

/// Full text of payloads and names by trigrams, which finds text inside words too. It only names candidates, which are
/// then checked on the payloads themselves, so neither positions nor texts are kept.
///
/// Documents: twice the number of a part, for it and the next ones of its chunk; twice the row of a span plus one, for
/// its name and what its payload does not share.
///
/// Everything up to the chunk and span of `text_progress` is in the index, except what the database marks as changed.
const SCHEMA: &str = "
    CREATE VIRTUAL TABLE text USING fts5 (
        body, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1'
    );
    CREATE VIRTUAL TABLE text_terms USING fts5vocab (text, 'row');
    CREATE TABLE text_progress (
        epoch INTEGER NOT NULL, step INTEGER NOT NULL, chunk INTEGER NOT NULL, span INTEGER NOT NULL
    );
    PRAGMA user_version = 1";

/// The schema above. A file of another one is made anew.
const VERSION: i64 = 1;

/// How far an index has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, sqlx::FromRow)]
pub(crate) struct Progress {
    /// Which content of the database it is of.
    pub(crate) epoch: i64,
    /// How often something was taken in.
    pub(crate) step: i64,
    /// The last chunk.
    pub(crate) chunk: i64,
    /// The row of the last span.
    pub(crate) span: i64,
}

/// Returns the path of the index of a database.
pub(crate) fn path_of(database: &Path) -> PathBuf {
    database.with_extension("text.db")
}

/// Sees to it that a database has an index that belongs to it, and returns how far that has come.
pub(crate) async fn prepare(
    database: &Path,
    connection: &mut SqliteConnection,
) -> Result<Progress, OpenError> {
    let path = path_of(database);
    let failed = |source| OpenError::Database { path: path.clone(), source };
    let (epoch, step, announced): (i64, i64, i64) =
        sqlx::query_as("SELECT epoch, step, announced FROM text_state")
            .fetch_one(&mut *connection)
            .await
            .map_err(failed)?;
    if path.exists() {
        probe(&path)?;
        match found(&path).await {
            // The last step may have been announced and not told. One the database never heard of read another.
            Ok(Some(found)) if found.epoch == epoch && [step, announced].contains(&found.step) => {
                return Ok(found);
            }
            Ok(_) => {
                tracing::info!(path = %path.display(), "the text index is not of this database and is made anew");
            }
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "the text index cannot be read and is made anew");
            }
        }
    }
    let epoch = begin_anew(connection).await.map_err(failed)?;
    create(&path, epoch).await
}

/// Returns the epoch of what the database holds.
pub(crate) async fn epoch(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT epoch FROM text_state").fetch_one(connection).await
}

/// Declares all that an index holds void, whichever it is. Returns the epoch of the next one.
pub(crate) async fn begin_anew(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let sql = "UPDATE text_state SET epoch = abs(random() / 2), step = 0, announced = 0 RETURNING epoch";
    sqlx::query_scalar(sql).fetch_one(connection).await
}

/// Makes an index in which there is nothing yet, in place of what is at `path`.
pub(crate) async fn create(path: &Path, epoch: i64) -> Result<Progress, OpenError> {
    remove(path).map_err(|source| OpenError::NotWritable { path: path.to_owned(), source })?;
    probe(path)?;
    let failed = |source| OpenError::Database { path: path.to_owned(), source };
    let mut connection = open(path).await.map_err(failed)?;
    let created = fill(&mut connection, epoch).await;
    closed(connection, created).await.map_err(failed)?;
    Ok(Progress { epoch, ..Progress::default() })
}

async fn fill(connection: &mut SqliteConnection, epoch: i64) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
    let sql = "INSERT INTO text_progress (epoch, step, chunk, span) VALUES (?1, 0, 0, 0)";
    sqlx::query(sql).bind(epoch).execute(&mut *transaction).await?;
    transaction.commit().await
}

/// Returns `outcome` when the connection is closed. One that closes later takes the log of the next file with it.
async fn closed<T>(connection: SqliteConnection, outcome: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
    let closed = connection.close().await;
    outcome.and_then(|value| closed.map(|()| value))
}

/// Opens the index to be written, with its database attached to read from.
pub(crate) async fn connect(database: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let mut connection = open(&path_of(database)).await?;
    match attach(&mut connection, database).await {
        Ok(()) => Ok(connection),
        Err(error) => closed(connection, Err(error)).await,
    }
}

/// Attaches the file at `path`. Its tables then go by their own names: those of database and index differ.
pub(crate) async fn attach(connection: &mut SqliteConnection, path: &Path) -> Result<(), sqlx::Error> {
    let attach = sqlx::query("ATTACH DATABASE ?1 AS beside").bind(path.to_string_lossy().into_owned());
    attach.execute(connection).await.map(drop)
}

async fn open(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    // As durable as the database, which takes marks away for what the index took in.
    SqliteConnection::connect_with(&writable(path).pragma("cache_size", "-8000")).await
}

/// Returns how far the index at `path` has come, or `None` when there is none of this version.
async fn found(path: &Path) -> Result<Option<Progress>, sqlx::Error> {
    let mut connection = open(path).await?;
    let found = progress(&mut connection).await;
    closed(connection, found).await
}

async fn progress(connection: &mut SqliteConnection) -> Result<Option<Progress>, sqlx::Error> {
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await?;
    if version != VERSION {
        return Ok(None);
    }
    sqlx::query_as("SELECT epoch, step, chunk, span FROM text_progress").fetch_optional(connection).await
}

/// Removes a file with its log.
fn remove(path: &Path) -> io::Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
