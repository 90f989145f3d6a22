//! What the queue in Postgres does beyond its port, and among many workers.

use std::collections::HashSet;
use std::time::Duration;

use crate::support::{Schema, SystemTime};
use adapter_postgres::PostgresJobs;
use futures_util::future::join_all;
use trace::json::Json;
use trace::ports::{Clock, JobId, JobQueue, NewJob};
use trace::testing::scope;

const MINUTE: Duration = Duration::from_mins(1);

fn job(max_attempts: u32) -> NewJob {
    let payload = Json::parse(r#"{"text":"a\u0000b"}"#).unwrap();
    NewJob { kind: "work".to_owned(), payload, run_at: SystemTime.now(), max_attempts }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_workers_do_each_job_once() {
    let (schema, one) = Schema::migrated().await;
    let other = schema.connect(20).await;
    let queues = [PostgresJobs::new(&one), PostgresJobs::new(&other)];
    let jobs: Vec<NewJob> = (0..200).map(|_| job(1)).collect();
    let enqueued = queues[0].enqueue(&scope(1), &jobs).await.unwrap();
    assert_eq!(enqueued.iter().collect::<HashSet<_>>().len(), 200);
    let workers = (0..50).map(|at| {
        let queue = queues[at % 2].clone();
        tokio::spawn(async move {
            let mut done = Vec::new();
            loop {
                let leased = queue.lease(&["work"], MINUTE, 3).await.unwrap();
                if leased.is_empty() {
                    return done;
                }
                for leased in leased {
                    assert!(queue.complete(&leased).await.unwrap());
                    done.push(leased.job.id);
                }
            }
        })
    });
    let done: Vec<JobId> = join_all(workers).await.into_iter().flat_map(Result::unwrap).collect();
    assert_eq!(done.len(), 200, "none twice");
    assert_eq!(done.into_iter().collect::<HashSet<_>>(), enqueued.into_iter().collect(), "none left");
    one.close().await;
    other.close().await;
    schema.drop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_job_can_be_revived_or_buried() {
    let (schema, database) = Schema::migrated().await;
    let queue = PostgresJobs::new(&database);
    queue.enqueue(&scope(1), &[job(1), job(1)]).await.unwrap();
    for leased in queue.lease(&["work"], MINUTE, 2).await.unwrap() {
        assert!(!queue.revive(&leased.job.id).await.unwrap(), "it is not dead");
        assert!(queue.fail(&leased, "no \0 more", Duration::ZERO).await.unwrap());
        assert!(!queue.complete(&leased).await.unwrap(), "a dead job is nobody's");
    }
    let dead = queue.dead("work", 10).await.unwrap();
    assert_eq!(dead.len(), 2);
    assert_eq!((dead[0].1.as_str(), &dead[0].0.payload), ("no \u{fffd} more", &job(1).payload));
    assert!(queue.bury(&dead[0].0.id).await.unwrap());
    assert!(queue.revive(&dead[1].0.id).await.unwrap());
    assert_eq!(queue.dead("work", 10).await.unwrap(), []);
    let leased = queue.lease(&["work"], MINUTE, 10).await.unwrap();
    assert_eq!(leased.len(), 1);
    assert_eq!((&leased[0].job.id, leased[0].job.attempt), (&dead[1].0.id, 1));
    assert!(!queue.revive(&JobId("no number".to_owned())).await.unwrap());
    assert!(!queue.bury(&leased[0].job.id).await.unwrap());
    database.close().await;
    schema.drop().await;
}
