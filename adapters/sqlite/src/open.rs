use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, SqliteConnection, SqlitePool};

use crate::text_file::{self, Progress};

/// Bytes of a page, which SQLite takes unless told otherwise.
const PAGE: u64 = 4_096;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections that read, at least 1.
    pub readers: u32,
    /// Bytes that may wait to be committed before writers are told to come back.
    pub queue_bytes: usize,
    /// Batches that may wait to be committed before writers are told to come back.
    pub queue_length: usize,
    /// Bytes the database may grow to, without its text index; writes beyond are refused as on a full disk. `None`
    /// leaves it to the disk.
    pub max_bytes: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self { readers: 4, queue_bytes: 64 << 20, queue_length: 8_192, max_bytes: None }
    }
}

/// A store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the data directory.
    #[error("the data directory {} is in use by another process", directory.display())]
    Locked {
        /// The directory.
        directory: PathBuf,
    },
    /// The data directory or the file cannot be written.
    #[error("{} cannot be written", path.display())]
    NotWritable {
        /// The directory or file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file was written by a newer version of this program.
    #[error("{} was written by a newer version of traceway (its schema is {found}, this version knows {known})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// The newest migration in the file.
        found: i64,
        /// The newest migration this program has.
        known: i64,
    },
    /// The file is no database, or is damaged.
    #[error("{} is not a database or is damaged", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        #[source]
        source: sqlx::Error,
    },
    /// The database could not be opened for another reason.
    #[error("{} cannot be opened", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The text index cannot be kept.
    #[error("the thread of the text index cannot be started")]
    Index(
        /// Why.
        #[source]
        io::Error,
    ),
    /// The schema could not be brought up to date.
    #[error("the schema of {} cannot be brought up to date", path.display())]
    Migrate {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: MigrateError,
    },
}

/// An opened file: the lock on its directory, the connection that writes and the pool that reads.
pub(crate) struct Opened {
    pub(crate) lock: File,
    pub(crate) path: PathBuf,
    pub(crate) writer: SqliteConnection,
    pub(crate) readers: SqlitePool,
    /// How far the text index had come.
    pub(crate) indexed: Progress,
}

/// Opens the file at `path`, creating it and its directory when missing.
pub(crate) async fn open(path: &Path, options: &Options) -> Result<Opened, OpenError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let lock = lock(directory)?;
    probe(path)?;
    let mut writer = connect_writer(path, options).await.map_err(|error| opening(path, error))?;
    migrate(path, &mut writer).await?;
    let indexed = text_file::prepare(path, &mut writer).await?;
    let index: Arc<Path> = text_file::path_of(path).into();
    let readers = SqlitePoolOptions::new()
        .max_connections(options.readers.max(1))
        .min_connections(0)
        .idle_timeout(Duration::from_mins(1))
        .acquire_timeout(Duration::from_secs(10))
        .test_before_acquire(false)
        .after_connect(move |connection, _| {
            let index = Arc::clone(&index);
            Box::pin(async move {
                // Without it searches read everything.
                if let Err(error) = text_file::attach(connection, &index).await {
                    tracing::warn!(%error, "the text index cannot be read");
                }
                Ok(())
            })
        })
        .connect_lazy_with(common(path).read_only(true).pragma("query_only", "ON"));
    Ok(Opened { lock, path: path.to_owned(), writer, readers, indexed })
}

/// Opens the one connection that writes.
pub(crate) async fn connect_writer(path: &Path, options: &Options) -> Result<SqliteConnection, sqlx::Error> {
    let most_pages = options.max_bytes.map_or(u64::from(u32::MAX) - 1, |bytes| bytes / PAGE);
    let options = writable(path)
        .create_if_missing(true)
        .pragma("max_page_count", most_pages.to_string())
        .pragma("cache_size", "-32000")
        .statement_cache_capacity(256);
    SqliteConnection::connect_with(&options).await
}

/// Returns how a file is opened to be written durably.
pub(crate) fn writable(path: &Path) -> SqliteConnectOptions {
    common(path)
        // So that free pages can be given back to the disk; must come before the first table.
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // A checkpoint per ~16 MB of log: pages written again and again are copied back once.
        .pragma("wal_autocheckpoint", "4000")
        .pragma("journal_size_limit", "67108864")
}

fn common(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(false)
        .busy_timeout(Duration::from_secs(10))
        .pragma("temp_store", "MEMORY")
        .row_buffer_size(256)
}

/// Takes the lock that keeps other processes out of `directory`. It goes with the process, however that ends.
fn lock(directory: &Path) -> Result<File, OpenError> {
    let refused = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::NotWritable { path, source }
    };
    fs::create_dir_all(directory).map_err(refused(directory))?;
    let path = directory.join("traceway.lock");
    let file = private().open(&path);
    let file = file.map_err(refused(directory))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { directory: directory.to_owned() }),
        Err(TryLockError::Error(source)) => Err(refused(&path)(source)),
    }
}

/// Creates files only their owner may read: they hold what people say. SQLite gives its log the same rights.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true).mode(0o600);
    options
}

/// Tells a file that may not be written from one that is damaged, which SQLite reports alike.
pub(crate) fn probe(path: &Path) -> Result<(), OpenError> {
    private().open(path).map(drop).map_err(|source| OpenError::NotWritable { path: path.to_owned(), source })
}

async fn migrate(path: &Path, writer: &mut SqliteConnection) -> Result<(), OpenError> {
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    let exists: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = '_sqlx_migrations'")
            .fetch_one(&mut *writer)
            .await
            .map_err(|error| opening(path, error))?;
    if exists > 0 {
        let found: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
            .fetch_one(&mut *writer)
            .await
            .map_err(|error| opening(path, error))?;
        if let Some(found) = found.filter(|found| *found > known) {
            return Err(OpenError::Newer { path: path.to_owned(), found, known });
        }
    }
    match MIGRATIONS.run(writer).await {
        Ok(()) => Ok(()),
        Err(MigrateError::Execute(source)) => Err(opening(path, source)),
        Err(source) => Err(OpenError::Migrate { path: path.to_owned(), source }),
    }
}

/// `SQLITE_CORRUPT` and `SQLITE_NOTADB`.
const DAMAGED: [i32; 2] = [11, 26];

/// Returns whether an error says that the file itself is broken.
pub(crate) fn is_damaged(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    let primary = code.and_then(|code| code.parse::<i32>().ok()).map(|code| code & 0xff);
    primary.is_some_and(|code| DAMAGED.contains(&code))
}

fn opening(path: &Path, source: sqlx::Error) -> OpenError {
    let path = path.to_owned();
    if is_damaged(&source) {
        OpenError::Corrupt { path, source }
    } else {
        OpenError::Database { path, source }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn sqlite_is_built_as_the_workspace_says() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let built: Vec<String> =
            sqlx::query_scalar("PRAGMA compile_options").fetch_all(&mut connection).await.unwrap();
        let has = |option: &str| built.iter().any(|one| one == option);
        assert!(has("DEFAULT_MEMSTATUS=0") && !has("ENABLE_MEMORY_MANAGEMENT"), "{built:?}");
    }
}
