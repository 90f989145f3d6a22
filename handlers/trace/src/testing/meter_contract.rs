//! What every [`Meter`] promises.

use futures_util::future::join_all;
use uuid::Uuid;

use super::fixtures::{span_keys, time};
use crate::id::{OrgId, ProjectId, Scope};
use crate::ports::{Meter, Reservation, Usage};
use crate::time::Timestamp;

/// What every [`Meter`] promises. All are of one empty store, as several processes have them.
pub async fn meter_contract(meters: &[&dyn Meter]) {
    let meter = meters[0];
    reservations_fit_below_the_limit(meter).await;
    what_was_not_created_is_given_back(meter).await;
    what_is_in_doubt_is_given_back_and_can_be_settled(meter).await;
    a_month_begins_at_nothing(meter).await;
    other_counts_add_up(meter).await;
    a_notice_is_due_once_a_month(meters).await;
    a_forgotten_project_stores_nothing(meter).await;
    reservations_of_many_never_pass_the_limit(meters).await;
}

fn scope(org: u128, project: u128) -> Scope {
    Scope { org: OrgId(Uuid::from_u128(org)), project: ProjectId(Uuid::from_u128(project)) }
}

/// The first moment of February 2025 in UTC.
fn february() -> Timestamp {
    time(31 * 86_400_000)
}

async fn spans(meter: &dyn Meter, org: u128, now: Timestamp) -> u64 {
    meter.usage(OrgId(Uuid::from_u128(org)), now).await.unwrap().spans
}

/// Reserves spans whose names nobody asks for.
async fn reserve(
    meter: &dyn Meter,
    scope: Scope,
    wanted: usize,
    limit: Option<u64>,
    now: Timestamp,
) -> Reservation {
    meter.reserve(&scope, &span_keys(wanted), limit, now).await.unwrap()
}

fn created(spans: u64) -> Usage {
    Usage { spans, ..Usage::default() }
}

async fn reservations_fit_below_the_limit(meter: &dyn Meter) {
    let (one, other) = (scope(1, 1), scope(1, 2));
    assert_eq!(meter.usage(one.org, time(0)).await.unwrap(), Usage::default());
    let reserve =
        |scope, wanted, limit| async move { reserve(meter, scope, wanted, limit, time(0)).await.spans };
    assert_eq!(reserve(one, 0, Some(10)).await, 0);
    assert_eq!(reserve(one, 4, Some(10)).await, 4);
    assert_eq!(reserve(other, 4, Some(10)).await, 4, "the projects of an organisation share its limit");
    assert_eq!(reserve(one, 4, Some(10)).await, 2, "what fits is given");
    assert_eq!(reserve(one, 4, Some(10)).await, 0);
    assert_eq!(spans(meter, 1, time(0)).await, 10);
    assert_eq!(reserve(one, 4, Some(12)).await, 2, "a larger plan holds at once");
    assert_eq!(reserve(one, 4, Some(5)).await, 0, "and so does a smaller one");
    assert_eq!(reserve(one, 20_000, None).await, 20_000);
    assert_eq!(spans(meter, 1, time(0)).await, 20_012);
    assert_eq!(reserve(scope(2, 3), 100, Some(10)).await, 10, "the first reservation is limited, too");
    assert_eq!(reserve(scope(3, 4), 100, Some(0)).await, 0);
    assert_eq!(reserve(scope(3, 4), 100, None).await, 100);
}

async fn what_was_not_created_is_given_back(meter: &dyn Meter) {
    let tenant = scope(10, 1);
    let first = reserve(meter, tenant, 10, Some(10), time(0)).await;
    meter.settle(&tenant, &first, created(7)).await.unwrap();
    assert_eq!(spans(meter, 10, time(0)).await, 7);
    meter.settle(&tenant, &first, created(7)).await.unwrap();
    meter.settle(&tenant, &first, created(0)).await.unwrap();
    meter.release(&tenant, &first).await.unwrap();
    assert_eq!(spans(meter, 10, time(0)).await, 7, "what is settled stays");
    let second = reserve(meter, tenant, 10, Some(10), time(0)).await;
    assert_ne!(second.id, first.id);
    assert_eq!(second.spans, 3);
    meter.settle(&tenant, &second, created(0)).await.unwrap();
    assert_eq!(spans(meter, 10, time(0)).await, 7);
    // Spans that were deleted beside the write can make more new than were reserved.
    let third = reserve(meter, tenant, 1, Some(10), time(0)).await;
    meter.settle(&tenant, &third, created(2)).await.unwrap();
    assert_eq!(spans(meter, 10, time(0)).await, 9);
}

