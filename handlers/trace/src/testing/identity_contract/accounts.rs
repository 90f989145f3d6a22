use std::collections::HashSet;

use futures_util::future::join_all;

use super::{CROWD, account, email, join, password, sign_up, stranger};
use crate::identity::{DEFAULT_PROJECT, Plan, Role};
use crate::ports::{Accounts, Invites, NewAccount, Orgs, Projects};
use crate::testing::time;

/// What every [`Accounts`] promises. The store is empty.
pub async fn accounts_contract<I: Accounts + Orgs + Projects + Invites>(identity: &I) {
    a_sign_up_makes_a_user_an_organisation_and_a_project(identity).await;
    an_address_signs_up_once_however_many_try(identity).await;
    organisations_of_the_same_name_get_slugs_of_their_own(identity).await;
    a_stronger_hash_replaces_a_weaker_one(identity).await;
    ended_sessions_stay_ended(identity).await;
    a_user_belongs_where_they_were_invited(identity).await;
}

async fn a_sign_up_makes_a_user_an_organisation_and_a_project<I: Accounts + Orgs + Projects>(identity: &I) {
    let ann = sign_up(identity, "ann").await;
    assert_eq!((ann.user.email.as_str(), ann.user.name.as_str()), ("ann@example.com", "ann"));
    assert!(ann.user.sessions_valid_after < time(0), "no session is refused yet");
    let org = identity.find_org(ann.org).await.unwrap().unwrap();
    assert_eq!((org.name.as_str(), org.slug.as_str(), org.plan), ("ann's Org", "ann-s-org", Plan::Free));
    let projects = identity.list_projects(ann.org).await.unwrap();
    assert_eq!(projects.len(), 1);
    assert_eq!((projects[0].id, projects[0].org), (ann.project, ann.org));
    assert_eq!((projects[0].name.as_str(), projects[0].slug.as_str()), ("Default", DEFAULT_PROJECT));
    let found = identity.find_by_email(&email("ann")).await.unwrap().unwrap();
    assert_eq!((&found.user, found.password_hash), (&ann.user, password("ann")));
    assert_eq!(identity.find_user(ann.user.id).await.unwrap(), Some(ann.user.clone()));
    let (user, place) = identity.find_member(ann.org, ann.user.id).await.unwrap().unwrap();
    assert_eq!((user, &place.org, place.role), (ann.user.clone(), &org, Role::Owner));
    assert_eq!(identity.memberships(ann.user.id).await.unwrap(), [place]);

    let (no_org, nobody) = stranger();
    assert!(identity.find_by_email(&email("nobody")).await.unwrap().is_none());
    assert_eq!(identity.find_user(nobody).await.unwrap(), None);
    assert_eq!(identity.memberships(nobody).await.unwrap(), []);
    assert_eq!(identity.find_member(ann.org, nobody).await.unwrap(), None);
    assert_eq!(identity.find_member(no_org, ann.user.id).await.unwrap(), None);
}

async fn an_address_signs_up_once_however_many_try<I: Accounts + Orgs>(identity: &I) {
    assert_eq!(identity.sign_up(account("ann")).await.unwrap(), None);
    let before = identity.list_orgs(None, 1_000).await.unwrap().len();
    let crowd = (0..CROWD).map(|_| identity.sign_up(account("crowd")));
    let outcomes = join_all(crowd).await;
    let made: Vec<_> = outcomes.into_iter().filter_map(|outcome| outcome.unwrap()).collect();
    assert_eq!(made.len(), 1);
    let found = identity.find_by_email(&email("crowd")).await.unwrap().unwrap();
    assert_eq!(found.user.id, made[0].user.id);
    let after = identity.list_orgs(None, 1_000).await.unwrap().len();
    assert_eq!(after, before + 1, "those who came too late left no organisation behind");
}

async fn organisations_of_the_same_name_get_slugs_of_their_own<I: Accounts + Orgs>(identity: &I) {
    let accounts = (0..10).map(|number| {
        let new = account(&format!("same{number}"));
        identity.sign_up(NewAccount { org_slug: "acme".to_owned(), ..new })
    });
    let mut slugs = HashSet::new();
    for outcome in join_all(accounts).await {
        let org = identity.find_org(outcome.unwrap().unwrap().org).await.unwrap().unwrap();
        assert!(org.slug == "acme" || org.slug.starts_with("acme-"), "{}", org.slug);
        slugs.insert(org.slug);
    }
    assert_eq!(slugs.len(), 10);
}

async fn a_stronger_hash_replaces_a_weaker_one<I: Accounts>(identity: &I) {
    let bob = sign_up(identity, "bob").await;
    identity.rehash(bob.user.id, &password("stronger")).await.unwrap();
    let found = identity.find_by_email(&email("bob")).await.unwrap().unwrap();
    assert_eq!((found.user, found.password_hash), (bob.user, password("stronger")));
    identity.rehash(stranger().1, &password("nobody")).await.unwrap();
}

async fn ended_sessions_stay_ended<I: Accounts>(identity: &I) {
    let eve = sign_up(identity, "eve").await;
    identity.end_sessions(eve.user.id, time(7_000)).await.unwrap();
    let valid_after = |user: Option<crate::identity::User>| user.unwrap().sessions_valid_after;
    assert_eq!(valid_after(identity.find_user(eve.user.id).await.unwrap()), time(7_000));
    // A clock that lags must not open old sessions again.
    identity.end_sessions(eve.user.id, time(5_000)).await.unwrap();
    assert_eq!(valid_after(identity.find_user(eve.user.id).await.unwrap()), time(7_000));
    identity.end_sessions(stranger().1, time(1)).await.unwrap();
}

async fn a_user_belongs_where_they_were_invited<I: Accounts + Invites>(identity: &I) {
    let (host, guest) = (sign_up(identity, "host").await, sign_up(identity, "guest").await);
    assert_eq!(join(identity, &host, "guest", Role::Viewer).await, guest.user.id);
    let places = identity.memberships(guest.user.id).await.unwrap();
    let places: Vec<_> = places.iter().map(|place| (place.org.id, place.role)).collect();
    assert_eq!(places, [(guest.org, Role::Owner), (host.org, Role::Viewer)], "the oldest first");
    let (user, place) = identity.find_member(host.org, guest.user.id).await.unwrap().unwrap();
    assert_eq!((user.id, place.org.id, place.role), (guest.user.id, host.org, Role::Viewer));
    assert_eq!(identity.find_member(guest.org, host.user.id).await.unwrap(), None);
}
