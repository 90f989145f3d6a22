//! Measures reading: lists, filters, sorts and text over many spans.
//!
//! `cargo run --release -p adapter-sqlite --example reads -- DIRECTORY [spans]` fills the directory first, unless
//! it holds as many already.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measuring aid")]

mod sample;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_sqlite::{Options, SqliteStore};
use trace::filter::{Filter, ListQuery, NumberField, Position, Range, SortBy, SortOrder, Test, TextField};
use trace::id::{Scope, SpanId, TraceId};
use trace::ports::{Batch, PayloadStore, Rollups, SpanKey, SpanStore, SpanWrite, SummaryQuery};
use trace::price::Prices;
use trace::span::StatusWord;
use trace::time::Timestamp;
use trace::trace::NewTrace;

use crate::sample::{mixed, span};

const ROUNDS: u64 = 20;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let directory: PathBuf = arguments.next().unwrap().into();
    let spans: u64 = arguments.next().map_or(1_000_000, |text| text.parse().unwrap());
    let store = SqliteStore::open(&directory.join("traceway.db"), Options::default()).await.unwrap();
    fill(&store, spans).await;
    lists(&store, spans).await;
    others(&store, spans).await;
    store.close().await;
}

async fn fill(store: &SqliteStore, spans: u64) {
    let prices = Arc::new(Prices::default());
    let start = store.counts(&Scope::LOCAL).await.unwrap().spans / 64 * 64;
    let begin = Instant::now();
    for first in (start..spans).step_by(256) {
        let writes = (0..4).map(|part| {
            let first = first + part * 64;
            let new: Vec<_> = (first..first + 64).map(span).collect();
            let traces = new.iter().step_by(8).map(|new| NewTrace {
                session_id: Some(format!("session-{}", mixed(first) % (spans / 64 + 1))),
                tags: vec!["otlp".to_owned(), format!("user:{}", mixed(first) % 1_000)],
                ..NewTrace::implicit(new.span.trace_id.clone(), new.span.started_at)
            });
            let traces = traces.collect();
            let spans = new.into_iter().map(SpanWrite::Put).collect();
            let batch = Batch { traces, spans, prices: Arc::clone(&prices), id: None, can_wait: false };
            async move { store.write(&Scope::LOCAL, batch).await.unwrap() }
        });
        futures_util::future::join_all(writes).await;
        if first % 100_096 == 0 {
            println!("{first} spans after {:?}", begin.elapsed());
        }
    }
    while store.unindexed().await.unwrap() > 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    println!("filled and indexed after {:?}", begin.elapsed());
}

fn query(tests: &[Test], sort_by: SortBy, sort_order: SortOrder) -> ListQuery {
    let mut filter = Filter::default();
    tests.iter().cloned().for_each(|test| filter.and(test));
    ListQuery { filter, sort_by, sort_order, after: None, limit: 50 }
}

async fn lists(store: &SqliteStore, spans: u64) {
    use SortBy::{Cost, Duration, Name, SpanCount, StartedAt, Tokens};
    use SortOrder::{Asc, Desc};
    let text = |needle: &str| Test::Text(TextField::Anywhere, needle.to_owned());
    let number = |field, range| Test::Number(field, range);
    let middle = span(spans / 2).span.started_at;
    let model = |name: &str| Test::Model(name.to_owned());
    let queries = [
        ("all", query(&[], StartedAt, Desc)),
        ("all, oldest first", query(&[], StartedAt, Asc)),
        ("model", query(&[model("gpt-4o-mini")], StartedAt, Desc)),
        ("model, none", query(&[model("no-such-model")], StartedAt, Desc)),
        ("kind", query(&[Test::Kind("chain".to_owned())], StartedAt, Desc)),
        ("kind, none", query(&[Test::Kind("retrieval".to_owned())], StartedAt, Desc)),
        ("provider, none", query(&[Test::Provider("anthropic".to_owned())], StartedAt, Desc)),
        ("failed", query(&[Test::Status(StatusWord::Failed)], StartedAt, Desc)),
        ("running, none", query(&[Test::Status(StatusWord::Running)], StartedAt, Desc)),
        ("until the middle", query(&[Test::Until(middle)], StartedAt, Desc)),
        ("cost, many", query(&[number(NumberField::Cost, Range::at_least(0.005))], StartedAt, Desc)),
        ("cost, few", query(&[number(NumberField::Cost, Range::at_least(0.0205))], StartedAt, Desc)),
        ("cost, none", query(&[number(NumberField::Cost, Range::at_least(99.0))], StartedAt, Desc)),
        ("tokens, none", query(&[number(NumberField::Tokens, Range::at_least(99_999.0))], StartedAt, Desc)),
        ("duration, few", query(&[number(NumberField::Duration, Range::at_least(8_999.0))], StartedAt, Desc)),
        (
            "model, failed, costly",
            query(
                &[
                    model("gpt-4o"),
                    Test::Status(StatusWord::Failed),
                    number(NumberField::Cost, Range::at_least(0.01)),
                ],
                StartedAt,
                Desc,
            ),
        ),
        ("name, many", query(&[Test::Name("completion".to_owned())], StartedAt, Desc)),
        ("name, none", query(&[Test::Name("nobody".to_owned())], StartedAt, Desc)),
        ("session", query(&[Test::Session("session-77".to_owned())], StartedAt, Desc)),
        ("tag", query(&[Test::Tag("user:77".to_owned())], StartedAt, Desc)),
        ("by duration", query(&[], Duration, Desc)),
        ("by duration, shortest", query(&[], Duration, Asc)),
        ("by cost", query(&[], Cost, Desc)),
        ("by cost, cheapest", query(&[], Cost, Asc)),
        ("by tokens", query(&[], Tokens, Desc)),
        ("by name", query(&[], Name, Asc)),
        ("by spans", query(&[], SpanCount, Desc)),
        ("failed by cost", query(&[Test::Status(StatusWord::Failed)], Cost, Desc)),
        ("text, dense", query(&[text("refund")], StartedAt, Desc)),
        ("text, rare", query(&[text("w1869f")], StartedAt, Desc)),
        ("text, some", query(&[text("w77 ")], StartedAt, Desc)),
        ("text, inside", query(&[text("869f")], StartedAt, Desc)),
        ("text, two words", query(&[text("w1869f"), text("ticket")], StartedAt, Desc)),
        ("text, phrase", query(&[text("refund order train")], StartedAt, Desc)),
        ("text, none", query(&[text("zebra crossing")], StartedAt, Desc)),
        ("text, none of letters", query(&[text("eta oin")], StartedAt, Desc)),
        ("text, two letters", query(&[text("qz")], StartedAt, Desc)),
    ];
    for (name, query) in queries {
        let mut spans = Vec::new();
        let mut traces = Vec::new();
        let mut found = 0;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            found = store.list(&Scope::LOCAL, &query).await.unwrap().items.len();
            spans.push(start.elapsed());
            let start = Instant::now();
            store.list_traces(&Scope::LOCAL, &query).await.unwrap();
            traces.push(start.elapsed());
            if spans.iter().chain(&traces).sum::<std::time::Duration>() > std::time::Duration::from_secs(4) {
                break;
            }
        }
        let deep = deep(store, &query, middle).await;
        println!("{name:<24} {found:>3} spans {} traces {} deep {deep}", shown(spans), shown(traces));
    }
}

