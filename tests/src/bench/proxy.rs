//! What the proxy adds to a call, with recording on, against calling the provider directly.

use std::time::Duration;

use super::load::{Http, Shot, Timings, at_rate, closed, http, merge};
use super::report::{Report, ms};
use super::subject::{Subject, spans_recorded};

/// Seconds per slice; direct and proxied slices alternate so that both see the same machine.
const SLICE: Duration = Duration::from_secs(5);
const SLICES: usize = 3;

/// Measures plain and streamed calls at 200 and 1 000 a second and at saturation.
pub async fn run(report: &mut Report) -> anyhow::Result<()> {
    let subject = Subject::start().await?;
    let http = http();
    for (name, stream) in [("plain", false), ("streaming", true)] {
        let direct = shot(&subject.provider_url(), stream)?;
        let proxied = shot(&subject.proxy_url, stream)?;
        // Connections, caches and lazily built parts are warm on both sides before anything counts.
        closed(&http, &direct, 16, Duration::from_secs(1)).await?;
        closed(&http, &proxied, 16, Duration::from_secs(2)).await?;
        for per_second in [200, 1000] {
            rate(report, &subject, &http, name, &direct, &proxied, per_second).await?;
        }
        saturation(report, &subject, &http, name, &direct, &proxied).await?;
    }
    Ok(())
}

fn shot(base: &str, stream: bool) -> anyhow::Result<Shot> {
    let body = serde_json::json!({
        "model": "gpt-4o-mini",
        "stream": stream,
        "stream_options": stream.then_some(serde_json::json!({ "include_usage": true })),
        "messages": [
            { "role": "system", "content": "You are a helpful assistant. ".repeat(20) },
            { "role": "user", "content": "Tell me something about the sea. ".repeat(20) },
        ],
    });
    let shot = Shot::json(&format!("{base}/v1/chat/completions"), serde_json::to_vec(&body)?)?;
    let shot = shot.with("authorization", "Bearer sk-bench");
    Ok(if stream { shot.with("x-emulator", "chunks=20,chunk_delay=2") } else { shot })
}

async fn rate(
    report: &mut Report,
    subject: &Subject,
    http: &Http,
    name: &str,
    direct: &Shot,
    proxied: &Shot,
    per_second: u32,
) -> anyhow::Result<()> {
    let before = spans_recorded(subject).await?;
    let (mut base, mut ours): (Option<Timings>, Option<Timings>) = (None, None);
    for _ in 0..SLICES {
        merge(&mut base, at_rate(http, direct, per_second, SLICE).await?)?;
        merge(&mut ours, at_rate(http, proxied, per_second, SLICE).await?)?;
    }
    let (Some(base), Some(ours)) = (base, ours) else { return Ok(()) };
    let title = |what: &str| format!("proxy, {name}, {per_second} req/s: {what}");
    let added = |ours: u64, base: u64| ours.saturating_sub(base);
    for (quantile, label, budget) in [(0.5, "p50", 500), (0.99, "p99", 3000)] {
        let (a, b) = (ours.whole.value_at_quantile(quantile), base.whole.value_at_quantile(quantile));
        let measured = format!("{} (added {})", ms(a), ms(added(a, b)));
        let budget_text = format!("added ≤ {}", ms(budget));
        report.add(
            &title(label),
            measured,
            &format!("direct {}", ms(b)),
            &budget_text,
            Some(added(a, b) <= budget),
        );
    }
    if name == "streaming" {
        let (a, b) = (ours.first.value_at_quantile(0.99), base.first.value_at_quantile(0.99));
        let measured = format!("{} (added {})", ms(a), ms(added(a, b)));
        let kept = Some(added(a, b) <= 2000);
        report.add(
            &title("time to first token p99"),
            measured,
            &format!("direct {}", ms(b)),
            "added ≤ 2.00 ms",
            kept,
        );
    }
    lost(report, subject, &title("records lost"), before, &ours).await
}

async fn saturation(
    report: &mut Report,
    subject: &Subject,
    http: &Http,
    name: &str,
    direct: &Shot,
    proxied: &Shot,
) -> anyhow::Result<()> {
    let connections = if name == "streaming" { 256 } else { 64 };
    let before = spans_recorded(subject).await?;
    let base = closed(http, direct, connections, SLICE).await?;
    let ours = closed(http, proxied, connections, SLICE).await?;
    let title = |what: &str| format!("proxy, {name}, saturated by {connections} connections: {what}");
    let baseline = format!("direct {:.0} req/s", base.rate());
    report.add(&title("throughput"), format!("{:.0} req/s", ours.rate()), &baseline, "", None);
    lost(report, subject, &title("records lost"), before, &ours).await
}

/// Counts calls that were answered and are not in the store, once everything had time to be written.
async fn lost(
    report: &mut Report,
    subject: &Subject,
    what: &str,
    before: u64,
    ours: &Timings,
) -> anyhow::Result<()> {
    let sent = ours.whole.len();
    let mut missing = sent;
    for _ in 0..200 {
        let recorded = spans_recorded(subject).await? - before;
        missing = sent.saturating_sub(recorded);
        if missing == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let measured = format!("{missing} of {sent} ({} failed)", ours.failed);
    report.add(what, measured, "", "0", Some(missing == 0 && ours.failed == 0));
    Ok(())
}
