//! What a replica does in the background. Work that must happen once over all replicas is leased in Postgres.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_postgres::{Leases, PostgresIdentity, PostgresJobs, PostgresMeter, PostgresRollups};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt};
use rest::jobs::{JobError, MailPorts, run_mail_job};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trace::id::Scope;
use trace::identity::MailJob;
use trace::ports::{Clock, JobQueue, Leased, Meter, Orgs, Projects, SpanStore, StoreError};

use super::stores::CloudStores;

/// How often the queue is asked when it was empty, and how many jobs are taken at once.
const POLL: Duration = Duration::from_secs(1);
const AT_ONCE: usize = 10;

/// How long a worker may hold a job before another may take it.
const JOB_LEASE: Duration = Duration::from_mins(1);

/// The first pause before a job is tried again; it doubles with each try.
const FIRST_RETRY: Duration = Duration::from_secs(10);

/// How often traces beyond their retention are deleted (auth-cloud §7).
const RETENTION_EVERY: Duration = Duration::from_hours(1);

/// How often sums are put right, and for how many projects at a time.
const SUMS_EVERY: Duration = Duration::from_secs(30);
const SUMS_AT_ONCE: usize = 100;

/// How often data of deleted projects are looked for, and how long after their deletion a late write may still come.
const DELETED_EVERY: Duration = Duration::from_secs(30);
const LATE_WRITES: Duration = Duration::from_mins(5);

/// Organisations read at once.
const ORGS: usize = 200;

const DAY_MICROS: i64 = 86_400_000_000;

/// Projects used in this time are warmed at start, and how many at most.
const WARM_DAYS: i64 = 7;
const WARM_PROJECTS: usize = 200;

/// Deleted projects whose data were deleted, and when first.
type Seen = Arc<tokio::sync::Mutex<HashMap<Scope, Instant>>>;

/// What workers work with.
#[derive(Clone)]
struct Worker {
    identity: Arc<PostgresIdentity>,
    meter: Arc<PostgresMeter>,
    jobs: Arc<PostgresJobs>,
    leases: Leases,
    rollups: Arc<PostgresRollups>,
    spans: Arc<dyn SpanStore>,
    clock: Arc<dyn Clock>,
}

/// Starts everything that runs in the background until `stop`.
pub(crate) fn start_workers(
    stores: &mut CloudStores,
    spans: &Arc<dyn SpanStore>,
    clock: &Arc<dyn Clock>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let worker = Worker {
        identity: Arc::clone(&stores.identity),
        meter: Arc::clone(&stores.meter),
        jobs: Arc::clone(&stores.jobs),
        leases: stores.leases.clone(),
        rollups: Arc::clone(&stores.rollups),
        spans: Arc::clone(spans),
        clock: Arc::clone(clock),
    };
    let until = |work: BoxFuture<'static, ()>| {
        let stop = stop.clone();
        async move {
            stop.run_until_cancelled_owned(work).await;
        }
    };
    if let Some(listening) = stores.listening.take() {
        tasks.spawn(until(listening));
    }
    if let Some(mail) = stores.mail.take() {
        let worker = worker.clone();
        // A mail that is being sent is finished, so that it is not sent a second time.
        let stop = stop.clone();
        tasks.spawn(async move { worker.send_mail(&mail, &stop).await });
    }
    tasks.spawn(until(worker.clone().lead("retention", RETENTION_EVERY, |worker| Box::pin(worker.sweep()))));
    tasks.spawn(until(worker.clone().lead("sums", SUMS_EVERY, |worker| Box::pin(worker.put_sums_right()))));
    let seen = Seen::default();
    tasks.spawn(until(worker.lead("deleted projects", DELETED_EVERY, move |worker| {
        Box::pin(worker.empty_deleted(Arc::clone(&seen)))
    })));
}

/// Fills the read cache with the first page of each project in use. A project that cannot be read stays cold.
pub(crate) async fn warm(stores: &CloudStores, clock: &dyn Clock) -> Result<usize, StoreError> {
    let since = clock.now().minus_micros(WARM_DAYS * DAY_MICROS);
    let scopes = stores.rollups.active_since(since, WARM_PROJECTS).await?;
    let warming = scopes.iter().map(|scope| stores.cached.warm(scope));
    let warmed: Vec<Result<(), StoreError>> = stream::iter(warming).buffer_unordered(8).collect().await;
    Ok(warmed.iter().filter(|warm| warm.is_ok()).count())
}