/// Pages from the middle of the list.
async fn deep(store: &SqliteStore, query: &ListQuery, middle: Timestamp) -> String {
    use trace::filter::SortValue;
    let value = match query.sort_by {
        SortBy::StartedAt | SortBy::SpanCount => SortValue::Integer(middle.as_micros()),
        SortBy::Duration => SortValue::Integer(4_500),
        SortBy::Tokens => SortValue::Integer(2_000),
        SortBy::Cost => SortValue::Number(0.004),
        SortBy::Name => SortValue::Text("b".to_owned()),
    };
    let query = ListQuery { after: Some(Position { value, id: "8".to_owned() }), ..query.clone() };
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        store.list(&Scope::LOCAL, &query).await.unwrap();
        times.push(start.elapsed());
        if times.iter().sum::<Duration>() > Duration::from_secs(2) {
            break;
        }
    }
    shown(times)
}

async fn others(store: &SqliteStore, spans: u64) {
    let everything = query(&[], SortBy::StartedAt, SortOrder::Desc);
    let of = |number: u64| span(mixed(number) % spans).span;
    let mut rows: Vec<(&str, Vec<Duration>)> = Vec::new();
    let mut times = |name: &'static str, elapsed: Duration| match rows.iter_mut().find(|row| row.0 == name) {
        Some(row) => row.1.push(elapsed),
        None => rows.push((name, vec![elapsed])),
    };
    for round in 0..ROUNDS {
        let own = of(round);
        let start = Instant::now();
        store.find(&Scope::LOCAL, None, &own.id).await.unwrap().unwrap();
        times("find", start.elapsed());
        let start = Instant::now();
        store.list_of_traces(&Scope::LOCAL, std::slice::from_ref(&own.trace_id)).await.unwrap();
        times("spans of a trace", start.elapsed());
        let start = Instant::now();
        store.list_sessions(&Scope::LOCAL, &everything).await.unwrap();
        times("sessions", start.elapsed());
        let start = Instant::now();
        store.summary(&Scope::LOCAL, &SummaryQuery::default()).await.unwrap();
        times("summary", start.elapsed());
        let keys: Vec<SpanKey> = (0..50)
            .map(|at| of(round * 50 + at))
            .map(|own| SpanKey { trace_id: own.trace_id, span_id: own.id })
            .collect();
        let start = Instant::now();
        store.load(&Scope::LOCAL, &keys).await.unwrap();
        times("50 payloads", start.elapsed());
    }
    big_trace(store).await;
    let big = TraceId::parse("big").unwrap();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let found = store.list_of_traces(&Scope::LOCAL, std::slice::from_ref(&big)).await.unwrap();
        times("10 000 spans of a trace", start.elapsed());
        assert_eq!(found.len(), 10_000);
    }
    for (name, times) in rows {
        println!("{name:<24} {}", shown(times));
    }
}

async fn big_trace(store: &SqliteStore) {
    let big = TraceId::parse("big").unwrap();
    if store.find_trace(&Scope::LOCAL, &big).await.unwrap().is_some() {
        return;
    }
    let writes = (0..10_000).map(|number| {
        let mut new = span(number);
        new.span.trace_id = big.clone();
        new.span.id = SpanId::parse(&format!("big{number}")).unwrap();
        SpanWrite::Put(new)
    });
    let prices = Arc::new(Prices::default());
    let batch = Batch { traces: vec![], spans: writes.collect(), prices, id: None, can_wait: false };
    store.write(&Scope::LOCAL, batch).await.unwrap();
}

fn shown(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    format!("p50 {:>9.2?} p95 {:>9.2?}", at(50), at(95))
}
