//! What the worker does: jobs when it is nudged, chores by the clock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_postgres::{check_pooler, migrate};
use anyhow::{Context, bail};
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use cloud::{Chores, Workshop};
use lambda_runtime::LambdaEvent;
use serde::Deserialize;
use serde_json::{Value, json};
use trace::ports::JobId;

use crate::deadline;
use crate::instance::{Instance, Lazy};

/// What is kept back of an invocation's time: no job is begun in it.
const RESERVE: Duration = Duration::from_secs(20);

/// Dead jobs shown at most.
const DEAD: usize = 100;

/// What a schedule, an operator or a message asks for.
#[derive(Debug, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
enum Task {
    /// Work off the queue.
    Drain,
    /// Delete traces beyond their retention.
    Retention,
    /// Send the mails about usage that are due.
    Usage,
    /// Put sums right.
    Sums,
    /// Delete the data of deleted projects.
    Deleted,
    /// Bring the database up to date.
    Migrate,
    /// Show the jobs that cannot be done.
    Dead,
    /// Give a dead job all its tries back.
    Retry { job: String },
}

/// Does what one event asks for. Messages of a queue that were not served are named in the answer and come again.
pub async fn work(lazy: &Lazy, event: LambdaEvent<Value>) -> anyhow::Result<Value> {
    let until = Instant::now() + deadline::before(deadline::left(&event.context), RESERVE);
    if event.payload.get("Records").is_some() {
        let batch: SqsEvent = serde_json::from_value(event.payload).context("the batch cannot be read")?;
        return Ok(serde_json::to_value(serve_batch(lazy, batch, until).await)?);
    }
    let task: Task = serde_json::from_value(event.payload)
        .context("the event names no task: drain, retention, usage, sums, deleted, migrate, dead or retry")?;
    run(lazy, task, until).await
}

/// A message only says that there is a job: all of them are served by working off the queue.
async fn serve_batch(lazy: &Lazy, batch: SqsEvent, until: Instant) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    if let Err(error) = drain(lazy, until).await {
        tracing::warn!(error = format!("{error:#}"), "the queue could not be worked off");
        let failed = batch.records.into_iter().filter_map(|record| record.message_id);
        response.batch_item_failures = failed
            .map(|id| {
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = id;
                failure
            })
            .collect();
    }
    response
}

async fn run(lazy: &Lazy, task: Task, until: Instant) -> anyhow::Result<Value> {
    let instance = match &task {
        // There may be no schema yet that the instance could be made on.
        Task::Migrate => return migrated(lazy).await,
        Task::Drain => return Ok(json!({ "done": drain(lazy, until).await? })),
        _ => lazy.get().await?,
    };
    let chores = Chores::new(&instance.stores, Arc::clone(&instance.spans), Arc::clone(&instance.clock));
    let chore = async {
        match &task {
            Task::Retention => chores.sweep().await?,
            Task::Usage => chores.mail_usage().await?,
            Task::Sums => chores.put_sums_right().await?,
            Task::Deleted => chores.empty_deleted().await?,
            Task::Dead => return dead(instance).await,
            Task::Retry { job } => {
                let revived = instance.stores.jobs.revive(&JobId(job.clone())).await?;
                if !revived {
                    bail!("there is no dead job {job}");
                }
                drain(lazy, until).await?;
            }
            Task::Migrate | Task::Drain => {}
        }
        Ok(json!({ "ok": true }))
    };
    // Every chore may be cut off and goes on with the next tick of its clock.
    let Ok(done) = tokio::time::timeout_at(until.into(), chore).await else {
        tracing::warn!(?task, "there was no time to finish; the next run goes on");
        return Ok(json!({ "ok": false, "unfinished": true }));
    };
    done
}

/// Works off the queue until it is empty or time runs out, and returns how many jobs were done. What is left is left
/// to another run.
async fn drain(lazy: &Lazy, until: Instant) -> anyhow::Result<usize> {
    let instance = lazy.get().await?;
    let stores = &instance.stores;
    let workshop = Workshop::new(Arc::clone(&stores.jobs), stores.mail.clone(), instance.recorder.clone());
    let mut done = 0;
    loop {
        let goes_on = || Instant::now() < until;
        match workshop.work(goes_on).await? {
            0 => return Ok(done),
            count => done += count,
        }
        if !goes_on() {
            if let Some(nudge) = &instance.nudge {
                nudge.nudge().await.context("the rest of the queue waits for the clock")?;
            }
            return Ok(done);
        }
    }
}

async fn migrated(lazy: &Lazy) -> anyhow::Result<Value> {
    let settings = lazy.settings().await?;
    let url = settings.cloud.database_url.reveal();
    check_pooler(url).await?;
    let taken = migrate(url).await?;
    Ok(json!({ "ok": true, "migrations": taken }))
}

async fn dead(instance: &Instance) -> anyhow::Result<Value> {
    let dead = instance.stores.jobs.all_dead(DEAD).await?;
    // Payloads may hold what people wrote.
    let shown = dead.into_iter().map(
        |(job, error)| json!({ "job": job.id.0, "kind": job.kind, "attempts": job.attempt, "error": error }),
    );
    Ok(json!({ "dead": shown.collect::<Vec<_>>() }))
}
