//! Text is found through the index, before it and after changes.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use adapter_sqlite::{Options, SqliteStore};
use trace::filter::{Filter, ListQuery, SortBy, SortOrder, SpanFacts, Test, TextField};
use trace::id::{Scope, SpanId, TraceId};
use trace::json::Json;
use trace::ports::{PayloadStore, SpanKey, SpanStore, SpanWrite};
use trace::span::{Finish, Payload, Span, SpanStatus, Version};
use trace::testing::{batch, completed, new_span, span, time};
use trace::trace::NewTrace;

const SPANS: i64 = 1_500;

/// Needles with the spans that hold them: rare ones at both ends, dense ones, short ones, over seams and escapes.
const NEEDLES: [&str; 16] = [
    "needle-in-17",
    "edle-in-2",
    "COMMON WORD",
    "rare Zürich",
    "ürich",
    "東京",
    "東",
    "qz",
    "Ω",
    "line\nbreak",
    r"line\nbreak",
    r#"number 42"},{"role":"user""#,
    r#"[{"role":"system""#,
    "span name 1499",
    "nowhere",
    "a",
];

fn input(number: i64) -> String {
    let extra = match number {
        17 | 1_017 => " rare Zürich",
        40..60 => " 東京 qz",
        1_300 => " Ωmega line\\nbreak",
        _ => "",
    };
    format!(
        r#"{{"messages":[{{"role":"system","content":"A common word that is in the prompt of every call here."}},{{"role":"user","content":"A question that is long enough to be shared, number {number}"}},{{"role":"user","content":"And here is the needle-in-{number} of this very span{extra}"}}],"k":{number}}}"#
    )
}

async fn filled() -> (tempfile::TempDir, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("traceway.db"), Options::default()).await.unwrap();
    for start in (0..SPANS).step_by(100) {
        let writes = (start..start + 100).map(|number| {
            let id = format!("s{number:05}");
            let made = Span {
                name: format!("span name {number}"),
                ..span(&format!("t{}", number / 5), &id, number)
            };
            SpanWrite::Put(new_span(completed(made, 5), Some(&input(number)), Some("\"answer\"")))
        });
        store.write(&Scope::LOCAL, batch(vec![], writes.collect())).await.unwrap();
    }
    (directory, store)
}

