//! The stores as plainly as they can be written: what every other store is compared with.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::filter::{
    Filter, ListQuery, NumberField, Page, Position, SortBy, SortOrder, SortValue, SpanFacts, Term, Test,
    TraceFilter,
};
use crate::id::{Scope, SpanId, TraceId};
use crate::kind::Cost;
use crate::latency::Histogram;
use crate::ports::{
    Batch, BatchId, Counts, Creators, Latencies, ModelLatency, ModelRow, PayloadStore, Rollups, SpanChange,
    SpanKey, SpanStore, SpanWrite, StoreError, Summary, SummaryQuery, TraceChange, TraceWritten, Written,
};
use crate::preview::Preview;
use crate::price::Prices;
use crate::span::{Finish, NewSpan, Payload, Span, StatusWord, Version};
use crate::text::Needle;
use crate::time::Timestamp;
use crate::trace::{NameRank, NewTrace, Session, Totals, Trace, add_tags};

/// Traces, spans and payloads in vectors that every call walks from end to end. For tests.
#[derive(Debug, Default)]
pub struct MemoryStore {
    projects: Mutex<HashMap<Scope, Project>>,
}

#[derive(Clone, Debug, Default)]
struct Project {
    traces: Vec<StoredTrace>,
    spans: Vec<StoredSpan>,
    /// Grows with every trace and span, so that ties have an order.
    next: u64,
}

#[derive(Clone, Debug)]
struct StoredTrace {
    number: u64,
    trace: Trace,
    rank: NameRank,
}

#[derive(Clone, Debug)]
struct StoredSpan {
    number: u64,
    trace: u64,
    span: Arc<Span>,
    payload: Payload,
    version: Version,
    /// The write that created it.
    creator: Option<BatchId>,
}

impl MemoryStore {
    fn with<T>(&self, scope: &Scope, act: impl FnOnce(&mut Project) -> T) -> T {
        act(self.projects.lock().unwrap_or_else(PoisonError::into_inner).entry(*scope).or_default())
    }
}

impl Project {
    fn write(&mut self, batch: Batch) -> Written {
        let mut touched: Vec<(TraceId, TraceChange)> = Vec::new();
        for new in batch.traces {
            let id = new.id.clone();
            let change = self.put_trace(new);
            note(&mut touched, id, change);
        }
        let (mut spans, mut replaced) = (Vec::new(), Vec::new());
        for write in batch.spans {
            spans.push(match write {
                SpanWrite::Create(new) => self.create(new, batch.id, &mut touched),
                SpanWrite::Put(new) => self.put(new, batch.id, &mut touched, &mut replaced),
                SpanWrite::Finish(finish) => self.finish(&finish, &batch.prices, &mut touched, &mut replaced),
            });
        }
        let written = |(id, change): (TraceId, TraceChange)| {
            let trace = self.traces.iter().find(|stored| stored.trace.id == id).unwrap();
            TraceWritten { change, trace: Arc::new(self.with_totals(trace)) }
        };
        Written { traces: touched.into_iter().map(written).collect(), spans, replaced }
    }

    fn put_trace(&mut self, new: NewTrace) -> TraceChange {
        if let Some(stored) = self.traces.iter_mut().find(|stored| stored.trace.id == new.id) {
            let (rank, changed) = new.merge_into(&mut stored.trace, stored.rank);
            stored.rank = rank;
            return if changed { TraceChange::Updated } else { TraceChange::Unchanged };
        }
        let (trace, rank) = new.into_trace();
        self.next += 1;
        self.traces.push(StoredTrace { number: self.next, trace, rank });
        TraceChange::Created
    }

    fn create(
        &mut self,
        new: NewSpan,
        creator: Option<BatchId>,
        touched: &mut Vec<(TraceId, TraceChange)>,
    ) -> SpanChange {
        let mut namesakes = self.spans.iter().filter(|stored| stored.span.id == new.span.id);
        if namesakes.clone().any(|stored| stored.span.trace_id == new.span.trace_id) {
            return SpanChange::Existing;
        }
        if namesakes.next().is_some() {
            return SpanChange::Conflict;
        }
        self.insert(new, creator, touched)
    }

