//! Which namespaces of the span store there are.

use trace::id::{OrgId, ProjectId, Scope};
use trace::ports::StoreError;
use uuid::Uuid;

use crate::Database;
use crate::sql::{integer, text, unavailable};

/// The register of namespaces.
#[derive(Clone, Debug)]
pub struct PostgresNamespaces {
    database: Database,
}

/// A namespace of the span store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// Whose data it holds.
    pub scope: Scope,
    /// The version of the schema it was written with.
    pub schema_version: i32,
}

impl PostgresNamespaces {
    /// Returns the register in `database`.
    pub fn new(database: &Database) -> Self {
        Self { database: database.clone() }
    }

    /// Notes a namespace, or the version it was brought to. An older version never replaces a newer one.
    pub async fn register(&self, namespace: &Namespace) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO namespaces AS n (name, org_id, project_id, schema_version) VALUES ($1, $2, $3, $4)
             ON CONFLICT (name) DO UPDATE SET schema_version = excluded.schema_version, updated_at = now()
             WHERE n.schema_version < excluded.schema_version",
        )
        .bind(text(&namespace.name))
        .bind(namespace.scope.org.0)
        .bind(namespace.scope.project.0)
        .bind(namespace.schema_version)
        .execute(self.database.pool())
        .await
        .map(|_| ())
        .map_err(unavailable)
    }

    /// Returns up to `limit` namespaces with a name above `after`, by name.
    pub async fn list(&self, after: Option<&str>, limit: usize) -> Result<Vec<Namespace>, StoreError> {
        let rows: Vec<(String, Uuid, Uuid, i32)> = sqlx::query_as(
            "SELECT name, org_id, project_id, schema_version FROM namespaces
             WHERE name > $1 ORDER BY name LIMIT $2",
        )
        .bind(text(after.unwrap_or_default()))
        .bind(integer(limit))
        .fetch_all(self.database.pool())
        .await
        .map_err(unavailable)?;
        let namespace = |(name, org, project, schema_version)| Namespace {
            name,
            scope: Scope { org: OrgId(org), project: ProjectId(project) },
            schema_version,
        };
        Ok(rows.into_iter().map(namespace).collect())
    }

    /// Forgets a namespace that was deleted.
    pub async fn forget(&self, name: &str) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM namespaces WHERE name = $1")
            .bind(text(name))
            .execute(self.database.pool())
            .await
            .map(|_| ())
            .map_err(unavailable)
    }
}
