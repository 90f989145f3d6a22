use futures_util::future::join_all;

use super::{CROWD, email, join, sign_up, stranger};
use crate::identity::{Plan, Role};
use crate::ports::{Accounts, Invites, MemberChange, Orgs};
use crate::testing::time;

/// What every [`Orgs`] promises. The store is empty.
pub async fn orgs_contract<I: Accounts + Orgs + Invites>(identity: &I) {
    organisations_come_in_pages(identity).await;
    members_are_listed_as_they_joined(identity).await;
    an_organisation_keeps_an_owner(identity).await;
    only_owners_decide_about_owners(identity).await;
    owners_that_leave_at_once_leave_one(identity).await;
    who_is_removed_is_out_at_once(identity).await;
    a_plan_changes_and_says_what_it_was(identity).await;
    a_webhook_counts_once(identity).await;
    a_late_webhook_changes_no_plan(identity).await;
}

async fn organisations_come_in_pages<I: Accounts + Orgs>(identity: &I) {
    assert_eq!(identity.list_orgs(None, 10).await.unwrap(), []);
    for number in 0..5 {
        sign_up(identity, &format!("page{number}")).await;
    }
    let all = identity.list_orgs(None, 10).await.unwrap();
    assert_eq!(all.len(), 5);
    assert!(all.is_sorted_by_key(|org| org.id));
    let first = identity.list_orgs(None, 2).await.unwrap();
    let second = identity.list_orgs(Some(first[1].id), 2).await.unwrap();
    let last = identity.list_orgs(Some(second[1].id), 2).await.unwrap();
    assert_eq!([first, second, last].concat(), all);
    assert_eq!(identity.find_org(stranger().0).await.unwrap(), None);
}

async fn members_are_listed_as_they_joined<I: Accounts + Orgs + Invites>(identity: &I) {
    let owner = sign_up(identity, "list-owner").await;
    join(identity, &owner, "list-admin", Role::Admin).await;
    join(identity, &owner, "list-member", Role::Member).await;
    let members = identity.list_members(owner.org).await.unwrap();
    let names: Vec<_> = members.iter().map(|member| (member.name.as_str(), member.role)).collect();
    assert_eq!(
        names,
        [("list-owner", Role::Owner), ("list-admin", Role::Admin), ("list-member", Role::Member)]
    );
    assert_eq!((members[0].id, &members[0].email), (owner.user.id, &owner.user.email));
    assert_eq!(identity.admins(owner.org).await.unwrap(), [email("list-owner"), email("list-admin")]);
    let no_org = stranger().0;
    assert_eq!(identity.list_members(no_org).await.unwrap(), []);
    assert_eq!(identity.admins(no_org).await.unwrap(), []);
}

async fn an_organisation_keeps_an_owner<I: Accounts + Orgs + Invites>(identity: &I) {
    let owner = sign_up(identity, "keep-owner").await;
    let second = join(identity, &owner, "keep-second", Role::Member).await;
    let demote = |user| identity.set_role(owner.org, user, Role::Admin, Role::Owner);
    assert_eq!(demote(owner.user.id).await.unwrap(), MemberChange::LastOwner);
    let remove = identity.remove_member(owner.org, owner.user.id, Role::Owner, time(0));
    assert_eq!(remove.await.unwrap(), MemberChange::LastOwner);
    let still = identity.set_role(owner.org, owner.user.id, Role::Owner, Role::Owner).await.unwrap();
    assert!(matches!(still, MemberChange::Done(member) if member.role == Role::Owner));
    let promoted = identity.set_role(owner.org, second, Role::Owner, Role::Owner).await.unwrap();
    assert!(
        matches!(promoted, MemberChange::Done(member) if (member.id, member.role) == (second, Role::Owner))
    );
    assert!(matches!(demote(owner.user.id).await.unwrap(), MemberChange::Done(_)));
    assert_eq!(demote(second).await.unwrap(), MemberChange::LastOwner);
}

async fn only_owners_decide_about_owners<I: Accounts + Orgs + Invites>(identity: &I) {
    let owner = sign_up(identity, "rank-owner").await;
    let member = join(identity, &owner, "rank-member", Role::Member).await;
    let set = |user, role| identity.set_role(owner.org, user, role, Role::Admin);
    assert_eq!(set(member, Role::Owner).await.unwrap(), MemberChange::OwnersOnly);
    assert_eq!(set(owner.user.id, Role::Viewer).await.unwrap(), MemberChange::OwnersOnly);
    let remove = identity.remove_member(owner.org, owner.user.id, Role::Admin, time(0));
    assert_eq!(remove.await.unwrap(), MemberChange::OwnersOnly);
    let viewer = set(member, Role::Viewer).await.unwrap();
    assert!(matches!(viewer, MemberChange::Done(member) if member.role == Role::Viewer));
    let (no_org, nobody) = stranger();
    assert_eq!(set(nobody, Role::Viewer).await.unwrap(), MemberChange::Missing);
    let elsewhere = identity.set_role(no_org, member, Role::Viewer, Role::Owner);
    assert_eq!(elsewhere.await.unwrap(), MemberChange::Missing);
}