    fn put(
        &mut self,
        new: NewSpan,
        creator: Option<BatchId>,
        touched: &mut Vec<(TraceId, TraceChange)>,
        replaced: &mut Vec<Arc<Span>>,
    ) -> SpanChange {
        let same = |stored: &&mut StoredSpan| {
            stored.span.id == new.span.id && stored.span.trace_id == new.span.trace_id
        };
        let Some(stored) = self.spans.iter_mut().find(same) else {
            return self.insert(new, creator, touched);
        };
        if new.version <= stored.version {
            return SpanChange::Stale;
        }
        stored.version = new.version;
        let mut span = new.span;
        if new.payload.input.is_none() {
            span.preview.clone_from(&stored.span.preview);
        }
        replaced.push(std::mem::replace(&mut stored.span, Arc::new(span)));
        stored.payload.input = new.payload.input.or(stored.payload.input.take());
        stored.payload.output = new.payload.output.or(stored.payload.output.take());
        note(touched, stored.span.trace_id.clone(), TraceChange::Unchanged);
        SpanChange::Updated(Arc::clone(&stored.span))
    }

    fn finish(
        &mut self,
        finish: &Finish,
        prices: &Prices,
        touched: &mut Vec<(TraceId, TraceChange)>,
        replaced: &mut Vec<Arc<Span>>,
    ) -> SpanChange {
        let named = |stored: &&mut StoredSpan| {
            stored.span.id == finish.span_id
                && finish.trace_id.as_ref().is_none_or(|trace| *trace == stored.span.trace_id)
        };
        let newest =
            self.spans.iter_mut().filter(named).max_by_key(|stored| (stored.span.started_at, stored.number));
        let Some(stored) = newest else { return SpanChange::Missing };
        if stored.span.status.is_terminal() {
            return SpanChange::Terminal;
        }
        let mut span = Span::clone(&stored.span);
        span.finish(finish, prices);
        replaced.push(std::mem::replace(&mut stored.span, Arc::new(span)));
        stored.version = finish.version;
        stored.payload.output = finish.output.clone().or(stored.payload.output.take());
        note(touched, stored.span.trace_id.clone(), TraceChange::Unchanged);
        SpanChange::Updated(Arc::clone(&stored.span))
    }

    fn insert(
        &mut self,
        new: NewSpan,
        creator: Option<BatchId>,
        touched: &mut Vec<(TraceId, TraceChange)>,
    ) -> SpanChange {
        let id = new.span.trace_id.clone();
        if !self.traces.iter().any(|stored| stored.trace.id == id) {
            self.put_trace(NewTrace::implicit(id.clone(), new.span.started_at));
            note(touched, id.clone(), TraceChange::Created);
        }
        note(touched, id.clone(), TraceChange::Unchanged);
        let trace = self.traces.iter().find(|stored| stored.trace.id == id).unwrap().number;
        self.next += 1;
        let span = Arc::new(new.span);
        self.spans.push(StoredSpan {
            number: self.next,
            trace,
            span: Arc::clone(&span),
            payload: new.payload,
            version: new.version,
            creator,
        });
        SpanChange::Created(span)
    }

    fn spans_of(&self, trace: u64) -> impl Iterator<Item = &StoredSpan> {
        self.spans.iter().filter(move |stored| stored.trace == trace)
    }

