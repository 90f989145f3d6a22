//! The service fails, is slow or refuses; callers learn the truth.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use adapter_turbopuffer::{Compression, Options, TurbopufferStore};
use common::{change, finish, namespace, options, put, query, sid, store, tid};
use futures_util::future::join_all;
use trace::filter::Filter;
use trace::ports::{
    Batch, BatchId, Counts, Creators, PayloadStore, SpanChange, SpanKey, SpanStore, SpanWrite, StoreError,
    TraceChange,
};
use trace::span::{Payload, Span};
use trace::testing::{batch, completed, llm_span, new_span, new_trace, scope, span, time};
use turbopuffer_emulator::{Emulator, Fault, RequestKind, Rule, Settings, Spread};
use uuid::Uuid;

fn status(status: u16) -> Fault {
    Fault::Status { status, retry_after: None, plain: false }
}

async fn with_commits_of(millis: f64) -> Emulator {
    let mut settings = Settings::default();
    settings.latency.write = Spread::new(millis, millis);
    Emulator::start_with(settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_was_lost_counts_once_and_as_what_it_was() {
    let lost = [Fault::ResetAfter, Fault::StatusAfter { status: 503 }, Fault::TruncatedBody];
    for (number, fault) in (20..).zip(lost) {
        let emulator = Emulator::start().await;
        let (scope, store) = (scope(number), store(&emulator));
        emulator.fault(Rule::new(fault.clone()).on(RequestKind::Write).times(1));
        let create = SpanWrite::Create(new_span(llm_span("t", "s", 0, "m"), None, None));
        let written = store.write(&scope, batch(vec![], vec![create])).await.unwrap();
        assert_eq!(written.traces[0].change, TraceChange::Created, "{fault:?}");
        assert!(matches!(change(written), SpanChange::Created(_)), "{fault:?}");
        emulator.fault(Rule::new(fault.clone()).on(RequestKind::Write).times(1));
        let written = store.write(&scope, batch(vec![], vec![finish("s", 9)])).await.unwrap();
        assert!(matches!(change(written), SpanChange::Updated(_)), "{fault:?}");
        let totals = store.find_trace(&scope, &tid("t")).await.unwrap().unwrap().totals;
        assert_eq!((totals.spans, totals.running, totals.cost), (1, 0, 0.25), "{fault:?}");
        assert_eq!(emulator.faults(), [], "both struck");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_refused_after_a_lost_answer_is_in_doubt_and_can_be_asked_for() {
    let emulator = Emulator::start().await;
    let scope = scope(22);
    let brief = Options { timeout: Duration::from_millis(1_500), ..options(&emulator) };
    let store = TurbopufferStore::new(brief).unwrap();
    emulator.fault(Rule::new(Fault::ResetAfter).on(RequestKind::Write).times(1));
    emulator.fault(Rule::new(status(429)).on(RequestKind::Write));
    let id = Some(BatchId(Uuid::from_u128(7)));
    let batch = Batch { id, ..batch(vec![], vec![put(span("t", "s", 0))]) };
    let error = store.write(&scope, batch).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "who is busy did nothing: {error:?}");
    let key = SpanKey { trace_id: tid("t"), span_id: sid("s") };
    assert_eq!(store.creators(&scope, &[key]).await.unwrap(), [id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_whose_answer_was_lost_is_one() {
    let emulator = Emulator::start().await;
    let (scope, store) = (scope(23), store(&emulator));
    let spans = vec![put(llm_span("t", "a", 0, "m")), put(llm_span("t", "b", 0, "m"))];
    store.write(&scope, batch(vec![], spans)).await.unwrap();
    emulator.fault(Rule::new(Fault::ResetAfter).on(RequestKind::Write).times(1));
    assert_eq!(store.delete(&scope, None, &sid("a")).await.unwrap(), Some(tid("t")));
    assert_eq!(store.find_trace(&scope, &tid("t")).await.unwrap().unwrap().totals.spans, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn passing_faults_are_not_noticed() {
    let faults = [
        status(429),
        Fault::Status { status: 429, retry_after: Some(1), plain: false },
        Fault::Status { status: 503, retry_after: None, plain: true },
        Fault::ResetBefore,
        Fault::IndexBuilding { status: 202 },
        Fault::IndexBuilding { status: 409 },
    ];
    for (number, fault) in (30..).zip(faults) {
        let emulator = Emulator::start().await;
        let (scope, store) = (scope(number), store(&emulator));
        let write = |id: &str| batch(vec![], vec![put(span("t", id, 0))]);
        store.write(&scope, write("a")).await.unwrap();
        emulator.fault(Rule::new(fault.clone()).on(RequestKind::Query).times(2));
        assert!(store.find(&scope, None, &sid("a")).await.unwrap().is_some(), "{fault:?}");
        if !matches!(fault, Fault::IndexBuilding { .. }) {
            emulator.fault(Rule::new(fault.clone()).on(RequestKind::Write).times(2));
            store.write(&scope, write("b")).await.unwrap();
        }
        assert_eq!(emulator.faults(), [], "{fault:?} struck as often as it was to");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lasting_faults_are_told_apart_and_within_the_time_given() {
    let emulator = Emulator::start().await;
    let scope = scope(40);
    let brief = Options { timeout: Duration::from_millis(900), ..options(&emulator) };
    let store = TurbopufferStore::new(brief).unwrap();
    let write = || store.write(&scope, batch(vec![], vec![put(span("t", "s", 0))]));
    for (fault, busy) in [
        (status(429), true),
        (status(500), false),
        (status(401), false),
        (Fault::ResetBefore, false),
        (Fault::Hang { ms: 5_000 }, false),
    ] {
        emulator.fault(Rule::new(fault.clone()).on(RequestKind::Write));
        let start = Instant::now();
        let error = write().await.unwrap_err();
        assert_eq!(matches!(error, StoreError::Busy), busy, "{fault:?}: {error:?}");
        assert!(busy || matches!(error, StoreError::Unavailable(_)), "{fault:?}: {error:?}");
        assert!(start.elapsed() < Duration::from_secs(3), "{fault:?} took {:?}", start.elapsed());
        emulator.clear_faults();
    }
    emulator.stop().await;
    assert!(matches!(write().await, Err(StoreError::Unavailable(_))));
    assert!(store.check().await.is_err());
    emulator.resume().await;
    assert!(matches!(change(write().await.unwrap()), SpanChange::Created(_)));
    store.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_holds_the_key_prints_it() {
    let emulator = Emulator::start().await;
    emulator.configure(|settings| settings.api_key = Some("tpuf_right".to_owned()));
    let wrong = TurbopufferStore::new(options(&emulator)).unwrap();
    let error = wrong.find_trace(&scope(41), &tid("t")).await.unwrap_err();
    let shown = format!("{:?} {wrong:?} {error:?}", options(&emulator));
    assert!(!shown.contains("tpuf_test") && shown.contains("[redacted]"), "{shown}");
    assert!(TurbopufferStore::new(Options { base_url: None, ..Options::new("line\nbreak") }).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_wait_share_a_commit() {
    let emulator = with_commits_of(120.0).await;
    let (scope, store) = (scope(50), store(&emulator));
    let writes = (0..200).map(|at| {
        let span = completed(llm_span(&format!("t{}", at % 10), &format!("s{at}"), at, "m"), 5);
        store.write(&scope, batch(vec![], vec![put(span)]))
    });
    for written in join_all(writes).await {
        assert!(matches!(change(written.unwrap()), SpanChange::Created(_)));
    }
    let tally = emulator.counters().namespace(&namespace(50));
    assert!(tally.requests(RequestKind::Write) <= 3, "{tally:?}");
    assert_eq!(store.counts(&scope).await.unwrap(), Counts { traces: 10, spans: 200 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_that_starts_and_ends_in_one_commit_is_written_once() {
    let emulator = with_commits_of(100.0).await;
    let (scope, store) = (scope(51), store(&emulator));
    let first = store.write(&scope, batch(vec![], vec![put(span("other", "o", 0))]));
    let start = store.write(&scope, batch(vec![], vec![put(llm_span("t", "s", 0, "m"))]));
    let end = store.write(&scope, batch(vec![], vec![finish("s", 9)]));
    let [first, start, end]: [_; 3] = join_all([first, start, end]).await.try_into().unwrap();
    first.unwrap();
    assert!(matches!(change(start.unwrap()), SpanChange::Created(_)));
    let end = end.unwrap();
    assert!(matches!(&end.spans[..], [SpanChange::Updated(_)]), "{end:?}");
    assert!(!end.replaced[0].status.is_terminal(), "the end says what it replaced");
    let tally = emulator.counters().namespace(&namespace(51));
    assert_eq!(tally.rows_written, 4, "two spans and two traces");
}

/// Returns text that compression cannot make shorter than half.
fn noise(seed: &str, length: usize) -> String {
    let hash = |at: usize| blake3::hash(format!("{seed}{at}").as_bytes()).to_hex().to_string();
    (0..=length / 64).map(hash).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_the_service_refuses_is_the_failure_of_its_caller_alone() {
    let emulator = with_commits_of(60.0).await;
    emulator.configure(|settings| settings.limits.value_bytes = 4_000);
    let (scope, store) = (scope(52), store(&emulator));
    let write = |span: Span| store.write(&scope, batch(vec![], vec![put(span)]));
    let mut writes = vec![write(span("first", "f", 0))];
    writes.extend((0..6).map(|at| write(span(&format!("t{at}"), &format!("s{at}"), 0))));
    let mut poison = span("t", "poison", 0);
    poison.attributes.insert("noise".to_owned(), noise("poison", 20_000).into());
    writes.insert(3, write(poison));
    let results = join_all(writes).await;
    for (at, result) in results.iter().enumerate() {
        assert_eq!(result.is_err(), at == 3, "{at}: {result:?}");
    }
    assert!(matches!(results[3], Err(StoreError::Unavailable(_))));
    assert_eq!(store.counts(&scope).await.unwrap(), Counts { traces: 7, spans: 7 });
    assert_eq!(store.find(&scope, None, &sid("poison")).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_with_too_much_waiting_is_busy_and_others_are_not() {
    let emulator = with_commits_of(200.0).await;
    let small = Options { project_room: 20_000, ..options(&emulator) };
    let store = TurbopufferStore::new(small).unwrap();
    let (scope, other) = (scope(53), scope(54));
    let results = join_all(
        (0..100).map(|at| store.write(&scope, batch(vec![], vec![put(span(&format!("t{at}"), "s", 0))]))),
    );
    let other = store.write(&other, batch(vec![], vec![put(span("t", "s", 0))]));
    let (results, other) = futures_util::future::join(results, other).await;
    other.unwrap();
    let (kept, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert!(!kept.is_empty() && !refused.is_empty());
    assert!(refused.iter().all(|result| matches!(result, Err(StoreError::Busy))));
    assert_eq!(store.counts(&scope).await.unwrap().spans, kept.len() as u64);
    // Room that was taken is given back.
    let again = store.write(&scope, batch(vec![], vec![put(span("again", "s", 0))])).await;
    assert!(matches!(change(again.unwrap()), SpanChange::Created(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_takes_nobody_along() {
    let emulator = with_commits_of(80.0).await;
    let (scope, store) = (scope(55), store(&emulator));
    let gone = {
        let store = store.clone();
        tokio::spawn(async move { store.write(&scope, batch(vec![], vec![put(span("a", "a", 0))])).await })
    };
    tokio::time::sleep(Duration::from_millis(20)).await;
    let rest = join_all(
        (0..5).map(|at| store.write(&scope, batch(vec![], vec![put(span("b", &format!("b{at}"), 0))]))),
    );
    gone.abort();
    for written in rest.await {
        assert!(matches!(change(written.unwrap()), SpanChange::Created(_)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_without_namespace_is_empty() {
    let emulator = Emulator::start().await;
    let (scope, store) = (scope(60), store(&emulator));
    let everything = query(Filter::default(), 10);
    assert_eq!(store.find(&scope, None, &sid("s")).await.unwrap(), None);
    assert_eq!(store.find_trace(&scope, &tid("t")).await.unwrap(), None);
    assert_eq!(store.list(&scope, &everything).await.unwrap().items, []);
    assert_eq!(store.list_traces(&scope, &everything).await.unwrap().items, []);
    assert_eq!(store.list_sessions(&scope, &everything).await.unwrap().items, []);
    assert_eq!(store.counts(&scope).await.unwrap(), Counts::default());
    assert_eq!(store.delete(&scope, None, &sid("s")).await.unwrap(), None);
    assert_eq!(store.delete_trace(&scope, &tid("t")).await.unwrap(), None);
    assert_eq!(store.sweep(&scope, time(0)).await.unwrap(), 0);
    store.clear(&scope).await.unwrap();
    let key = SpanKey { trace_id: tid("t"), span_id: sid("s") };
    assert_eq!(store.load(&scope, &[key]).await.unwrap(), [Payload::default()]);
    assert_eq!(
        change(store.write(&scope, batch(vec![], vec![finish("s", 1)])).await.unwrap()),
        SpanChange::Missing
    );
    assert_eq!(emulator.counters().requests(RequestKind::Write), 2, "a deletion and a sweep, no row");
}

#[tokio::test(flavor = "multi_thread")]
async fn deletions_go_on_until_nothing_is_left() {
    let emulator = Emulator::start().await;
    let (scope, store) = (scope(61), store(&emulator));
    for at in 0..4 {
        let spans = (0..10).map(|n| put(span(&format!("t{at}"), &format!("s{at}-{n}"), at))).collect();
        store.write(&scope, batch(vec![], spans)).await.unwrap();
    }
    emulator.fault(Rule::new(Fault::FilterCap { rows: 4 }).on(RequestKind::Write));
    assert_eq!(store.delete_trace(&scope, &tid("t0")).await.unwrap(), Some(10));
    assert_eq!(store.sweep(&scope, time(2)).await.unwrap(), 1);
    emulator.clear_faults();
    assert_eq!(store.counts(&scope).await.unwrap(), Counts { traces: 2, spans: 20 });
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_a_later_span_needs_outlive_the_sweep_of_an_earlier_one() {
    const DAY: i64 = 86_400_000;
    let emulator = Emulator::start().await;
    let (scope, store) = (scope(62), store(&emulator));
    // Days from 2025-01-01 to well after today.
    let (soon, late) = (4_000 * DAY, 5_000 * DAY);
    let text =
        |word: &str| format!(r#"{{"messages":[{{"role":"user","content":"{}"}}]}}"#, noise(word, 9_000));
    let (shared, own) = (text("shared"), text("own"));
    let put =
        |trace: &str, at, text: &str| SpanWrite::Put(new_span(span(trace, trace, at), Some(text), None));
    store.write(&scope, batch(vec![], vec![put("a", soon, &shared), put("b", soon, &own)])).await.unwrap();
    store.write(&scope, batch(vec![], vec![put("c", late, &shared)])).await.unwrap();
    assert_eq!(store.sweep(&scope, time(soon + 2 * DAY)).await.unwrap(), 2);
    let key = |id: &str| SpanKey { trace_id: tid(id), span_id: sid(id) };
    let loaded = store.load(&scope, &[key("a"), key("c")]).await.unwrap();
    assert_eq!(loaded[0], Payload::default());
    assert_eq!(loaded[1].input.as_ref().unwrap().as_str(), shared);
    // The part that nobody needs any more is gone: it is written again when it comes again.
    let parts = || emulator.counters().namespace(&format!("{}.b", namespace(62))).rows_written;
    let before = parts();
    store.write(&scope, batch(vec![], vec![put("d", late, &own)])).await.unwrap();
    assert_eq!(parts(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_requests_are_understood() {
    let emulator = Emulator::start().await;
    let packed = Options { compression: Compression::Gzip, ..options(&emulator) };
    let (scope, store) = (scope(63), TurbopufferStore::new(packed).unwrap());
    let traces = vec![new_trace("t", 0, Some("name"), &["tag"], None)];
    let spans = (0..50).map(|at| put(llm_span("t", &format!("s{at}"), at, "m"))).collect();
    store.write(&scope, batch(traces, spans)).await.unwrap();
    assert_eq!(store.list_of_traces(&scope, &[tid("t")]).await.unwrap().len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_wait_for_query_slots_instead_of_being_throttled() {
    let emulator = Emulator::start().await;
    let (scope, store) = (scope(64), store(&emulator));
    store.write(&scope, batch(vec![], vec![put(span("t", "s", 0))])).await.unwrap();
    emulator.configure(|settings| settings.latency.query = Spread::new(40.0, 40.0));
    // Each takes 8 of 16 slots, and the last would wait far longer than the service lets it.
    let counted = join_all((0..60).map(|_| store.counts(&scope))).await;
    assert!(counted.into_iter().all(|counts| counts.unwrap() == Counts { traces: 1, spans: 1 }));
    let tally = emulator.counters().namespace(&namespace(64));
    assert!(tally.most_slots <= 12 && !tally.statuses.contains_key(&429), "{tally:?}");
}
