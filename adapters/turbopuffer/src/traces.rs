//! Reads traces.

use std::collections::HashSet;

use trace::filter::{ListQuery, Page, Position, Term, Test, TraceFilter};
use trace::id::TraceId;
use trace::ports::StoreError;
use trace::text::Needle;
use trace::trace::Trace;
use uuid::Uuid;

use crate::client::{Filter, Query, Row};
use crate::commit::newest_first;
use crate::condition::{having_all, holds_for_trace, is_exact, name, named, of_span, of_trace};
use crate::order::{Order, TIE};
use crate::payloads::{MANY, Tables};
use crate::spans::Checks;
use crate::table::{MOST_IDS, Table};
use crate::{ids, span_row, trace_row};

/// Traces read at once when their spans have to be asked about: at first, and later at most.
const STEP: usize = 64;
const MOST_STEP: usize = 500;

/// Spans verified at once.
const SPANS_AT_ONCE: usize = 200;

/// Returns one trace.
pub(crate) async fn find(table: &Table, id: &TraceId) -> Result<Option<Trace>, StoreError> {
    let rows = table.by_id(Some(trace_row::KIND), &[ids::trace(id)], trace_row::TRACE).await?;
    rows.first().map(trace_row::trace).transpose()
}

/// Returns one page of traces.
pub(crate) async fn list(tables: &Tables, query: &ListQuery) -> Result<Page<Trace>, StoreError> {
    let order = Order::of_traces(query);
    let conditions = Conditions { filter: TraceFilter::of(&query.filter) };
    let among = conditions.candidates(&tables.main).await?;
    let kind = Filter::eq("kind", trace_row::KIND);
    let own = conditions.filter.trace.iter().map(of_trace);
    let filter = Filter::all([kind, among].into_iter().chain(own));
    let mut after = query.after.clone();
    let mut found: Vec<(Position, Trace)> = Vec::new();
    let mut step = if conditions.asks_spans() { STEP.max(query.limit + 1) } else { query.limit + 1 };
    while filter != Filter::Nothing && found.len() <= query.limit {
        step = step.min(MOST_STEP.max(query.limit + 1));
        let rows = page(&tables.main, &filter, order, after.as_ref(), step).await?;
        let is_last = rows.len() < step;
        let Some(last) = rows.last() else { break };
        after = Some(order.position(last)?);
        let traces = rows.iter().map(trace_row::trace).collect::<Result<Vec<_>, _>>()?;
        let holds = conditions.hold(tables, &traces).await?;
        for ((row, trace), holds) in rows.iter().zip(traces).zip(holds) {
            if holds {
                found.push((order.position(row)?, trace));
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
    Ok(Page { items: found.into_iter().map(|(_, trace)| trace).collect(), next, total: None })
}

/// Returns the rows of the next traces of a list.
pub(crate) async fn page(
    table: &Table,
    filter: &Filter,
    order: Order,
    after: Option<&Position>,
    limit: usize,
) -> Result<Vec<Row>, StoreError> {
    let after = after.map_or(Filter::Everything, |position| order.after(position));
    let filter = Filter::all([filter.clone(), after]);
    let attributes = [trace_row::TRACE, &[order.attribute(), TIE]].concat();
    table.rows(Query::rows(filter, order.keys(), limit, attributes)).await
}

/// What is asked of traces and their spans.
pub(crate) struct Conditions {
    pub(crate) filter: TraceFilter,
}

impl Conditions {
    fn asks_spans(&self) -> bool {
        let filter = &self.filter;
        !(filter.names.is_empty() && filter.some_span.is_empty() && filter.no_span.is_empty())
    }

    /// Returns a filter of traces outside which none passes, where those are few enough to be named.
    async fn candidates(&self, table: &Table) -> Result<Filter, StoreError> {
        if !self.filter.some_span.is_empty() {
            let spans = spans_with(&self.filter.some_span);
            if spans == Filter::Nothing {
                return Ok(Filter::Nothing);
            }
            let few = few_of(table, spans).await?;
            return Ok(few.map_or(Filter::Everything, |ids| Filter::one_of("id", ids)));
        }
        let positive = self.filter.names.iter().find(|term| !term.negated);
        let Some(Term { test: Test::Name(part), .. }) = positive else { return Ok(Filter::Everything) };
        let spans = Filter::all([Filter::eq("kind", span_row::KIND), name(part, false)]);
        let of_spans = few_of(table, spans).await?;
        let own = name(part, false);
        Ok(of_spans.map_or(Filter::Everything, |ids| Filter::any([Filter::one_of("id", ids), own])))
    }

    /// Returns which traces pass.
    pub(crate) async fn hold(&self, tables: &Tables, traces: &[Trace]) -> Result<Vec<bool>, StoreError> {
        let mut holds = Vec::with_capacity(traces.len());
        for some in traces.chunks(MOST_IDS) {
            holds.extend(self.hold_some(tables, some).await?);
        }
        Ok(holds)
    }

    async fn hold_some(&self, tables: &Tables, traces: &[Trace]) -> Result<Vec<bool>, StoreError> {
        let own = |trace: &Trace| self.filter.trace.iter().all(|term| holds_for_trace(term, trace));
        let mut holds: Vec<bool> = traces.iter().map(own).collect();
        let open = traces.iter().zip(&holds).filter(|(_, holds)| **holds);
        let open: HashSet<Uuid> = open.map(|(trace, _)| ids::trace(&trace.id)).collect();
        if open.is_empty() || !self.asks_spans() {
            return Ok(holds);
        }
        let questions = self.questions();
        let answers = ask(tables, &open, &questions).await?;
        for (holds, trace) in holds.iter_mut().zip(traces) {
            let id = ids::trace(&trace.id);
            *holds &= questions.iter().zip(&answers).all(|(question, found)| {
                let own = question.own_name.as_ref().zip(trace.name.as_deref());
                let is_found = found.contains(&id) || own.is_some_and(|(needle, name)| needle.is_in(name));
                is_found != question.negated
            });
        }
        Ok(holds)
    }

    fn questions(&self) -> Vec<Question> {
        let mut questions = Vec::new();
        if !self.filter.some_span.is_empty() {
            questions.push(Question { tests: self.filter.some_span.clone(), negated: false, own_name: None });
        }
        for test in &self.filter.no_span {
            questions.push(Question { tests: vec![test.clone()], negated: true, own_name: None });
        }
        for term in &self.filter.names {
            let own_name = match &term.test {
                Test::Name(part) => Some(Needle::new(part)),
                _ => None,
            };
            questions.push(Question { tests: vec![term.test.clone()], negated: term.negated, own_name });
        }
        questions
    }
}

/// Whether a trace has a span that passes all tests, or has it in its own name.
struct Question {
    tests: Vec<Test>,
    negated: bool,
    own_name: Option<Needle>,
}

/// Returns, for each question, the traces that have such a span.
async fn ask(
    tables: &Tables,
    traces: &HashSet<Uuid>,
    questions: &[Question],
) -> Result<Vec<HashSet<Uuid>>, StoreError> {
    let among = || Filter::one_of("trace_id", traces.iter().copied());
    let is_counted = |question: &&Question| question.tests.iter().all(is_exact);
    let queries: Vec<Query> = questions
        .iter()
        .filter(is_counted)
        .map(|question| distinct(Filter::all([among(), exactly(&question.tests)]), Query::MAX_ROWS))
        .collect();
    let mut counted = tables.main.query(&queries).await?.into_iter();
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        let found = if is_counted(&question) {
            let rows = counted.next().unwrap_or_default().rows;
            rows.iter().map(span_row::trace_of).collect::<Result<_, _>>()?
        } else {
            verified(tables, traces.clone(), &question.tests).await?
        };
        answers.push(found);
    }
    Ok(answers)
}

/// Returns which of `traces` have a span that passes all tests, reading spans and payloads.
async fn verified(
    tables: &Tables,
    mut traces: HashSet<Uuid>,
    tests: &[Test],
) -> Result<HashSet<Uuid>, StoreError> {
    let checks = Checks::of(&having_all(tests));
    let spans = spans_with(tests);
    let mut found = HashSet::new();
    let mut after = None;
    while !traces.is_empty() && spans != Filter::Nothing {
        let filter = Filter::all([spans.clone(), Filter::one_of("trace_id", traces.iter().copied())]);
        let attributes = [span_row::SPAN, &["trace_id"], &MANY].concat();
        let rows = tables.main.step(&filter, after, SPANS_AT_ONCE, &attributes).await?;
        let spans = rows.iter().map(span_row::span).collect::<Result<Vec<_>, _>>()?;
        let holds = checks.hold(tables, &rows, &spans, false).await?;
        for (row, _) in rows.iter().zip(holds).filter(|(_, holds)| *holds) {
            let trace = span_row::trace_of(row)?;
            traces.remove(&trace);
            found.insert(trace);
        }
        match rows.last() {
            Some(last) if rows.len() == SPANS_AT_ONCE => after = Some(last.id()?),
            _ => break,
        }
    }
    Ok(found)
}

/// Returns the filter of a superset of the spans that pass all tests.
fn spans_with(tests: &[Test]) -> Filter {
    let terms = having_all(tests).terms;
    Filter::all(std::iter::once(Filter::eq("kind", span_row::KIND)).chain(terms.iter().map(of_span)))
}

/// Returns the filter of the spans that pass all tests, each of which is exact.
fn exactly(tests: &[Test]) -> Filter {
    let one = |test: &Test| match test {
        Test::Name(part) => named(part),
        test => of_span(&Term { negated: false, test: test.clone() }),
    };
    Filter::all(std::iter::once(Filter::eq("kind", span_row::KIND)).chain(tests.iter().map(one)))
}

/// Returns the traces of the spans that match when a query can name them all.
async fn few_of(table: &Table, spans: Filter) -> Result<Option<Vec<Uuid>>, StoreError> {
    let rows = table.rows(distinct(spans, MOST_IDS + 1)).await?;
    if rows.len() > MOST_IDS {
        return Ok(None);
    }
    rows.iter().map(span_row::trace_of).collect::<Result<_, _>>().map(Some)
}

/// Returns a query for one span of each trace.
fn distinct(spans: Filter, most: usize) -> Query {
    Query::rows(spans, newest_first(), most, vec!["trace_id"]).first_of_each("trace_id")
}

/// Returns all traces that match.
pub(crate) async fn all(table: &Table, filter: Filter) -> Result<Vec<Trace>, StoreError> {
    let filter = Filter::all([Filter::eq("kind", trace_row::KIND), filter]);
    let rows = table.all(filter, trace_row::TRACE).await?;
    rows.iter().map(trace_row::trace).collect()
}
