//! An example function behind a URL.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use lambda_emulator::{Function, FunctionOptions, FunctionUrl};

/// How long something may take that happens by itself.
const PATIENCE: Duration = Duration::from_mins(1);

/// A function behind its URL, and a folder for the files by which tests and functions tell each other things.
pub(crate) struct Stage {
    pub(crate) function: Function,
    pub(crate) url: FunctionUrl,
    pub(crate) client: reqwest::Client,
    folder: tempfile::TempDir,
}

impl Stage {
    /// Starts the example `http`.
    pub(crate) async fn new(change: impl FnOnce(&mut FunctionOptions)) -> Self {
        let mut options = FunctionOptions::new("http", example("http"));
        change(&mut options);
        let function = Function::start(options).unwrap();
        let url = FunctionUrl::start(&function).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        Self { function, url, client: reqwest::Client::new(), folder }
    }

    /// Lets there be one instance, for which requests wait until it asks for them.
    pub(crate) fn one(options: &mut FunctionOptions) {
        options.limits.max_instances = 1;
    }

    /// A file that opens a gate once it exists.
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.client.get(format!("{}{path}", self.url.url)).send().await.unwrap()
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        let response = self.get(path).await;
        assert_eq!(response.status(), 201, "{}", self.function.log());
        response.text().await.unwrap()
    }

    /// Waits until every instance waits for something to do.
    pub(crate) async fn calm(&self) {
        let is_frozen = |id: u32| {
            let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            status.lines().any(|line| line.starts_with("State:\tT"))
        };
        let ids = || self.function.figures().into_iter().filter(|figures| figures.ended.is_none());
        eventually("all instances are frozen", || {
            ids().all(|figures| is_frozen(figures.process_id.unwrap()))
        })
        .await;
    }
}

/// Returns an example that was built with the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().join("examples").join(name)
}

/// Waits until something is so.
pub(crate) async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "not yet: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
