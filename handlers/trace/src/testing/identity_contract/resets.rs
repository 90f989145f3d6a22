use futures_util::future::join_all;

use super::{CROWD, email, password, sign_up};
use crate::identity::SecretHash;
use crate::ports::{Accounts, Resets};
use crate::testing::time;

/// What every [`Resets`] promises. The store is empty.
pub async fn resets_contract<I: Accounts + Resets>(identity: &I) {
    a_reset_sets_the_password_once(identity).await;
    a_new_reset_ends_the_one_before(identity).await;
    an_expired_reset_sets_nothing(identity).await;
    a_reset_used_at_once_is_used_once(identity).await;
    resets_asked_for_at_once_leave_one(identity).await;
}

async fn hash_of<I: Accounts>(identity: &I, name: &str) -> String {
    identity.find_by_email(&email(name)).await.unwrap().unwrap().password_hash
}

async fn a_reset_sets_the_password_once<I: Accounts + Resets>(identity: &I) {
    let (ann, bob) = (sign_up(identity, "ann").await.user, sign_up(identity, "bob").await.user);
    let token = SecretHash::of("reset");
    identity.create_reset(ann.id, &token, time(3_600_000)).await.unwrap();
    let unknown = identity.use_reset(&SecretHash::of("other"), &password("new"), time(0)).await.unwrap();
    assert_eq!(unknown, None);
    assert_eq!(hash_of(identity, "ann").await, password("ann"));
    let used = || identity.use_reset(&token, "new", time(5_000));
    assert_eq!(used().await.unwrap(), Some(ann.id));
    assert_eq!(hash_of(identity, "ann").await, "new");
    let valid_after = identity.find_user(ann.id).await.unwrap().unwrap().sessions_valid_after;
    assert_eq!(valid_after, time(5_000), "older sessions are refused");
    assert_eq!(used().await.unwrap(), None, "a token is used up");
    assert_eq!(hash_of(identity, "bob").await, password("bob"));
    assert_eq!(identity.find_user(bob.id).await.unwrap(), Some(bob));
}

async fn a_new_reset_ends_the_one_before<I: Accounts + Resets>(identity: &I) {
    let user = sign_up(identity, "twice").await.user.id;
    let (first, second) = (SecretHash::of("first"), SecretHash::of("second"));
    identity.create_reset(user, &first, time(3_600_000)).await.unwrap();
    identity.create_reset(user, &second, time(3_600_000)).await.unwrap();
    assert_eq!(identity.use_reset(&first, "first", time(0)).await.unwrap(), None);
    assert_eq!(identity.use_reset(&second, "second", time(0)).await.unwrap(), Some(user));
    // A used one is replaced by a new one like any other.
    identity.create_reset(user, &SecretHash::of("third"), time(3_600_000)).await.unwrap();
    assert_eq!(identity.use_reset(&SecretHash::of("third"), "third", time(0)).await.unwrap(), Some(user));
    assert_eq!(hash_of(identity, "twice").await, "third");
}

async fn an_expired_reset_sets_nothing<I: Accounts + Resets>(identity: &I) {
    let user = sign_up(identity, "slow").await.user.id;
    let token = SecretHash::of("slow");
    identity.create_reset(user, &token, time(1_000)).await.unwrap();
    assert_eq!(identity.use_reset(&token, "late", time(1_000)).await.unwrap(), None);
    assert_eq!(hash_of(identity, "slow").await, password("slow"));
}

async fn a_reset_used_at_once_is_used_once<I: Accounts + Resets>(identity: &I) {
    let user = sign_up(identity, "crowd").await.user.id;
    let token = SecretHash::of("crowd");
    identity.create_reset(user, &token, time(1_000)).await.unwrap();
    let hashes: Vec<String> = (0..CROWD).map(|number| number.to_string()).collect();
    let outcomes = join_all(hashes.iter().map(|hash| identity.use_reset(&token, hash, time(0)))).await;
    let winners: Vec<&String> = outcomes
        .iter()
        .zip(&hashes)
        .filter(|(outcome, _)| *outcome.as_ref().unwrap() == Some(user))
        .map(|(_, hash)| hash)
        .collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(hash_of(identity, "crowd").await, *winners[0]);
}

async fn resets_asked_for_at_once_leave_one<I: Accounts + Resets>(identity: &I) {
    let user = sign_up(identity, "many").await.user.id;
    let tokens: Vec<SecretHash> = (0..CROWD).map(|number| SecretHash::of(&format!("many{number}"))).collect();
    let asked = join_all(tokens.iter().map(|token| identity.create_reset(user, token, time(1_000)))).await;
    assert!(asked.iter().all(Result::is_ok));
    let mut valid = 0;
    for token in &tokens {
        valid += usize::from(identity.use_reset(token, "new", time(0)).await.unwrap().is_some());
    }
    assert_eq!(valid, 1);
}
