//! What a replica does in the background. Work that must happen once over all replicas is leased in Postgres.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use adapter_postgres::Leases;
use cloud::{Chores, CloudStores, Workshop};
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trace::ports::{Clock, SpanStore, StoreError, chain};
use trace::record::Recorder;

use crate::supervise::keep_going;

/// How often the queue is asked when it was empty.
const POLL: Duration = Duration::from_secs(1);

/// How often traces beyond their retention are deleted (auth-cloud §7).
const RETENTION_EVERY: Duration = Duration::from_hours(1);

/// How often sums are put right.
const SUMS_EVERY: Duration = Duration::from_secs(30);

/// How often mails about usage are looked for that were not sent when the spans came.
const USAGE_EVERY: Duration = Duration::from_hours(1);

/// How often data of deleted projects are looked for.
const DELETED_EVERY: Duration = Duration::from_secs(30);

/// Starts everything that runs in the background until `stop`.
pub(crate) fn start_workers(
    stores: &mut CloudStores,
    (spans, recorder): (&Arc<dyn SpanStore>, &Recorder),
    clock: &Arc<dyn Clock>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    if let Some(listening) = stores.take_listening() {
        tasks.spawn(stop.clone().run_until_cancelled_owned(listening));
    }
    let workshop = Workshop::new(Arc::clone(&stores.jobs), stores.mail.take(), recorder.clone());
    // A job that is being done is finished, so that it is not done a second time.
    let (workshop, until) = (Arc::new(workshop), stop.clone());
    keep_going(tasks, "jobs", stop, move || work_off(Arc::clone(&workshop), until.clone()));
    let chores = Chores::new(stores, Arc::clone(spans), Arc::clone(clock));
    let lead = |name, every, work: fn(Chores) -> BoxFuture<'static, Result<(), StoreError>>| {
        let (leases, chores, until) = (stores.leases.clone(), chores.clone(), stop.clone());
        keep_going(tasks, name, stop, move || {
            let (leases, chores, until) = (leases.clone(), chores.clone(), until.clone());
            async move {
                let work = lead(leases, name, every, move || work(chores.clone()));
                until.run_until_cancelled(work).await;
            }
        });
    };
    lead("retention", RETENTION_EVERY, |chores| Box::pin(async move { chores.sweep().await }));
    lead("sums", SUMS_EVERY, |chores| Box::pin(async move { chores.put_sums_right().await }));
    lead("usage mails", USAGE_EVERY, |chores| Box::pin(async move { chores.mail_usage().await }));
    lead("deleted projects", DELETED_EVERY, |chores| Box::pin(async move { chores.empty_deleted().await }));
}

async fn work_off(workshop: Arc<Workshop>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let is_idle = match workshop.work(|| !stop.is_cancelled()).await {
            Ok(count) => count == 0,
            Err(error) => {
                tracing::warn!(error = %chain(&error), "the job queue cannot be read");
                true
            }
        };
        if is_idle {
            stop.run_until_cancelled(tokio::time::sleep(POLL)).await;
        }
    }
}

/// Does something every so often, in one replica of all.
async fn lead<F: Future<Output = Result<(), StoreError>> + Send>(
    leases: Leases,
    name: &'static str,
    every: Duration,
    work: impl Fn() -> F + Send,
) {
    // A lease a little shorter than the pause is over when its holder comes back.
    let lease = every / 10 * 9;
    loop {
        match leases.try_lead(name, lease).await {
            Ok(Some(held)) => {
                if let Err(error) = work().await {
                    metrics::counter!("traceway_background_errors_total", "work" => name).increment(1);
                    tracing::warn!(error = %chain(&error), work = name, "work in the background failed");
                    // Another replica may have more luck.
                    if let Err(error) = leases.resign(held).await {
                        tracing::debug!(error = %chain(&error), "a lease could not be given back");
                    }
                }
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(error = %chain(&error), work = name, "a lease cannot be taken"),
        }
        tokio::time::sleep(every).await;
    }
}
