use async_trait::async_trait;
use trace::id::{OrgId, ProjectId, Scope};
use trace::identity::Project;
use trace::ports::{NewProject, ProjectChange, Projects, StoreError};
use trace::time::Timestamp;
use uuid::Uuid;

use super::PostgresIdentity;
use super::rows::ProjectRow;
use crate::sql::{At, integer, text, unavailable};

#[async_trait]
impl Projects for PostgresIdentity {
    async fn list_projects(&self, org: OrgId) -> Result<Vec<Project>, StoreError> {
        let rows: Vec<ProjectRow> = sqlx::query_as(
            "SELECT id, org_id, name, slug, settings::text AS settings, created_at, updated_at FROM projects
             WHERE org_id = $1 ORDER BY created_at, id",
        )
        .bind(org.0)
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        rows.into_iter().map(ProjectRow::project).collect()
    }

    async fn find_project(&self, org: OrgId, id: ProjectId) -> Result<Option<Project>, StoreError> {
        let row: Option<ProjectRow> = sqlx::query_as(
            "SELECT id, org_id, name, slug, settings::text AS settings, created_at, updated_at FROM projects
             WHERE org_id = $1 AND id = $2",
        )
        .bind(org.0)
        .bind(id.0)
        .fetch_optional(self.database.pool())
        .await
        .map_err(unavailable)?;
        row.map(ProjectRow::project).transpose()
    }

    async fn create_project(&self, org: OrgId, new: NewProject) -> Result<Option<Project>, StoreError> {
        let row: Option<ProjectRow> = sqlx::query_as(
            "INSERT INTO projects (id, org_id, name, slug) VALUES ($1, $2, $3, $4)
             ON CONFLICT (org_id, slug) DO NOTHING
             RETURNING id, org_id, name, slug, settings::text AS settings, created_at, updated_at",
        )
        .bind(Uuid::now_v7())
        .bind(org.0)
        .bind(text(&new.name))
        .bind(text(&new.slug))
        .fetch_optional(self.database.pool())
        .await
        .map_err(unavailable)?;
        row.map(ProjectRow::project).transpose()
    }

    async fn change_project(
        &self,
        org: OrgId,
        id: ProjectId,
        change: ProjectChange,
    ) -> Result<Option<Project>, StoreError> {
        let settings = change.settings.as_ref().map(serde_json::to_string).transpose();
        let settings = settings.map_err(|error| StoreError::corrupt("project's settings", error))?;
        let row: Option<ProjectRow> = sqlx::query_as(
            "UPDATE projects SET name = coalesce($3, name), settings = coalesce($4::text::json, settings),
                 updated_at = now()
             WHERE org_id = $1 AND id = $2
             RETURNING id, org_id, name, slug, settings::text AS settings, created_at, updated_at",
        )
        .bind(org.0)
        .bind(id.0)
        .bind(change.name.as_deref().map(text))
        .bind(settings)
        .fetch_optional(self.database.pool())
        .await
        .map_err(unavailable)?;
        row.map(ProjectRow::project).transpose()
    }

    async fn delete_project(&self, org: OrgId, id: ProjectId) -> Result<bool, StoreError> {
        // One statement, so that no project goes without its mark. Keys go with their project.
        sqlx::query(
            "WITH gone AS (DELETE FROM projects WHERE org_id = $1 AND id = $2 RETURNING id, org_id)
             INSERT INTO deleted_projects (project_id, org_id) SELECT id, org_id FROM gone",
        )
        .bind(org.0)
        .bind(id.0)
        .execute(self.database.pool())
        .await
        .map(|done| done.rows_affected() == 1)
        .map_err(unavailable)
    }

    async fn list_deleted(&self, limit: usize) -> Result<Vec<Scope>, StoreError> {
        let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
            "SELECT org_id, project_id FROM deleted_projects ORDER BY deleted_at, project_id LIMIT $1",
        )
        .bind(integer(limit))
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        let scope = |(org, project)| Scope { org: OrgId(org), project: ProjectId(project) };
        Ok(rows.into_iter().map(scope).collect())
    }

    async fn forget_deleted(&self, scope: &Scope, before: Timestamp) -> Result<bool, StoreError> {
        sqlx::query("DELETE FROM deleted_projects WHERE org_id = $1 AND project_id = $2 AND deleted_at < $3")
            .bind(scope.org.0)
            .bind(scope.project.0)
            .bind(At(before))
            .execute(self.database.pool())
            .await
            .map(|done| done.rows_affected() == 1)
            .map_err(unavailable)
    }
}
