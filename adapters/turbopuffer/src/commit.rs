//! Writes batches: reads what they touch, applies them, writes what changed where nobody was faster.
//!
//! Every row says which version it takes the place of, and the service writes it only there. Spans and the traces
//! they add up to go in one request and become visible together. Where somebody else was faster, only what lost is
//! read and applied again; a trace that lost is counted anew from all its spans, since some may have been written
//! without it. A request whose answer was lost is sent again: its token tells rows that are already its own.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use trace::id::{SpanId, TraceId};
use trace::ports::{SpanChange, SpanWrite, StoreError, TraceChange, TraceWritten, Written};
use trace::span::Span;
use trace::trace::{NewTrace, Trace};
use uuid::Uuid;

use crate::client::{Answer, Direction, Filter, Key, Operand, Operator, Query, Write, random};
use crate::prepared::Prepared;
use crate::table::{MOST_IDS, Table, by_id};
use crate::unit::{Decision, Touched, Unit, note};
use crate::{ids, schema, side, span_row, trace_row};

/// Tries before the store counts as busy.
const TRIES: u32 = 12;

const FIRST_PAUSE: Duration = Duration::from_millis(15);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Writes batches of one project and returns what each did.
pub(crate) async fn commit(table: &Table, items: &[Prepared]) -> Result<Vec<Written>, StoreError> {
    let mut progress = Progress::new(items);
    match until_settled(table, items, &mut progress).await {
        Ok(()) => Ok(progress.finish(items)),
        // Who is busy did nothing, and a part of this is written.
        Err(StoreError::Busy) if progress.has_written => {
            Err(StoreError::unavailable("only a part was written before the store was busy"))
        }
        Err(error) => Err(error),
    }
}

async fn until_settled(table: &Table, items: &[Prepared], progress: &mut Progress) -> Result<(), StoreError> {
    for attempt in 0..TRIES {
        if attempt > 0 {
            tokio::time::sleep(pause(attempt)).await;
        }
        let mut unit = load(table, items, progress).await?;
        let applied = progress.apply(&mut unit, items);
        recount(table, &mut unit).await?;
        let rows = unit.rows(Uuid::new_v4());
        let mut written = HashSet::new();
        if !rows.is_empty() {
            let write = Write::new(&schema::MAIN).upsert(&rows, unchanged());
            written.extend(table.write(&write).await?.upserted_ids);
            progress.has_written |= !written.is_empty();
        }
        if progress.settle(&unit, applied, &written) {
            return Ok(());
        }
        tracing::debug!(retry.attempt = attempt + 1, "another instance was faster");
    }
    Err(StoreError::Busy)
}

/// Returns how long to wait before the next try, so that those who race do not meet again.
pub(crate) fn pause(attempt: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << attempt.min(10)).min(LONGEST_PAUSE).mul_f64(0.5 + 0.5 * random())
}

/// Holds for what is stored when it is what the row was made from, or already that row.
pub(crate) fn unchanged() -> Filter {
    Filter::any([
        Filter::Test("ver", Operator::Eq, Operand::New("prev")),
        Filter::Test("tok", Operator::Eq, Operand::New("tok")),
    ])
}

/// What was settled over all tries.
struct Progress {
    items: Vec<Settled>,
    /// Traces as they are stored.
    traces: HashMap<TraceId, Arc<Trace>>,
    /// Traces whose spans were written without them.
    behind: HashMap<TraceId, NewTrace>,
    /// Whether any row was.
    has_written: bool,
}

/// What was settled of one batch.
struct Settled {
    /// What became of each span write, and what the span was before.
    spans: Vec<Option<(SpanChange, Option<Arc<Span>>)>>,
    touched: Touched,
}

/// What one try decided about one batch.
struct Applied {
    decisions: Vec<(usize, Decision)>,
    touched: Touched,
}

impl Progress {
    fn new(items: &[Prepared]) -> Self {
        let settled =
            |item: &Prepared| Settled { spans: vec![None; item.batch.spans.len()], touched: Touched::new() };
        Self {
            items: items.iter().map(settled).collect(),
            traces: HashMap::new(),
            behind: HashMap::new(),
            has_written: false,
        }
    }

