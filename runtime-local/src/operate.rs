//! `traceway migrate` and `traceway jobs`: what an operator of cloud mode does by hand, straight in the database.

use std::io::Write;

use adapter_postgres::{Database, PoolOptions, PostgresJobs, check_pooler, connect};
use anyhow::{Context, bail};
use trace::ports::JobId;

use crate::cli::{DatabaseFlags, JobsFlags};

/// Dead jobs shown at most.
const SHOWN: usize = 100;

/// Brings the database up to date and says what was done.
pub(crate) fn migrate(flags: &DatabaseFlags) -> anyhow::Result<()> {
    block_on(async {
        let url = flags.url()?;
        check_pooler(url).await?;
        let taken = adapter_postgres::migrate(url).await?;
        match taken.as_slice() {
            [] => anstream::println!("the database is up to date"),
            taken => anstream::println!("the database was brought up to date: {}", taken.join(", ")),
        }
        Ok(())
    })
}

/// Lists dead jobs, or gives one all its tries back.
pub(crate) fn jobs(flags: &JobsFlags) -> anyhow::Result<()> {
    block_on(async {
        let database = open(&flags.database).await?;
        let jobs = PostgresJobs::new(&database);
        let Some(id) = &flags.retry else { return list(&jobs).await };
        if !jobs.revive(&JobId(id.clone())).await? {
            bail!("there is no dead job {id}");
        }
        anstream::println!("job {id} is tried again");
        Ok(())
    })
}

async fn list(jobs: &PostgresJobs) -> anyhow::Result<()> {
    let dead = jobs.all_dead(SHOWN).await?;
    if dead.is_empty() {
        anstream::println!("there are no dead jobs");
        return Ok(());
    }
    let mut out = anstream::stdout().lock();
    for (job, error) in dead {
        // Payloads may hold what people wrote, so that they are not shown.
        writeln!(out, "{}  {}  after {} tries: {error}", job.id.0, job.kind, job.attempt)?;
    }
    writeln!(out, "\nTry one again with `traceway jobs --retry ID`.")?;
    Ok(())
}

async fn open(flags: &DatabaseFlags) -> anyhow::Result<Database> {
    Ok(connect(flags.url()?, PoolOptions { connections: 1, ..PoolOptions::default() }).await?)
}

impl DatabaseFlags {
    fn url(&self) -> anyhow::Result<&str> {
        let url = self.database_url.as_deref().filter(|url| !url.trim().is_empty());
        url.context("DATABASE_URL is required: the URL of the Postgres that cloud mode uses")
    }
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}
