//! Applies batches one after the other, in memory, to the rows they touch.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use trace::id::{SpanId, TraceId};
use trace::ports::{BatchId, SpanChange, SpanWrite, TraceChange};
use trace::price::Prices;
use trace::span::{Finish, NewSpan, Span};
use trace::totals;
use trace::trace::{NewTrace, Totals};
use uuid::Uuid;

use crate::client::Row;
use crate::prepared::{Prepared, Sides};
use crate::span_row::{self, SpanRow};
use crate::trace_row::{self, TraceRow};
use crate::{clock, ids};

/// A trace while batches are applied.
#[derive(Debug)]
pub(crate) struct TraceSlot {
    pub(crate) row: TraceRow,
    /// The version that is stored, 0 when none is.
    prev: u64,
    stored: Totals,
    changed: bool,
    /// Only counting all its spans tells the totals.
    pub(crate) recount: bool,
}

/// A span while batches are applied.
#[derive(Debug)]
pub(crate) struct SpanSlot {
    pub(crate) row: SpanRow,
    trace: usize,
    prev: u64,
    pub(crate) changed: bool,
}

/// The rows that batches touch.
#[derive(Debug, Default)]
pub(crate) struct Unit {
    pub(crate) traces: Vec<TraceSlot>,
    pub(crate) spans: Vec<SpanSlot>,
    trace_of: HashMap<TraceId, usize>,
    spans_of: HashMap<SpanId, Vec<usize>>,
    /// Versions of what stands where deleted traces were.
    pub(crate) gone: HashMap<Uuid, u64>,
    /// Stored spans known by their ids alone, with the rows of their traces.
    pub(crate) namesakes: HashMap<SpanId, HashSet<Uuid>>,
}

impl TraceSlot {
    /// Returns whether the trace is as it is stored once `written` is.
    pub(crate) fn holds(&self, written: &HashSet<Uuid>) -> bool {
        !self.changed || written.contains(&ids::trace(&self.row.trace.id))
    }
}

/// What was decided about one span write.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) change: SpanChange,
    /// The span it is about.
    pub(crate) slot: Option<usize>,
    /// What the span was before.
    pub(crate) replaced: Option<Arc<Span>>,
}

impl Decision {
    /// Leaves a span as it is.
    fn no(change: SpanChange, slot: Option<usize>) -> Self {
        Self { change, slot, replaced: None }
    }
}

/// What one batch does to traces.
pub(crate) type Touched = HashMap<TraceId, TraceChange>;

/// Notes a change; the first one that is any stays.
pub(crate) fn note(touched: &mut Touched, trace: &TraceId, change: TraceChange) {
    let known = touched.entry(trace.clone()).or_insert(change);
    if *known == TraceChange::Unchanged {
        *known = change;
    }
}

impl Unit {
    /// Holds a stored trace.
    pub(crate) fn hold_trace(&mut self, row: TraceRow) {
        let (prev, stored) = (row.version, row.trace.totals.clone());
        self.trace_of.insert(row.trace.id.clone(), self.traces.len());
        self.traces.push(TraceSlot { row, prev, stored, changed: false, recount: false });
    }

    pub(crate) fn has_trace(&self, id: &TraceId) -> bool {
        self.trace_of.contains_key(id)
    }

    /// Holds a stored span, once.
    pub(crate) fn hold_span(&mut self, row: SpanRow) {
        if self.slot(&row.span.id, &row.span.trace_id).is_some() {
            return;
        }
        let trace = self.trace_at(&row.span.trace_id, &row.span);
        let prev = row.version;
        self.spans_of.entry(row.span.id.clone()).or_default().push(self.spans.len());
        self.spans.push(SpanSlot { row, trace, prev, changed: false });
    }

    /// Returns the trace of a stored span. One that is missing was deleted beside the write, or is about to be.
    fn trace_at(&mut self, id: &TraceId, span: &Span) -> usize {
        if let Some(&trace) = self.trace_of.get(id) {
            return trace;
        }
        let (trace, _) = self.put_trace(&NewTrace::implicit(id.clone(), span.started_at));
        let slot = &mut self.traces[trace];
        (slot.changed, slot.recount) = (false, true);
        trace
    }

    fn slot(&self, id: &SpanId, trace: &TraceId) -> Option<usize> {
        let mut slots = self.spans_of.get(id)?.iter().copied();
        slots.find(|&slot| self.spans[slot].row.span.trace_id == *trace)
    }

