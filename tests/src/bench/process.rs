//! Size, start time, memory and idle processor time.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::load::{Shot, at_rate, http};
use super::report::Report;
use super::subject::{Subject, server_binary};

const MIB: f64 = 1024.0 * 1024.0;

/// The largest binary allowed, in bytes.
const LARGEST: u64 = 40_000_000;

/// Measures size, start, idle and loaded.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub async fn run(report: &mut Report) -> anyhow::Result<()> {
    let size = std::fs::metadata(server_binary())?.len();
    let measured = format!("{:.1} MB", size as f64 / 1e6);
    report.add("binary, with the dashboard", measured, "", "≤ 40 MB", Some(size <= LARGEST));

    let (mut starts, mut alone) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        alone.push(process_alone()?);
        starts.push(Subject::start().await?.ready_after());
    }
    starts.sort();
    alone.sort();
    let median = starts[starts.len() / 2];
    let worst = starts[starts.len() - 1];
    let measured = format!("{} ms (worst of 10: {} ms)", median.as_millis(), worst.as_millis());
    report.add(
        "start until /api/ready answers 200",
        measured,
        &format!("`traceway --version` {} ms", alone[alone.len() / 2].as_millis()),
        "≤ 200 ms",
        Some(median.as_millis() <= 200),
    );

    let subject = Subject::start().await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let before = subject.cpu()?;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let used = subject.cpu()?.saturating_sub(before).as_secs_f64() / 20.0 * 100.0;
    report.add("idle: processor", format!("{used:.2} %"), "", "≤ 0.5 %", Some(used <= 0.5));
    let idle = subject.resident()? as f64 / MIB;
    report.add("idle: memory", format!("{idle:.0} MiB"), "", "≤ 60 MB", Some(idle * MIB <= 60e6));

    let body = serde_json::json!({ "model": "gpt-4o-mini", "messages": [{ "role": "user", "content": "x".repeat(4000) }] });
    let shot = Shot::json(&format!("{}/v1/chat/completions", subject.proxy_url), serde_json::to_vec(&body)?)?;
    at_rate(&http(), &shot, 1000, Duration::from_secs(10)).await?;
    let loaded = subject.resident()? as f64 / MIB;
    report.add("memory after 10 000 calls at 1 000 req/s", format!("{loaded:.0} MiB"), "", "", None);
    Ok(())
}

/// Returns how long the process takes to come and go without a server in it.
fn process_alone() -> anyhow::Result<Duration> {
    let started = Instant::now();
    let status = Command::new(server_binary()).arg("--version").stdout(Stdio::null()).status()?;
    anyhow::ensure!(status.success(), "traceway --version: {status}");
    Ok(started.elapsed())
}