    /// Returns the traces and span writes of a batch that are not settled.
    fn open<'i>(
        settled: &'i Settled,
        item: &'i Prepared,
    ) -> (impl Iterator<Item = &'i NewTrace>, impl Iterator<Item = (usize, &'i SpanWrite)>) {
        let traces = item.batch.traces.iter().filter(|new| !settled.touched.contains_key(&new.id));
        let writes = item.batch.spans.iter().enumerate();
        (traces, writes.filter(|(at, _)| settled.spans[*at].is_none()))
    }

    fn apply(&self, unit: &mut Unit, items: &[Prepared]) -> Vec<Applied> {
        for new in self.behind.values() {
            unit.recheck(new);
        }
        let mut all = Vec::with_capacity(items.len());
        for (settled, item) in self.items.iter().zip(items) {
            let (traces, writes) = Self::open(settled, item);
            let mut touched = Touched::new();
            for new in traces {
                let (_, change) = unit.put_trace(new);
                note(&mut touched, &new.id, change);
            }
            let decisions = writes.map(|(at, _)| (at, unit.write_span(item, at, &mut touched))).collect();
            all.push(Applied { decisions, touched });
        }
        all
    }

    /// Notes what is settled. Returns whether everything is.
    fn settle(&mut self, unit: &Unit, applied: Vec<Applied>, written: &HashSet<Uuid>) -> bool {
        let lost: HashSet<&SpanId> = (0..unit.spans.len())
            .filter(|&slot| !unit.span_holds(slot, written))
            .map(|slot| &unit.spans[slot].row.span.id)
            .collect();
        for slot in &unit.traces {
            let trace = &slot.row.trace;
            if slot.holds(written) {
                self.traces.insert(trace.id.clone(), Arc::new(trace.clone()));
                self.behind.remove(&trace.id);
            } else if unit.changed_in(&trace.id).any(|span| unit.span_holds(span, written)) {
                let new = NewTrace::implicit(trace.id.clone(), trace.started_at);
                self.behind.entry(trace.id.clone()).or_insert(new);
            }
        }
        let mut all = lost.is_empty() && self.behind.is_empty();
        for (settled, applied) in self.items.iter_mut().zip(applied) {
            for (at, decision) in applied.decisions {
                let held = decision.slot.filter(|&slot| unit.spans[slot].changed);
                let is_settled = match held {
                    Some(slot) => unit.span_holds(slot, written),
                    // Nothing was to be written, but another span with that id may have changed its mind.
                    None => !is_about(&decision, unit, &lost),
                };
                if is_settled {
                    settled.spans[at] = Some((decision.change, decision.replaced));
                }
                all &= is_settled;
            }
            for (id, change) in applied.touched {
                if unit.trace(&id).is_some_and(|slot| slot.holds(written)) {
                    note(&mut settled.touched, &id, change);
                } else {
                    all = false;
                }
            }
        }
        all
    }

    fn finish(self, items: &[Prepared]) -> Vec<Written> {
        let Self { items: settled, traces, .. } = self;
        settled.into_iter().zip(items).map(|(settled, item)| settled.finish(item, &traces)).collect()
    }
}

fn is_about(decision: &Decision, unit: &Unit, lost: &HashSet<&SpanId>) -> bool {
    match decision.slot {
        Some(slot) => lost.contains(&unit.spans[slot].row.span.id),
        // A span that is missing may come into being beside this write; it was missing all the same.
        None => false,
    }
}

impl Settled {
    fn finish(self, item: &Prepared, traces: &HashMap<TraceId, Arc<Trace>>) -> Written {
        let (spans, replaced): (Vec<SpanChange>, Vec<_>) = self.spans.into_iter().flatten().unzip();
        let given = item.batch.traces.iter().map(|new| &new.id);
        let by_spans = spans.iter().filter_map(|change| match change {
            SpanChange::Created(span) | SpanChange::Updated(span) => Some(&span.trace_id),
            _ => None,
        });
        let mut seen = HashSet::new();
        let touched = given.chain(by_spans).filter(|id| seen.insert(*id));
        let written = touched.filter_map(|id| {
            let change = self.touched.get(id).copied().unwrap_or(TraceChange::Unchanged);
            Some(TraceWritten { change, trace: Arc::clone(traces.get(id)?) })
        });
        let traces = written.collect();
        Written { traces, spans, replaced: replaced.into_iter().flatten().collect() }
    }
}

/// What has to be read before batches can be applied.
#[derive(Default)]
struct Wanted<'i> {
    traces: HashSet<&'i TraceId>,
    /// Spans whose trace is known.
    spans: HashSet<Uuid>,
    /// Spans about to be created, whose ids may be taken in another trace.
    created: HashSet<&'i SpanId>,
    /// Spans to be ended that are known by their ids alone.
    ended: HashSet<&'i SpanId>,
}