async fn indexed(store: &SqliteStore) {
    let start = Instant::now();
    while store.unindexed().await.unwrap() > 0 {
        assert!(start.elapsed() < Duration::from_mins(1), "the index does not catch up");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn query(needle: &str, sort_order: SortOrder) -> ListQuery {
    let mut filter = Filter::default();
    filter.and(Test::Text(TextField::Anywhere, needle.to_owned()));
    ListQuery { filter, sort_by: SortBy::StartedAt, sort_order, after: None, limit: 300 }
}

async fn search(store: &SqliteStore, needle: &str, sort_order: SortOrder) -> Vec<Span> {
    let mut query = query(needle, sort_order);
    let mut found = Vec::new();
    loop {
        let page = store.list(&Scope::LOCAL, &query).await.unwrap();
        found.extend(page.items);
        query.after = page.next;
        if query.after.is_none() {
            return found;
        }
    }
}

async fn search_traces(store: &SqliteStore, needle: &str) -> Vec<String> {
    let mut query = query(needle, SortOrder::Desc);
    let mut found = Vec::new();
    loop {
        let page = store.list_traces(&Scope::LOCAL, &query).await.unwrap();
        found.extend(page.items.into_iter().map(|trace| trace.id.to_string()));
        query.after = page.next;
        if query.after.is_none() {
            return found;
        }
    }
}

/// Returns what a search has to find, by reading everything.
async fn wanted(store: &SqliteStore, needle: &str) -> Vec<Span> {
    let everything = ListQuery { filter: Filter::default(), limit: 1_000, ..query("", SortOrder::Desc) };
    let mut page = store.list(&Scope::LOCAL, &everything).await.unwrap();
    let mut spans = page.items;
    while page.next.is_some() {
        page =
            store.list(&Scope::LOCAL, &ListQuery { after: page.next, ..everything.clone() }).await.unwrap();
        spans.extend(page.items);
    }
    let keys: Vec<SpanKey> = spans
        .iter()
        .map(|span| SpanKey { trace_id: span.trace_id.clone(), span_id: span.id.clone() })
        .collect();
    let payloads: Vec<Payload> = store.load(&Scope::LOCAL, &keys).await.unwrap();
    let filter = query(needle, SortOrder::Desc).filter;
    let holds = |(span, payload): (Span, &Payload)| {
        let facts = SpanFacts { payload: Some(payload), ..SpanFacts::default() };
        filter.matches(&span, &facts).then_some(span)
    };
    spans.into_iter().zip(&payloads).filter_map(holds).collect()
}

async fn all_searches_agree(store: &SqliteStore) {
    for needle in NEEDLES {
        let mut wanted = wanted(store, needle).await;
        assert_eq!(search(store, needle, SortOrder::Desc).await, wanted, "{needle:?}");
        let mut traces: Vec<String> = wanted.iter().map(|span| span.trace_id.to_string()).collect();
        let mut found = search_traces(store, needle).await;
        traces.sort();
        traces.dedup();
        found.sort();
        assert_eq!(found, traces, "traces of {needle:?}");
        wanted.reverse();
        assert_eq!(search(store, needle, SortOrder::Asc).await, wanted, "{needle:?}, oldest first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_needle_is_found_before_and_after_it_is_indexed() {
    let (_directory, store) = filled().await;
    all_searches_agree(&store).await;
    indexed(&store).await;
    all_searches_agree(&store).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_or_goes_after_it_was_indexed_is_found_as_it_is() {
    let (_directory, store) = filled().await;
    let running = span("late", "late", 1);
    let create = SpanWrite::Create(new_span(running, Some("\"first words\""), None));
    store.write(&Scope::LOCAL, batch(vec![], vec![create])).await.unwrap();
    indexed(&store).await;
    assert_eq!(search(&store, "last words", SortOrder::Desc).await, []);
    let end = Finish {
        trace_id: None,
        span_id: SpanId::parse("late").unwrap(),
        status: SpanStatus::Completed,
        ended_at: time(9),
        output: Some(Json::parse("\"last words\"").unwrap()),
        kind: None,
        version: Version::new(&SpanStatus::Completed, time(9)),
    };
    store.write(&Scope::LOCAL, batch(vec![], vec![SpanWrite::Finish(end)])).await.unwrap();
    assert_eq!(search(&store, "last words", SortOrder::Desc).await.len(), 1);
    indexed(&store).await;
    for needle in ["last words", "first words"] {
        assert_eq!(search(&store, needle, SortOrder::Desc).await.len(), 1, "{needle}");
    }
    for trace in ["late", "t3", "t200"] {
        store.delete_trace(&Scope::LOCAL, &TraceId::parse(trace).unwrap()).await.unwrap();
    }
    store.delete(&Scope::LOCAL, None, &SpanId::parse("s01300").unwrap()).await.unwrap();
    assert_eq!(search(&store, "last words", SortOrder::Desc).await, []);
    all_searches_agree(&store).await;
    store.clear(&Scope::LOCAL).await.unwrap();
    assert_eq!(search(&store, "common", SortOrder::Desc).await, []);
    let again = SpanWrite::Put(new_span(span("t", "s", 0), Some(&input(17)), None));
    store.write(&Scope::LOCAL, batch(vec![], vec![again])).await.unwrap();
    indexed(&store).await;
    assert_eq!(search(&store, "rare Zürich", SortOrder::Desc).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn indexing_goes_on_after_a_restart() {
    let (directory, store) = filled().await;
    store.close().await;
    drop(store);
    let store = SqliteStore::open(&directory.path().join("traceway.db"), Options::default()).await.unwrap();
    indexed(&store).await;
    assert_eq!(search(&store, "needle-in-17 ", SortOrder::Desc).await.len(), 1);
    let shared = SpanWrite::Put(new_span(span("new", "s", 9_999), Some(&input(3)), None));
    store.write(&Scope::LOCAL, batch(vec![], vec![shared])).await.unwrap();
    indexed(&store).await;
    assert_eq!(search(&store, "needle-in-3 ", SortOrder::Desc).await.len(), 2);
}

/// Returns text of these letters that follows no pattern.
fn noise(letters: &str, length: usize) -> String {
    let letters: Vec<char> = letters.chars().collect();
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        letters[usize::try_from(state >> 33).unwrap() % letters.len()]
    };
    (0..length).map(|_| next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn words_around_pictures_and_in_long_texts_are_found_and_keep_no_writer_waiting() {
    let (_directory, store) = filled().await;
    let picture = noise("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 12_000_000);
    let words = noise("abcdefghijklm ", 300_000);
    let everything = noise(&('一'..'鿿').collect::<String>(), 400_000);
    let inputs = [
        format!(
            r#"{{"before":"the first word","url":"data:image/png;base64,{picture}","z":"the last word"}}"#
        ),
        format!(r#"[{{"role":"user","content":"{words} a needle in prose {words}"}}]"#),
        format!(r#"[{{"role":"user","content":"{everything} a needle in all {everything}"}}]"#),
    ];
    for (number, input) in inputs.iter().enumerate() {
        let late = span("large", &format!("large{number}"), 0);
        let new = SpanWrite::Put(new_span(completed(late, 1), Some(input), None));
        store.write(&Scope::LOCAL, batch(vec![], vec![new])).await.unwrap();
    }
    let mut slowest = Duration::ZERO;
    let mut number = 0;
    while store.unindexed().await.unwrap() > 0 {
        let start = Instant::now();
        let small = SpanWrite::Put(new_span(span("small", &format!("small{number}"), 1), Some("1"), None));
        store.write(&Scope::LOCAL, batch(vec![], vec![small])).await.unwrap();
        slowest = slowest.max(start.elapsed());
        number += 1;
        // The writes themselves must not keep the index behind for ever.
        tokio::time::sleep(Duration::from_millis(if number < 50 { 20 } else { 1_500 })).await;
        assert!(number < 80, "the index does not catch up");
    }
    assert!(slowest < Duration::from_secs(3), "a write waited {slowest:?}");
    for needle in ["the first word", "the last word", "base64,", "needle in prose", "needle in all"] {
        assert_eq!(search(&store, needle, SortOrder::Desc).await, wanted(&store, needle).await, "{needle}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_sessions_reads_no_more_text_than_it_needs() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("traceway.db");
    let store = SqliteStore::open(&path, Options::default()).await.unwrap();
    let (mut traces, mut writes) = (Vec::new(), Vec::new());
    for number in 0..400 {
        let trace = format!("t{number:03}");
        let mut new = NewTrace::implicit(TraceId::parse(&trace).unwrap(), time(number));
        new.session_id = Some(format!("session{number:03}"));
        traces.push(new);
        let word = if number % 2 == 0 { "\"a common word\"" } else { "\"another one\"" };
        writes.push(SpanWrite::Put(new_span(completed(span(&trace, "s", number), 5), Some(word), None)));
    }
    store.write(&Scope::LOCAL, batch(traces, writes)).await.unwrap();
    indexed(&store).await;
    // Whoever reads the payload of the oldest session fails.
    let url = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&url).await.unwrap();
    let damage = "UPDATE payloads SET input = x'07' WHERE row = (SELECT min(row) FROM spans)";
    sqlx::query(damage).execute(&mut connection).await.unwrap();

    let mut query = ListQuery { limit: 10, ..query("common", SortOrder::Desc) };
    let mut found = Vec::new();
    for _ in 0..3 {
        let page = store.list_sessions(&Scope::LOCAL, &query).await.unwrap();
        found.extend(page.items.into_iter().map(|session| session.id));
        query.after = page.next;
    }
    let wanted: Vec<String> = (340..400)
        .rev()
        .filter(|number| number % 2 == 0)
        .map(|number| format!("session{number:03}"))
        .collect();
    assert_eq!(found, wanted);
    query.limit = 300;
    assert!(store.list_sessions(&Scope::LOCAL, &query).await.is_err());
}

#[tokio::test]
async fn spans_that_end_while_they_are_indexed_are_found_and_nothing_stays_to_be_done() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("traceway.db"), Options::default()).await.unwrap();
    for number in 0..200 {
        let id = format!("s{number}");
        let start = new_span(span("t", &id, number), Some("\"asked\""), None);
        store.write(&Scope::LOCAL, batch(vec![], vec![SpanWrite::Put(start)])).await.unwrap();
        if number >= 20 {
            let ended = number - 20;
            let done = completed(span("t", &format!("s{ended}"), ended), 5);
            let end = new_span(done, None, Some(&format!("\"the answer is no-{ended}-no\"")));
            store.write(&Scope::LOCAL, batch(vec![], vec![SpanWrite::Put(end)])).await.unwrap();
        }
    }
    // One that changed and then went leaves nothing to be done either.
    assert!(store.delete(&Scope::LOCAL, None, &SpanId::parse("s179").unwrap()).await.unwrap().is_some());
    indexed(&store).await;
    for number in 0..179 {
        let found = search(&store, &format!("no-{number}-no"), SortOrder::Desc).await;
        assert_eq!(found.iter().map(|span| span.id.to_string()).collect::<Vec<_>>(), [format!("s{number}")]);
    }
    assert!(search(&store, "no-179-no", SortOrder::Desc).await.is_empty());
    assert_eq!(search(&store, "asked", SortOrder::Desc).await.len(), 199);
    store.close().await;
}
