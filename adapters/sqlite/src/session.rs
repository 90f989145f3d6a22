use std::collections::HashMap;

use sqlx::{Connection, SqliteConnection};
use trace::id::Scope;
use trace::ports::StoreError;

use crate::sql::unavailable;

/// What the writer holds: its connection, and what it knows of the file.
///
/// Knowledge gained inside a transaction counts once that is committed ([`Session::keep`]) and goes with a
/// rollback ([`Session::forget`]). Row numbers are only ever used once.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) connection: SqliteConnection,
    next_trace: i64,
    next_span: i64,
    projects: HashMap<Scope, i64>,
    new_projects: HashMap<Scope, i64>,
}

impl Session {
    /// Returns the session of a file that is ready to be written.
    pub(crate) async fn new(mut connection: SqliteConnection) -> Result<Self, sqlx::Error> {
        let (next_trace, next_span) = sqlx::query_as(
            "SELECT (SELECT ifnull(max(row), 0) + 1 FROM traces), (SELECT ifnull(max(row), 0) + 1 FROM spans)",
        )
        .fetch_one(&mut connection)
        .await?;
        let (projects, new_projects) = Default::default();
        Ok(Self { connection, next_trace, next_span, projects, new_projects })
    }

    pub(crate) fn trace_row(&mut self) -> i64 {
        self.next_trace += 1;
        self.next_trace - 1
    }

    pub(crate) fn span_row(&mut self) -> i64 {
        self.next_span += 1;
        self.next_span - 1
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
