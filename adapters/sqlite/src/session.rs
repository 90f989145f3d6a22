use std::collections::HashMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection, SqliteConnection};
use trace::id::Scope;
use trace::ports::StoreError;

use crate::parts::{Hash, Known, Recent};
use crate::sql::{column, unavailable};

/// Parts recalled after a start.
const RECALLED: i64 = 8_192;

/// What the writer holds: its connection, and what it knows of the file.
///
/// Knowledge gained inside a transaction counts once that is committed ([`Session::keep`]) and goes with a
/// rollback ([`Session::forget`]). Row numbers are only ever used once.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) connection: SqliteConnection,
    next_trace: i64,
    next_span: i64,
    next_part: i64,
    /// The parts met lately.
    pub(crate) recent: Recent,
    projects: HashMap<Scope, i64>,
    new_projects: HashMap<Scope, i64>,
}

impl Session {
    /// Returns the session of a file that is ready to be written.
    pub(crate) async fn new(mut connection: SqliteConnection) -> Result<Self, sqlx::Error> {
        // A number the index has met must not come again, even when its span or part is gone.
        let (next_trace, next_span, next_part) = sqlx::query_as(
            "SELECT (SELECT ifnull(max(row), 0) + 1 FROM traces),
                    (SELECT max(span, (SELECT ifnull(max(row), 0) FROM spans)) + 1 FROM text_progress),
                    (SELECT max(part, (SELECT ifnull(max(id), 0) FROM parts)) + 1 FROM text_progress)",
        )
        .fetch_one(&mut connection)
        .await?;
        let (projects, new_projects, recent) = Default::default();
        Ok(Self { connection, next_trace, next_span, next_part, recent, projects, new_projects })
    }

    /// Recalls the parts stored last, so that conversations that go on after a restart find theirs.
    pub(crate) async fn recall(&mut self) -> Result<(), StoreError> {
        let rows: Vec<SqliteRow> = sqlx::query(
            "SELECT t.project, p.hash, p.id, t.row FROM (SELECT id, hash FROM parts ORDER BY id DESC LIMIT ?1) p
             JOIN part_traces u ON u.part = p.id JOIN traces t ON t.row = u.trace ORDER BY p.id",
        )
        .bind(RECALLED)
        .fetch_all(&mut self.connection)
        .await
        .map_err(unavailable)?;
        for row in &rows {
            let hash: Option<Hash> = column::<&[u8]>(row, 1)?.try_into().ok();
            if let Some(hash) = hash {
                self.recent.put(column(row, 0)?, hash, Known { id: column(row, 2)?, trace: column(row, 3)? });
            }
        }
        Ok(())
    }

    pub(crate) fn trace_row(&mut self) -> i64 {
        self.next_trace += 1;
        self.next_trace - 1
    }

    pub(crate) fn span_row(&mut self) -> i64 {
        self.next_span += 1;
        self.next_span - 1
    }

    pub(crate) fn part_id(&mut self) -> i64 {
        self.next_part += 1;
        self.next_part - 1
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

    /// Writes something, so that a disk that takes no writes is noticed.
    pub(crate) async fn probe(&mut self) -> Result<(), StoreError> {
        self.run("UPDATE projects SET traces = traces WHERE id = (SELECT min(id) FROM projects)", &[]).await
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
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let done = sqlx::query(checkpoint).execute(&mut connection).await;
        if let Err(error) = done.map(drop).and(connection.close().await) {
            tracing::warn!(%error, "the log could not be written back; the next start does it");
        }
    }
}