    /// Makes sure that a trace counts all its spans, some of which were written without it.
    pub(crate) fn recheck(&mut self, new: &NewTrace) {
        let trace = match self.trace_of.get(&new.id) {
            Some(&trace) => trace,
            None => self.put_trace(new).0,
        };
        self.traces[trace].recount = true;
    }

    pub(crate) fn put_trace(&mut self, new: &NewTrace) -> (usize, TraceChange) {
        if let Some(&trace) = self.trace_of.get(&new.id) {
            let slot = &mut self.traces[trace];
            let (rank, changed) = new.clone().merge_into(&mut slot.row.trace, slot.row.rank);
            slot.row.rank = rank;
            slot.changed |= changed;
            return (trace, if changed { TraceChange::Updated } else { TraceChange::Unchanged });
        }
        let (made, rank) = new.clone().into_trace();
        let trace = self.traces.len();
        self.trace_of.insert(made.id.clone(), trace);
        let prev = self.gone.get(&ids::trace(&made.id)).copied().unwrap_or(0);
        let row = TraceRow { trace: made, rank, born: clock::tick(), version: prev };
        self.traces.push(TraceSlot { row, prev, stored: Totals::default(), changed: true, recount: false });
        (trace, TraceChange::Created)
    }

    /// Applies the `write`-th span write of a batch.
    pub(crate) fn write_span(&mut self, item: &Prepared, write: usize, touched: &mut Touched) -> Decision {
        let sides = &item.payloads[write];
        match &item.batch.spans[write] {
            SpanWrite::Create(new) => self.create(new, item.batch.id, sides, touched),
            SpanWrite::Put(new) => self.put(new, item.batch.id, sides, touched),
            SpanWrite::Finish(finish) => self.finish(finish, sides, &item.batch.prices, touched),
        }
    }

    fn create(
        &mut self,
        new: &NewSpan,
        creator: Option<BatchId>,
        sides: &Sides,
        touched: &mut Touched,
    ) -> Decision {
        if let slot @ Some(_) = self.slot(&new.span.id, &new.span.trace_id) {
            return Decision::no(SpanChange::Existing, slot);
        }
        let held = self.spans_of.get(&new.span.id).and_then(|slots| slots.first().copied());
        if held.is_some() || self.namesakes.contains_key(&new.span.id) {
            return Decision::no(SpanChange::Conflict, held);
        }
        self.insert(new, creator, sides, touched)
    }

    fn put(
        &mut self,
        new: &NewSpan,
        creator: Option<BatchId>,
        sides: &Sides,
        touched: &mut Touched,
    ) -> Decision {
        let Some(slot) = self.slot(&new.span.id, &new.span.trace_id) else {
            return self.insert(new, creator, sides, touched);
        };
        if new.version.0 <= self.spans[slot].row.version {
            return Decision::no(SpanChange::Stale, Some(slot));
        }
        let mut span = new.span.clone();
        if sides.input.is_none() {
            span.preview.clone_from(&self.spans[slot].row.span.preview);
        }
        self.replace(slot, Arc::new(span), new.version.0, sides, touched)
    }

    fn finish(&mut self, finish: &Finish, sides: &Sides, prices: &Prices, touched: &mut Touched) -> Decision {
        let slots = self.spans_of.get(&finish.span_id).into_iter().flatten().copied();
        let named = |slot: &usize| {
            let own = &self.spans[*slot].row.span.trace_id;
            finish.trace_id.as_ref().is_none_or(|trace| trace == own)
        };
        let age = |slot: &usize| {
            let row = &self.spans[*slot].row;
            (row.span.started_at, row.born)
        };
        let Some(slot) = slots.filter(named).max_by_key(age) else {
            return Decision::no(SpanChange::Missing, None);
        };
        if self.spans[slot].row.span.status.is_terminal() {
            return Decision::no(SpanChange::Terminal, Some(slot));
        }
        let mut span = Span::clone(&self.spans[slot].row.span);
        span.finish(finish, prices);
        // The stored one must look older to whoever compares, also when a clock says otherwise.
        let version = finish.version.0.max(self.spans[slot].row.version + 1);
        self.replace(slot, Arc::new(span), version, sides, touched)
    }

