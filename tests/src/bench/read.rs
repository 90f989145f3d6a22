//! Lists, filters, full text and large traces, at 100 000 and 1 000 000 spans.

use std::time::{Duration, Instant};

use anyhow::Context;
use hdrhistogram::Histogram;
use serde_json::json;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::load::http;
use super::otlp::{Random, encoded, request};
use super::report::{Report, ms};
use super::subject::Subject;

const REPEATS: usize = 40;

/// A start before those of all spans that fill the server, so that lists by start do not begin with other spans.
const EARLIER: &str = "2025-10-01T00:00:00Z";

/// What is asked, its path and its budget in milliseconds.
const QUERIES: [(&str, &str, u64); 16] = [
    ("spans, newest", "/api/spans?payload=none", 50),
    ("spans, newest, with payloads", "/api/spans", 50),
    ("spans by model", "/api/spans?payload=none&model=gpt-4.1", 50),
    ("spans by kind and status", "/api/spans?payload=none&kind=llm_call&status=completed", 50),
    ("failed spans (few)", "/api/spans?payload=none&status=failed", 50),
    ("spans by duration", "/api/spans?payload=none&sort_by=duration", 50),
    ("spans by cost", "/api/spans?payload=none&sort_by=cost", 50),
    ("spans by tokens", "/api/spans?payload=none&sort_by=tokens", 50),
    ("spans of a model above a cost", "/api/spans?payload=none&q=model:gpt-4.1%20cost:%3E0.01", 50),
    ("traces, newest", "/api/traces", 50),
    ("traces by cost", "/api/traces?sort_by=cost", 50),
    ("traces with a model", "/api/traces?q=model:claude-sonnet-4", 50),
    ("summary", "/api/analytics/summary", 50),
    ("text, in most spans", "/api/spans?payload=none&q=refund", 150),
    ("text, in one span", "/api/spans?payload=none&q=xylophone", 150),
    ("text, in none", "/api/spans?payload=none&q=zzyzx", 150),
];

/// Fills a server step by step and measures at each.
pub async fn run(report: &mut Report, steps: &[u64]) -> anyhow::Result<()> {
    let subject = Subject::start().await?;
    plant(&subject).await?;
    let mut held = 0;
    for &step in steps {
        fill(&subject, held, step).await?;
        held = step;
        settle(&subject).await?;
        for (name, path, budget) in QUERIES {
            let timings = repeat(&subject, path).await?;
            report.add_timings(&format!("{step} spans: {name}"), &timings, "", budget);
        }
        let paged = pages(&subject).await?;
        report.add_timings(&format!("{step} spans: 20 pages by cursor, each"), &paged, "", 50);
        large_trace(report, &subject, step).await?;
    }
    seen(report, &subject).await?;
    found(report, &subject).await
}

/// One span with a word no other has.
async fn plant(subject: &Subject) -> anyhow::Result<()> {
    let span = json!({ "spans": [{ "id": "planted", "trace_id": "planted", "name": "planted", "status": "failed",
        "error": "planted", "input": [{ "role": "user", "content": "Where is my xylophone?" }] }] });
    post(subject, "/api/ingest", &span).await
}

async fn post(subject: &Subject, path: &str, body: &serde_json::Value) -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    client.post(format!("{}{path}", subject.api_url)).json(body).send().await?.error_for_status()?;
    Ok(())
}

async fn fill(subject: &Subject, from: u64, to: u64) -> anyhow::Result<()> {
    let client = http();
    let uri: http::Uri = format!("{}/v1/traces", subject.api_url).parse()?;
    let mut random = Random::new(from + 1);
    let mut flying = tokio::task::JoinSet::new();
    let mut sent = from;
    while sent < to {
        let count = (to - sent).min(256);
        let at = 1_760_000_000_000_000_000 + sent * 1_000_000;
        let body = encoded(&request(&mut random, usize::try_from(count)?, at));
        let message = http::Request::post(uri.clone())
            .header("content-type", "application/x-protobuf")
            .body(body.into())?;
        let client = client.clone();
        flying.spawn(async move { client.request(message).await.map(|answer| answer.status().is_success()) });
        sent += count;
        if flying.len() >= 8 {
            let ok = flying.join_next().await.context("nothing in flight")???;
            anyhow::ensure!(ok, "an export was refused");
        }
    }
    while let Some(done) = flying.join_next().await {
        anyhow::ensure!(done??, "an export was refused");
    }
    Ok(())
}

/// Waits until the server has nothing left to do, such as indexing.
async fn settle(subject: &Subject) -> anyhow::Result<()> {
    for _ in 0..900 {
        let before = subject.cpu()?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        if subject.cpu()?.saturating_sub(before) < Duration::from_millis(60) {
            return Ok(());
        }
    }
    anyhow::bail!("the server is still busy half an hour after the last write")
}

async fn repeat(subject: &Subject, path: &str) -> anyhow::Result<Histogram<u64>> {
    let client = reqwest::Client::new();
    let url = format!("{}{path}", subject.api_url);
    let mut timings = Histogram::new(3)?;
    for _ in 0..REPEATS {
        let started = Instant::now();
        client.get(&url).send().await?.error_for_status()?.bytes().await?;
        timings.record(u64::try_from(started.elapsed().as_micros())?)?;
    }
    Ok(timings)
}

async fn pages(subject: &Subject) -> anyhow::Result<Histogram<u64>> {
    let client = reqwest::Client::new();
    let mut timings = Histogram::new(3)?;
    let mut cursor = String::new();
    for _ in 0..20 {
        let url = format!("{}/api/spans?payload=none&limit=100&cursor={cursor}", subject.api_url);
        let started = Instant::now();
        let page: serde_json::Value = client.get(&url).send().await?.error_for_status()?.json().await?;
        timings.record(u64::try_from(started.elapsed().as_micros())?)?;
        page["cursor"].as_str().context("the list ended early")?.clone_into(&mut cursor);
    }
    Ok(timings)
}