async fn owners_that_leave_at_once_leave_one<I: Accounts + Orgs + Invites>(identity: &I) {
    let owner = sign_up(identity, "race-owner").await;
    let mut owners = vec![owner.user.id];
    for number in 0..7 {
        owners.push(join(identity, &owner, &format!("race-owner{number}"), Role::Owner).await);
    }
    // Connections that must be opened first would let one follow the other.
    join_all((0..CROWD).map(|_| identity.list_members(owner.org))).await;
    let leaving = owners.iter().map(|user| identity.remove_member(owner.org, *user, Role::Owner, time(1)));
    let outcomes = join_all(leaving).await;
    let refused = outcomes.iter().filter(|outcome| *outcome.as_ref().unwrap() == MemberChange::LastOwner);
    assert_eq!(refused.count(), 1);
    assert_eq!(identity.list_members(owner.org).await.unwrap().len(), 1);
}

async fn who_is_removed_is_out_at_once<I: Accounts + Orgs + Invites>(identity: &I) {
    let owner = sign_up(identity, "out-owner").await;
    let member = join(identity, &owner, "out-member", Role::Member).await;
    let remove = || identity.remove_member(owner.org, member, Role::Admin, time(9_000));
    let removed = remove().await.unwrap();
    assert!(matches!(removed, MemberChange::Done(member) if member.name == "out-member"));
    assert_eq!(remove().await.unwrap(), MemberChange::Missing);
    assert_eq!(identity.find_member(owner.org, member).await.unwrap(), None);
    let user = identity.find_user(member).await.unwrap().unwrap();
    assert_eq!(user.sessions_valid_after, time(9_000));
}

async fn a_plan_changes_and_says_what_it_was<I: Accounts + Orgs>(identity: &I) {
    let owner = sign_up(identity, "plan-owner").await;
    assert_eq!(identity.set_plan(owner.org, Plan::Team).await.unwrap(), Some(Plan::Free));
    assert_eq!(identity.set_plan(owner.org, Plan::Pro).await.unwrap(), Some(Plan::Team));
    assert_eq!(identity.find_org(owner.org).await.unwrap().unwrap().plan, Plan::Pro);
    assert_eq!(identity.set_plan(stranger().0, Plan::Pro).await.unwrap(), None);
}

async fn a_webhook_counts_once<I: Accounts + Orgs>(identity: &I) {
    let owner = sign_up(identity, "hook-owner").await;
    let change = Some((owner.org, Plan::Pro));
    let crowd = (0..CROWD).map(|_| identity.apply_webhook("hook-1", change, time(0)));
    let outcomes = join_all(crowd).await;
    assert_eq!(outcomes.into_iter().filter(|outcome| *outcome.as_ref().unwrap()).count(), 1);
    assert_eq!(identity.find_org(owner.org).await.unwrap().unwrap().plan, Plan::Pro);
    // Repeated after the plan changed otherwise, it has no effect.
    identity.set_plan(owner.org, Plan::Team).await.unwrap();
    assert!(!identity.apply_webhook("hook-1", change, time(0)).await.unwrap());
    assert_eq!(identity.find_org(owner.org).await.unwrap().unwrap().plan, Plan::Team);
    assert!(identity.apply_webhook("hook-nothing", None, time(0)).await.unwrap());
    assert!(!identity.apply_webhook("hook-nothing", change, time(0)).await.unwrap());
    let unknown = Some((stranger().0, Plan::Pro));
    assert!(identity.apply_webhook("hook-unknown", unknown, time(0)).await.unwrap());
}

async fn a_late_webhook_changes_no_plan<I: Accounts + Orgs>(identity: &I) {
    let owner = sign_up(identity, "late-owner").await;
    let plan = async || identity.find_org(owner.org).await.unwrap().unwrap().plan;
    let apply = async |id: &str, to, at| {
        assert!(identity.apply_webhook(id, Some((owner.org, to)), time(at)).await.unwrap());
    };
    apply("late-2", Plan::Free, 2_000).await;
    apply("late-1", Plan::Pro, 1_000).await;
    assert_eq!(plan().await, Plan::Free, "sent before the one that was handled");
    apply("late-3", Plan::Team, 2_000).await;
    assert_eq!(plan().await, Plan::Team, "sent in the same moment");
}
