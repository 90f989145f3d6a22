//! Measures writes and reads against the emulator: `cargo run --release -p adapter-turbopuffer --example ingest`.
//!
//! The emulator shares the machine, so numbers say what the adapter costs at most, not what the service takes.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]
#![expect(clippy::cast_precision_loss, reason = "numbers for people")]

use std::time::{Duration, Instant};

use adapter_turbopuffer::{Options, TurbopufferStore};
use futures_util::StreamExt;
use trace::filter::{Filter, ListQuery, SortBy, SortOrder, Test, TextField};
use trace::id::Scope;
use trace::ports::{SpanStore, SpanWrite};
use trace::testing::{batch, completed, llm_span, new_span, scope};
use turbopuffer_emulator::{Emulator, RequestKind, Settings};

const BATCHES: usize = 400;
const SPANS: usize = 64;
const WRITERS: usize = 32;

/// Returns about 3.7 kB of JSON of a chat, its words different for each span.
fn input(at: usize) -> String {
    let word = |n: usize| {
        format!(
            "{}{}",
            ["refund", "order", "train", "weather", "a", "the"][(at + n) % 6],
            (at * 7 + n * n) % 997
        )
    };
    let text = (0..420).map(word).collect::<Vec<_>>().join(" ");
    format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}}]}}"#)
}

fn writes(number: usize) -> Vec<SpanWrite> {
    let one = |at: usize| {
        let start = i64::try_from(number * SPANS + at).unwrap();
        let span = completed(llm_span(&format!("t{number}"), &format!("s{at}"), start, "m"), 5);
        SpanWrite::Put(new_span(span, Some(&input(number * SPANS + at)), Some(r#""ok""#)))
    };
    (0..SPANS).map(one).collect()
}

async fn measure(name: &str, settings: Settings, batches: usize) {
    let emulator = Emulator::start_with(settings).await;
    let base_url = Some(emulator.url.clone());
    let store = TurbopufferStore::new(Options {
        base_url,
        room: 1 << 30,
        project_room: 1 << 30,
        ..Options::new("k")
    });
    let (store, scope): (TurbopufferStore, Scope) = (store.unwrap(), scope(1));
    let prepared: Vec<_> = (0..batches).map(writes).collect();
    let start = Instant::now();
    let written = futures_util::stream::iter(prepared).map(|spans| {
        let store = store.clone();
        async move {
            let start = Instant::now();
            store.write(&scope, batch(vec![], spans)).await.unwrap();
            start.elapsed()
        }
    });
    let mut times: Vec<Duration> = written.buffer_unordered(WRITERS).collect().await;
    let seconds = start.elapsed().as_secs_f64();
    times.sort_unstable();
    let counters = emulator.counters();
    println!(
        "{name}: {:.0} spans/s, p50 {:?}, p99 {:?}, {} writes, {} queries, {:.0} bytes billed per span",
        (batches * SPANS) as f64 / seconds,
        times[times.len() / 2],
        times[times.len() * 99 / 100],
        counters.requests(RequestKind::Write),
        counters.requests(RequestKind::Query),
        counters.total.billed_bytes_written as f64 / (batches * SPANS) as f64
    );
    let text = |needle: &str| {
        let mut filter = Filter::default();
        filter.and(Test::Text(TextField::Anywhere, needle.to_owned()));
        filter
    };
    for (what, filter) in
        [("newest", Filter::default()), ("word", text("refund7")), ("words", text("refund7 order8"))]
    {
        let query = ListQuery {
            filter,
            sort_by: SortBy::StartedAt,
            sort_order: SortOrder::Desc,
            after: None,
            limit: 50,
        };
        let start = Instant::now();
        let spans = store.list(&scope, &query).await.unwrap().items.len();
        let (of_spans, start) = (start.elapsed(), Instant::now());
        let traces = store.list_traces(&scope, &query).await.unwrap().items.len();
        println!("  {what}: {spans} spans in {of_spans:?}, {traces} traces in {:?}", start.elapsed());
    }
}

#[tokio::main]
async fn main() {
    measure("no latency", Settings::default(), BATCHES).await;
    measure("published latency", Settings::realistic(), BATCHES).await;
}
