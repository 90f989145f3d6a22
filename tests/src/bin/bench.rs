//! `cargo run --release -p conformance --bin bench`: measures the budgets. See docs/benchmarks.md.
#![expect(clippy::print_stdout, reason = "its output is the point")]

use clap::Parser;
use conformance::bench::report::Report;
use conformance::bench::{cloud, disk, functions, ingest, process, proxy, read};

/// Measures the release binary and prints a table. Exit code 1 when a budget is missed.
#[derive(Parser)]
struct Arguments {
    /// What to measure: process, proxy, ingest, disk, read, cloud or functions; all but the last two, which need Postgres
    /// and Redis, when left out.
    parts: Vec<String>,

    /// Numbers of spans at which reads are measured.
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    spans: Vec<u64>,

    /// Also write the figures to this file as JSON.
    #[arg(long)]
    json: Option<std::path::PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let wanted = |part: &str| arguments.parts.is_empty() || arguments.parts.iter().any(|p| p == part);
    let mut report = Report::default();
    println!("{}", Report::head());
    if wanted("process") {
        process::run(&mut report).await?;
    }
    if wanted("proxy") {
        proxy::run(&mut report).await?;
    }
    if wanted("ingest") {
        ingest::run(&mut report).await?;
    }
    if wanted("disk") {
        disk::run(&mut report).await?;
    }
    if wanted("read") {
        read::run(&mut report, &arguments.spans).await?;
    }
    if arguments.parts.iter().any(|part| part == "cloud") {
        cloud::run(&mut report).await?;
    }
    if arguments.parts.iter().any(|part| part == "functions") {
        functions::run(&mut report).await?;
    }
    if let Some(path) = arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    let missed = report.lines.iter().filter(|line| line.kept == Some(false)).count();
    anyhow::ensure!(missed == 0, "{missed} budgets are missed");
    Ok(())
}
