//! Measures writing: batches of spans through the store, against raw inserts of the same bytes in the same batches.
//!
//! `cargo run --release -p adapter-sqlite --example ingest -- [spans] [writers] [directory]`

#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::cast_precision_loss, reason = "a measuring aid")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use adapter_sqlite::{Options, SqliteStore};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection};
use trace::id::Scope;
use trace::json::Json;
use trace::kind::{LlmCall, SpanKind, Usage};
use trace::ports::{Batch, SpanStore, SpanWrite};
use trace::price::Prices;
use trace::span::{NewSpan, Payload, Span, SpanStatus, Version};
use trace::time::Timestamp;

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

/// A number that looks random.
fn mixed(number: u64) -> u64 {
    let mut n = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    n ^= n >> 29;
    n = n.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    n ^ (n >> 32)
}

const WORDS: [&str; 32] = [
    "refund", "order", "train", "ticket", "please", "answer", "the", "a", "customer", "asked", "about",
    "delivery", "because", "of", "delayed", "weather", "and", "wants", "to", "know", "whether", "it", "can",
    "be", "returned", "within", "thirty", "days", "after", "purchase", "without", "receipt",
];

fn prose(seed: u64, words: usize) -> String {
    let pick = |at: usize| {
        let n = mixed(seed.wrapping_mul(1_000_003) + at as u64);
        if n.is_multiple_of(9) { format!("w{:x}", n % 100_000) } else { WORDS[(n % 32) as usize].to_owned() }
    };
    (0..words).map(pick).collect::<Vec<_>>().join(" ")
}

fn span(number: u64) -> NewSpan {
    let trace = mixed(number / 8);
    let input = format!(
        r#"[{{"role":"system","content":"{}"}},{{"role":"user","content":"{}"}},{{"role":"assistant","content":"{}"}},{{"role":"user","content":"{}"}}]"#,
        prose(number % 7, 120),
        prose(number * 5 + 1, 120),
        prose(number * 5 + 2, 120),
        prose(number * 5 + 3, 80),
    );
    let output = format!(r#"[{{"role":"assistant","content":"{}"}}]"#, prose(number * 5 + 4, 110));
    let start = 1_735_689_600_000_000 + i64::try_from(number).unwrap() * 1_000;
    let status = if number.is_multiple_of(50) {
        SpanStatus::Failed { error: "rate limited".to_owned() }
    } else {
        SpanStatus::Completed
    };
    let llm = number % 8 != 0;
    let kind = if llm {
        let models = ["gpt-4o", "gpt-4o-mini", "claude-sonnet-4-20250514", "gpt-4.1"];
        SpanKind::LlmCall(LlmCall {
            model: models[(mixed(number) % 4) as usize].to_owned(),
            provider: Some("openai".to_owned()),
            usage: Usage {
                input_tokens: Some(mixed(number) % 4_000),
                output_tokens: Some(mixed(number + 7) % 900),
                ..Usage::default()
            },
            ..LlmCall::default()
        })
    } else {
        SpanKind::Custom { kind: "chain".to_owned(), attributes: serde_json::Map::new() }
    };
    let mut span = Span {
        id: format!("{:016x}", mixed(number + 99)).try_into().unwrap(),
        trace_id: format!("{:016x}{:016x}", trace, mixed(trace)).try_into().unwrap(),
        parent_id: (!number.is_multiple_of(8))
            .then(|| format!("{:016x}", mixed(number / 8 * 8 + 99)).try_into().unwrap()),
        name: if llm { "chat completion".to_owned() } else { "agent turn".to_owned() },
        kind,
        started_at: Timestamp::from_micros(start),
        ended_at: Some(Timestamp::from_micros(start + i64::try_from(mixed(number) % 9_000_000).unwrap())),
        attributes: serde_json::Map::new(),
        ms_to_first_chunk: None,
        status,
    };
    span.kind.estimate_cost(&Prices::default());
    let version = Version::new(&span.status, Timestamp::from_micros(start + 10_000_000));
    let payload =
        Payload { input: Some(Json::parse(&input).unwrap()), output: Some(Json::parse(&output).unwrap()) };
    NewSpan { span, payload, version }
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
    report("raw", batches * BATCH, start, cpu, size(directory, "raw.db"));
}

async fn store(directory: &Path, batches: usize, writers: usize) {
    let path = directory.join("store.db");
    let store = SqliteStore::open(&path, Options::default()).await.unwrap();
    let prices = Arc::new(Prices::default());
    let mut made: Vec<Vec<Batch>> = vec![Vec::new(); writers];
    for batch in 0..batches {
        let spans = (0..BATCH).map(|at| SpanWrite::Put(span((batch * BATCH + at) as u64))).collect();
        made[batch % writers].push(Batch { traces: vec![], spans, prices: Arc::clone(&prices) });
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
    report("store", batches * BATCH, start, cpu, size(directory, "store.db"));
    while store.unindexed().await.unwrap() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    store.close().await;
    report("indexed", batches * BATCH, start, cpu, size(directory, "store.db"));
}

fn report(what: &str, spans: usize, start: Instant, cpu: f64, size: String) {
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
