use futures_util::future::join_all;
use uuid::Uuid;

use super::{CROWD, sign_up, stranger};
use crate::id::{ProjectId, Scope};
use crate::identity::ProjectSettings;
use crate::ports::{Accounts, NewProject, ProjectChange, Projects};
use crate::time::Timestamp;

/// What every [`Projects`] promises. The store is empty.
pub async fn projects_contract<I: Accounts + Projects>(identity: &I) {
    projects_are_seen_by_their_organisation_alone(identity).await;
    a_slug_is_taken_once_in_an_organisation(identity).await;
    only_what_is_given_changes(identity).await;
    a_deleted_project_leaves_a_mark(identity).await;
}

fn new(name: &str) -> NewProject {
    NewProject { name: name.to_owned(), slug: name.to_owned() }
}

async fn projects_are_seen_by_their_organisation_alone<I: Accounts + Projects>(identity: &I) {
    let (ours, theirs) = (sign_up(identity, "ours").await, sign_up(identity, "theirs").await);
    let project = identity.create_project(ours.org, new("two")).await.unwrap().unwrap();
    assert_eq!((project.org, project.name.as_str(), project.slug.as_str()), (ours.org, "two", "two"));
    assert_eq!(project.settings, ProjectSettings::default());
    let listed = identity.list_projects(ours.org).await.unwrap();
    assert_eq!(listed.iter().map(|project| project.id).collect::<Vec<_>>(), [ours.project, project.id]);
    assert_eq!(identity.find_project(ours.org, project.id).await.unwrap(), Some(project.clone()));
    assert_eq!(identity.find_project(theirs.org, project.id).await.unwrap(), None);
    let change = ProjectChange { name: Some("mine".to_owned()), settings: None };
    assert_eq!(identity.change_project(theirs.org, project.id, change).await.unwrap(), None);
    assert!(!identity.delete_project(theirs.org, project.id).await.unwrap());
    assert_eq!(identity.find_project(ours.org, project.id).await.unwrap(), Some(project));
    assert_eq!(identity.list_projects(stranger().0).await.unwrap(), []);
}

async fn a_slug_is_taken_once_in_an_organisation<I: Accounts + Projects>(identity: &I) {
    let (one, other) = (sign_up(identity, "slug-one").await, sign_up(identity, "slug-other").await);
    let crowd = (0..CROWD).map(|_| identity.create_project(one.org, new("same")));
    let made = join_all(crowd).await.into_iter().filter(|outcome| outcome.as_ref().unwrap().is_some());
    assert_eq!(made.count(), 1);
    assert!(identity.create_project(other.org, new("same")).await.unwrap().is_some());
    assert_eq!(identity.list_projects(one.org).await.unwrap().len(), 2);
}

async fn only_what_is_given_changes<I: Accounts + Projects>(identity: &I) {
    let owner = sign_up(identity, "change").await;
    let settings = ProjectSettings { default_time_range: Some("7d".to_owned()), retention_days: Some(3) };
    let change = ProjectChange { name: None, settings: Some(settings.clone()) };
    let changed = identity.change_project(owner.org, owner.project, change).await.unwrap().unwrap();
    assert_eq!((changed.name.as_str(), &changed.settings), ("Default", &settings));
    let change = ProjectChange { name: Some("Ünïcode \"name\"".to_owned()), settings: None };
    let changed = identity.change_project(owner.org, owner.project, change).await.unwrap().unwrap();
    assert_eq!((changed.name.as_str(), &changed.settings), ("Ünïcode \"name\"", &settings));
    assert!(changed.updated_at >= changed.created_at);
    assert_eq!(identity.find_project(owner.org, owner.project).await.unwrap(), Some(changed.clone()));
    let same = identity.change_project(owner.org, owner.project, ProjectChange::default()).await.unwrap();
    assert_eq!(same.unwrap().settings, settings);
    let missing = ProjectId(Uuid::from_u128(404));
    assert_eq!(identity.change_project(owner.org, missing, ProjectChange::default()).await.unwrap(), None);
}

async fn a_deleted_project_leaves_a_mark<I: Accounts + Projects>(identity: &I) {
    let owner = sign_up(identity, "gone").await;
    assert_eq!(identity.list_deleted(10).await.unwrap(), []);
    let mut scopes = Vec::new();
    for name in ["a", "b", "c"] {
        let id = identity.create_project(owner.org, new(name)).await.unwrap().unwrap().id;
        assert!(identity.delete_project(owner.org, id).await.unwrap());
        assert!(!identity.delete_project(owner.org, id).await.unwrap());
        scopes.push(Scope { org: owner.org, project: id });
    }
    assert_eq!(identity.list_projects(owner.org).await.unwrap().len(), 1);
    assert_eq!(identity.list_deleted(10).await.unwrap(), scopes, "the longest deleted first");
    assert_eq!(identity.list_deleted(2).await.unwrap(), scopes[..2]);
    let (long_ago, far_ahead) = (Timestamp::from_micros(0), Timestamp::from_micros(4_000_000_000_000_000));
    assert!(!identity.forget_deleted(&scopes[0], long_ago).await.unwrap(), "it is younger");
    assert!(identity.forget_deleted(&scopes[0], far_ahead).await.unwrap());
    assert!(!identity.forget_deleted(&scopes[0], far_ahead).await.unwrap(), "it is gone");
    assert_eq!(identity.list_deleted(10).await.unwrap(), scopes[1..]);
}
