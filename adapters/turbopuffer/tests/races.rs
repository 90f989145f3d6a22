//! Instances that know nothing of each other agree.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{change, finish, namespace, put, query, sid, store, tid};
use futures_util::future::{join, join_all};
use trace::filter::Filter;
use trace::ports::{Counts, PayloadStore, SpanChange, SpanKey, SpanStore, SpanWrite, TraceChange};
use trace::span::{NewSpan, Span, SpanStatus, Version};
use trace::testing::{batch, completed, llm_span, new_span, new_trace, scope, span, time};
use trace::trace::{NewTrace, OnExisting, Totals};
use turbopuffer_emulator::{Emulator, RequestKind, Settings, Spread};

/// An emulator whose commits take long enough for others to come between reading and writing.
async fn slow() -> Emulator {
    let mut settings = Settings::default();
    settings.latency.write = Spread::new(15.0, 40.0);
    Emulator::start_with(settings).await
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_and_ends_from_two_instances_meet_in_any_order() {
    let emulator = slow().await;
    let (scope, stores) = (scope(1), [store(&emulator), store(&emulator)]);
    let writes = (0..60).map(|at| {
        let start = llm_span("t", &format!("s{at}"), at, "m");
        let end = completed(start.clone(), 5);
        let (first, second) = (&stores[usize::from(at % 2 == 0)], &stores[usize::from(at % 2 == 1)]);
        join(
            first.write(&scope, batch(vec![], vec![put(start)])),
            second.write(&scope, batch(vec![], vec![put(end)])),
        )
    });
    for (start, end) in join_all(writes).await {
        assert!(matches!(change(end.unwrap()), SpanChange::Created(_) | SpanChange::Updated(_)));
        assert!(matches!(change(start.unwrap()), SpanChange::Created(_) | SpanChange::Stale));
    }
    for store in &stores {
        let spans = store.list_of_traces(&scope, &[tid("t")]).await.unwrap();
        assert!(spans.len() == 60 && spans.iter().all(|span| span.status == SpanStatus::Completed));
        let totals = store.find_trace(&scope, &tid("t")).await.unwrap().unwrap().totals;
        assert_eq!((totals.spans, totals.running, totals.llm_calls), (60, 0, 60));
        assert_eq!((totals.input_tokens, totals.cost), (600, 15.0));
        assert_eq!(store.counts(&scope).await.unwrap(), Counts { traces: 1, spans: 60 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_ends_wins_whoever_asks() {
    let emulator = slow().await;
    let (scope, stores) = (scope(2), [store(&emulator), store(&emulator), store(&emulator)]);
    stores[0].write(&scope, batch(vec![], vec![put(llm_span("t", "s", 0, "m"))])).await.unwrap();
    let turns = stores.iter().cycle();
    let ends =
        (10..40).zip(turns).map(|(at, store)| store.write(&scope, batch(vec![], vec![finish("s", at)])));
    let changes: Vec<SpanChange> =
        join_all(ends).await.into_iter().map(|written| change(written.unwrap())).collect();
    let won: Vec<&SpanChange> = changes.iter().filter(|change| **change != SpanChange::Terminal).collect();
    let [SpanChange::Updated(winner)] = won[..] else { panic!("{won:?}") };
    for store in &stores {
        assert_eq!(store.find(&scope, None, &sid("s")).await.unwrap().as_ref(), Some(&**winner));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_creations_wins_and_one_trace_comes_of_them() {
    let emulator = slow().await;
    let (scope, stores) = (scope(3), [store(&emulator), store(&emulator)]);
    let writes = (0..20).map(|at| {
        let create = SpanWrite::Create(new_span(span("t", "s", 0), None, None));
        stores[at % 2].write(&scope, batch(vec![], vec![create, put(span("t", &format!("o{at}"), 1))]))
    });
    let written: Vec<_> = join_all(writes).await.into_iter().map(Result::unwrap).collect();
    let created = written.iter().filter(|written| matches!(written.spans[0], SpanChange::Created(_)));
    assert_eq!(created.count(), 1);
    let is_new = |written: &&trace::ports::Written| written.traces[0].change == TraceChange::Created;
    assert!(written.iter().filter(is_new).count() >= 1);
    let totals = stores[0].find_trace(&scope, &tid("t")).await.unwrap().unwrap().totals;
    assert_eq!(totals.spans, 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_from_two_instances_are_all_kept() {
    let emulator = slow().await;
    let (scope, stores) = (scope(4), [store(&emulator), store(&emulator)]);
    let writes = (0..24).zip(stores.iter().cycle()).map(|(at, store)| {
        let tag = format!("tag{at}");
        let trace = NewTrace {
            on_existing: OnExisting::Merge,
            ..new_trace("t", 100 - at, None, &[tag.as_str()], None)
        };
        store.write(&scope, batch(vec![trace], vec![put(span("t", &format!("s{at}"), 0))]))
    });
    for written in join_all(writes).await {
        written.unwrap();
    }
    let trace = stores[1].find_trace(&scope, &tid("t")).await.unwrap().unwrap();
    assert_eq!((trace.tags.len(), trace.totals.spans, trace.started_at), (24, 24, time(77)));
}

#[tokio::test(flavor = "multi_thread")]
async fn totals_are_those_of_what_is_left_when_spans_go_beside_others_that_come() {
    let emulator = slow().await;
    let (scope, stores) = (scope(5), [store(&emulator), store(&emulator)]);
    let first = (0..20).map(|at| put(llm_span("t", &format!("a{at}"), at, "m"))).collect();
    stores[0].write(&scope, batch(vec![], first)).await.unwrap();
    let (a, b) = (sid("a0"), sid("a1"));
    let deletes = join_all([stores[0].delete(&scope, None, &a), stores[1].delete(&scope, None, &b)]);
    let puts = join_all((0..20).map(|at| {
        let span = completed(llm_span("t", &format!("b{at}"), at, "n"), 5);
        stores[usize::from(at % 2 == 0)].write(&scope, batch(vec![], vec![put(span)]))
    }));
    let (gone, come) = join(deletes, puts).await;
    assert!(gone.into_iter().all(|deleted| deleted.unwrap() == Some(tid("t"))));
    assert!(come.iter().all(Result::is_ok));
    let totals = stores[0].find_trace(&scope, &tid("t")).await.unwrap().unwrap().totals;
    assert_eq!((totals.spans, totals.running, totals.cost), (38, 18, 9.5));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_instance_wrote_the_other_sees_at_once() {
    let emulator = Emulator::start().await;
    let (scope, ours, theirs) = (scope(6), store(&emulator), store(&emulator));
    let noise = |at: u32| blake3::hash(&at.to_le_bytes()).to_hex().to_string();
    let long = format!("\"{}\"", (0..150).map(noise).collect::<Vec<_>>().join(" "));
    for at in 0..10 {
        let (trace, id) = (format!("t{at}"), format!("s{at}"));
        let new = NewSpan {
            version: Version::new(&SpanStatus::Running, time(at)),
            ..new_span(Span { name: "step".to_owned(), ..span(&trace, &id, at) }, Some(&long), None)
        };
        ours.write(&scope, batch(vec![], vec![SpanWrite::Put(new)])).await.unwrap();
        let page = theirs.list(&scope, &query(Filter::default(), 1)).await.unwrap();
        assert_eq!(page.items[0].id, sid(&id));
        let page = theirs.list_traces(&scope, &query(Filter::default(), 1)).await.unwrap();
        assert_eq!((page.items[0].id.clone(), page.items[0].totals.spans), (tid(&trace), 1));
        let key = SpanKey { trace_id: tid(&trace), span_id: sid(&id) };
        let loaded = theirs.load(&scope, &[key]).await.unwrap();
        assert_eq!(loaded[0].input.as_ref().unwrap().as_str(), long);
        theirs.write(&scope, batch(vec![], vec![finish(&id, at + 5)])).await.unwrap();
        assert!(ours.find(&scope, None, &sid(&id)).await.unwrap().unwrap().status.is_terminal());
    }
    // The text is the same each time: one part.
    let parts = emulator.counters().namespace(&format!("{}.b", namespace(6)));
    assert_eq!((parts.rows_written, parts.requests(RequestKind::Write)), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_deleted_beside_a_write_leaves_no_span_uncounted() {
    let emulator = slow().await;
    let (scope, stores) = (scope(7), [store(&emulator), store(&emulator)]);
    for round in 0..10 {
        let trace = format!("t{round}");
        let spans = (0..10).map(|at| put(span(&trace, &format!("a{at}"), at))).collect();
        stores[0].write(&scope, batch(vec![], spans)).await.unwrap();
        let late = vec![put(span(&trace, "late", 1))];
        let id = tid(&trace);
        let (deleted, written) =
            join(stores[0].delete_trace(&scope, &id), stores[1].write(&scope, batch(vec![], late))).await;
        assert!(deleted.unwrap().unwrap() >= 10);
        written.unwrap();
        let left = stores[0].list_of_traces(&scope, std::slice::from_ref(&id)).await.unwrap();
        let trace = stores[0].find_trace(&scope, &id).await.unwrap();
        let totals = trace.map_or_else(Totals::default, |trace| trace.totals);
        assert_eq!(totals.spans, left.len() as u64, "round {round}");
    }
}
