//! The functions on the emulator of AWS Lambda: what a cold start takes, what they weigh, and what a request costs.

use std::time::Duration;

use anyhow::Context;
use serde_json::json;

use super::load::{Shot, Timings, at_rate, http, merge};
use super::report::{Report, ms};
use crate::cloud::{Functions, FunctionsOptions, MOST_MEMORY, Tenant};

const SLICE: Duration = Duration::from_secs(5);
const SLICES: usize = 3;
/// Requests a second; the functions, their services and the load generator share the machine.
const RATE: u32 = 50;
const COLD_STARTS: usize = 10;
const MIB: u64 = 1024 * 1024;

/// Measures the functions in `TRACEWAY_LAMBDA_DIR`.
pub async fn run(report: &mut Report) -> anyhow::Result<()> {
    anyhow::ensure!(
        std::env::var_os("TRACEWAY_LAMBDA_DIR").is_some(),
        "TRACEWAY_LAMBDA_DIR must name the folder of the functions to measure, such as target/function"
    );
    let functions = Functions::start(FunctionsOptions::default()).await?;
    let tenant = functions.unlimited("bench").await?;
    cold_starts(report, &functions, &tenant).await?;
    requests(report, &functions, &tenant).await?;
    for (name, function) in functions.each() {
        let package = function.package()?;
        let size = format!("{:.1} MiB", mib(package.bytes));
        let kept = package.bytes <= 15 * MIB;
        report.add(&format!("function {name}: package, unzipped"), size, "", "≤ 15 MiB", Some(kept));
        let peak = function.max_rss().context("no instance was measured")?;
        let kept = peak <= MOST_MEMORY;
        let what = format!("function {name}: memory at most");
        report.add(&what, format!("{:.0} MiB", mib(peak)), "", "≤ 128 MiB", Some(kept));
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB as f64
}

/// Kills all instances again and again, so that the next request starts one.
async fn cold_starts(report: &mut Report, functions: &Functions, tenant: &Tenant) -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    let mut first = Vec::new();
    for _ in 0..COLD_STARTS {
        functions.rest.kill_idle();
        let url = format!("{}/api/traces?limit=1", functions.api.url);
        let started = std::time::Instant::now();
        let answer = client.get(url).bearer_auth(&tenant.api_key).send().await?;
        anyhow::ensure!(answer.status().is_success(), "{}", answer.status());
        answer.bytes().await?;
        first.push(started.elapsed());
    }
    let mut starts: Vec<Duration> =
        functions.rest.figures().iter().filter_map(|figures| figures.init).collect();
    starts.sort_unstable();
    first.sort_unstable();
    let (median, worst) = (starts[starts.len() / 2], starts[starts.len() - 1]);
    report.add(
        "function rest: init, from the start of the process until it asks for work",
        format!("{} ms (worst of {}: {} ms)", median.as_millis(), starts.len(), worst.as_millis()),
        "",
        "≤ 250 ms",
        Some(worst.as_millis() <= 250),
    );
    let what = "function rest: a list of traces by an instance that has to start first";
    report.add(what, format!("{} ms", first[first.len() / 2].as_millis()), "", "", None);
    Ok(())
}

/// Compares calls through the functions with calls to the provider itself.
async fn requests(report: &mut Report, functions: &Functions, tenant: &Tenant) -> anyhow::Result<()> {
    let provider = crate::providers::start().await?;
    let body = json!({
        "model": "gpt-4o-mini",
        "messages": [{ "role": "user", "content": "Tell me something about the sea. ".repeat(20) }],
    });
    let (body, path) = (serde_json::to_vec(&body)?, "/v1/chat/completions");
    let direct = Shot::json(&format!("{}{path}", provider.base_url()), body.clone())?
        .with("authorization", "Bearer sk-bench");
    let proxied = Shot::json(&format!("{}{path}", functions.proxy_url.url), body)?
        .with("authorization", "Bearer sk-bench")
        .with("x-forward-url", provider.base_url())
        .with("x-traceway-api-key", &tenant.api_key);
    let http = http();
    at_rate(&http, &proxied, RATE, Duration::from_secs(2)).await?;
    let (mut base, mut ours): (Option<Timings>, Option<Timings>) = (None, None);
    for _ in 0..SLICES {
        merge(&mut base, at_rate(&http, &direct, RATE, SLICE).await?)?;
        merge(&mut ours, at_rate(&http, &proxied, RATE, SLICE).await?)?;
    }
    let (Some(base), Some(ours)) = (base, ours) else { return Ok(()) };
    for (quantile, label) in [(0.5, "p50"), (0.99, "p99")] {
        let (a, b) = (ours.whole.value_at_quantile(quantile), base.whole.value_at_quantile(quantile));
        report.add(
            &format!("function proxy, plain, {RATE} req/s, recorded before the last byte: {label}"),
            format!("{} (added {})", ms(a), ms(a.saturating_sub(b))),
            &format!("direct {}", ms(b)),
            "",
            None,
        );
    }
    Ok(())
}