    fn with_totals(&self, stored: &StoredTrace) -> Trace {
        let mut totals = Totals::default();
        for StoredSpan { span, .. } in self.spans_of(stored.number) {
            totals.spans += 1;
            totals.running += u64::from(span.status.word() == StatusWord::Running);
            totals.failed += u64::from(span.status.word() == StatusWord::Failed);
            let first = totals.first_start.map_or(span.started_at, |first| first.min(span.started_at));
            totals.first_start = Some(first);
            totals.last_end = totals.last_end.max(span.ended_at);
            if let Some(call) = span.kind.llm() {
                totals.llm_calls += 1;
                totals.input_tokens += call.usage.input_tokens.unwrap_or(0);
                totals.output_tokens += call.usage.output_tokens.unwrap_or(0);
                totals.cost += call.cost.map_or(0.0, Cost::usd);
                if !totals.models.contains(&call.model) {
                    totals.models.push(call.model.clone());
                }
            }
        }
        let previews = self.spans_of(stored.number).filter_map(|stored| Preview::of(&stored.span));
        totals.preview = previews.min_by(|a, b| a.order().cmp(&b.order()));
        Trace { totals, ..stored.trace.clone() }
    }

    fn trace_of(&self, span: &StoredSpan) -> &Trace {
        &self.traces.iter().find(|stored| stored.number == span.trace).unwrap().trace
    }

    fn matches(&self, filter: &Filter, stored: &StoredSpan) -> bool {
        let trace = self.trace_of(stored);
        let facts = SpanFacts {
            session_id: trace.session_id.as_deref(),
            tags: &trace.tags,
            payload: Some(&stored.payload),
        };
        filter.matches(&stored.span, &facts)
    }

    fn list(&self, query: &ListQuery) -> Page<Span> {
        let matching = self.spans.iter().filter(|stored| self.matches(&query.filter, stored));
        let rows = matching.map(|stored| {
            let id = format!("{}\u{1}{:020}", stored.span.id, stored.trace);
            (span_value(query.sort_by, &stored.span), id, Span::clone(&stored.span))
        });
        page(rows.collect(), query)
    }

    fn trace_matches(&self, filter: &TraceFilter, stored: &StoredTrace) -> bool {
        let trace = self.with_totals(stored);
        let spans = || self.spans_of(stored.number);
        let meets = |tests: &[Test], stored: &StoredSpan| {
            let terms = tests.iter().map(|test| Term { negated: false, test: test.clone() });
            self.matches(&Filter { terms: terms.collect(), ..Filter::default() }, stored)
        };
        let own = |term: &Term| of_trace(&term.test, &trace) != term.negated;
        let named = |term: &Term| {
            let Test::Name(text) = &term.test else { return true };
            let needle = Needle::new(text);
            let found = trace.name.as_deref().is_some_and(|name| needle.is_in(name))
                || spans().any(|stored| needle.is_in(&stored.span.name));
            found != term.negated
        };
        filter.trace.iter().all(own)
            && filter.names.iter().all(named)
            && (filter.some_span.is_empty() || spans().any(|stored| meets(&filter.some_span, stored)))
            && !filter
                .no_span
                .iter()
                .any(|test| spans().any(|stored| meets(std::slice::from_ref(test), stored)))
    }

    fn list_traces(&self, query: &ListQuery) -> Page<Trace> {
        let filter = TraceFilter::of(&query.filter);
        let matching = self.traces.iter().filter(|stored| self.trace_matches(&filter, stored));
        let rows = matching.map(|stored| {
            let trace = self.with_totals(stored);
            (trace_value(query.sort_by, &trace), trace.id.to_string(), trace)
        });
        page(rows.collect(), query)
    }

    fn traces_of_session(&self, id: &str) -> Vec<Trace> {
        let own = self.traces.iter().filter(|stored| stored.trace.session_id.as_deref() == Some(id));
        let mut traces: Vec<Trace> = own.map(|stored| self.with_totals(stored)).collect();
        traces.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
        traces
    }

