use async_trait::async_trait;

use crate::id::{OrgId, ProjectId, Scope};
use crate::identity::{Project, ProjectSettings};
use crate::ports::StoreError;
use crate::time::Timestamp;

/// A project to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProject {
    /// A name for people.
    pub name: String,
    /// Unique in the organisation.
    pub slug: String,
}

/// What of a project changes; `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectChange {
    /// A new name.
    pub name: Option<String>,
    /// New settings.
    pub settings: Option<ProjectSettings>,
}

/// The projects of organisations.
#[async_trait]
pub trait Projects: Send + Sync {
    /// Returns the projects of an organisation, the oldest first.
    async fn list_projects(&self, org: OrgId) -> Result<Vec<Project>, StoreError>;

    /// Returns one project of an organisation.
    async fn find_project(&self, org: OrgId, id: ProjectId) -> Result<Option<Project>, StoreError>;

    /// Creates a project. `None` when the slug is taken.
    async fn create_project(&self, org: OrgId, new: NewProject) -> Result<Option<Project>, StoreError>;

    /// Changes a project. `None` when there is no such project.
    async fn change_project(
        &self,
        org: OrgId,
        id: ProjectId,
        change: ProjectChange,
    ) -> Result<Option<Project>, StoreError>;

    /// Deletes a project with its keys and leaves a mark, so that its data can be deleted even after a crash.
    /// Returns whether it was there.
    async fn delete_project(&self, org: OrgId, id: ProjectId) -> Result<bool, StoreError>;

    /// Returns up to `limit` deleted projects whose data may still be there, the longest deleted first.
    async fn list_deleted(&self, limit: usize) -> Result<Vec<Scope>, StoreError>;

    /// Takes away the mark of a project that was deleted before a time, once its data are gone. Returns whether it was
    /// there and that old: younger ones may still get a late write.
    async fn forget_deleted(&self, scope: &Scope, before: Timestamp) -> Result<bool, StoreError>;
}
