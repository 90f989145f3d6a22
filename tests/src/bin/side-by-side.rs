//! Lays the reports of the conformance suite side by side: a row per case, a column per mount.
#![expect(clippy::print_stdout, reason = "its output is the point")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use serde::Deserialize;

/// Reads `<mount>.json` files and prints one Markdown table.
#[derive(Parser)]
struct Arguments {
    /// The folder that `--report` of the suite wrote to.
    #[arg(default_value = "target/conformance")]
    folder: PathBuf,
}

#[derive(Deserialize)]
struct Report {
    mount: String,
    cases: usize,
    failed: usize,
    results: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    name: String,
    ok: bool,
    ms: u64,
}

fn main() -> anyhow::Result<()> {
    let folder = Arguments::parse().folder;
    let mut reports = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let report: Report = serde_json::from_str(&std::fs::read_to_string(&path)?)
                .with_context(|| format!("{} is no report", path.display()))?;
            reports.push(report);
        }
    }
    reports.sort_by(|one, other| other.mount.cmp(&one.mount));
    let head: Vec<String> =
        reports.iter().map(|r| format!("{} ({} cases, {} failed)", r.mount, r.cases, r.failed)).collect();
    println!("| Case | {} |\n|---|{}", head.join(" | "), "---|".repeat(reports.len()));
    let columns: Vec<BTreeMap<&str, &Outcome>> = reports
        .iter()
        .map(|report| report.results.iter().map(|outcome| (outcome.name.as_str(), outcome)).collect())
        .collect();
    let names: BTreeSet<&str> = columns.iter().flat_map(|column| column.keys().copied()).collect();
    for name in names {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| match column.get(name) {
                Some(outcome) if outcome.ok => format!("ok, {} ms", outcome.ms),
                Some(_) => "**failed**".to_owned(),
                None => "does not apply".to_owned(),
            })
            .collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
    Ok(())
}