    fn list_sessions(&self, query: &ListQuery) -> Page<Session> {
        let mut ids: Vec<&str> =
            self.traces.iter().filter_map(|stored| stored.trace.session_id.as_deref()).collect();
        ids.sort_unstable();
        ids.dedup();
        let (own, rest): (Vec<_>, Vec<_>) =
            query.filter.terms.iter().cloned().partition(|term| is_of_session(&term.test));
        let of_traces = TraceFilter::of(&Filter { terms: rest, ..Filter::default() });
        let matches = |session: &Session| {
            own.iter().all(|term| of_session(&term.test, session) != term.negated)
                && self.traces.iter().any(|stored| {
                    stored.trace.session_id.as_ref() == Some(&session.id)
                        && self.trace_matches(&of_traces, stored)
                })
        };
        let sessions = ids.iter().filter_map(|id| session(id, &self.traces_of_session(id))).filter(matches);
        let rows = sessions.map(|session| {
            let value = SortValue::Integer(session.last_active_at.as_micros());
            (value, session.id.clone(), session)
        });
        let newest = ListQuery { sort_by: SortBy::StartedAt, sort_order: SortOrder::Desc, ..query.clone() };
        page(rows.collect(), &newest)
    }

    fn delete_traces(&mut self, gone: impl Fn(&Trace) -> bool) -> (u64, u64) {
        let numbers: Vec<u64> =
            self.traces.iter().filter(|stored| gone(&stored.trace)).map(|stored| stored.number).collect();
        let before = self.spans.len();
        self.traces.retain(|stored| !numbers.contains(&stored.number));
        self.spans.retain(|stored| !numbers.contains(&stored.trace));
        (numbers.len() as u64, (before - self.spans.len()) as u64)
    }

    fn summary(&self, filter: &Filter) -> Summary {
        let mut summary = Summary::default();
        let mut traces = std::collections::HashSet::new();
        let (mut ended, mut total_ms) = (0_u64, 0_u64);
        let mut models: HashMap<(String, Option<String>), ModelRow> = HashMap::new();
        for stored in self.spans.iter().filter(|stored| self.matches(filter, stored)) {
            let span = &stored.span;
            traces.insert(stored.trace);
            summary.spans += 1;
            summary.failed += u64::from(span.status.word() == StatusWord::Failed);
            if let Some(ms) = span.duration_ms() {
                ended += 1;
                total_ms += ms;
            }
            if let Some(call) = span.kind.llm() {
                let cost = call.cost.map_or(0.0, Cost::usd);
                summary.llm_calls += 1;
                summary.cost += cost;
                let row = models.entry((call.model.clone(), call.provider.clone())).or_default();
                row.model.clone_from(&call.model);
                row.provider.clone_from(&call.provider);
                row.calls += 1;
                row.cost += cost;
                row.input_tokens += call.usage.input_tokens.unwrap_or(0);
                row.output_tokens += call.usage.output_tokens.unwrap_or(0);
            }
        }
        let times = TraceFilter::of(filter);
        let only_times = filter.terms.iter().all(|term| matches!(term.test, Test::Since(_) | Test::Until(_)));
        summary.traces = if only_times {
            self.traces.iter().filter(|stored| self.trace_matches(&times, stored)).count() as u64
        } else {
            traces.len() as u64
        };
        #[expect(clippy::cast_precision_loss, reason = "a mean of milliseconds")]
        if ended > 0 {
            summary.avg_latency_ms = Some(total_ms as f64 / ended as f64);
        }
        summary.models = models.into_values().collect();
        summary.models.sort_by(|a, b| {
            b.cost.total_cmp(&a.cost).then_with(|| (&a.model, &a.provider).cmp(&(&b.model, &b.provider)))
        });
        summary
    }
}

impl Project {
    fn latencies(&self, filter: &Filter) -> Latencies {
        let mut latencies = Latencies::default();
        let mut models: BTreeMap<(String, Option<String>), Histogram> = BTreeMap::new();
        for stored in self.spans.iter().filter(|stored| self.matches(filter, stored)) {
            let Some(ms) = stored.span.duration_ms() else { continue };
            latencies.all.add(ms);
            if let Some(call) = stored.span.kind.llm() {
                models.entry((call.model.clone(), call.provider.clone())).or_default().add(ms);
            }
        }
        let row = |((model, provider), latency)| ModelLatency { model, provider, latency };
        latencies.models = models.into_iter().map(row).collect();
        latencies
    }
}

