//! Lists over more rows than a query can name or return at once.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use adapter_turbopuffer::TurbopufferStore;
use common::{namespace, options, put, query, sid, store, tid};
use trace::filter::{Filter, ListQuery, NumberField, Range, SortBy, SortOrder, Term, Test, TextField};
use trace::ports::{Batch, PayloadStore, SpanKey, SpanStore, SpanWrite};
use trace::span::{Span, StatusWord};
use trace::testing::{MemoryStore, batch, completed, llm_span, new_span, new_trace, scope, span, time};
use turbopuffer_emulator::{Emulator, RequestKind};

/// Traces: more than one query names.
const TRACES: usize = 1_150;

/// Batches of traces of one or two spans, most with a session and a tag.
fn batches() -> Vec<Batch> {
    let one = |at: usize| {
        let (id, start) = (format!("t{at:04}"), i64::try_from(at / 3).unwrap() * 1_000);
        let session = (!at.is_multiple_of(5)).then(|| format!("session {}", at % 300));
        let tags: &[&str] = if at.is_multiple_of(97) { &["Rare", "common"] } else { &["common"] };
        let trace = new_trace(&id, start, Some(&format!("trace {}", at % 50)), tags, session.as_deref());
        let call = completed(llm_span(&id, "call", start, if at.is_multiple_of(2) { "a" } else { "b" }), 5);
        let mut spans = vec![put(Span { name: format!("Call {}", at % 40), ..call })];
        if at.is_multiple_of(4) {
            let input = format!(
                r#"["needle {} in the haystack, number {at}"]"#,
                if at.is_multiple_of(200) { "sharp" } else { "blunt" }
            );
            spans.push(SpanWrite::Put(new_span(span(&id, "step", start + 1), Some(&input), None)));
        }
        (trace, spans)
    };
    let all: Vec<_> = (0..TRACES).map(one).collect();
    let chunk = |some: &[(_, Vec<SpanWrite>)]| {
        let traces = some.iter().map(|(trace, _): &(trace::trace::NewTrace, _)| trace.clone()).collect();
        batch(traces, some.iter().flat_map(|(_, spans)| spans.clone()).collect())
    };
    all.chunks(230).map(chunk).collect()
}

fn filter(terms: &[(bool, Test)]) -> Filter {
    let terms = terms.iter().map(|(negated, test)| Term { negated: *negated, test: test.clone() });
    Filter { terms: terms.collect(), ..Filter::default() }
}

macro_rules! same_pages {
    ($method:ident, $store:expr, $plain:expr, $query:expr) => {{
        let scope = scope(80);
        let mut own: ListQuery = $query.clone();
        let mut wanted = own.clone();
        for page in 0..4 {
            let found = $store.$method(&scope, &own).await.unwrap();
            let plain = $plain.$method(&scope, &wanted).await.unwrap();
            assert_eq!(found.items, plain.items, "page {page} of {own:?}");
            assert_eq!(found.next.is_some(), plain.next.is_some(), "page {page} of {own:?}");
            (own.after, wanted.after) = (found.next, plain.next);
            if own.after.is_none() {
                break;
            }
        }
    }};
}

