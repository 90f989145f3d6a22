use std::collections::HashMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use trace::id::Scope;
use trace::ports::StoreError;

use crate::parts::{Known, Place, Recent, read_hashes};
use crate::sql::{arguments, column, json_array, unavailable};
use crate::text_file::Progress;

/// Free pages not worth giving back.
const MANY_FREE: i64 = 1_024;

/// Chunks of parts recalled after a start.
const RECALLED: i64 = 2_048;

/// What the writer holds: its connection, and what it knows of the file.
///
/// Knowledge gained inside a transaction counts once that is committed ([`Session::keep`]) and goes with a
/// rollback ([`Session::forget`]). Row numbers are only ever used once.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) connection: SqliteConnection,
    next: Numbers,
    /// The parts met lately.
    pub(crate) recent: Recent,
    projects: HashMap<Scope, i64>,
    new_projects: HashMap<Scope, i64>,
}

/// The next numbers of rows.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub(crate) struct Numbers {
    trace: i64,
    span: i64,
    part: i64,
}

impl Numbers {
    /// Returns the numbers that nothing has had. One the text index has met must not come again, even when its span
    /// or part is gone.
    pub(crate) async fn read(
        connection: &mut SqliteConnection,
        indexed: Progress,
    ) -> Result<Self, sqlx::Error> {
        sqlx::query_as(
            "SELECT (SELECT ifnull(max(row), 0) + 1 FROM traces) trace,
                    (SELECT max(?1, segment * size, (SELECT ifnull(max(row), 0) FROM spans)) + 1
                     FROM column_progress) span,
                    max(?2, (SELECT ifnull(max(id), 0) FROM chunks),
                     (SELECT ifnull(max(row), 0) FROM text_chunks)) + 64 part",
        )
        .bind(indexed.span)
        .bind(indexed.chunk)
        .fetch_one(connection)
        .await
    }
}

impl Session {
    /// Returns the session of a file that is ready to be written.
    pub(crate) fn new(connection: SqliteConnection, next: Numbers) -> Self {
        let (projects, new_projects, recent) = Default::default();
        Self { connection, next, recent, projects, new_projects }
    }

    /// Returns the next numbers of rows.
    pub(crate) fn numbers(&self) -> Numbers {
        self.next
    }

    /// Recalls the parts stored last, so that conversations that go on after a restart find theirs.
    pub(crate) async fn recall(&mut self) -> Result<(), StoreError> {
        let rows: Vec<SqliteRow> = sqlx::query(
            "SELECT t.project, c.hashes, c.id, t.row, u.uses
             FROM (SELECT id, hashes FROM chunks ORDER BY id DESC LIMIT ?1) c
             JOIN chunk_traces u ON u.chunk = c.id JOIN traces t ON t.row = u.trace ORDER BY c.id",
        )
        .bind(RECALLED)
        .fetch_all(&mut self.connection)
        .await
        .map_err(unavailable)?;
        for row in &rows {
            let (project, chunk): (i64, i64) = (column(row, 0)?, column(row, 2)?);
            let (trace, uses): (i64, i64) = (column(row, 3)?, column(row, 4)?);
            for (index, hash) in (0_u8..).zip(read_hashes(column(row, 1)?)) {
                let place = Place { chunk, index };
                if uses & place.bit() != 0 {
                    self.recent.put(project, hash, Known { place, trace });
                }
            }
        }
        Ok(())
    }

    pub(crate) fn trace_row(&mut self) -> i64 {
        self.next.trace += 1;
        self.next.trace - 1
    }

    pub(crate) fn span_row(&mut self) -> i64 {
        self.next.span += 1;
        self.next.span - 1
    }

    /// Returns the first of `count` new numbers of parts.
    pub(crate) fn part_numbers(&mut self, count: i64) -> i64 {
        self.next.part += count;
        self.next.part - count
    }

    /// Returns the number of a project, giving it one on its first write.
    pub(crate) async fn project(&mut self, scope: &Scope) -> Result<i64, StoreError> {
        if let Some(id) = self.projects.get(scope).or_else(|| self.new_projects.get(scope)) {
            return Ok(*id);
        }
        let id = sqlx::query_scalar(
            "INSERT INTO projects (org, project) VALUES (?1, ?2)
             ON CONFLICT (org, project) DO UPDATE SET org = excluded.org RETURNING id",
        )
        .bind(scope.org.0.as_bytes().as_slice())
        .bind(scope.project.0.as_bytes().as_slice())
        .fetch_one(&mut self.connection)
        .await
        .map_err(unavailable)?;
        self.new_projects.insert(*scope, id);
        Ok(id)
    }

    /// Takes marks of changed spans out of `table` that were seen, by row and how often the span had changed. One that
    /// changed again since stays marked.
    pub(crate) async fn unmark(
        &mut self,
        table: &'static str,
        seen: &[(i64, i64)],
    ) -> Result<(), StoreError> {
        let sql = format!(
            "DELETE FROM {table} WHERE (row, times) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))"
        );
        let done = sqlx::query_with(AssertSqlSafe(sql), arguments([json_array(seen)]));
        done.execute(&mut self.connection).await.map(drop).map_err(unavailable)
    }

    /// Writes something, so that a disk that takes no writes is noticed.
    pub(crate) async fn probe(&mut self) -> Result<(), StoreError> {
        self.run("UPDATE text_state SET step = step", &[]).await
    }

    /// Gives free pages back to the disk when they are many, a step of them. Returns whether there may be more.
    ///
    /// Not in a transaction of others: moving pages writes them.
    pub(crate) async fn shrink(&mut self) -> Result<bool, StoreError> {
        shrink(&mut self.connection).await.map_err(unavailable)
    }

    /// Keeps what was learned: the transaction is committed.
    pub(crate) fn keep(&mut self) {
        self.projects.extend(self.new_projects.drain());
    }

    /// Forgets what was learned since the last commit: the transaction is rolled back.
    pub(crate) fn forget(&mut self) {
        self.new_projects.clear();
        // Which parts were stored by what was undone is not worth keeping track of.
        self.recent.clear();
    }

    /// Writes the log back into the file and closes the connection.
    pub(crate) async fn close(self) {
        let mut connection = self.connection;
        // What is free goes back to the disk, as far as that takes no time worth mentioning.
        let tidy = "PRAGMA incremental_vacuum(4096); PRAGMA wal_checkpoint(TRUNCATE)";
        let done = sqlx::raw_sql(tidy).execute(&mut connection).await;
        if let Err(error) = done.map(drop).and(connection.close().await) {
            tracing::warn!(%error, "the log could not be written back; the next start does it");
        }
    }
}

/// Gives free pages of a connection's file back to the disk when they are many, a step of them. Returns whether there
/// may be more.
pub(crate) async fn shrink(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let sql = "SELECT (SELECT freelist_count FROM pragma_freelist_count), (SELECT page_count FROM pragma_page_count)";
    let (free, pages): (i64, i64) = sqlx::query_as(sql).fetch_one(&mut *connection).await?;
    if free < MANY_FREE || free * 4 < pages {
        return Ok(false);
    }
    sqlx::query("PRAGMA incremental_vacuum(256)").execute(connection).await?;
    Ok(true)
}
