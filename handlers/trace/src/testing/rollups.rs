//! What every [`Rollups`] promises.

use super::fixtures::{batch, completed, llm_span, new_span, scope, span, time};
use super::memory::MemoryStore;
use super::samples::{self, Numbers};
use crate::filter::{Filter, Test};
use crate::id::{Scope, SpanId, TraceId};
use crate::ports::{Latencies, Rollups, SpanStore, SpanWrite, Summary, SummaryQuery};

/// What every [`Rollups`] promises. Both are of one empty store.
pub async fn rollups_contract(spans: &dyn SpanStore, rollups: &dyn Rollups) {
    nothing_adds_up_to_nothing(spans, rollups, &scope(301)).await;
    sums_follow_writes_and_deletions(spans, rollups, &scope(302), &scope(303)).await;
    sums_agree_with_the_plain_store(spans, rollups, &scope(304)).await;
}

const HOUR: i64 = 3_600_000;

fn all() -> SummaryQuery {
    SummaryQuery::default()
}

fn between(since: i64, until: i64) -> SummaryQuery {
    let mut filter = Filter::default();
    filter.and(Test::Since(time(since)));
    filter.and(Test::Until(time(until)));
    SummaryQuery { filter }
}

async fn nothing_adds_up_to_nothing(spans: &dyn SpanStore, rollups: &dyn Rollups, scope: &Scope) {
    assert_eq!(rollups.summary(scope, &all()).await.unwrap(), Summary::default());
    rollups.repair(scope).await.unwrap();
    let writes = vec![SpanWrite::Put(new_span(span("t", "s", 0), None, None))];
    spans.write(scope, batch(vec![], writes)).await.unwrap();
    spans.clear(scope).await.unwrap();
    assert_eq!(rollups.summary(scope, &all()).await.unwrap(), Summary::default());
}

async fn sums_follow_writes_and_deletions(
    spans: &dyn SpanStore,
    rollups: &dyn Rollups,
    scope: &Scope,
    stranger: &Scope,
) {
    let writes = vec![
        SpanWrite::Put(new_span(completed(llm_span("a", "1", 0, "m"), 100), None, None)),
        SpanWrite::Put(new_span(completed(llm_span("a", "2", HOUR, "m"), 300), None, None)),
        SpanWrite::Put(new_span(llm_span("b", "3", 2 * HOUR, "n"), None, None)),
        SpanWrite::Put(new_span(completed(span("b", "4", 2 * HOUR), 200), None, None)),
    ];
    spans.write(scope, batch(vec![], writes.clone())).await.unwrap();
    // What is written again counts once.
    spans.write(scope, batch(vec![], writes)).await.unwrap();
    let summary = rollups.summary(scope, &all()).await.unwrap();
    assert_eq!((summary.traces, summary.spans, summary.llm_calls, summary.failed), (2, 4, 3, 0));
    assert_eq!((summary.cost, summary.avg_latency_ms), (0.75, Some(200.0)));
    let models: Vec<_> = summary.models.iter().map(|row| (row.model.as_str(), row.calls, row.cost)).collect();
    assert_eq!(models, [("m", 2, 0.5), ("n", 1, 0.25)]);
    assert_eq!((summary.models[0].input_tokens, summary.models[0].output_tokens), (20, 10));
    assert_eq!(rollups.summary(stranger, &all()).await.unwrap(), Summary::default());

    let latencies = rollups.latencies(scope, &all()).await.unwrap();
    assert_eq!(latencies.all, [100, 200, 300].into_iter().collect());
    let models: Vec<_> =
        latencies.models.iter().map(|row| (row.model.as_str(), row.latency.count())).collect();
    assert_eq!(models, [("m", 2)], "a call that runs has no latency yet");
    assert_eq!(latencies.models[0].latency.percentile(100.0).map(f64::round), Some(304.0));

    // What starts and ends in one write never ran.
    let brief = [llm_span("c", "5", 0, "m"), completed(llm_span("c", "5", 0, "m"), 100)];
    let brief = brief.map(|span| SpanWrite::Put(new_span(span, None, None)));
    spans.write(scope, batch(vec![], brief.to_vec())).await.unwrap();
    let with_it = rollups.summary(scope, &all()).await.unwrap();
    assert_eq!((with_it.spans, with_it.llm_calls, with_it.models[0].calls), (5, 4, 3));
    assert_eq!((with_it.cost, with_it.avg_latency_ms), (1.0, Some(175.0)));
    spans.delete_trace(scope, &TraceId::parse("c").unwrap()).await.unwrap();
    assert_eq!(rollups.summary(scope, &all()).await.unwrap(), summary);

    let first_hours = rollups.summary(scope, &between(0, 2 * HOUR - 1)).await.unwrap();
    assert_eq!((first_hours.traces, first_hours.spans, first_hours.cost), (1, 2, 0.5));
    let part = rollups.summary(scope, &between(1, 2 * HOUR)).await.unwrap();
    assert_eq!((part.traces, part.spans), (1, 3));

    spans.delete(scope, None, &SpanId::parse("2").unwrap()).await.unwrap();
    let summary = rollups.summary(scope, &all()).await.unwrap();
    assert_eq!((summary.spans, summary.cost, summary.avg_latency_ms), (3, 0.5, Some(150.0)));
    let latencies = rollups.latencies(scope, &all()).await.unwrap();
    assert_eq!(latencies.all, [100, 200].into_iter().collect());
    spans.delete_trace(scope, &TraceId::parse("b").unwrap()).await.unwrap();
    let summary = rollups.summary(scope, &all()).await.unwrap();
    assert_eq!((summary.traces, summary.spans, summary.models.len()), (1, 1, 1));
    assert_eq!(spans.sweep(scope, time(HOUR)).await.unwrap(), 1);
    assert_eq!(rollups.summary(scope, &all()).await.unwrap(), Summary::default());
    assert_eq!(rollups.latencies(scope, &all()).await.unwrap(), Latencies::default());
}

async fn sums_agree_with_the_plain_store(spans: &dyn SpanStore, rollups: &dyn Rollups, scope: &Scope) {
    let plain = MemoryStore::default();
    for (at, batch) in samples::batches(23, 120).into_iter().enumerate() {
        plain.write(scope, batch.clone()).await.unwrap();
        spans.write(scope, batch).await.unwrap();
        if at % 10 == 9 {
            let id = SpanId::parse(&format!("span.{:03}", at % 90)).unwrap();
            plain.delete(scope, None, &id).await.unwrap();
            spans.delete(scope, None, &id).await.unwrap();
        }
        if at == 60 {
            let id = TraceId::parse("trace-2").unwrap();
            plain.delete_trace(scope, &id).await.unwrap();
            spans.delete_trace(scope, &id).await.unwrap();
        }
    }
    let mut queries =
        vec![all(), between(0, 4 * HOUR - 1), between(HOUR, 100 * HOUR), between(123_456, 7_654_321)];
    let mut numbers = Numbers::new(3);
    let tests = samples::tests();
    queries.extend((0..60).map(|_| SummaryQuery { filter: samples::filter(&mut numbers, &tests) }));
    for repaired in [false, true] {
        for query in &queries {
            let wanted = plain.summary(scope, query).await.unwrap();
            assert_eq!(
                rollups.summary(scope, query).await.unwrap(),
                wanted,
                "{query:?}, repaired: {repaired}"
            );
            let wanted = plain.latencies(scope, query).await.unwrap();
            assert_eq!(
                rollups.latencies(scope, query).await.unwrap(),
                wanted,
                "{query:?}, repaired: {repaired}"
            );
        }
        rollups.repair(scope).await.unwrap();
    }
}
