use std::sync::Arc;

use async_trait::async_trait;
use quick_cache::sync::Cache;

use super::{Batch, Clock, Counts, EventBus, Sequence, SpanStore, StoreError, Written};
use crate::filter::{ListQuery, Page, SortBy, SortOrder, Test};
use crate::id::{Scope, SpanId, TraceId};
use crate::span::Span;
use crate::time::Timestamp;
use crate::trace::{Session, Trace};

/// Pages kept in all.
const PAGES: usize = 2_000;

/// The largest page kept, in rows.
const LARGEST: usize = 100;

/// How long a page is kept at most: retention deletes without saying so.
const LIFE_MICROS: i64 = 60_000_000;

/// A [`SpanStore`] that remembers the first pages of lists for as long as nothing happens in their project.
///
/// A page is kept with the newest sequence of the project's events as it was before the page was read, and used only
/// while that still is the newest. Every change is announced before it is acknowledged, so a page never hides one. When
/// the events cannot be asked, the store is.
pub struct Cached {
    inner: Arc<dyn SpanStore>,
    events: Arc<dyn EventBus>,
    clock: Arc<dyn Clock>,
    pages: Cache<Key, Entry>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    scope: Scope,
    list: List,
    /// The whole query, without a `since` that is applied to the page instead.
    query: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum List {
    Spans,
    Traces,
    Sessions,
}

#[derive(Clone)]
struct Entry {
    newest: Option<Sequence>,
    read_at: Timestamp,
    rows: Rows,
}

#[derive(Clone)]
enum Rows {
    Spans(Arc<Page<Span>>),
    Traces(Arc<Page<Trace>>),
    Sessions(Arc<Page<Session>>),
}

impl Cached {
    /// Wraps a store. `events` are those that every writer of the store publishes to.
    pub fn new(inner: Arc<dyn SpanStore>, events: Arc<dyn EventBus>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, events, clock, pages: Cache::new(PAGES) }
    }

    /// Reads the first page of traces as the dashboard asks for it, so that the next reader finds it here.
    pub async fn warm(&self, scope: &Scope) -> Result<(), StoreError> {
        let query = ListQuery {
            filter: crate::filter::Filter::default(),
            sort_by: SortBy::StartedAt,
            sort_order: SortOrder::Desc,
            after: None,
            limit: 50,
        };
        self.list_traces(scope, &query).await.map(|_| ())
    }

    /// Returns the page from memory if nothing happened since, else what `read` gives.
    async fn page<T: Clone>(
        &self,
        key: Key,
        read: impl Future<Output = Result<Page<T>, StoreError>>,
        wrap: fn(Arc<Page<T>>) -> Rows,
        unwrap: fn(Rows) -> Option<Arc<Page<T>>>,
    ) -> Result<Arc<Page<T>>, StoreError> {
        // Without the events nothing can be known to be fresh.
        let Ok(newest) = self.events.newest(&key.scope).await else { return read.await.map(Arc::new) };
        let now = self.clock.now();
        if let Some(entry) = self.pages.get(&key)
            && entry.newest == newest
            && (0..LIFE_MICROS).contains(&(now.as_micros() - entry.read_at.as_micros()))
            && let Some(page) = unwrap(entry.rows)
        {
            metrics::counter!("traceway_read_cache_hits_total").increment(1);
            return Ok(page);
        }
        metrics::counter!("traceway_read_cache_misses_total").increment(1);
        let page = Arc::new(read.await?);
        self.pages.insert(key, Entry { newest, read_at: now, rows: wrap(Arc::clone(&page)) });
        Ok(page)
    }
}

/// Returns the query without its `since`, and that time, when the page can be cut by it afterwards.
fn without_since(query: &ListQuery) -> Option<(ListQuery, Option<Timestamp>)> {
    if query.after.is_some() || query.limit > LARGEST {
        return None;
    }
    let newest_first = query.sort_by == SortBy::StartedAt && query.sort_order == SortOrder::Desc;
    let (mut rest, mut since) = (query.clone(), None);
    if newest_first {
        rest.filter.terms.retain(|term| match term.test {
            Test::Since(time) if !term.negated => {
                since = since.max(Some(time));
                false
            }
            _ => true,
        });
    }
    Some((rest, since))
}

