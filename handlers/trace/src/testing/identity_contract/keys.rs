use futures_util::future::join_all;
use uuid::Uuid;

use super::{CROWD, sign_up, stranger};
use crate::identity::{ApiKey, ApiKeyId, ApiKeyText, Permission, Permissions};
use crate::ports::{Accounts, ApiKeys, KeyOutcome, NewApiKey, Projects, SignedUp};
use crate::testing::time;

/// What every [`ApiKeys`] promises. The store is empty.
pub async fn api_keys_contract<I: Accounts + Projects + ApiKeys>(identity: &I) {
    a_key_is_found_by_its_first_characters(identity).await;
    permissions_are_kept_one_by_one(identity).await;
    keys_end_with_their_project(identity).await;
    a_key_is_deleted_by_its_organisation_alone(identity).await;
    keys_created_at_once_stay_within_the_limit(identity).await;
    the_last_use_is_kept(identity).await;
}

fn text(number: u8) -> ApiKeyText {
    ApiKeyText::from_random([number; 24])
}

fn new(owner: &SignedUp, text: &ApiKeyText) -> NewApiKey {
    NewApiKey {
        project: owner.project,
        name: "a key".to_owned(),
        prefix: text.prefix().to_owned(),
        hash: text.hash(),
        permissions: Permissions::WRITE,
        expires_at: None,
    }
}

async fn create(keys: &dyn ApiKeys, owner: &SignedUp, new: NewApiKey) -> ApiKey {
    match keys.create_key(owner.org, new, None).await.unwrap() {
        KeyOutcome::Created(key) => key,
        KeyOutcome::LimitReached => panic!("there is no limit"),
    }
}

async fn a_key_is_found_by_its_first_characters<I: Accounts + ApiKeys>(identity: &I) {
    let owner = sign_up(identity, "key-owner").await;
    let (one, other) = (text(1), text(2));
    let expiring = NewApiKey { expires_at: Some(time(1)), ..new(&owner, &one) };
    let key = create(identity, &owner, expiring).await;
    assert_eq!((key.org, key.project, key.name.as_str()), (owner.org, owner.project, "a key"));
    assert_eq!((key.prefix.as_str(), key.permissions), (one.prefix(), Permissions::WRITE));
    assert_eq!((key.last_used_at, key.expires_at), (None, Some(time(1))), "expired keys are found, too");
    // Another key may start alike.
    let twin = create(identity, &owner, NewApiKey { hash: other.hash(), ..new(&owner, &one) }).await;
    let found = identity.find_keys(one.prefix()).await.unwrap();
    assert_eq!(found.len(), 2);
    let matching: Vec<_> = found.iter().filter(|stored| stored.hash.matches(&one.hash())).collect();
    assert_eq!(matching.len(), 1);
    assert_eq!(matching[0].key, key);
    assert_eq!(identity.list_keys(owner.org).await.unwrap(), [key, twin], "the oldest first");
    assert_eq!(identity.find_keys(other.prefix()).await.unwrap().len(), 0);
    assert_eq!(identity.find_keys("").await.unwrap().len(), 0);
}

async fn permissions_are_kept_one_by_one<I: Accounts + ApiKeys>(identity: &I) {
    let owner = sign_up(identity, "scope-owner").await;
    for (number, permission) in (10..).zip(Permission::ALL) {
        let (text, permissions) = (text(number), Permissions::of(&[permission]));
        create(identity, &owner, NewApiKey { permissions, ..new(&owner, &text) }).await;
        let found = identity.find_keys(text.prefix()).await.unwrap();
        assert_eq!(found[0].key.permissions, permissions);
    }
}

