//! What identity in Postgres does beyond its ports.

use crate::support::Schema;
use adapter_postgres::PostgresIdentity;
use trace::identity::{ApiKeyText, Email, Permissions, Role, SecretHash};
use trace::ports::{
    Accounts, ApiKeys, Invites, NewAccount, NewApiKey, NewInvite, Orgs, Projects, Resets, SignedUp,
};
use trace::testing::time;

async fn sign_up(identity: &PostgresIdentity, name: &str) -> SignedUp {
    let account = NewAccount {
        email: Email::parse(&format!("{name}@example.com")).unwrap(),
        name: format!("{name}\0"),
        password_hash: "hash".to_owned(),
        org_name: format!("{name}\0's Org"),
        org_slug: name.to_owned(),
    };
    identity.sign_up(account).await.unwrap().unwrap()
}

fn new_invite(owner: &SignedUp, name: &str, at: i64) -> NewInvite {
    NewInvite {
        email: Email::parse(&format!("{name}@example.com")).unwrap(),
        role: Role::Member,
        invited_by: owner.user.id,
        token: SecretHash::of(name),
        expires_at: time(at),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_an_organisation_cascades() {
    let (schema, database) = Schema::migrated().await;
    let identity = PostgresIdentity::new(&database);
    let owner = sign_up(&identity, "ann").await;
    let text = ApiKeyText::from_random([1; 24]);
    let key = NewApiKey {
        project: owner.project,
        name: "key".to_owned(),
        prefix: text.prefix().to_owned(),
        hash: text.hash(),
        permissions: Permissions::ALL,
        expires_at: None,
    };
    identity.create_key(owner.org, key.clone(), None).await.unwrap();
    identity.create_invite(owner.org, new_invite(&owner, "bob", 1), None, time(0)).await.unwrap();
    let mut raw = schema.raw().await;
    let delete = "DELETE FROM organizations WHERE id = $1";
    sqlx::query(delete).bind(owner.org.0).execute(&mut raw).await.unwrap();
    assert_eq!(identity.list_projects(owner.org).await.unwrap(), []);
    assert_eq!(identity.find_keys(text.prefix()).await.unwrap().len(), 0);
    assert_eq!(identity.find_invite(&SecretHash::of("bob")).await.unwrap(), None);
    assert_eq!(identity.memberships(owner.user.id).await.unwrap(), []);
    assert!(identity.find_user(owner.user.id).await.unwrap().is_some(), "people stay");
    assert!(identity.create_key(owner.org, key, None).await.is_err(), "no key without a project");
    database.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_no_project_of_another_organisation() {
    let (schema, database) = Schema::migrated().await;
    let identity = PostgresIdentity::new(&database);
    let (ours, theirs) = (sign_up(&identity, "ours").await, sign_up(&identity, "theirs").await);
    let text = ApiKeyText::from_random([1; 24]);
    let key = NewApiKey {
        project: theirs.project,
        name: "key".to_owned(),
        prefix: text.prefix().to_owned(),
        hash: text.hash(),
        permissions: Permissions::ALL,
        expires_at: None,
    };
    assert!(identity.create_key(ours.org, key, None).await.is_err());
    assert_eq!(identity.find_keys(text.prefix()).await.unwrap().len(), 0);
    database.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_grow_with_time_and_texts_lose_nul() {
    let (schema, database) = Schema::migrated().await;
    let identity = PostgresIdentity::new(&database);
    let (first, second) = (sign_up(&identity, "first").await, sign_up(&identity, "second").await);
    for (a, b) in [
        (first.user.id.0, second.user.id.0),
        (first.org.0, second.org.0),
        (first.project.0, second.project.0),
    ] {
        assert!(a < b && a.get_version_num() == 7 && b.get_version_num() == 7);
    }
    assert_eq!(first.user.name, "first\u{fffd}");
    assert_eq!(identity.find_org(first.org).await.unwrap().unwrap().name, "first\u{fffd}'s Org");
    database.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expired_is_purged() {
    let (schema, database) = Schema::migrated().await;
    let identity = PostgresIdentity::new(&database);
    let owner = sign_up(&identity, "ann").await;
    identity.create_invite(owner.org, new_invite(&owner, "old", 1_000), None, time(0)).await.unwrap();
    identity.create_invite(owner.org, new_invite(&owner, "new", 9_000), None, time(0)).await.unwrap();
    identity.create_reset(owner.user.id, &SecretHash::of("reset"), time(1_000)).await.unwrap();
    assert!(identity.apply_webhook("hook", None, time(0)).await.unwrap());
    assert_eq!(identity.purge(time(5_000)).await.unwrap(), 2);
    assert_eq!(identity.find_invite(&SecretHash::of("old")).await.unwrap(), None);
    assert!(identity.find_invite(&SecretHash::of("new")).await.unwrap().is_some());
    assert!(!identity.apply_webhook("hook", None, time(0)).await.unwrap(), "webhooks are remembered longer");
    database.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_hashes_of_secrets_are_stored() {
    let (schema, database) = Schema::migrated().await;
    let identity = PostgresIdentity::new(&database);
    let owner = sign_up(&identity, "ann").await;
    let text = ApiKeyText::from_random([5; 24]);
    let key = NewApiKey {
        project: owner.project,
        name: "key".to_owned(),
        prefix: text.prefix().to_owned(),
        hash: text.hash(),
        permissions: Permissions::ALL,
        expires_at: None,
    };
    identity.create_key(owner.org, key, None).await.unwrap();
    let mut raw = schema.raw().await;
    let row: String = sqlx::query_scalar("SELECT k::text FROM api_keys k").fetch_one(&mut raw).await.unwrap();
    assert!(row.contains(text.prefix()) && row.contains(text.hash().as_str()));
    assert!(!row.contains(text.reveal()));
    database.close().await;
    schema.drop().await;
}
