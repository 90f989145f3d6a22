//! Reads spans.

use std::collections::{HashMap, HashSet};

use trace::filter::{Filter as Terms, ListQuery, Page, Position, SpanFacts, Term, Test, TextField};
use trace::id::{SpanId, TraceId};
use trace::ports::{BatchId, SpanKey, StoreError};
use trace::span::{Payload, Span};
use trace::trace::Trace;
use uuid::Uuid;

use crate::client::{Direction, Filter, Key, Query, Row};
use crate::commit::newest_first;
use crate::condition::{holds_for_trace, of_span, of_trace};
use crate::key::is_whole;
use crate::order::{Order, TIE};
use crate::payloads::{self, MANY, Tables};
use crate::table::{MOST_IDS, Table};
use crate::words::Search;
use crate::{ids, span_row, trace_row};

/// Rows read at once when some of them may turn out not to match: at first, and later at most.
const STEP: usize = 64;
const MOST_STEP: usize = 1_000;

/// Returns the span of a trace, or without one the newest with this id.
pub(crate) async fn find(
    table: &Table,
    trace: Option<&TraceId>,
    id: &SpanId,
) -> Result<Option<Span>, StoreError> {
    let named = match trace {
        Some(trace) => Filter::is("id", ids::span(trace, id)),
        None => Filter::eq("span_id", id.as_str()),
    };
    let filter = Filter::all([Filter::eq("kind", span_row::KIND), named]);
    let rows = table.rows(Query::rows(filter, newest_first(), 1, span_row::SPAN.to_vec())).await?;
    rows.first().map(span_row::span).transpose()
}

/// Returns all spans of traces, by start then id, traces in the order asked.
pub(crate) async fn of_traces(table: &Table, traces: &[TraceId]) -> Result<Vec<Span>, StoreError> {
    let mut seen = HashSet::new();
    let wanted: Vec<Uuid> = traces.iter().map(ids::trace).filter(|id| seen.insert(*id)).collect();
    let mut found: HashMap<TraceId, Vec<Span>> = HashMap::new();
    for ids in wanted.chunks(MOST_IDS) {
        let own = Filter::one_of("trace_id", ids.iter().copied());
        let filter = Filter::all([Filter::eq("kind", span_row::KIND), own]);
        for row in table.all(filter, span_row::SPAN).await? {
            let span = span_row::span(&row)?;
            found.entry(span.trace_id.clone()).or_default().push(span);
        }
    }
    for spans in found.values_mut() {
        spans.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
    }
    Ok(traces.iter().filter_map(|id| found.get(id)).flatten().cloned().collect())
}

/// Returns which write created each of some spans, in the order asked.
pub(crate) async fn creators(table: &Table, spans: &[SpanKey]) -> Result<Vec<Option<BatchId>>, StoreError> {
    let wanted: Vec<Uuid> = spans.iter().map(|key| ids::span(&key.trace_id, &key.span_id)).collect();
    let distinct: Vec<Uuid> = wanted.iter().copied().collect::<HashSet<_>>().into_iter().collect();
    let mut found = HashMap::new();
    for row in table.by_id(Some(span_row::KIND), &distinct, span_row::SPAN).await? {
        found.insert(row.id()?, span_row::creator(&row)?);
    }
    Ok(wanted.iter().map(|id| found.get(id).copied().flatten()).collect())
}

/// Returns one page of spans.
pub(crate) async fn list(tables: &Tables, query: &ListQuery) -> Result<Page<Span>, StoreError> {
    let order = Order::of_spans(query);
    let checks = Checks::of(&query.filter);
    let (traces, walks) = match checks.traces(&tables.main).await? {
        Within::Any => (Filter::Everything, false),
        Within::These(traces) => (Filter::one_of("trace_id", traces), false),
        Within::Many => (Filter::Everything, true),
    };
    let kind = Filter::eq("kind", span_row::KIND);
    let filter = Filter::all([kind, traces].into_iter().chain(query.filter.terms.iter().map(of_span)));
    let mut after = query.after.clone();
    let mut found: Vec<(Position, Span)> = Vec::new();
    let mut step = if walks || checks.reads_payloads() { STEP.max(query.limit + 1) } else { query.limit + 1 };
    while filter != Filter::Nothing && found.len() <= query.limit {
        step = step.min(MOST_STEP.max(query.limit + 1));
        let rows = page(&tables.main, &filter, order, after.as_ref(), step).await?;
        let is_last = rows.len() < step;
        let Some(last) = rows.last() else { break };
        after = Some(order.position(last)?);
        let spans = rows.iter().map(span_row::span).collect::<Result<Vec<_>, _>>()?;
        let holds = checks.hold(tables, &rows, &spans, walks).await?;
        for ((row, span), holds) in rows.iter().zip(spans).zip(holds) {
            if holds {
                found.push((order.position(row)?, span));
            }
        }
        if is_last {
            break;
        }
        step *= 2;
    }
    let more = found.len() > query.limit;
    found.truncate(query.limit);
    let next = found.last().filter(|_| more).map(|(position, _)| position.clone());
    Ok(Page { items: found.into_iter().map(|(_, span)| span).collect(), next, total: None })
}

