//! What every [`JobQueue`] promises.

use std::time::Duration;

use super::fixtures::scope;
use crate::json::Json;
use crate::ports::{Clock, JobQueue, Leased, NewJob};
use crate::time::Timestamp;

const LONG: Duration = Duration::from_mins(1);

/// What every [`JobQueue`] promises. `queue` is empty and tells time by `clock`.
pub async fn job_queue_contract(queue: &dyn JobQueue, clock: &dyn Clock) {
    jobs_come_once_oldest_first(queue, clock).await;
    a_job_waits_for_its_time(queue, clock).await;
    a_lease_that_ran_out_is_given_to_another(queue, clock).await;
    a_job_out_of_tries_is_dead(queue, clock).await;
    workers_that_race_share_the_jobs(queue, clock).await;
}

fn job(kind: &str, number: usize, run_at: Timestamp) -> NewJob {
    let payload = Json::from_serialize(&serde_json::json!({ "number": number }));
    NewJob { kind: kind.to_owned(), payload, run_at, max_attempts: 2 }
}

async fn lease(queue: &dyn JobQueue, kind: &str, lease: Duration, limit: usize) -> Vec<Leased> {
    queue.lease(&[kind], lease, limit).await.unwrap()
}

async fn jobs_come_once_oldest_first(queue: &dyn JobQueue, clock: &dyn Clock) {
    let now = clock.now();
    let jobs: Vec<NewJob> = (0..5).map(|number| job("a", number, now.minus_micros(5_000_000))).collect();
    let ids = queue.enqueue(&scope(1), &jobs).await.unwrap();
    let late = queue
        .enqueue(&scope(2), &[job("a", 9, now.minus_micros(9_000_000)), job("b", 0, now)])
        .await
        .unwrap();
    assert_eq!((ids.len(), late.len()), (5, 2));
    let first = lease(queue, "a", LONG, 2).await;
    let leased: Vec<_> = first.iter().map(|leased| &leased.job.id).collect();
    assert_eq!(leased, [&late[0], &ids[0]], "the oldest due time, then the order of arrival");
    assert_eq!((first[0].job.scope, first[1].job.scope), (scope(2), scope(1)));
    assert_eq!((first[0].job.attempt, first[0].job.kind.as_str()), (1, "a"));
    assert_eq!(first[1].job.payload, jobs[0].payload);
    let rest = queue.lease(&["a", "b"], LONG, 100).await.unwrap();
    assert_eq!(rest.len(), 5);
    assert_eq!(lease(queue, "a", LONG, 100).await, []);
    for leased in first.iter().chain(&rest) {
        assert!(queue.complete(leased).await.unwrap());
        assert!(!queue.complete(leased).await.unwrap(), "a job is done once");
    }
    assert_eq!(queue.lease(&["a", "b"], LONG, 100).await.unwrap(), []);
    assert_eq!(queue.lease(&[], LONG, 100).await.unwrap(), []);
    assert_eq!(queue.enqueue(&scope(1), &[]).await.unwrap(), []);
}

async fn a_job_waits_for_its_time(queue: &dyn JobQueue, clock: &dyn Clock) {
    let in_millis = |millis: i64| Timestamp::from_micros(clock.now().as_micros() + millis * 1_000);
    queue.enqueue(&scope(1), &[job("distant", 0, in_millis(3_600_000))]).await.unwrap();
    assert_eq!(lease(queue, "distant", LONG, 1).await, []);
    let soon = in_millis(150);
    queue.enqueue(&scope(1), &[job("later", 0, soon)]).await.unwrap();
    let first = lease_when_due(queue, clock, soon).await;
    let again = in_millis(150);
    assert!(queue.fail(&first, "not yet", Duration::from_millis(150)).await.unwrap());
    let second = lease_when_due(queue, clock, again).await;
    assert_eq!(second.job.attempt, 2);
    assert!(queue.complete(&second).await.unwrap());
}

/// Waits for the job that is due at `due`, which nobody gets before.
async fn lease_when_due(queue: &dyn JobQueue, clock: &dyn Clock, due: Timestamp) -> Leased {
    loop {
        if let Some(leased) = lease(queue, "later", LONG, 1).await.pop() {
            assert!(clock.now() >= due, "leased before its time");
            return leased;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn a_lease_that_ran_out_is_given_to_another(queue: &dyn JobQueue, clock: &dyn Clock) {
    queue.enqueue(&scope(1), &[job("slow", 0, clock.now())]).await.unwrap();
    let slow = lease(queue, "slow", Duration::from_millis(50), 1).await.remove(0);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let quick = lease(queue, "slow", LONG, 1).await.remove(0);
    assert_eq!((quick.job.id.clone(), quick.job.attempt), (slow.job.id.clone(), 2));
    assert!(!queue.complete(&slow).await.unwrap(), "a stale lease is refused");
    assert!(!queue.fail(&slow, "late", Duration::ZERO).await.unwrap(), "a stale lease is refused");
    assert!(queue.complete(&quick).await.unwrap());
}

async fn a_job_out_of_tries_is_dead(queue: &dyn JobQueue, clock: &dyn Clock) {
    queue.enqueue(&scope(3), &[job("fatal", 1, clock.now()), job("fatal", 2, clock.now())]).await.unwrap();
    for attempt in 1..=2 {
        for leased in lease(queue, "fatal", LONG, 2).await {
            assert_eq!(leased.job.attempt, attempt);
            let error = format!("try {attempt} of {}", leased.job.payload.as_str());
            assert!(queue.fail(&leased, &error, Duration::ZERO).await.unwrap());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(lease(queue, "fatal", LONG, 2).await, []);
    let dead = queue.dead("fatal", 10).await.unwrap();
    assert_eq!(dead.len(), 2);
    assert_eq!((dead[0].0.scope, dead[0].1.as_str()), (scope(3), r#"try 2 of {"number":2}"#), "newest first");
    assert_eq!(queue.dead("fatal", 1).await.unwrap().len(), 1);
    assert_eq!(queue.dead("slow", 10).await.unwrap(), []);
    // A worker that dies with its last lease leaves a dead job too.
    queue.enqueue(&scope(3), &[NewJob { max_attempts: 1, ..job("lost", 1, clock.now()) }]).await.unwrap();
    assert_eq!(lease(queue, "lost", Duration::from_millis(20), 1).await.len(), 1);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(lease(queue, "lost", LONG, 1).await, []);
    assert_eq!(queue.dead("lost", 10).await.unwrap().len(), 1);
}

async fn workers_that_race_share_the_jobs(queue: &dyn JobQueue, clock: &dyn Clock) {
    let jobs: Vec<NewJob> = (0..40).map(|number| job("race", number, clock.now())).collect();
    queue.enqueue(&scope(1), &jobs).await.unwrap();
    let workers = (0..8).map(|_| lease(queue, "race", LONG, 7));
    let taken = futures_util::future::join_all(workers).await;
    let mut ids: Vec<String> = taken.iter().flatten().map(|leased| leased.job.id.0.clone()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 40, "each job went to one worker");
    assert_eq!(taken.iter().map(Vec::len).sum::<usize>(), 40);
}