fn note(touched: &mut Vec<(TraceId, TraceChange)>, id: TraceId, change: TraceChange) {
    match touched.iter_mut().find(|(other, _)| *other == id) {
        None => touched.push((id, change)),
        Some((_, before)) if *before == TraceChange::Unchanged => *before = change,
        Some(_) => {}
    }
}

fn page<T>(mut rows: Vec<(SortValue, String, T)>, query: &ListQuery) -> Page<T> {
    rows.sort_by(|a, b| order(query, (&a.0, &a.1), (&b.0, &b.1)));
    let total = Some(rows.len() as u64);
    if let Some(after) = &query.after {
        rows.retain(|row| order(query, (&row.0, &row.1), (&after.value, &after.id)).is_gt());
    }
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let last = rows.last().filter(|_| more);
    let next = last.map(|(value, id, _)| Position { value: value.clone(), id: id.clone() });
    Page { items: rows.into_iter().map(|(_, _, item)| item).collect(), next, total }
}

fn order(query: &ListQuery, a: (&SortValue, &String), b: (&SortValue, &String)) -> std::cmp::Ordering {
    let values = match (a.0, b.0) {
        (SortValue::Integer(a), SortValue::Integer(b)) => a.cmp(b),
        (SortValue::Number(a), SortValue::Number(b)) => a.total_cmp(b),
        (SortValue::Text(a), SortValue::Text(b)) => a.cmp(b),
        _ => panic!("a list sorts by values of one kind"),
    };
    // An id and the number of its trace are joined by a character below all of an id's.
    let ascending = values.then_with(|| a.1.cmp(b.1));
    if query.sort_order == SortOrder::Desc { ascending.reverse() } else { ascending }
}

fn count(number: u64) -> SortValue {
    SortValue::Integer(i64::try_from(number).unwrap())
}

fn span_value(by: SortBy, span: &Span) -> SortValue {
    let call = span.kind.llm();
    match by {
        SortBy::StartedAt | SortBy::SpanCount => SortValue::Integer(span.started_at.as_micros()),
        SortBy::Duration => count(span.duration_ms().unwrap_or(0)),
        SortBy::Tokens => count(call.and_then(|call| call.usage.total()).unwrap_or(0)),
        SortBy::Cost => SortValue::Number(call.and_then(|call| call.cost).map_or(0.0, Cost::usd)),
        SortBy::Name => SortValue::Text(span.name.clone()),
    }
}