async fn page(
    table: &Table,
    filter: &Filter,
    order: Order,
    after: Option<&Position>,
    limit: usize,
) -> Result<Vec<Row>, StoreError> {
    let after = after.map_or(Filter::Everything, |position| order.after(position));
    let filter = Filter::all([filter.clone(), after]);
    let attributes = [span_row::SPAN, &[order.attribute(), TIE], &MANY].concat();
    table.rows(Query::rows(filter, order.keys(), limit, attributes)).await
}

/// Which traces spans may belong to.
enum Within {
    /// Any: nothing is asked of them.
    Any,
    /// These alone.
    These(Vec<Uuid>),
    /// More than a query can name.
    Many,
}

/// What is checked of the spans that the service returns.
pub(crate) struct Checks {
    /// About the span itself.
    own: Terms,
    /// About its trace.
    of_trace: Vec<Term>,
    texts: Vec<Term>,
}

impl Checks {
    pub(crate) fn of(filter: &Terms) -> Self {
        let (mut own, mut of_trace, mut texts) = (Terms::default(), Vec::new(), Vec::new());
        for term in &filter.terms {
            match &term.test {
                Test::Session(_) | Test::Tag(_) => of_trace.push(term.clone()),
                Test::Text(..) => texts.push(term.clone()),
                _ => own.terms.push(term.clone()),
            }
        }
        Self { own, of_trace, texts }
    }

    fn reads_payloads(&self) -> bool {
        !self.texts.is_empty()
    }

    /// Returns which traces spans may belong to.
    async fn traces(&self, table: &Table) -> Result<Within, StoreError> {
        if self.of_trace.is_empty() {
            return Ok(Within::Any);
        }
        let kind = Filter::eq("kind", trace_row::KIND);
        let filter = Filter::all(std::iter::once(kind).chain(self.of_trace.iter().map(of_trace)));
        let order = vec![Key("id", Direction::Asc)];
        let query = Query::rows(filter, order, MOST_IDS + 1, trace_row::TRACE.to_vec());
        let rows = table.rows(query).await?;
        if rows.len() > MOST_IDS {
            return Ok(Within::Many);
        }
        let mut ids = Vec::with_capacity(rows.len());
        for row in &rows {
            if self.trace_holds(&trace_row::trace(row)?) {
                ids.push(row.id()?);
            }
        }
        Ok(Within::These(ids))
    }

    fn trace_holds(&self, trace: &Trace) -> bool {
        self.of_trace.iter().all(|term| holds_for_trace(term, trace))
    }

    /// Returns which spans pass. Those of traces that were named need no look at their trace.
    pub(crate) async fn hold(
        &self,
        tables: &Tables,
        rows: &[Row],
        spans: &[Span],
        of_any_trace: bool,
    ) -> Result<Vec<bool>, StoreError> {
        let mut holds: Vec<bool> =
            spans.iter().map(|span| self.own.matches(span, &SpanFacts::default())).collect();
        if of_any_trace {
            let open = spans.iter().zip(&holds).filter(|(_, holds)| **holds);
            let traces: HashSet<Uuid> = open.map(|(span, _)| ids::trace(&span.trace_id)).collect();
            let traces: Vec<Uuid> = traces.into_iter().collect();
            let mut passing = HashSet::new();
            for row in tables.main.by_id(Some(trace_row::KIND), &traces, trace_row::TRACE).await? {
                let trace = trace_row::trace(&row)?;
                if self.trace_holds(&trace) {
                    passing.insert(trace.id);
                }
            }
            for (holds, span) in holds.iter_mut().zip(spans) {
                *holds &= passing.contains(&span.trace_id);
            }
        }
        self.verify_texts(tables, rows, spans, &mut holds).await?;
        Ok(holds)
    }

    async fn verify_texts(
        &self,
        tables: &Tables,
        rows: &[Row],
        spans: &[Span],
        holds: &mut [bool],
    ) -> Result<(), StoreError> {
        let mut unsure = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            let told = |term: &Term| is_told_by_words(term, &spans[at]);
            let is_known = !MANY.iter().any(|many| row.flag(many)) && self.texts.iter().all(told);
            if holds[at] && !is_known {
                unsure.push((at, row.id()?));
            }
        }
        let ids: Vec<Uuid> = unsure.iter().map(|(_, id)| *id).collect();
        let payloads = payloads::of_rows(tables, &ids).await?;
        let terms = Terms { terms: self.texts.clone(), ..Terms::default() };
        for (at, id) in unsure {
            let none = Payload::default();
            let payload = Some(payloads.get(&id).unwrap_or(&none));
            holds[at] = terms.matches(&spans[at], &SpanFacts { payload, ..SpanFacts::default() });
        }
        Ok(())
    }
}

/// Returns whether a row that the service finds for a text is sure to have it.
fn is_told_by_words(term: &Term, span: &Span) -> bool {
    match &term.test {
        // Of a name that was cut the service cannot tell.
        Test::Text(field, text) if *field != TextField::Anywhere || is_whole(&span.name) => {
            !term.negated && Search::of(text).is_some_and(|search| search.exact)
        }
        _ => false,
    }
}