async fn load(table: &Table, items: &[Prepared], progress: &Progress) -> Result<Unit, StoreError> {
    let mut wanted = Wanted::default();
    wanted.traces.extend(progress.behind.keys());
    for (settled, item) in progress.items.iter().zip(items) {
        let (traces, writes) = Progress::open(settled, item);
        wanted.traces.extend(traces.map(|new| &new.id));
        writes.for_each(|(_, write)| wanted.add(write));
    }
    let (queries, counts) = wanted.queries();
    let mut answers = table.query(&queries).await?.into_iter();
    let mut next =
        |count: usize| answers.by_ref().take(count).flat_map(|answer: Answer| answer.rows).collect();
    let [traces, spans, created, ended]: [Vec<_>; 4] = counts.map(&mut next);
    let mut unit = Unit::default();
    for row in &traces {
        if row.text("kind")? == trace_row::GONE {
            unit.gone.insert(row.id()?, row.unsigned("ver")?);
        } else {
            unit.hold_trace(trace_row::decode(row)?);
        }
    }
    for row in created {
        let id = SpanId::parse(row.text("span_id")?).map_err(|error| StoreError::corrupt("span", error))?;
        unit.namesakes.entry(id).or_default().insert(span_row::trace_of(&row)?);
    }
    let mut held = Vec::with_capacity(spans.len() + ended.len());
    for mut row in spans.into_iter().chain(ended) {
        held.push(span_row::decode(&mut row)?);
    }
    let unknown: HashSet<Uuid> = held
        .iter()
        .map(|row| &row.span.trace_id)
        .filter(|id| !unit.has_trace(id) && !wanted.traces.contains(id))
        .map(ids::trace)
        .collect();
    let unknown: Vec<Uuid> = unknown.into_iter().collect();
    for row in table.by_id(Some(trace_row::KIND), &unknown, trace_row::WHOLE).await? {
        unit.hold_trace(trace_row::decode(&row)?);
    }
    for row in held {
        unit.hold_span(row);
    }
    Ok(unit)
}

impl<'i> Wanted<'i> {
    fn add(&mut self, write: &'i SpanWrite) {
        match write {
            SpanWrite::Create(new) => {
                self.created.insert(&new.span.id);
                self.named(&new.span.trace_id, &new.span.id);
            }
            SpanWrite::Put(new) => self.named(&new.span.trace_id, &new.span.id),
            SpanWrite::Finish(finish) => match &finish.trace_id {
                Some(trace) => self.named(trace, &finish.span_id),
                None => drop(self.ended.insert(&finish.span_id)),
            },
        }
    }

    fn named(&mut self, trace: &'i TraceId, span: &SpanId) {
        self.traces.insert(trace);
        self.spans.insert(ids::span(trace, span));
    }

    /// Returns the queries for traces, spans, those created and those ended, and how many there are of each.
    fn queries(&self) -> (Vec<Query>, [usize; 4]) {
        let whole = [span_row::WHOLE, &side::ATTRIBUTES].concat();
        let traces: Vec<Uuid> = self.traces.iter().map(|id| ids::trace(id)).collect();
        let spans: Vec<Uuid> = self.spans.iter().copied().collect();
        let groups = [
            by_id(None, &traces, &[trace_row::WHOLE, &["kind"]].concat()).collect::<Vec<_>>(),
            by_id(Some(span_row::KIND), &spans, &whole).collect(),
            newest(&self.created, &["span_id", "trace_id"]),
            newest(&self.ended, &whole),
        ];
        let counts = groups.each_ref().map(Vec::len);
        (groups.into_iter().flatten().collect(), counts)
    }
}

/// Returns queries for the newest span with each of `ids`.
fn newest(ids: &HashSet<&SpanId>, attributes: &[&'static str]) -> Vec<Query> {
    let ids: Vec<&SpanId> = ids.iter().copied().collect();
    let query = |ids: &[&SpanId]| {
        let named = Filter::among("span_id", ids.iter().map(ToString::to_string));
        let filter = Filter::all([Filter::eq("kind", span_row::KIND), named]);
        let query = Query::rows(filter, newest_first(), MOST_IDS, attributes.to_vec());
        query.first_of_each("span_id")
    };
    ids.chunks(MOST_IDS).map(query).collect()
}

/// The order in which the newest of the spans that share an id comes first.
pub(crate) fn newest_first() -> Vec<Key> {
    vec![Key("start_us", Direction::Desc), Key("born", Direction::Desc)]
}

/// Counts traces anew from their spans.
async fn recount(table: &Table, unit: &mut Unit) -> Result<(), StoreError> {
    for trace in 0..unit.traces.len() {
        let slot = &unit.traces[trace];
        // Rare: a span that was already counted changed its start, end or model, or somebody else was faster.
        if slot.recount {
            let spans = spans_of(table, ids::trace(&slot.row.trace.id)).await?;
            unit.recounted(trace, spans);
        }
    }
    Ok(())
}

/// Returns the spans of a trace's row.
pub(crate) async fn spans_of(table: &Table, trace: Uuid) -> Result<Vec<Span>, StoreError> {
    let filter = Filter::all([Filter::eq("kind", span_row::KIND), Filter::is("trace_id", trace)]);
    let rows = table.all(filter, span_row::SPAN).await?;
    rows.iter().map(span_row::span).collect()
}