    fn insert(
        &mut self,
        new: &NewSpan,
        creator: Option<BatchId>,
        sides: &Sides,
        touched: &mut Touched,
    ) -> Decision {
        let id = &new.span.trace_id;
        let known = self.trace_of.get(id).copied();
        let trace = known.unwrap_or_else(|| {
            let (trace, change) = self.put_trace(&NewTrace::implicit(id.clone(), new.span.started_at));
            note(touched, id, change);
            trace
        });
        note(touched, id, TraceChange::Unchanged);
        let mut span = new.span.clone();
        let slot = &mut self.traces[trace];
        slot.changed = true;
        totals::add(&mut slot.row.trace.totals, &span);
        totals::trim(&slot.row.trace.totals, &mut span);
        let span = Arc::new(span);
        let row = SpanRow {
            span: Arc::clone(&span),
            born: clock::tick(),
            trace_born: slot.row.born,
            version: new.version.0.max(1),
            creator,
            input: sides.input.clone(),
            output: sides.output.clone(),
        };
        self.spans_of.entry(span.id.clone()).or_default().push(self.spans.len());
        self.spans.push(SpanSlot { row, trace, prev: 0, changed: true });
        Decision::no(SpanChange::Created(span), Some(self.spans.len() - 1))
    }

    fn replace(
        &mut self,
        at: usize,
        span: Arc<Span>,
        version: u64,
        sides: &Sides,
        touched: &mut Touched,
    ) -> Decision {
        let slot = &mut self.spans[at];
        let trace = &mut self.traces[slot.trace];
        note(touched, &span.trace_id, TraceChange::Unchanged);
        trace.changed = true;
        trace.recount |= !totals::swap(&mut trace.row.trace.totals, &slot.row.span, &span);
        let replaced = Some(std::mem::replace(&mut slot.row.span, Arc::clone(&span)));
        slot.row.version = version;
        slot.changed = true;
        if sides.input.is_some() {
            slot.row.input.clone_from(&sides.input);
        }
        if sides.output.is_some() {
            slot.row.output.clone_from(&sides.output);
        }
        Decision { change: SpanChange::Updated(span), slot: Some(at), replaced }
    }

    /// Sets the totals of a trace from its stored spans and the changes held here.
    pub(crate) fn recounted(&mut self, trace: usize, stored: Vec<Span>) {
        let mut spans: HashMap<SpanId, Arc<Span>> =
            stored.into_iter().map(|span| (span.id.clone(), Arc::new(span))).collect();
        for slot in self.spans.iter().filter(|slot| slot.trace == trace && slot.changed) {
            spans.insert(slot.row.span.id.clone(), Arc::clone(&slot.row.span));
        }
        let slot = &mut self.traces[trace];
        slot.row.trace.totals = totals::of(spans.values().map(|span| &**span));
        slot.changed |= slot.row.trace.totals != slot.stored;
    }

    /// Returns the rows to be written, each with the version it takes the place of.
    pub(crate) fn rows(&mut self, token: Uuid) -> Vec<Row> {
        let mut rows = Vec::new();
        let mut push = |mut row: Row, prev: u64| {
            row.set("prev", prev);
            row.set("tok", token.to_string());
            rows.push(row);
        };
        for slot in self.spans.iter().filter(|slot| slot.changed) {
            push(span_row::encode(&slot.row), slot.prev);
        }
        for slot in self.traces.iter_mut().filter(|slot| slot.changed) {
            // Time makes a trace that is deleted and comes again another one.
            slot.row.version = (slot.prev + 1).max(clock::micros());
            push(trace_row::encode(&slot.row), slot.prev);
        }
        rows
    }

    /// Returns whether a span is as it is stored once `written` is.
    pub(crate) fn span_holds(&self, slot: usize, written: &HashSet<Uuid>) -> bool {
        let slot = &self.spans[slot];
        !slot.changed || written.contains(&ids::span(&slot.row.span.trace_id, &slot.row.span.id))
    }

    /// Returns the trace with this id.
    pub(crate) fn trace(&self, id: &TraceId) -> Option<&TraceSlot> {
        self.trace_of.get(id).map(|&trace| &self.traces[trace])
    }

    /// Returns the spans that changed in a trace.
    pub(crate) fn changed_in(&self, trace: &TraceId) -> impl Iterator<Item = usize> {
        let trace = self.trace_of.get(trace).copied();
        let own = move |slot: &SpanSlot| slot.changed && Some(slot.trace) == trace;
        self.spans.iter().enumerate().filter(move |(_, slot)| own(slot)).map(|(at, _)| at)
    }
}
