use futures_util::future::join_all;
use uuid::Uuid;

use super::{CROWD, email, join, never, new_invite, password, sign_up, stranger};
use crate::identity::{Invite, InviteId, Role, SecretHash};
use crate::ports::{Acceptance, Accounts, InviteOutcome, Invites, NewInvite, Orgs, Projects, SignedUp};
use crate::testing::time;

/// What every [`Invites`] promises. The store is empty.
pub async fn invites_contract<I: Accounts + Orgs + Projects + Invites>(identity: &I) {
    an_invite_is_found_by_its_token(identity).await;
    a_new_invite_replaces_the_one_before(identity).await;
    a_renewed_invite_has_another_token(identity).await;
    members_and_open_invites_share_the_seats(identity).await;
    an_invite_is_accepted_once(identity).await;
    a_known_user_keeps_their_password(identity).await;
    an_expired_invite_opens_nothing(identity).await;
    one_invite_accepted_at_once_makes_one_member(identity).await;
    the_last_seat_is_taken_once(identity).await;
    invites_sent_at_once_stay_within_the_seats(identity).await;
}

async fn create(invites: &dyn Invites, owner: &SignedUp, new: NewInvite) -> Invite {
    match invites.create_invite(owner.org, new, None, time(0)).await.unwrap() {
        InviteOutcome::Created(invite) => invite,
        other => panic!("{other:?}"),
    }
}

async fn an_invite_is_found_by_its_token<I: Accounts + Invites>(identity: &I) {
    let (ours, theirs) = (sign_up(identity, "ours").await, sign_up(identity, "theirs").await);
    let invite = create(identity, &ours, new_invite(&ours, "find", Role::Admin)).await;
    assert_eq!((invite.org, &invite.email, invite.role), (ours.org, &email("find"), Role::Admin));
    assert_eq!((invite.invited_by, invite.expires_at), (ours.user.id, never()));
    assert_eq!(identity.find_invite(&SecretHash::of("find")).await.unwrap(), Some(invite.clone()));
    assert_eq!(identity.find_invite(&SecretHash::of("other")).await.unwrap(), None);
    assert_eq!(identity.list_invites(ours.org, time(0)).await.unwrap(), std::slice::from_ref(&invite));
    assert_eq!(identity.list_invites(theirs.org, time(0)).await.unwrap(), []);
    assert!(!identity.delete_invite(theirs.org, invite.id).await.unwrap());
    assert!(identity.delete_invite(ours.org, invite.id).await.unwrap());
    assert!(!identity.delete_invite(ours.org, invite.id).await.unwrap());
    assert_eq!(identity.find_invite(&SecretHash::of("find")).await.unwrap(), None);
}

async fn a_new_invite_replaces_the_one_before<I: Accounts + Invites>(identity: &I) {
    let owner = sign_up(identity, "replace-owner").await;
    create(identity, &owner, new_invite(&owner, "replaced", Role::Admin)).await;
    let again = NewInvite { token: SecretHash::of("again"), ..new_invite(&owner, "replaced", Role::Viewer) };
    let again = create(identity, &owner, again).await;
    assert_eq!(identity.list_invites(owner.org, time(0)).await.unwrap(), [again]);
    assert_eq!(identity.find_invite(&SecretHash::of("replaced")).await.unwrap(), None);
}

async fn a_renewed_invite_has_another_token<I: Accounts + Invites>(identity: &I) {
    let owner = sign_up(identity, "renew-owner").await;
    let invite = create(identity, &owner, new_invite(&owner, "renewed", Role::Member)).await;
    let token = SecretHash::of("fresh");
    assert_eq!(identity.renew_invite(stranger().0, invite.id, &token).await.unwrap(), None);
    assert_eq!(identity.renew_invite(owner.org, invite.id, &token).await.unwrap(), Some(invite.clone()));
    assert_eq!(identity.find_invite(&token).await.unwrap(), Some(invite));
    assert_eq!(identity.find_invite(&SecretHash::of("renewed")).await.unwrap(), None);
    let missing = InviteId(Uuid::from_u128(404));
    assert_eq!(identity.renew_invite(owner.org, missing, &SecretHash::of("x")).await.unwrap(), None);
}

async fn members_and_open_invites_share_the_seats<I: Accounts + Invites>(identity: &I) {
    let owner = sign_up(identity, "seat-owner").await;
    let invite = async |name: &str, expires_at, limit| {
        let new = NewInvite { expires_at, ..new_invite(&owner, name, Role::Member) };
        identity.create_invite(owner.org, new, limit, time(0)).await.unwrap()
    };
    assert_eq!(invite("seat1", never(), Some(1)).await, InviteOutcome::LimitReached);
    assert!(matches!(invite("seat1", never(), Some(2)).await, InviteOutcome::Created(_)));
    assert_eq!(invite("seat2", never(), Some(2)).await, InviteOutcome::LimitReached);
    // To ask the same person again takes no other seat.
    assert!(matches!(invite("seat1", time(-1), Some(2)).await, InviteOutcome::Created(_)));
    // An invite that has expired holds no seat.
    assert!(matches!(invite("seat2", never(), Some(2)).await, InviteOutcome::Created(_)));
    assert_eq!(identity.list_invites(owner.org, time(0)).await.unwrap().len(), 1);
    assert_eq!(invite("seat-owner", never(), None).await, InviteOutcome::AlreadyMember);
}