async fn what_is_in_doubt_is_given_back_and_can_be_settled(meter: &dyn Meter) {
    let tenant = scope(15, 1);
    let lost = reserve(meter, tenant, 8, Some(10), time(0)).await;
    meter.release(&tenant, &lost).await.unwrap();
    meter.release(&tenant, &lost).await.unwrap();
    assert_eq!(spans(meter, 15, time(0)).await, 0, "given back once");
    let again = reserve(meter, tenant, 8, Some(10), time(0)).await;
    assert_eq!(again.spans, 8);
    let more = Usage { traces: 1, storage_bytes: 5, ..created(6) };
    meter.settle(&tenant, &lost, more).await.unwrap();
    meter.settle(&tenant, &again, created(2)).await.unwrap();
    let wanted = Usage { spans: 8, traces: 1, storage_bytes: 5, ..Usage::default() };
    assert_eq!(meter.usage(tenant.org, time(0)).await.unwrap(), wanted);
}

async fn a_month_begins_at_nothing(meter: &dyn Meter) {
    let tenant = scope(20, 1);
    let last = february().minus_micros(1);
    let first = reserve(meter, tenant, 10, Some(10), last).await;
    assert_eq!(first.spans, 10);
    assert_eq!(reserve(meter, tenant, 1, Some(10), last).await.spans, 0);
    assert_eq!(reserve(meter, tenant, 8, Some(10), february()).await.spans, 8);
    assert_eq!((spans(meter, 20, time(0)).await, spans(meter, 20, february()).await), (10, 8));
    // What was reserved in one month is given back to that one.
    meter.settle(&tenant, &first, created(6)).await.unwrap();
    assert_eq!((spans(meter, 20, time(0)).await, spans(meter, 20, february()).await), (6, 8));
}

async fn other_counts_add_up(meter: &dyn Meter) {
    let (one, other) = (scope(30, 1), scope(30, 2));
    let more = Usage { spans: 0, traces: 2, eval_runs: 1, storage_bytes: 1_000 };
    meter.add(&one, more, time(0)).await.unwrap();
    meter.add(&other, more, time(0)).await.unwrap();
    meter.add(&one, Usage::default(), time(0)).await.unwrap();
    reserve(meter, one, 5, None, time(0)).await;
    let wanted = Usage { spans: 5, traces: 4, eval_runs: 2, storage_bytes: 2_000 };
    assert_eq!(meter.usage(one.org, time(0)).await.unwrap(), wanted);
    // What is stored stays stored when the month ends.
    let next = Usage { storage_bytes: 2_000, ..Usage::default() };
    assert_eq!(meter.usage(one.org, february()).await.unwrap(), next);
    let crowd = (0..50).map(|_| meter.add(&one, more, february()));
    assert!(join_all(crowd).await.iter().all(Result::is_ok));
    let wanted = Usage { spans: 0, traces: 100, eval_runs: 50, storage_bytes: 52_000 };
    assert_eq!(meter.usage(one.org, february()).await.unwrap(), wanted);
}

async fn a_notice_is_due_once_a_month(meters: &[&dyn Meter]) {
    let org = scope(40, 1).org;
    let crowd = (0..50).map(|at| meters[at % meters.len()].first_notice(org, 80, time(0)));
    let first = join_all(crowd).await.into_iter().filter(|outcome| *outcome.as_ref().unwrap());
    assert_eq!(first.count(), 1);
    assert!(meters[0].first_notice(org, 100, time(0)).await.unwrap(), "another percentage");
    assert!(meters[0].first_notice(scope(41, 1).org, 80, time(0)).await.unwrap(), "another organisation");
    assert!(meters[0].first_notice(org, 80, february()).await.unwrap(), "another month");
    assert!(!meters[0].first_notice(org, 80, february()).await.unwrap());
}

async fn a_forgotten_project_stores_nothing(meter: &dyn Meter) {
    let (one, other) = (scope(50, 1), scope(50, 2));
    reserve(meter, one, 5, None, time(0)).await;
    for scope in [one, other] {
        let more = Usage { traces: 1, storage_bytes: 700, ..Usage::default() };
        meter.add(&scope, more, time(0)).await.unwrap();
    }
    meter.forget_project(one.org, one.project).await.unwrap();
    meter.forget_project(one.org, one.project).await.unwrap();
    let wanted = Usage { spans: 5, traces: 2, eval_runs: 0, storage_bytes: 700 };
    assert_eq!(meter.usage(one.org, time(0)).await.unwrap(), wanted);
}

async fn reservations_of_many_never_pass_the_limit(meters: &[&dyn Meter]) {
    let scopes = [scope(60, 1), scope(60, 2)];
    let crowd = (0..100_u64).map(|at| {
        let place = usize::try_from(at).unwrap();
        let meter = meters[place % meters.len()];
        let wanted = usize::try_from(1 + at % 7).unwrap();
        async move { reserve(meter, scopes[place % 2], wanted, Some(100), time(0)).await.spans }
    });
    let given: u64 = join_all(crowd).await.into_iter().sum();
    assert_eq!(given, 100, "exactly what fits, to the last one");
    assert_eq!(spans(meters[0], 60, time(0)).await, 100);
}
