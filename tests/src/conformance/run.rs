use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use libtest_mimic::{Failed, Trial};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use super::report::{Outcome, Report};
use super::{Case, Ctx};
use crate::mount::{Instance, Measured, Mount};

/// How long one case may take.
const LIMIT: Duration = Duration::from_mins(2);

thread_local! {
    /// Where this thread panicked last, which the panic itself does not say.
    static PANICKED_AT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A mount, the instance its cases share, and what came of the cases.
pub struct Suite {
    mount: Arc<dyn Mount>,
    runtime: Runtime,
    client: reqwest::Client,
    shared: OnceCell<Arc<Instance>>,
    report: Mutex<Report>,
}

impl Suite {
    /// Returns a suite; nothing is started before the first case runs.
    pub fn new(mount: Arc<dyn Mount>) -> std::io::Result<Arc<Self>> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_gzip()
            .no_brotli()
            .no_proxy()
            .read_timeout(Duration::from_secs(30))
            .build()
            .map_err(std::io::Error::other)?;
        let report = Mutex::new(Report::new(mount.name()));
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            PANICKED_AT.with_borrow_mut(|at| *at = place);
        }));
        Ok(Arc::new(Self { mount, runtime, client, shared: OnceCell::new(), report }))
    }

    /// Returns what came of the cases so far.
    pub fn report(&self) -> Report {
        self.report.lock().expect("no case panics while it reports").clone()
    }

    /// Returns what the shared instance has logged.
    pub fn log(&self) -> String {
        self.shared.get().map(|instance| instance.guard.log()).unwrap_or_default()
    }

    /// Returns what was measured of the shared instance.
    pub fn measured(&self) -> Vec<Measured> {
        self.shared.get().map(|instance| instance.guard.measured()).unwrap_or_default()
    }

    async fn context(&self) -> Result<Ctx, String> {
        let start = async || self.mount.shared().await.map(Arc::new);
        let instance = self.shared.get_or_try_init(start).await.map_err(|error| error.to_string())?;
        Ok(Ctx::new(Arc::clone(&self.mount), Arc::clone(instance), self.client.clone()))
    }

    fn run(&self, case: &Case) -> Result<(), Failed> {
        let outcome = self.runtime.block_on(async {
            let ctx = self.context().await?;
            let started = Instant::now();
            let work = AssertUnwindSafe((case.run)(ctx)).catch_unwind();
            let outcome = match tokio::time::timeout(LIMIT, work).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(panic)) => Err(said(&*panic)),
                Err(_) => Err(format!("still running after {} s", LIMIT.as_secs())),
            };
            let mut report = self.report.lock().expect("no case panics while it reports");
            report.add(Outcome { name: case.name, failure: outcome.clone().err(), took: started.elapsed() });
            outcome
        });
        outcome.map_err(Failed::from)
    }
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    let place = PANICKED_AT.with_borrow(Clone::clone);
    format!("{}\n  at {place}", text.unwrap_or("panicked"))
}

/// Returns one test for each case; those the mount cannot meet are marked as ignored.
pub fn trials(suite: &Arc<Suite>, cases: Vec<Case>) -> Vec<Trial> {
    let trial = |case: Case| {
        let able = case.needs.iter().all(|need| suite.mount.capabilities().contains(need));
        let suite = Arc::clone(suite);
        Trial::test(case.name, move || suite.run(&case)).with_ignored_flag(!able)
    };
    cases.into_iter().map(trial).collect()
}