async fn an_invite_is_accepted_once<I: Accounts + Projects + Orgs + Invites>(identity: &I) {
    let owner = sign_up(identity, "once-owner").await;
    create(identity, &owner, new_invite(&owner, "once", Role::Viewer)).await;
    let accept = || async {
        identity.accept(&SecretHash::of("once"), "Once", &password("once"), Some(2), time(0)).await.unwrap()
    };
    let Acceptance::Joined { user, org, project, role } = accept().await else { panic!("not joined") };
    assert_eq!((org, project, role), (owner.org, owner.project, Role::Viewer));
    assert_eq!((&user.email, user.name.as_str()), (&email("once"), "Once"));
    let stored = identity.find_by_email(&email("once")).await.unwrap().unwrap();
    assert_eq!((stored.user, stored.password_hash), (user.clone(), password("once")));
    let place = identity.find_member(owner.org, user.id).await.unwrap().unwrap().1;
    assert_eq!(place.role, Role::Viewer);
    assert_eq!(identity.memberships(user.id).await.unwrap().len(), 1, "no organisation of their own");
    assert_eq!(identity.list_invites(owner.org, time(0)).await.unwrap(), []);
    assert_eq!(accept().await, Acceptance::Unknown);
}

async fn a_known_user_keeps_their_password<I: Accounts + Invites>(identity: &I) {
    let (owner, known) = (sign_up(identity, "pass-owner").await, sign_up(identity, "pass").await);
    create(identity, &owner, new_invite(&owner, "pass", Role::Admin)).await;
    let outcome =
        identity.accept(&SecretHash::of("pass"), "Other Name", &password("other"), None, time(0)).await;
    assert!(matches!(outcome.unwrap(), Acceptance::Joined { user, .. } if user == known.user));
    let stored = identity.find_by_email(&email("pass")).await.unwrap().unwrap();
    assert_eq!((stored.user, stored.password_hash), (known.user, password("pass")));
}

async fn an_expired_invite_opens_nothing<I: Accounts + Invites>(identity: &I) {
    let owner = sign_up(identity, "old-owner").await;
    let new = NewInvite { expires_at: time(1_000), ..new_invite(&owner, "old", Role::Member) };
    create(identity, &owner, new).await;
    let token = SecretHash::of("old");
    let accept = |millis| identity.accept(&token, "", "hash", None, time(millis));
    assert_eq!(accept(1_000).await.unwrap(), Acceptance::Expired);
    assert!(identity.find_by_email(&email("old")).await.unwrap().is_none(), "no user was made");
    assert!(identity.find_invite(&token).await.unwrap().is_some(), "expired, and still found");
    assert!(matches!(accept(999).await.unwrap(), Acceptance::Joined { .. }));
}

async fn one_invite_accepted_at_once_makes_one_member<I: Accounts + Orgs + Invites>(identity: &I) {
    let owner = sign_up(identity, "crowd-owner").await;
    create(identity, &owner, new_invite(&owner, "crowd", Role::Member)).await;
    let token = SecretHash::of("crowd");
    let hashes: Vec<String> = (0..CROWD).map(|number| password(&number.to_string())).collect();
    let crowd = hashes.iter().map(|hash| identity.accept(&token, "", hash, None, time(0)));
    let outcomes: Vec<_> = join_all(crowd).await.into_iter().map(Result::unwrap).collect();
    let joined = outcomes.iter().filter(|outcome| matches!(outcome, Acceptance::Joined { .. })).count();
    let refused = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Acceptance::Unknown | Acceptance::AlreadyMember))
        .count();
    assert_eq!((joined, refused), (1, CROWD - 1));
    assert_eq!(identity.list_members(owner.org).await.unwrap().len(), 2);
}

async fn the_last_seat_is_taken_once<I: Accounts + Orgs + Invites>(identity: &I) {
    let owner = sign_up(identity, "last-owner").await;
    join(identity, &owner, "last-member", Role::Member).await;
    let names: Vec<String> = (0..CROWD).map(|number| format!("last{number}")).collect();
    for name in &names {
        create(identity, &owner, new_invite(&owner, name, Role::Member)).await;
    }
    let tokens: Vec<SecretHash> = names.iter().map(|name| SecretHash::of(name)).collect();
    let crowd = tokens.iter().map(|token| identity.accept(token, "", "hash", Some(3), time(0)));
    let outcomes: Vec<_> = join_all(crowd).await.into_iter().map(Result::unwrap).collect();
    let joined = outcomes.iter().filter(|outcome| matches!(outcome, Acceptance::Joined { .. })).count();
    let full = outcomes.iter().filter(|outcome| **outcome == Acceptance::LimitReached).count();
    assert_eq!((joined, full), (1, CROWD - 1));
    assert_eq!(identity.list_members(owner.org).await.unwrap().len(), 3);
    let mut users = 0;
    for name in &names {
        users += usize::from(identity.find_by_email(&email(name)).await.unwrap().is_some());
    }
    assert_eq!(users, 1, "who found no seat got no account either");
    assert_eq!(identity.list_invites(owner.org, time(0)).await.unwrap().len(), CROWD - 1);
}

async fn invites_sent_at_once_stay_within_the_seats<I: Accounts + Invites>(identity: &I) {
    let owner = sign_up(identity, "send-owner").await;
    let crowd = (0..CROWD).map(|number| {
        let new = new_invite(&owner, &format!("send{number}"), Role::Member);
        identity.create_invite(owner.org, new, Some(5), time(0))
    });
    let outcomes = join_all(crowd).await;
    let created = outcomes.into_iter().filter(|outcome| matches!(outcome, Ok(InviteOutcome::Created(_))));
    assert_eq!(created.count(), 4);
    assert_eq!(identity.list_invites(owner.org, time(0)).await.unwrap().len(), 4);
}
