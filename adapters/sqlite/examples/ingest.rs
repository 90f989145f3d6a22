//! Measures writing: batches of spans through the store, against raw inserts of the same bytes in the same batches.
//!
//! `cargo run --release -p adapter-sqlite --example ingest -- [spans] [writers] [directory]`

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss, reason = "a measuring aid")]

mod sample;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use adapter_sqlite::{Options, SqliteStore};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection};
use trace::id::Scope;
use trace::ports::{Batch, SpanStore, SpanWrite};
use trace::price::Prices;
use trace::span::NewSpan;

use crate::sample::span;

const BATCH: usize = 64;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let spans: usize = arguments.next().map_or(64_000, |text| text.parse().unwrap());
    let writers: usize = arguments.next().map_or(4, |text| text.parse().unwrap());
    let directory = arguments.next().map_or_else(std::env::temp_dir, Into::into);
    let directory = tempfile::tempdir_in(directory).unwrap();
    let batches = spans / BATCH;
    println!("bytes per span: {}", (0..100).map(|n| bytes_of(&span(n)).len()).sum::<usize>() / 100);
    if std::env::var_os("RAW").is_none() {
        raw(directory.path(), batches).await;
    }
    store(directory.path(), batches, writers).await;
}

fn bytes_of(new: &NewSpan) -> String {
    format!(
        "{}{}{}{}{:?}",
        new.span.id,
        new.span.trace_id,
        new.payload.input.as_ref().unwrap().as_str(),
        new.payload.output.as_ref().unwrap().as_str(),
        new.span.kind
    )
}

async fn raw(directory: &Path, batches: usize) {
    let path = directory.join("raw.db");
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("CREATE TABLE spans (id TEXT PRIMARY KEY, body TEXT)")
        .execute(&mut connection)
        .await
        .unwrap();
    let rows = vec!["(?,?)"; BATCH].join(",");
    let sql = format!("INSERT INTO spans (id, body) VALUES {rows}");
    let made: Vec<Vec<(String, String)>> = (0..batches)
        .map(|batch| {
            (0..BATCH)
                .map(|at| {
                    let new = span((batch * BATCH + at) as u64);
                    (new.span.id.to_string(), bytes_of(&new))
                })
                .collect()
        })
        .collect();
    let (start, cpu) = (Instant::now(), cpu_micros());
    for batch in made {
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql.as_str()));
        for (id, body) in batch {
            query = query.bind(id).bind(body);
        }
        let mut transaction = connection.begin().await.unwrap();
        query.execute(&mut *transaction).await.unwrap();
        transaction.commit().await.unwrap();
    }
    report("raw", batches * BATCH, start, cpu, &size(directory, "raw.db"));
}

async fn store(directory: &Path, batches: usize, writers: usize) {
    let path = directory.join("store.db");
    let store = SqliteStore::open(&path, Options::default()).await.unwrap();
    let prices = Arc::new(Prices::default());
    let mut made: Vec<Vec<Batch>> = vec![Vec::new(); writers];
    for batch in 0..batches {
        let spans = (0..BATCH).map(|at| SpanWrite::Put(span((batch * BATCH + at) as u64))).collect();
        made[batch % writers].push(Batch {
            traces: vec![],
            spans,
            prices: Arc::clone(&prices),
            id: None,
            can_wait: false,
        });
    }
    let (start, cpu) = (Instant::now(), cpu_micros());
    let mut tasks = Vec::new();
    for own in made {
        let store = store.clone();
        tasks.push(tokio::spawn(async move {
            for batch in own {
                store.write(&Scope::LOCAL, batch).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    report("store", batches * BATCH, start, cpu, &size(directory, "store.db"));
    while store.unindexed().await.unwrap() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    store.close().await;
    report("indexed", batches * BATCH, start, cpu, &size(directory, "store.db"));
}

fn report(what: &str, spans: usize, start: Instant, cpu: f64, size: &str) {
    let rate = spans as f64 / start.elapsed().as_secs_f64();
    let cpu = (cpu_micros() - cpu) / spans as f64;
    println!("{what:<8} {rate:>9.0} spans/s  {cpu:>6.1} µs of processor per span  {size}");
}

/// Processor time of this process so far, in microseconds.
fn cpu_micros() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks * 10_000.0
}

fn size(directory: &Path, name: &str) -> String {
    let of = |name: &str| std::fs::metadata(directory.join(name)).map_or(0, |file| file.len()) / 1024;
    format!("file {} kB, log {} kB", of(name), of(&format!("{name}-wal")))
}
