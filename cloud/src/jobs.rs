//! Working off the job queue.

use std::sync::Arc;
use std::time::Duration;

use adapter_postgres::PostgresJobs;
use async_trait::async_trait;
use proxy::{Record, Spool, SpoolError};
use rest::jobs::{JobError, MailPorts, run_mail_job};
use trace::identity::MailJob;
use trace::json::Json;
use trace::ports::{Clock, Job, JobQueue, Leased, NewJob, StoreError};
use trace::record::Recorder;

/// The kind of jobs that record a call the store refused.
const RECORD: &str = "record";

/// Tries of such a job, over about a day.
const RECORD_TRIES: u32 = 20;

/// How long a worker may hold a job before another may take it.
const JOB_LEASE: Duration = Duration::from_mins(1);

/// The first pause before a job is tried again; it doubles with each try, up to about three quarters of an hour.
const FIRST_RETRY: Duration = Duration::from_secs(10);

/// Jobs taken at once.
const AT_ONCE: usize = 10;

/// Works off the queue.
pub struct Workshop {
    jobs: Arc<PostgresJobs>,
    mail: Option<MailPorts>,
    recorder: Recorder,
}

impl Workshop {
    /// Returns a workshop. Without `mail`, jobs that send some wait for one that has it.
    pub fn new(jobs: Arc<PostgresJobs>, mail: Option<MailPorts>, recorder: Recorder) -> Self {
        Self { jobs, mail, recorder }
    }

    /// Takes some jobs that are due and does them. Returns how many there were.
    ///
    /// `goes_on` is asked before each of them; those it stops are given back at once, with no try lost.
    pub async fn work(&self, goes_on: impl Fn() -> bool) -> Result<usize, StoreError> {
        let kinds: &[&str] = if self.mail.is_some() { &[MailJob::KIND, RECORD] } else { &[RECORD] };
        let leased = self.jobs.lease(kinds, JOB_LEASE, AT_ONCE).await?;
        let count = leased.len();
        for leased in leased {
            if !goes_on() {
                self.jobs.give_back(&leased).await?;
                continue;
            }
            let outcome = self.run(&leased.job).await;
            if let Err(error) = self.settle(&leased, outcome).await {
                tracing::warn!(%error, job.id = leased.job.id.0, "what came of a job cannot be noted");
            }
        }
        Ok(count)
    }

    async fn run(&self, job: &Job) -> Result<(), JobError> {
        match (job.kind.as_str(), &self.mail) {
            (MailJob::KIND, Some(mail)) => run_mail_job(mail, job).await,
            (RECORD, _) => {
                let record =
                    Record::parse(job.payload.as_str()).map_err(|error| JobError::Never(error.into()))?;
                let (scope, traces, spans) = record.into_writes();
                match self.recorder.record(&scope, traces, spans).await {
                    Ok(_) => Ok(()),
                    Err(error @ StoreError::Corrupt { .. }) => Err(JobError::Never(error.into())),
                    Err(error) => Err(error.into()),
                }
            }
            (other, _) => Err(JobError::Later(format!("nobody here knows the kind {other}").into())),
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
                tracing::error!(job.id = job.id.0, job.kind, error = %cause, "a job cannot be done and is dead");
                self.jobs.kill(leased, &cause.to_string()).await?;
            }
        }
        Ok(())
    }
}

/// Keeps calls the store refused as jobs, for processes without a disk.
pub struct JobSpool {
    queue: Arc<dyn JobQueue>,
    clock: Arc<dyn Clock>,
}

impl JobSpool {
    /// Returns a spool that adds to `queue`.
    pub fn new(queue: Arc<dyn JobQueue>, clock: Arc<dyn Clock>) -> Self {
        Self { queue, clock }
    }
}

#[async_trait]
impl Spool for JobSpool {
    async fn keep(&self, record: &Record) -> Result<(), SpoolError> {
        let unavailable = |error: StoreError| SpoolError::Unavailable(error.into());
        let payload =
            Json::from_compact(record.to_line()).map_err(|error| SpoolError::Unavailable(error.into()))?;
        let job =
            NewJob { kind: RECORD.to_owned(), payload, run_at: self.clock.now(), max_attempts: RECORD_TRIES };
        self.queue.enqueue(&record.scope, &[job]).await.map(|_| ()).map_err(unavailable)
    }
}
