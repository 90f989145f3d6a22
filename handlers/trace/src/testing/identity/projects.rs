use async_trait::async_trait;

use super::MemoryIdentity;
use crate::id::{OrgId, ProjectId, Scope};
use crate::identity::Project;
use crate::ports::{NewProject, ProjectChange, Projects, StoreError};
use crate::time::Timestamp;

#[async_trait]
impl Projects for MemoryIdentity {
    async fn list_projects(&self, org: OrgId) -> Result<Vec<Project>, StoreError> {
        Ok(self.state().projects.iter().filter(|project| project.org == org).cloned().collect())
    }

    async fn find_project(&self, org: OrgId, id: ProjectId) -> Result<Option<Project>, StoreError> {
        Ok(self.state().projects.iter().find(|project| project.org == org && project.id == id).cloned())
    }

    async fn create_project(&self, org: OrgId, new: NewProject) -> Result<Option<Project>, StoreError> {
        let mut state = self.state();
        if state.projects.iter().any(|project| project.org == org && project.slug == new.slug) {
            return Ok(None);
        }
        Ok(Some(state.add_project(org, &new.name, &new.slug, self.clock.now())))
    }

    async fn change_project(
        &self,
        org: OrgId,
        id: ProjectId,
        change: ProjectChange,
    ) -> Result<Option<Project>, StoreError> {
        let mut state = self.state();
        let found = state.projects.iter_mut().find(|project| project.org == org && project.id == id);
        let Some(project) = found else { return Ok(None) };
        if let Some(name) = change.name {
            project.name = name;
        }
        if let Some(settings) = change.settings {
            project.settings = settings;
        }
        project.updated_at = self.clock.now();
        Ok(Some(project.clone()))
    }

    async fn delete_project(&self, org: OrgId, id: ProjectId) -> Result<bool, StoreError> {
        let mut state = self.state();
        let before = state.projects.len();
        state.projects.retain(|project| !(project.org == org && project.id == id));
        state.keys.retain(|stored| !(stored.key.org == org && stored.key.project == id));
        let was_there = state.projects.len() < before;
        if was_there {
            state.deleted.push((Scope { org, project: id }, self.clock.now()));
        }
        Ok(was_there)
    }

    async fn list_deleted(&self, limit: usize) -> Result<Vec<Scope>, StoreError> {
        Ok(self.state().deleted.iter().take(limit).map(|(scope, _)| *scope).collect())
    }

    async fn forget_deleted(&self, scope: &Scope, before: Timestamp) -> Result<bool, StoreError> {
        let mut state = self.state();
        let count = state.deleted.len();
        state.deleted.retain(|(deleted, at)| deleted != scope || *at >= before);
        Ok(state.deleted.len() < count)
    }
}