/// Measures a trace of 10 000 spans beside reading its rows from the file, by one connection.
async fn large_trace(report: &mut Report, subject: &Subject, step: u64) -> anyhow::Result<()> {
    let trace = format!("large-{step}");
    for chunk in 0..10 {
        let spans: Vec<_> = (0..1000)
            .map(|n| {
                let index = chunk * 1000 + n;
                let parent = (index > 0).then(|| format!("{trace}-{}", (index - 1) / 10));
                json!({ "id": format!("{trace}-{index}"), "trace_id": trace, "parent_id": parent, "name": format!("step {index}"),
                    "status": "completed", "started_at": EARLIER, "kind": { "type": "tool_call", "tool_name": "lookup" },
                    "input": { "index": index }, "output": { "found": true } })
            })
            .collect();
        post(subject, "/api/ingest", &json!({ "spans": spans })).await?;
    }
    settle(subject).await?;
    for (name, path, sql) in [
        (
            "without payloads, as the dashboard asks",
            "?payload=none",
            "SELECT s.* FROM spans s JOIN traces t ON t.row = s.trace WHERE t.id = ?",
        ),
        (
            "with payloads",
            "",
            "SELECT s.*, p.input, p.output FROM spans s JOIN traces t ON t.row = s.trace
             JOIN payloads p ON p.row = s.row WHERE t.id = ?",
        ),
    ] {
        let raw = rows(subject, sql, &trace).await?.value_at_quantile(0.5);
        let timings = repeat(subject, &format!("/api/traces/{trace}{path}")).await?;
        let what = format!("{step} spans: trace of 10 000 more, {name}");
        let raw = format!("its rows from SQLite p50 {}", ms(raw));
        report.add_timings(&what, &timings, &raw, 150);
    }
    Ok(())
}

/// Reads rows of a trace from the server's file.
async fn rows(subject: &Subject, sql: &'static str, trace: &str) -> anyhow::Result<Histogram<u64>> {
    let options = SqliteConnectOptions::new().filename(subject.folder().join("traceway.db")).read_only(true);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let mut timings = Histogram::new(3)?;
    for _ in 0..REPEATS {
        let started = Instant::now();
        let rows = sqlx::query(sql).bind(trace).fetch_all(&mut connection).await?;
        timings.record(u64::try_from(started.elapsed().as_micros())?)?;
        anyhow::ensure!(rows.len() == 10_000, "the file has {} rows of the trace", rows.len());
    }
    connection.close().await?;
    Ok(timings)
}

/// Measures how long after the 2xx a span was read from the live stream, the list and its trace, one after the other.
async fn seen(report: &mut Report, subject: &Subject) -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    let url = |path: &str| format!("{}{path}", subject.api_url);
    let mut stream = client.get(url("/api/events")).send().await?.error_for_status()?;
    let mut timings = Histogram::<u64>::new(3)?;
    let mut heard = String::new();
    for n in 0..REPEATS {
        let id = format!("seen-{n}");
        post(subject, "/api/spans", &json!({ "id": id, "trace_id": id, "name": "seen" })).await?;
        let written = Instant::now();
        while !heard.contains(&format!("\"{id}\"")) {
            let chunk = stream.chunk().await?.context("the stream ended")?;
            heard.push_str(&String::from_utf8_lossy(&chunk));
        }
        for path in ["/api/spans?payload=none&limit=1", &format!("/api/traces/{id}")] {
            while !client.get(url(path)).send().await?.text().await?.contains(&format!("\"{id}\"")) {
                anyhow::ensure!(written.elapsed() < Duration::from_secs(10), "{path} does not have {id}");
            }
        }
        timings.record(u64::try_from(written.elapsed().as_micros())?)?;
        heard.clear();
    }
    report.add_timings("after the 2xx, until stream, list and trace were read", &timings, "", 250);
    Ok(())
}

/// Measures how long after the 2xx a word of an old span is found while 500 spans come in a second.
async fn found(report: &mut Report, subject: &Subject) -> anyhow::Result<()> {
    let load = tokio::spawn(stream_in(format!("{}/v1/traces", subject.api_url)));
    let client = reqwest::Client::new();
    let mut timings = Histogram::<u64>::new(3)?;
    for n in 0..REPEATS {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let word = format!("needle{n}zq");
        let span = json!({ "spans": [{ "id": word, "trace_id": "needles", "name": "found", "started_at": EARLIER,
            "input": word }] });
        post(subject, "/api/ingest", &span).await?;
        let written = Instant::now();
        let url = format!("{}/api/spans?payload=none&q={word}", subject.api_url);
        while !client.get(&url).send().await?.text().await?.contains("\"needles\"") {
            anyhow::ensure!(written.elapsed() < Duration::from_secs(10), "{word} is not found");
        }
        timings.record(u64::try_from(written.elapsed().as_micros())?)?;
    }
    anyhow::ensure!(!load.is_finished(), "the spans stopped coming: {:?}", load.await);
    load.abort();
    report.add_timings("after the 2xx, until a word was found, at 500 spans/s", &timings, "", 1000);
    Ok(())
}

/// Sends 50 spans every 100 ms until it fails.
async fn stream_in(url: String) -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    let mut random = Random::new(11);
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    for n in 0.. {
        tick.tick().await;
        let body = encoded(&request(&mut random, 50, 1_790_000_000_000_000_000 + n * 100_000_000));
        let export = client.post(&url).header("content-type", "application/x-protobuf").body(body);
        export.send().await?.error_for_status()?;
    }
    Ok(())
}
