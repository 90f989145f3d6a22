//! How fast spans are taken durably over OTLP, against inserting the same bytes into SQLite directly.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use prost::Message;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use tokio::task::JoinSet;

use super::load::http;
use super::otlp::{Random, encoded, request};
use super::report::Report;
use super::subject::{Subject, bytes_on_disk, spans_recorded};

const BATCH: usize = 64;
const LASTING: Duration = Duration::from_secs(10);
/// Exporters that send at the same time.
const SENDERS: usize = 8;
/// Different requests prepared beforehand. Each is sent once.
const PREPARED: usize = 12_000;

/// One request and its spans one by one.
struct Prepared {
    whole: Bytes,
    single: Vec<(Vec<u8>, Vec<u8>)>,
}

fn prepare(count: usize) -> Vec<Prepared> {
    let mut random = Random::new(7);
    let start = 1_760_000_000_000_000_000;
    let one = |index: usize| {
        let request = request(&mut random, BATCH, start + index as u64 * 100_000_000);
        let spans = request.resource_spans[0].scope_spans[0].spans.iter();
        let single = spans.map(|span| (span.span_id.clone(), span.encode_to_vec())).collect();
        Prepared { whole: encoded(&request), single }
    };
    (0..count).map(one).collect()
}

/// Measures both and reports the share.
pub async fn run(report: &mut Report) -> anyhow::Result<()> {
    let prepared = Arc::new(prepare(PREPARED));
    let bytes: usize = prepared.iter().map(|request| request.whole.len()).sum();
    let per_span = bytes / (PREPARED * BATCH);
    let baseline = raw(&prepared).await?;
    let (ours, lost) = over_http(Arc::clone(&prepared)).await?;
    let share = ours / baseline * 100.0;
    let what = format!("OTLP ingest, {per_span} B spans, batches of {BATCH}, {SENDERS} senders");
    let raw_text = format!("raw SQLite inserts {baseline:.0} spans/s");
    let measured = format!("{ours:.0} spans/s ({share:.0} %)");
    report.add(&what, measured, &raw_text, "≥ 60 % of raw", Some(share >= 60.0));
    report.add("OTLP ingest: spans lost", lost.to_string(), "", "0", Some(lost == 0));
    Ok(())
}

/// Inserts the spans' bytes in transactions of 64 rows, each made durable, one after another.
async fn raw(prepared: &[Prepared]) -> anyhow::Result<f64> {
    let folder =
        tempfile::Builder::new().prefix("bench-raw-").tempdir_in(std::env::current_dir()?.join("target"))?;
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("raw.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::query("CREATE TABLE spans (id BLOB PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID")
        .execute(&mut connection)
        .await?;
    let mut rows = 0_usize;
    let started = Instant::now();
    for request in prepared {
        if started.elapsed() >= LASTING {
            break;
        }
        let mut transaction = connection.begin().await?;
        for (id, body) in &request.single {
            let insert = sqlx::query("INSERT INTO spans (id, body) VALUES (?1, ?2)").bind(id).bind(body);
            insert.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        rows += request.single.len();
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = rows as f64 / started.elapsed().as_secs_f64();
    Ok(rate)
}

/// Sends requests from several connections, each its next one when the last was answered.
async fn over_http(prepared: Arc<Vec<Prepared>>) -> anyhow::Result<(f64, u64)> {
    let subject = Subject::start().await?;
    let uri: http::Uri = format!("{}/v1/traces", subject.api_url).parse()?;
    let (next, accepted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
    let client = http();
    let started = Instant::now();
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let (client, uri, prepared) = (client.clone(), uri.clone(), Arc::clone(&prepared));
        let (next, accepted) = (Arc::clone(&next), Arc::clone(&accepted));
        senders.spawn(async move {
            while started.elapsed() < LASTING {
                let Some(request) = prepared.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                let message =
                    http::Request::post(uri.clone()).header("content-type", "application/x-protobuf");
                let answer = client.request(message.body(request.whole.clone().into())?).await?;
                let ok = answer.status().is_success();
                answer.into_body().collect().await?;
                if ok {
                    accepted.fetch_add(request.single.len() as u64, Ordering::Relaxed);
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
    let stored = spans_recorded(&subject).await?;
    tracing::info!(bytes = bytes_on_disk(subject.folder())?, "on disk after ingest");
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = accepted as f64 / took.as_secs_f64();
    Ok((rate, accepted.saturating_sub(stored)))
}
