//! Cloud mode against a store that takes as long to commit as the real one: 165 ms in the median, one commit per second and
//! project.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use http_body_util::BodyExt;
use tokio::task::JoinSet;
use turbopuffer_emulator::Settings;

use super::load::{Shot, Timings, at_rate, closed, http, merge};
use super::otlp::{Random, encoded, request};
use super::report::{Report, ms};
use crate::cloud::{Stack, StackOptions, Tenant};

const SLICE: Duration = Duration::from_secs(5);
const SLICES: usize = 3;
const BATCH: usize = 64;
const SENDERS: usize = 64;
const LASTING: Duration = Duration::from_secs(15);

/// Measures proxied calls and ingest of one project at one replica.
pub async fn run(report: &mut Report) -> anyhow::Result<()> {
    // Otherwise the newest binary would be measured, which may be a slow one.
    anyhow::ensure!(
        std::env::var_os("TRACEWAY_BIN").is_some(),
        "TRACEWAY_BIN must name the binary to measure"
    );
    let stack = StackOptions { replicas: 1, turbopuffer: Settings::realistic(), ..StackOptions::default() };
    let stack = Stack::start(stack).await?;
    let tenant = Tenant::unlimited(&stack, "bench").await?;
    proxy(report, &stack, &tenant).await?;
    ingest(report, &stack, &tenant).await
}

async fn proxy(report: &mut Report, stack: &Stack, tenant: &Tenant) -> anyhow::Result<()> {
    let provider = crate::providers::start().await?;
    let body = serde_json::json!({
        "model": "gpt-4o-mini",
        "messages": [{ "role": "user", "content": "Tell me something about the sea. ".repeat(20) }],
    });
    let body = serde_json::to_vec(&body)?;
    let path = "/v1/chat/completions";
    let direct = Shot::json(&format!("{}{path}", provider.base_url()), body.clone())?
        .with("authorization", "Bearer sk-bench");
    let proxied = Shot::json(&format!("{}{path}", stack.replicas[0].proxy), body)?
        .with("authorization", "Bearer sk-bench")
        .with("x-forward-url", provider.base_url())
        .with("x-traceway-api-key", &tenant.api_key);
    let http = http();
    closed(&http, &direct, 16, Duration::from_secs(1)).await?;
    closed(&http, &proxied, 16, Duration::from_secs(1)).await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = spans(stack, tenant).await?;
    let (mut base, mut ours): (Option<Timings>, Option<Timings>) = (None, None);
    for _ in 0..SLICES {
        merge(&mut base, at_rate(&http, &direct, 200, SLICE).await?)?;
        merge(&mut ours, at_rate(&http, &proxied, 200, SLICE).await?)?;
    }
    let (Some(base), Some(ours)) = (base, ours) else { return Ok(()) };
    for (quantile, label, budget) in [(0.5, "p50", 500), (0.99, "p99", 3000)] {
        let (a, b) = (ours.whole.value_at_quantile(quantile), base.whole.value_at_quantile(quantile));
        let added = a.saturating_sub(b);
        report.add(
            &format!("cloud, proxy, plain, 200 req/s: {label}"),
            format!("{} (added {})", ms(a), ms(added)),
            &format!("direct {}", ms(b)),
            &format!("added ≤ {}", ms(budget)),
            Some(added <= budget),
        );
    }
    let sent = ours.whole.len();
    let mut missing = sent;
    for _ in 0..120 {
        missing = sent.saturating_sub(spans(stack, tenant).await?.saturating_sub(before));
        if missing == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let measured = format!("{missing} of {sent} ({} failed)", ours.failed);
    report.add(
        "cloud, proxy, plain, 200 req/s: records lost",
        measured,
        "",
        "0",
        Some(missing == 0 && ours.failed == 0),
    );
    Ok(())
}

/// Sends batches from many exporters at once; each sends its next one when the last was acknowledged.
async fn ingest(report: &mut Report, stack: &Stack, tenant: &Tenant) -> anyhow::Result<()> {
    let uri: http::Uri = format!("{}/v1/traces", stack.replicas[0].api).parse()?;
    let mut random = Random::new(5);
    let start = 1_760_000_000_000_000_000;
    let one = |index: usize| encoded(&request(&mut random, BATCH, start + index as u64 * 100_000_000));
    let prepared: Arc<Vec<bytes::Bytes>> = Arc::new((0..4_000).map(one).collect());
    let (next, accepted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
    let (client, key) = (http(), tenant.api_key.clone());
    stack.turbopuffer.reset_counters();
    let started = Instant::now();
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let (client, uri, key, prepared) = (client.clone(), uri.clone(), key.clone(), Arc::clone(&prepared));
        let (next, accepted) = (Arc::clone(&next), Arc::clone(&accepted));
        senders.spawn(async move {
            while started.elapsed() < LASTING {
                let Some(body) = prepared.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                let message = http::Request::post(uri.clone())
                    .header("content-type", "application/x-protobuf")
                    .header("authorization", format!("Bearer {key}"));
                let answer = client.request(message.body(body.clone().into())?).await?;
                let ok = answer.status().is_success();
                answer.into_body().collect().await?;
                if ok {
                    accepted.fetch_add(BATCH as u64, Ordering::Relaxed);
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = senders.join_next().await {
        done??;
    }
    let took = started.elapsed();
    let accepted = accepted.load(Ordering::Relaxed);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = accepted as f64 / took.as_secs_f64();
    let commits = stack.turbopuffer.counters().total.commits;
    let what = format!("cloud, OTLP ingest, batches of {BATCH}, {SENDERS} exporters, one project");
    let baseline = format!("one batch a commit and second: {BATCH} spans/s");
    report.add(
        &what,
        format!("{rate:.0} spans/s, {commits} commits for {accepted} spans"),
        &baseline,
        "",
        None,
    );
    Ok(())
}

async fn spans(stack: &Stack, tenant: &Tenant) -> anyhow::Result<u64> {
    let url = format!("{}/api/stats", stack.replicas[0].api);
    let stats =
        reqwest::Client::new().get(url).bearer_auth(&tenant.api_key).send().await?.error_for_status()?;
    let stats: serde_json::Value = stats.json().await?;
    stats["span_count"].as_u64().context("no span_count")
}