async fn keys_end_with_their_project<I: Accounts + Projects + ApiKeys>(identity: &I) {
    let owner = sign_up(identity, "end-owner").await;
    let text = text(30);
    create(identity, &owner, new(&owner, &text)).await;
    assert!(identity.delete_project(owner.org, owner.project).await.unwrap());
    assert_eq!(identity.find_keys(text.prefix()).await.unwrap().len(), 0);
    assert_eq!(identity.list_keys(owner.org).await.unwrap(), []);
    let deleted = crate::id::Scope { org: owner.org, project: owner.project };
    let far_ahead = crate::time::Timestamp::from_micros(4_000_000_000_000_000);
    identity.forget_deleted(&deleted, far_ahead).await.unwrap();
}

async fn a_key_is_deleted_by_its_organisation_alone<I: Accounts + ApiKeys>(identity: &I) {
    let (ours, theirs) = (sign_up(identity, "del-ours").await, sign_up(identity, "del-theirs").await);
    let text = text(40);
    let key = create(identity, &ours, new(&ours, &text)).await;
    assert_eq!(identity.org_of_key(key.id).await.unwrap(), Some(ours.org));
    assert!(!identity.delete_key(theirs.org, key.id).await.unwrap());
    assert_eq!(identity.find_keys(text.prefix()).await.unwrap().len(), 1);
    assert!(identity.delete_key(ours.org, key.id).await.unwrap());
    assert!(!identity.delete_key(ours.org, key.id).await.unwrap());
    assert_eq!(identity.find_keys(text.prefix()).await.unwrap().len(), 0);
    assert_eq!(identity.org_of_key(key.id).await.unwrap(), None);
    assert_eq!(identity.list_keys(stranger().0).await.unwrap(), []);
}

async fn keys_created_at_once_stay_within_the_limit<I: Accounts + ApiKeys>(identity: &I) {
    let owner = sign_up(identity, "limit-owner").await;
    let crowd = (0..CROWD).map(|number| {
        let text = text(u8::try_from(100 + number).unwrap());
        identity.create_key(owner.org, new(&owner, &text), Some(5))
    });
    let outcomes = join_all(crowd).await;
    let created = outcomes.iter().filter(|outcome| matches!(outcome, Ok(KeyOutcome::Created(_))));
    assert_eq!(created.count(), 5);
    assert!(outcomes.iter().all(Result::is_ok));
    let keys = identity.list_keys(owner.org).await.unwrap();
    assert_eq!(keys.len(), 5);
    // A deleted key makes room for another one.
    assert!(identity.delete_key(owner.org, keys[0].id).await.unwrap());
    for wanted in [true, false] {
        let outcome = identity.create_key(owner.org, new(&owner, &text(200)), Some(5)).await.unwrap();
        assert_eq!(matches!(outcome, KeyOutcome::Created(_)), wanted);
    }
}

async fn the_last_use_is_kept<I: Accounts + ApiKeys>(identity: &I) {
    let owner = sign_up(identity, "use-owner").await;
    let (one, other) = (text(50), text(51));
    let one = create(identity, &owner, new(&owner, &one)).await;
    let other = create(identity, &owner, new(&owner, &other)).await;
    identity.touch_keys(&[]).await.unwrap();
    let unknown = ApiKeyId(Uuid::from_u128(404));
    identity.touch_keys(&[(one.id, time(60_000)), (unknown, time(1))]).await.unwrap();
    let used: Vec<_> =
        identity.list_keys(owner.org).await.unwrap().iter().map(|key| (key.id, key.last_used_at)).collect();
    assert_eq!(used, [(one.id, Some(time(60_000))), (other.id, None)]);
    // Many processes note the same keys, each in its own order.
    let notes: Vec<[_; 2]> = (0..20)
        .map(|number| {
            let at = time(120_000 + number);
            if number % 2 == 0 { [(one.id, at), (other.id, at)] } else { [(other.id, at), (one.id, at)] }
        })
        .collect();
    let outcomes = join_all(notes.iter().map(|used| identity.touch_keys(used))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let keys = identity.list_keys(owner.org).await.unwrap();
    assert!(keys.iter().all(|key| key.last_used_at >= Some(time(120_000))));
}
