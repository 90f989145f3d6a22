//! A store under test against the plain one: the same writes, and after them the same answers to many questions.

use std::sync::Arc;

use super::memory::MemoryStore;
use super::samples::{self, INNER, Numbers, SPAN_SORTS, TRACE_SORTS};
use super::spans::{TextSearch, query, sid, tid};
use crate::filter::{Filter, ListQuery, Page, SortOrder, Term, Test, TextField};
use crate::id::Scope;
use crate::ports::{SpanStore, Written};
use crate::span::Span;
use crate::trace::{Session, Trace};

/// Does the same to `store` and to the plain store and compares every answer.
pub(super) async fn it_answers_as_the_plain_store_does(
    store: &dyn SpanStore,
    scope: &Scope,
    search: TextSearch,
) {
    let plain = MemoryStore::default();
    for (at, batch) in samples::batches(7, 160).into_iter().enumerate() {
        let wanted = plain.write(scope, batch.clone()).await.unwrap();
        let written = store.write(scope, batch).await.unwrap();
        assert_eq!(in_any_order(written), in_any_order(wanted), "batch {at}");
        if at == 70 {
            compare(store, &plain, scope, search, at as u64).await;
        }
        if at % 25 == 24 {
            let id = sid(&format!("span.{:03}", at % 90));
            let wanted = plain.delete(scope, None, &id).await.unwrap();
            assert_eq!(store.delete(scope, None, &id).await.unwrap(), wanted, "delete after batch {at}");
        }
        if at == 80 {
            let wanted = plain.delete_trace(scope, &tid("trace-5")).await.unwrap();
            assert_eq!(store.delete_trace(scope, &tid("trace-5")).await.unwrap(), wanted);
        }
    }
    compare(store, &plain, scope, search, 1).await;
}

/// Sorts the models of each trace: which appeared first is forgotten when a span changes its model. What was
/// replaced need not be said.
fn in_any_order(mut written: Written) -> Written {
    written.replaced.clear();
    for touched in &mut written.traces {
        sort_models(Arc::make_mut(&mut touched.trace));
    }
    written
}

fn sort_models(trace: &mut Trace) {
    trace.totals.models.sort();
}

async fn compare(store: &dyn SpanStore, plain: &MemoryStore, scope: &Scope, search: TextSearch, seed: u64) {
    let mut numbers = Numbers::new(seed);
    let mut tests = samples::tests();
    if search == TextSearch::AtWords {
        // What such a store finds inside words is its own affair.
        tests.retain(|test| !matches!(test, Test::Text(..)));
    }
    let mut filters: Vec<Filter> = vec![Filter::default()];
    for test in &tests {
        for negated in [false, true] {
            filters.push(Filter { terms: vec![Term { negated, test: test.clone() }], ..Filter::default() });
        }
    }
    let needles = if search == TextSearch::Anywhere { INNER.as_slice() } else { &[] };
    for needle in needles {
        for field in [TextField::Anywhere, TextField::Input, TextField::Output] {
            let mut filter = Filter::default();
            filter.and(Test::Text(field, (*needle).to_owned()));
            filters.push(filter);
        }
    }
    filters.extend((0..150).map(|_| samples::filter(&mut numbers, &tests)));
    for filter in filters {
        let order = *numbers.pick(&[SortOrder::Asc, SortOrder::Desc]);
        let limit = *numbers.pick(&[1, 7, 50, 1_000]);
        let spans = query(filter.clone(), *numbers.pick(&SPAN_SORTS), order, limit);
        let traces = query(filter.clone(), *numbers.pick(&TRACE_SORTS), order, limit);
        let what = format!("{spans:?}");
        assert_eq!(
            all_spans(store, scope, &spans).await,
            all_spans(plain, scope, &spans).await,
            "spans {what}"
        );
        let what = format!("{traces:?}");
        assert_eq!(
            all_traces(store, scope, &traces).await,
            all_traces(plain, scope, &traces).await,
            "traces {what}"
        );
        let wanted = all_sessions(plain, scope, &traces).await;
        assert_eq!(all_sessions(store, scope, &traces).await, wanted, "sessions {what}");
        for session in wanted {
            let mut wanted = plain.find_session(scope, &session.id).await.unwrap().unwrap();
            let mut found = store.find_session(scope, &session.id).await.unwrap().unwrap();
            wanted.1.iter_mut().chain(&mut found.1).for_each(sort_models);
            assert_eq!(found, wanted);
        }
    }
    assert_eq!(store.counts(scope).await.unwrap(), plain.counts(scope).await.unwrap());
}

/// Gathers the pages of a list, checking that they fit together.
macro_rules! all_pages {
    ($name:ident, $method:ident, $item:ty, $normal:expr) => {
        async fn $name(store: &dyn SpanStore, scope: &Scope, query: &ListQuery) -> Vec<$item> {
            let mut query = query.clone();
            let (mut items, mut total) = (Vec::new(), None);
            loop {
                let page: Page<$item> = store.$method(scope, &query).await.unwrap();
                assert!(page.items.len() <= query.limit, "a page is too long");
                assert!(page.next.is_none() || page.items.len() == query.limit, "a page is too short");
                total = total.or(page.total);
                items.extend(page.items.into_iter().map($normal));
                match page.next {
                    Some(next) => query.after = Some(next),
                    None => break,
                }
            }
            if let Some(total) = total {
                assert_eq!(total, items.len() as u64, "the total of {query:?}");
            }
            items
        }
    };
}

all_pages!(all_spans, list, Span, |span| span);
all_pages!(all_traces, list_traces, Trace, |mut trace| {
    sort_models(&mut trace);
    trace
});
all_pages!(all_sessions, list_sessions, Session, |session| session);