impl Worker {
    async fn send_mail(&self, ports: &MailPorts, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let leased = match self.jobs.lease(&[MailJob::KIND], JOB_LEASE, AT_ONCE).await {
                Ok(leased) => leased,
                Err(error) => {
                    tracing::warn!(%error, "the job queue cannot be read");
                    Vec::new()
                }
            };
            let is_idle = leased.is_empty();
            for leased in leased {
                let outcome = run_mail_job(ports, &leased.job).await;
                if let Err(error) = self.settle(&leased, outcome).await {
                    tracing::warn!(%error, job.id = leased.job.id.0, "what came of a job cannot be noted");
                }
            }
            if is_idle {
                stop.run_until_cancelled(tokio::time::sleep(POLL)).await;
            }
        }
    }

    async fn settle(&self, leased: &Leased, outcome: Result<(), JobError>) -> Result<(), StoreError> {
        let job = &leased.job;
        match outcome {
            Ok(()) => {
                metrics::counter!("traceway_jobs_total", "outcome" => "done").increment(1);
                self.jobs.complete(leased).await?;
            }
            Err(JobError::Later(cause)) => {
                metrics::counter!("traceway_jobs_total", "outcome" => "later").increment(1);
                tracing::warn!(job.id = job.id.0, job.kind, job.attempt, error = %cause, "a job is tried again");
                let delay = FIRST_RETRY * 2_u32.saturating_pow(job.attempt.saturating_sub(1).min(8));
                self.jobs.fail(leased, &cause.to_string(), delay).await?;
            }
            Err(JobError::Never(cause)) => {
                metrics::counter!("traceway_jobs_total", "outcome" => "never").increment(1);
                tracing::error!(job.id = job.id.0, job.kind, error = %cause, "a job cannot be done");
                self.jobs.fail(leased, &cause.to_string(), Duration::ZERO).await?;
                self.jobs.bury(&job.id).await?;
            }
        }
        Ok(())
    }

    /// Deletes traces beyond their retention.
    async fn sweep(self) -> Result<(), StoreError> {
        self.identity.purge(self.clock.now()).await?;
        let mut after = None;
        loop {
            let orgs = self.identity.list_orgs(after, ORGS).await?;
            let Some(last) = orgs.last() else { return Ok(()) };
            after = Some(last.id);
            for org in orgs {
                let most = org.plan.limits().retention_days;
                for project in self.identity.list_projects(org.id).await? {
                    let days = project.settings.retention_days.map_or(most, |days| days.min(most));
                    let before = self.clock.now().minus_micros(i64::from(days) * DAY_MICROS);
                    let scope = Scope { org: org.id, project: project.id };
                    // One project that cannot be swept keeps none of the others.
                    match self.spans.sweep(&scope, before).await {
                        Ok(0) => {}
                        Ok(traces) => {
                            tracing::info!(project.id = %project.id.0, traces, days, "old traces are deleted");
                        }
                        Err(error) => {
                            tracing::warn!(%error, project.id = %project.id.0, "old traces cannot be deleted");
                        }
                    }
                }
            }
        }
    }

    async fn put_sums_right(self) -> Result<(), StoreError> {
        self.rollups.tidy(SUMS_AT_ONCE).await.map(|_| ())
    }

    /// Deletes the data of deleted projects, and again once no late write can come any more.
    async fn empty_deleted(self, seen: Seen) -> Result<(), StoreError> {
        let mut seen = seen.lock().await;
        for scope in self.identity.list_deleted(ORGS).await? {
            self.spans.clear(&scope).await?;
            let since = seen.entry(scope).or_insert_with(Instant::now);
            if since.elapsed() >= LATE_WRITES {
                self.rollups.forget(&scope).await?;
                self.meter.forget_project(scope.org, scope.project).await?;
                self.identity.forget_deleted(&scope).await?;
                seen.remove(&scope);
            }
        }
        Ok(())
    }

    /// Returns the work of doing something every so often, in one replica of all.
    fn lead(
        self,
        name: &'static str,
        every: Duration,
        work: impl Fn(Self) -> BoxFuture<'static, Result<(), StoreError>> + Send + 'static,
    ) -> BoxFuture<'static, ()> {
        // A lease a little shorter than the pause is over when its holder comes back.
        let lease = every / 10 * 9;
        Box::pin(async move {
            loop {
                match self.leases.try_lead(name, lease).await {
                    Ok(Some(held)) => {
                        if let Err(error) = work(self.clone()).await {
                            metrics::counter!("traceway_background_errors_total", "work" => name)
                                .increment(1);
                            tracing::warn!(%error, work = name, "work in the background failed");
                            // Another replica may have more luck.
                            if let Err(error) = self.leases.resign(held).await {
                                tracing::debug!(%error, "a lease could not be given back");
                            }
                        }
                    }
                    Ok(None) => {}
                    Err(error) => tracing::warn!(%error, work = name, "a lease cannot be taken"),
                }
                tokio::time::sleep(every).await;
            }
        })
    }
}