async fn filled() -> (Emulator, TurbopufferStore, MemoryStore) {
    let emulator = Emulator::start().await;
    let (store, plain) = (store(&emulator), MemoryStore::default());
    for batch in batches() {
        plain.write(&scope(80), batch.clone()).await.unwrap();
        store.write(&scope(80), batch).await.unwrap();
    }
    (emulator, store, plain)
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_a_thousand_traces_and_more_are_those_of_the_plain_store() {
    let (_emulator, store, plain) = filled().await;
    let tag = |part: &str| Test::Tag(part.to_owned());
    let text = |needle: &str| Test::Text(TextField::Anywhere, needle.to_owned());
    let filters = [
        filter(&[]),
        // Every trace, or all but a few: more than can be named.
        filter(&[(false, tag("COMMON"))]),
        filter(&[(true, tag("rare"))]),
        filter(&[(false, tag("rare"))]),
        filter(&[(false, tag("common")), (false, Test::Model("a".to_owned()))]),
        filter(&[(false, Test::Name("call 7".to_owned()))]),
        filter(&[(true, Test::Name("CALL 7".to_owned()))]),
        filter(&[(false, Test::Name("call".to_owned()))]),
        filter(&[(false, text("needle"))]),
        filter(&[(false, text("needle sharp in the hay"))]),
        filter(&[(true, text("needle blunt"))]),
        filter(&[(true, text("needle sharp")), (false, tag("common"))]),
        filter(&[(false, Test::Session("session 7".to_owned()))]),
        filter(&[(true, Test::Status(StatusWord::Running)), (false, Test::Kind("llm_call".to_owned()))]),
        filter(&[(false, Test::Number(NumberField::InputTokens, Range::at_least(5.0)))]),
        filter(&[(false, Test::Since(time(300_000))), (true, Test::Kind("custom".to_owned()))]),
    ];
    for filter in filters {
        for (sort_by, sort_order, limit) in
            [(SortBy::StartedAt, SortOrder::Desc, 20), (SortBy::Tokens, SortOrder::Asc, 300)]
        {
            let query = ListQuery { sort_by, sort_order, ..query(filter.clone(), limit) };
            same_pages!(list, store, plain, query);
            same_pages!(list_traces, store, plain, query);
        }
        same_pages!(list_sessions, store, plain, query(filter, 25));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_takes_few_requests() {
    let (emulator, store, _) = filled().await;
    let queries = async |filter: Filter, of_traces: bool| {
        emulator.reset_counters();
        let query = query(filter, 50);
        if of_traces {
            assert!(!store.list_traces(&scope(80), &query).await.unwrap().items.is_empty());
        } else {
            assert!(!store.list(&scope(80), &query).await.unwrap().items.is_empty());
        }
        emulator.counters().requests(RequestKind::Query)
    };
    let tag = || filter(&[(false, Test::Tag("common".to_owned()))]);
    let model = || filter(&[(false, Test::Model("a".to_owned()))]);
    let word = || filter(&[(false, Test::Text(TextField::Anywhere, "needle".to_owned()))]);
    assert_eq!(queries(Filter::default(), false).await, 1);
    assert_eq!(queries(Filter::default(), true).await, 1);
    assert_eq!(queries(model(), false).await, 1);
    assert_eq!(queries(word(), false).await, 1, "a word needs no look at payloads");
    assert!(queries(tag(), false).await <= 3);
    assert_eq!(queries(tag(), true).await, 1);
    assert!(queries(model(), true).await <= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_payloads_are_searched_whole() {
    let emulator = Emulator::start().await;
    let (scope, store) = (scope(81), store(&emulator));
    let filler = |from: usize, count: usize| -> String {
        let words: Vec<String> = (from..from + count).map(|n| format!("word{n} ")).collect();
        words.concat()
    };
    let long = format!("\"{}the quick fox{}\"", filler(0, 40_000), filler(40_000, 20_000));
    // More different words than are indexed.
    let huge = format!("\"{}the slow fox\"", filler(0, 600_000));
    let write =
        |id: &str, input: &str| SpanWrite::Put(new_span(span(id, id, 0), Some(input), Some(r#""short""#)));
    store.write(&scope, batch(vec![], vec![write("long", &long), write("huge", &huge)])).await.unwrap();
    for (needle, wanted) in [
        ("quick fox", vec!["long"]),
        ("fox", vec!["long", "huge"]),
        ("slow fo", vec!["huge"]),
        ("fox quick", vec![]),
        ("word59999", vec!["long", "huge"]),
        ("word599999", vec!["huge"]),
        ("shor", vec!["long", "huge"]),
    ] {
        for field in [TextField::Anywhere, TextField::Input] {
            let search = filter(&[(false, Test::Text(field, needle.to_owned()))]);
            let page = store.list(&scope, &query(search, 10)).await.unwrap();
            let mut found: Vec<&str> = page.items.iter().map(|span| span.id.as_str()).collect();
            found.sort_unstable_by(|a, b| b.cmp(a));
            let wanted = if field == TextField::Input && needle == "shor" { vec![] } else { wanted.clone() };
            assert_eq!(found, wanted, "{needle} in {field:?}");
        }
    }
    let keys = ["long", "huge"].map(|id| SpanKey { trace_id: tid(id), span_id: sid(id) });
    let loaded = store.load(&scope, &keys).await.unwrap();
    assert_eq!(loaded[0].input.as_ref().unwrap().as_str(), long);
    assert_eq!(loaded[1].input.as_ref().unwrap().as_str(), huge);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_tags_longer_than_the_service_filters_are_kept_and_found() {
    let emulator = Emulator::start().await;
    let (scope, store) = (scope(82), store(&emulator));
    let long = |end: &str| format!("{} {end}", "läng ".repeat(1_200));
    let trace = new_trace("t", 0, Some(&long("trace")), &[&long("tag")], Some(&long("session")));
    let named = Span { name: long("span"), ..span("t", "s", 0) };
    store.write(&scope, batch(vec![trace], vec![put(named.clone())])).await.unwrap();
    let found = async |test: Test| {
        let page = store.list(&scope, &query(filter(&[(false, test.clone())]), 5)).await.unwrap();
        let without = store.list(&scope, &query(filter(&[(true, test)]), 5)).await.unwrap();
        assert_eq!(page.items.len() + without.items.len(), 1);
        page.items.first() == Some(&named)
    };
    assert!(found(Test::Name("SPAN".to_owned())).await);
    assert!(!found(Test::Name("other".to_owned())).await);
    assert!(found(Test::Tag("tag".to_owned())).await);
    assert!(!found(Test::Tag("other".to_owned())).await);
    assert!(found(Test::Session(long("session"))).await);
    assert!(!found(Test::Session(long("sessions"))).await);
    let (session, traces) = store.find_session(&scope, &long("session")).await.unwrap().unwrap();
    assert_eq!((session.id, traces.len()), (long("session"), 1));
    let part = query(filter(&[(false, Test::Session("session".to_owned()))]), 5);
    assert_eq!(store.list_sessions(&scope, &part).await.unwrap().items.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_loop_takes_a_small_part_of_its_text() {
    let emulator = Emulator::start().await;
    let scope = scope(83);
    let store = TurbopufferStore::new(options(&emulator)).unwrap();
    let message = |turn: usize| {
        let word =
            |n: usize| blake3::hash(&[turn.to_le_bytes(), n.to_le_bytes()].concat()).to_hex()[..9].to_owned();
        let noise = (0..12).map(word).collect::<Vec<_>>().join(" ");
        format!(r#"{{"role":"user","content":"turn {turn}: {noise}{}"}}"#, "and so on ".repeat(50))
    };
    let mut naive = 0;
    for turn in 1..=100 {
        let messages: Vec<String> = (0..turn * 2).map(message).collect();
        let input = format!(r#"{{"model":"m","messages":[{}]}}"#, messages.join(","));
        naive += input.len();
        let write = SpanWrite::Put(new_span(span("t", &format!("s{turn}"), 0), Some(&input), None));
        store.write(&scope, batch(vec![], vec![write])).await.unwrap();
    }
    let parts = emulator.counters().namespace(&format!("{}.b", namespace(83)));
    assert!(parts.bytes_written * 25 < naive as u64, "{} of {naive} bytes in parts", parts.bytes_written);
    assert!(parts.rows_written <= 300, "{} rows", parts.rows_written);
}
