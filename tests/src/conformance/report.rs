use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

/// What came of one case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Name of the case.
    pub name: &'static str,
    /// What was different from the contract, if anything.
    pub failure: Option<String>,
    /// How long the case took.
    pub took: Duration,
}

/// What came of the cases of one mount, for laying mounts side by side.
#[derive(Clone, Debug)]
pub struct Report {
    mount: String,
    outcomes: Vec<Outcome>,
}

impl Report {
    /// Returns an empty report.
    pub fn new(mount: &str) -> Self {
        Self { mount: mount.to_owned(), outcomes: Vec::new() }
    }

    /// Adds an outcome, in the order of names.
    pub fn add(&mut self, outcome: Outcome) {
        let at = self.outcomes.partition_point(|other| other.name < outcome.name);
        self.outcomes.insert(at, outcome);
    }

    /// Writes `<mount>.json` and `<mount>.md` into a folder, which is created when missing.
    pub fn write(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join(format!("{}.json", self.mount)), format!("{:#}\n", self.json()))?;
        std::fs::write(folder.join(format!("{}.md", self.mount)), self.markdown())
    }

    fn json(&self) -> Value {
        let cases: Vec<Value> = self
            .outcomes
            .iter()
            .map(|case| json!({"name": case.name, "ok": case.failure.is_none(), "ms": millis(case), "failure": case.failure}))
            .collect();
        json!({"mount": self.mount, "cases": cases.len(), "failed": self.failed(), "results": cases})
    }

    fn markdown(&self) -> String {
        let (cases, failed) = (self.outcomes.len(), self.failed());
        let mut text = format!(
            "# {}\n\n{cases} cases, {failed} failed.\n\n| Case | {} | ms |\n|---|---|---|\n",
            self.mount, self.mount
        );
        for case in &self.outcomes {
            let word = if case.failure.is_none() { "ok" } else { "**failed**" };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "| {} | {word} | {} |", case.name, millis(case));
        }
        text
    }

    fn failed(&self) -> usize {
        self.outcomes.iter().filter(|case| case.failure.is_some()).count()
    }
}

fn millis(case: &Outcome) -> u64 {
    u64::try_from(case.took.as_millis()).unwrap_or(u64::MAX)
}
