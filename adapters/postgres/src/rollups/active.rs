//! Which projects are in use.

use trace::id::{OrgId, ProjectId, Scope};
use trace::ports::StoreError;
use trace::time::Timestamp;
use uuid::Uuid;

use super::PostgresRollups;
use super::changes::HOUR;
use crate::sql::{integer, unavailable};

impl PostgresRollups {
    /// Returns up to `limit` projects with spans that started in the hour of `since` or later.
    pub async fn active_since(&self, since: Timestamp, limit: usize) -> Result<Vec<Scope>, StoreError> {
        let hour = i32::try_from(since.as_micros().div_euclid(HOUR)).unwrap_or(i32::MAX);
        let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
            "SELECT org_id, id FROM projects AS p
             WHERE EXISTS (SELECT 1 FROM rollups AS r WHERE r.project_id = p.id AND r.hour >= $1)
             ORDER BY id DESC LIMIT $2",
        )
        .bind(hour)
        .bind(integer(limit))
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        Ok(rows
            .into_iter()
            .map(|(org, project)| Scope { org: OrgId(org), project: ProjectId(project) })
            .collect())
    }
}