/// Returns the part of a newest-first page that started at or after `since`.
fn cut<T: Clone>(page: &Page<T>, since: Option<Timestamp>, start: fn(&T) -> Timestamp) -> Page<T> {
    let Some(since) = since else { return page.clone() };
    let items: Vec<T> = page.items.iter().take_while(|row| start(row) >= since).cloned().collect();
    let is_whole = items.len() == page.items.len();
    let next = page.next.clone().filter(|_| is_whole);
    // Where the page ends the list, its rows are all there are.
    let total = next.is_none().then_some(items.len() as u64);
    Page { items, next, total }
}

#[async_trait]
impl SpanStore for Cached {
    async fn write(&self, scope: &Scope, batch: Batch) -> Result<Written, StoreError> {
        self.inner.write(scope, batch).await
    }

    async fn find(
        &self,
        scope: &Scope,
        trace: Option<&TraceId>,
        id: &SpanId,
    ) -> Result<Option<Span>, StoreError> {
        self.inner.find(scope, trace, id).await
    }

    async fn list(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Span>, StoreError> {
        let Some((rest, since)) = without_since(query) else { return self.inner.list(scope, query).await };
        let key = Key { scope: *scope, list: List::Spans, query: format!("{rest:?}") };
        let unwrap = |rows| if let Rows::Spans(page) = rows { Some(page) } else { None };
        let page = self.page(key, self.inner.list(scope, &rest), Rows::Spans, unwrap).await?;
        Ok(cut(&page, since, |span| span.started_at))
    }

    async fn list_of_traces(&self, scope: &Scope, traces: &[TraceId]) -> Result<Vec<Span>, StoreError> {
        self.inner.list_of_traces(scope, traces).await
    }

    async fn find_trace(&self, scope: &Scope, id: &TraceId) -> Result<Option<Trace>, StoreError> {
        self.inner.find_trace(scope, id).await
    }

    async fn list_traces(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Trace>, StoreError> {
        let Some((rest, since)) = without_since(query) else {
            return self.inner.list_traces(scope, query).await;
        };
        let key = Key { scope: *scope, list: List::Traces, query: format!("{rest:?}") };
        let unwrap = |rows| if let Rows::Traces(page) = rows { Some(page) } else { None };
        let page = self.page(key, self.inner.list_traces(scope, &rest), Rows::Traces, unwrap).await?;
        Ok(cut(&page, since, |trace| trace.started_at))
    }

    async fn list_sessions(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Session>, StoreError> {
        if query.after.is_some() || query.limit > LARGEST {
            return self.inner.list_sessions(scope, query).await;
        }
        let key = Key { scope: *scope, list: List::Sessions, query: format!("{query:?}") };
        let unwrap = |rows| if let Rows::Sessions(page) = rows { Some(page) } else { None };
        let page = self.page(key, self.inner.list_sessions(scope, query), Rows::Sessions, unwrap).await?;
        Ok(Page::clone(&page))
    }

    async fn find_session(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<(Session, Vec<Trace>)>, StoreError> {
        self.inner.find_session(scope, id).await
    }

    async fn delete(
        &self,
        scope: &Scope,
        trace: Option<&TraceId>,
        id: &SpanId,
    ) -> Result<Option<TraceId>, StoreError> {
        self.inner.delete(scope, trace, id).await
    }

    async fn delete_trace(&self, scope: &Scope, id: &TraceId) -> Result<Option<u64>, StoreError> {
        self.inner.delete_trace(scope, id).await
    }

    async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        self.inner.clear(scope).await
    }

    async fn sweep(&self, scope: &Scope, before: Timestamp) -> Result<u64, StoreError> {
        self.inner.sweep(scope, before).await
    }

    async fn counts(&self, scope: &Scope) -> Result<Counts, StoreError> {
        self.inner.counts(scope).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.inner.check().await
    }
}