fn trace_value(by: SortBy, trace: &Trace) -> SortValue {
    match by {
        SortBy::StartedAt => SortValue::Integer(trace.started_at.as_micros()),
        SortBy::Duration => count(trace.duration_ms().unwrap_or(0)),
        SortBy::Tokens => count(trace.totals.input_tokens + trace.totals.output_tokens),
        SortBy::Cost => SortValue::Number(trace.totals.cost),
        SortBy::Name => SortValue::Text(trace.name.clone().unwrap_or_default()),
        SortBy::SpanCount => count(trace.totals.spans),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are compared with numbers that people type")]
fn of_trace(test: &Test, trace: &Trace) -> bool {
    match test {
        Test::Status(status) => trace.status() == *status,
        Test::Trace(id) => trace.id == *id,
        Test::Session(id) => trace.session_id.as_ref() == Some(id),
        Test::Tag(part) => trace.tags.iter().any(|own| Needle::new(part).is_in(own)),
        Test::Since(time) => trace.started_at >= *time,
        Test::Until(time) => trace.started_at <= *time,
        Test::Number(field, range) => {
            let tokens = trace.totals.input_tokens + trace.totals.output_tokens;
            let value = match field {
                NumberField::Cost => Some(trace.totals.cost),
                NumberField::Tokens => Some(tokens as f64),
                NumberField::Duration => trace.duration_ms().map(|ms| ms as f64),
                NumberField::InputTokens | NumberField::OutputTokens => None,
            };
            value.is_some_and(|value| range.contains(value))
        }
        Test::Model(_)
        | Test::Provider(_)
        | Test::Kind(_)
        | Test::Name(_)
        | Test::Text(..)
        | Test::Path(_) => {
            panic!("not about the trace itself: {test:?}")
        }
    }
}

fn is_of_session(test: &Test) -> bool {
    matches!(
        test,
        Test::Session(_)
            | Test::Status(_)
            | Test::Since(_)
            | Test::Until(_)
            | Test::Number(NumberField::Cost | NumberField::Tokens | NumberField::Duration, _)
    )
}

#[expect(clippy::cast_precision_loss, reason = "counts are compared with numbers that people type")]
fn of_session(test: &Test, session: &Session) -> bool {
    match test {
        Test::Session(part) => session.id.contains(part.as_str()),
        Test::Status(status) => session.status == *status,
        Test::Since(time) => session.last_active_at >= *time,
        Test::Until(time) => session.started_at <= *time,
        Test::Number(NumberField::Cost, range) => range.contains(session.total_cost),
        Test::Number(NumberField::Tokens, range) => range.contains(session.total_tokens as f64),
        Test::Number(_, range) => session.duration_ms.is_some_and(|ms| range.contains(ms as f64)),
        _ => panic!("not about the session itself: {test:?}"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a mean and a rate")]
fn session(id: &str, traces: &[Trace]) -> Option<Session> {
    let first = traces.first()?;
    let failed = traces.iter().filter(|trace| trace.totals.failed > 0).count();
    let running = traces.iter().any(|trace| trace.totals.running > 0);
    let last_end = traces.iter().filter_map(|trace| trace.totals.last_end).max();
    let durations: Vec<u64> = traces.iter().filter_map(Trace::duration_ms).collect();
    let mut tags = Vec::new();
    for trace in traces {
        add_tags(&mut tags, trace.tags.clone());
    }
    let sum = |of: fn(&Totals) -> u64| traces.iter().map(|trace| of(&trace.totals)).sum();
    Some(Session {
        id: id.to_owned(),
        traces: traces.len() as u64,
        spans: sum(|totals| totals.spans),
        total_tokens: sum(|totals| totals.input_tokens + totals.output_tokens),
        total_cost: traces.iter().map(|trace| trace.totals.cost).sum(),
        started_at: first.started_at,
        ended_at: last_end.filter(|_| !running),
        last_active_at: traces.last()?.started_at,
        duration_ms: last_end.map(|end| end.millis_since(first.started_at)),
        avg_latency_ms: (!durations.is_empty())
            .then(|| durations.iter().sum::<u64>() as f64 / durations.len() as f64),
        error_rate: failed as f64 / traces.len() as f64,
        status: match (failed, running) {
            (0, false) => StatusWord::Completed,
            (0, true) => StatusWord::Running,
            _ => StatusWord::Failed,
        },
        tags,
    })
}

#[async_trait]
impl SpanStore for MemoryStore {
    async fn write(&self, scope: &Scope, batch: Batch) -> Result<Written, StoreError> {
        Ok(self.with(scope, |project| project.write(batch)))
    }

    async fn find(
        &self,
        scope: &Scope,
        trace: Option<&TraceId>,
        id: &SpanId,
    ) -> Result<Option<Span>, StoreError> {
        Ok(self.with(scope, |project| {
            let named = project.spans.iter().filter(|stored| {
                stored.span.id == *id && trace.is_none_or(|trace| *trace == stored.span.trace_id)
            });
            let newest = named.max_by_key(|stored| (stored.span.started_at, stored.number));
            newest.map(|stored| Span::clone(&stored.span))
        }))
    }

    async fn list(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Span>, StoreError> {
        Ok(self.with(scope, |project| project.list(query)))
    }

    async fn list_of_traces(&self, scope: &Scope, traces: &[TraceId]) -> Result<Vec<Span>, StoreError> {
        Ok(self.with(scope, |project| {
            let mut spans = Vec::new();
            for trace in traces {
                let own = project.spans.iter().filter(|stored| stored.span.trace_id == *trace);
                let mut own: Vec<Span> = own.map(|stored| Span::clone(&stored.span)).collect();
                own.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
                spans.append(&mut own);
            }
            spans
        }))
    }

    async fn find_trace(&self, scope: &Scope, id: &TraceId) -> Result<Option<Trace>, StoreError> {
        Ok(self.with(scope, |project| {
            let stored = project.traces.iter().find(|stored| stored.trace.id == *id);
            stored.map(|stored| project.with_totals(stored))
        }))
    }

    async fn list_traces(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Trace>, StoreError> {
        Ok(self.with(scope, |project| project.list_traces(query)))
    }

    async fn list_sessions(&self, scope: &Scope, query: &ListQuery) -> Result<Page<Session>, StoreError> {
        Ok(self.with(scope, |project| project.list_sessions(query)))
    }

    async fn find_session(
        &self,
        scope: &Scope,
        id: &str,
    ) -> Result<Option<(Session, Vec<Trace>)>, StoreError> {
        Ok(self.with(scope, |project| {
            let traces = project.traces_of_session(id);
            session(id, &traces).map(|session| (session, traces))
        }))
    }

    async fn delete(
        &self,
        scope: &Scope,
        trace: Option<&TraceId>,
        id: &SpanId,
    ) -> Result<Option<TraceId>, StoreError> {
        let Some(found) = self.find(scope, trace, id).await? else { return Ok(None) };
        Ok(self.with(scope, |project| {
            project.spans.retain(|stored| stored.span.id != *id || stored.span.trace_id != found.trace_id);
            Some(found.trace_id)
        }))
    }

    async fn delete_trace(&self, scope: &Scope, id: &TraceId) -> Result<Option<u64>, StoreError> {
        let (traces, spans) = self.with(scope, |project| project.delete_traces(|trace| trace.id == *id));
        Ok((traces > 0).then_some(spans))
    }

    async fn clear(&self, scope: &Scope) -> Result<(), StoreError> {
        self.with(scope, |project| project.delete_traces(|_| true));
        Ok(())
    }

    async fn sweep(&self, scope: &Scope, before: Timestamp) -> Result<u64, StoreError> {
        Ok(self.with(scope, |project| project.delete_traces(|trace| trace.started_at < before).0))
    }

    async fn counts(&self, scope: &Scope) -> Result<Counts, StoreError> {
        Ok(self.with(scope, |project| Counts {
            traces: project.traces.len() as u64,
            spans: project.spans.len() as u64,
        }))
    }

    async fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl PayloadStore for MemoryStore {
    async fn load(&self, scope: &Scope, spans: &[SpanKey]) -> Result<Vec<Payload>, StoreError> {
        Ok(self.with(scope, |project| {
            let payload = |key: &SpanKey| {
                let own = project
                    .spans
                    .iter()
                    .find(|stored| stored.span.id == key.span_id && stored.span.trace_id == key.trace_id);
                own.map(|stored| stored.payload.clone()).unwrap_or_default()
            };
            spans.iter().map(payload).collect()
        }))
    }
}

#[async_trait]
impl Creators for MemoryStore {
    async fn creators(&self, scope: &Scope, spans: &[SpanKey]) -> Result<Vec<Option<BatchId>>, StoreError> {
        Ok(self.with(scope, |project| {
            let creator = |key: &SpanKey| {
                let mut own = project.spans.iter();
                let own =
                    own.find(|stored| stored.span.id == key.span_id && stored.span.trace_id == key.trace_id);
                own.and_then(|stored| stored.creator)
            };
            spans.iter().map(creator).collect()
        }))
    }
}

#[async_trait]
impl Rollups for MemoryStore {
    async fn summary(&self, scope: &Scope, query: &SummaryQuery) -> Result<Summary, StoreError> {
        Ok(self.with(scope, |project| project.summary(&query.filter)))
    }

    async fn latencies(&self, scope: &Scope, query: &SummaryQuery) -> Result<Latencies, StoreError> {
        Ok(self.with(scope, |project| project.latencies(&query.filter)))
    }

    async fn repair(&self, _scope: &Scope) -> Result<(), StoreError> {
        Ok(())
    }
}
