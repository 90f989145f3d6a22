//! Applies batches: loads what they touch, applies them one after the other in memory, writes what changed.
//!
//! Three steps instead of a statement per row: a group of many small batches costs about as many statements as
//! one large one.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sqlx::AssertSqlSafe;
use trace::id::{SpanId, TraceId};
use trace::ports::{SpanChange, SpanWrite, StoreError, TraceChange, TraceWritten, Written};
use trace::price::Prices;
use trace::span::{Finish, NewSpan, Span};
use trace::totals;
use trace::trace::{NewTrace, OnExisting};

use crate::batch::Sides;
use crate::chunks::NewChunks;
use crate::parts::Side;
use crate::payloads;
use crate::rollup::Changes;
use crate::session::Session;
use crate::span_row::{self, Place};
use crate::sql::{Insert, Value, column, integer, json_array, unavailable};
use crate::trace_row::{self, TraceRow};
use crate::writer::WriteItem;

/// A trace while its batches are applied.
struct TraceSlot {
    project: i64,
    stored: TraceRow,
    changed: bool,
    /// Something was taken away that sums and extremes cannot forget by themselves.
    recompute: bool,
}

/// A span while its batches are applied.
struct SpanSlot {
    trace: usize,
    place: Place,
    span: Arc<Span>,
    /// Was there before the group.
    stored: bool,
    changed: bool,
    /// Which sides of its payload were there before the group.
    held: Held,
    /// Where its payload comes from, when it is to be written.
    input: Option<Source>,
    output: Option<Source>,
}

/// Which sides of a payload there are.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    input: bool,
    output: bool,
}

/// A write of the group: its batch, and its place there.
#[derive(Clone, Copy)]
struct Source {
    item: usize,
    write: usize,
}

/// Where a span comes from.
#[derive(Clone, Copy)]
enum Origin {
    /// It was there before the group, with these sides of its payload.
    Stored(Held),
    /// A write of the group makes it.
    Written(Source),
}

#[derive(Default)]
struct Unit {
    traces: Vec<TraceSlot>,
    spans: Vec<SpanSlot>,
    trace_of: HashMap<(i64, TraceId), usize>,
    spans_of: HashMap<(i64, SpanId), Vec<usize>>,
    rollups: Changes,
    /// New traces and spans of each project.
    counts: HashMap<i64, (u64, u64)>,
}

/// Parts of payloads, by the project and trace they are used in.
type Replaced = HashMap<(i64, i64), HashSet<i64>>;

/// What one batch did to traces, in the order it touched them.
#[derive(Default)]
struct Touched {
    order: Vec<usize>,
    change: HashMap<usize, TraceChange>,
}

impl Touched {
    fn note(&mut self, trace: usize, change: TraceChange) {
        match self.change.entry(trace) {
            Entry::Vacant(entry) => {
                self.order.push(trace);
                entry.insert(change);
            }
            Entry::Occupied(mut entry) if *entry.get() == TraceChange::Unchanged => {
                entry.insert(change);
            }
            Entry::Occupied(_) => {}
        }
    }
}

impl Session {
    /// Writes batches in order, inside the current transaction.
    pub(crate) async fn write(&mut self, items: &mut [WriteItem]) -> Result<(), StoreError> {
        let mut projects = Vec::with_capacity(items.len());
        for item in items.iter() {
            projects.push(self.project(&item.prepared.scope).await?);
        }
        let mut unit = Unit::default();
        unit.load(self, items, &projects).await?;
        let mut touched = Vec::with_capacity(items.len());
        for (number, (item, &project)) in items.iter_mut().zip(&projects).enumerate() {
            let (written, traces) = unit.apply(self, (number, item), project);
            item.written = Some(written);
            touched.push(traces);
        }
        unit.store(self, items).await?;
        for (item, touched) in items.iter_mut().zip(touched) {
            if let Some(written) = &mut item.written {
                unit.patch(written, &touched);
            }
        }
        Ok(())
    }
}

impl Unit {
    async fn load(
        &mut self,
        session: &mut Session,
        items: &[WriteItem],
        projects: &[i64],
    ) -> Result<(), StoreError> {
        let mut wanted: HashMap<i64, (HashSet<&TraceId>, Vec<&SpanWrite>)> = HashMap::new();
        for (item, &project) in items.iter().zip(projects) {
            let batch = &item.prepared.batch;
            let (traces, writes) = wanted.entry(project).or_default();
            traces.extend(batch.traces.iter().map(|new| &new.id));
            traces.extend(batch.spans.iter().filter_map(trace_of));
            writes.extend(&batch.spans);
        }
        for (project, (traces, writes)) in wanted {
            let traces: Vec<&TraceId> = traces.into_iter().collect();
            self.load_traces(session, project, &traces).await?;
            // A span of an unknown trace can only be known when its id alone names it.
            let known = |write: &&&SpanWrite| match write {
                SpanWrite::Put(new) => self.trace_of.contains_key(&(project, new.span.trace_id.clone())),
                SpanWrite::Create(_) | SpanWrite::Finish(_) => true,
            };
            let ids: HashSet<&SpanId> = writes.iter().filter(known).map(|write| span_of(write)).collect();
            if !ids.is_empty() {
                let ids: Vec<&SpanId> = ids.into_iter().collect();
                self.load_spans(session, project, &ids).await?;
            }
        }
        Ok(())
    }

    async fn load_traces(
        &mut self,
        session: &mut Session,
        project: i64,
        ids: &[&TraceId],
    ) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "SELECT {} FROM traces t WHERE t.project = ?1 AND t.id IN (SELECT value FROM json_each(?2))",
            trace_row::COLUMNS
        );
        let rows =
            sqlx::query_with(AssertSqlSafe(sql), crate::sql::arguments([project.into(), json_array(ids)]))
                .fetch_all(&mut session.connection)
                .await
                .map_err(unavailable)?;
        for row in &rows {
            let stored = trace_row::decode(row)?;
            self.trace_of.insert((project, stored.trace.id.clone()), self.traces.len());
            self.traces.push(TraceSlot { project, stored, changed: false, recompute: false });
        }
        Ok(())
    }

    async fn load_spans(
        &mut self,
        session: &mut Session,
        project: i64,
        ids: &[&SpanId],
    ) -> Result<(), StoreError> {
        let sql = format!(
            "SELECT {}, p.input IS NOT NULL, p.output IS NOT NULL
             FROM spans s JOIN traces t ON t.row = s.trace LEFT JOIN payloads p ON p.row = s.row
             WHERE s.project = ?1 AND s.id IN (SELECT value FROM json_each(?2))",
            span_row::COLUMNS
        );
        let rows =
            sqlx::query_with(AssertSqlSafe(sql), crate::sql::arguments([project.into(), json_array(ids)]))
                .fetch_all(&mut session.connection)
                .await
                .map_err(unavailable)?;
        let (input, output) = (span_row::LENGTH, span_row::LENGTH + 1);
        let held = |row| Ok(Held { input: column(row, input)?, output: column(row, output)? });
        let stored = rows.iter().map(|row| Ok((span_row::decode(row)?, held(row)?)));
        let stored: Vec<_> = stored.collect::<Result<_, StoreError>>()?;
        // A span known by its id alone may belong to a trace that no batch named.
        let missing: HashSet<&TraceId> = stored
            .iter()
            .map(|(found, _)| &found.span.trace_id)
            .filter(|trace| !self.trace_of.contains_key(&(project, (*trace).clone())))
            .collect();
        let missing: Vec<&TraceId> = missing.into_iter().collect();
        self.load_traces(session, project, &missing).await?;
        for (found, held) in stored {
            let trace = self.trace_of.get(&(project, found.span.trace_id.clone()));
            let trace = *trace.ok_or_else(|| StoreError::corrupt("span", "its trace is missing"))?;
            let place = Place { row: found.row, project, trace: found.trace, version: found.version };
            self.hold(trace, place, Arc::new(found.span), Origin::Stored(held));
        }
        Ok(())
    }

    fn hold(&mut self, trace: usize, place: Place, span: Arc<Span>, origin: Origin) {
        self.spans_of.entry((place.project, span.id.clone())).or_default().push(self.spans.len());
        let (held, source) = match origin {
            Origin::Stored(held) => (held, None),
            Origin::Written(source) => (Held::default(), Some(source)),
        };
        let stored = source.is_none();
        let (input, output) = (source, source);
        self.spans.push(SpanSlot { trace, place, span, stored, changed: !stored, held, input, output });
    }

    fn apply(
        &mut self,
        session: &mut Session,
        (number, item): (usize, &mut WriteItem),
        project: i64,
    ) -> (Written, Touched) {
        let mut touched = Touched::default();
        let prepared = &item.prepared;
        for new in &prepared.batch.traces {
            let (trace, change) = self.put_trace(session, project, new);
            touched.note(trace, change);
        }
        let mut spans = Vec::with_capacity(prepared.batch.spans.len());
        for (at, (write, sides)) in prepared.batch.spans.iter().zip(&prepared.payloads).enumerate() {
            let source = Source { item: number, write: at };
            spans.push(match write {
                SpanWrite::Create(new) => self.create(session, project, new, source, &mut touched),
                SpanWrite::Put(new) => self.put(session, project, new, (source, sides), &mut touched),
                SpanWrite::Finish(finish) => {
                    self.finish(project, finish, (source, sides), &prepared.batch.prices, &mut touched)
                }
            });
        }
        let traces = touched.order.iter().map(|&trace| TraceWritten {
            change: touched.change[&trace],
            trace: Arc::new(self.traces[trace].stored.trace.clone()),
        });
        (Written { traces: traces.collect(), spans, ..Written::default() }, touched)
    }

    fn put_trace(&mut self, session: &mut Session, project: i64, new: &NewTrace) -> (usize, TraceChange) {
        if let Some(&index) = self.trace_of.get(&(project, new.id.clone())) {
            if new.on_existing == OnExisting::Keep {
                return (index, TraceChange::Unchanged);
            }
            let slot = &mut self.traces[index];
            let (rank, changed) = new.clone().merge_into(&mut slot.stored.trace, slot.stored.rank);
            slot.stored.rank = rank;
            slot.changed |= changed;
            return (index, if changed { TraceChange::Updated } else { TraceChange::Unchanged });
        }
        let (trace, rank) = new.clone().into_trace();
        let index = self.traces.len();
        self.trace_of.insert((project, trace.id.clone()), index);
        let stored = TraceRow { row: session.trace_row(), rank, trace };
        self.traces.push(TraceSlot { project, stored, changed: true, recompute: false });
        self.counts.entry(project).or_default().0 += 1;
        (index, TraceChange::Created)
    }

    fn create(
        &mut self,
        session: &mut Session,
        project: i64,
        new: &NewSpan,
        source: Source,
        touched: &mut Touched,
    ) -> SpanChange {
        let namesakes = self.spans_of.get(&(project, new.span.id.clone()));
        let mut traces = namesakes.into_iter().flatten().map(|&span| &self.spans[span].span.trace_id);
        match traces.next() {
            None => self.insert(session, project, new, source, touched),
            Some(trace) if *trace == new.span.trace_id => SpanChange::Existing,
            Some(_) if traces.any(|trace| *trace == new.span.trace_id) => SpanChange::Existing,
            Some(_) => SpanChange::Conflict,
        }
    }

    fn put(
        &mut self,
        session: &mut Session,
        project: i64,
        new: &NewSpan,
        (source, sides): (Source, &Sides),
        touched: &mut Touched,
    ) -> SpanChange {
        let namesakes = self.spans_of.get(&(project, new.span.id.clone()));
        let mut namesakes = namesakes.into_iter().flatten().copied();
        let Some(index) = namesakes.find(|&span| self.spans[span].span.trace_id == new.span.trace_id) else {
            return self.insert(session, project, new, source, touched);
        };
        if integer(new.version.0) <= self.spans[index].place.version {
            return SpanChange::Stale;
        }
        let mut span = new.span.clone();
        if sides.input.is_none() {
            span.preview.clone_from(&self.spans[index].span.preview);
        }
        let span = Arc::new(span);
        self.replace(index, Arc::clone(&span), integer(new.version.0), (source, sides), touched);
        SpanChange::Updated(span)
    }

    fn finish(
        &mut self,
        project: i64,
        finish: &Finish,
        (source, sides): (Source, &Sides),
        prices: &Prices,
        touched: &mut Touched,
    ) -> SpanChange {
        let namesakes = self.spans_of.get(&(project, finish.span_id.clone()));
        let named = namesakes.into_iter().flatten().copied().filter(|&span| {
            finish.trace_id.as_ref().is_none_or(|trace| *trace == self.spans[span].span.trace_id)
        });
        let newest = named.max_by_key(|&span| (self.spans[span].span.started_at, self.spans[span].place.row));
        let Some(index) = newest else {
            return SpanChange::Missing;
        };
        if self.spans[index].span.status.is_terminal() {
            return SpanChange::Terminal;
        }
        let mut span = Span::clone(&self.spans[index].span);
        span.finish(finish, prices);
        let span = Arc::new(span);
        self.replace(index, Arc::clone(&span), integer(finish.version.0), (source, sides), touched);
        SpanChange::Updated(span)
    }

    fn insert(
        &mut self,
        session: &mut Session,
        project: i64,
        new: &NewSpan,
        source: Source,
        touched: &mut Touched,
    ) -> SpanChange {
        let known = self.trace_of.get(&(project, new.span.trace_id.clone())).copied();
        let (trace, change) = if let Some(trace) = known {
            (trace, TraceChange::Unchanged)
        } else {
            let implicit = NewTrace::implicit(new.span.trace_id.clone(), new.span.started_at);
            self.put_trace(session, project, &implicit)
        };
        touched.note(trace, change);
        let mut span = new.span.clone();
        let slot = &mut self.traces[trace];
        slot.changed = true;
        totals::add(&mut slot.stored.trace.totals, &span);
        totals::trim(&slot.stored.trace.totals, &mut span);
        let span = Arc::new(span);
        let place = Place {
            row: session.span_row(),
            project,
            trace: slot.stored.row,
            version: integer(new.version.0),
        };
        self.counts.entry(project).or_default().1 += 1;
        self.rollups.add(project, &span);
        self.hold(trace, place, Arc::clone(&span), Origin::Written(source));
        SpanChange::Created(span)
    }

    fn replace(
        &mut self,
        index: usize,
        span: Arc<Span>,
        version: i64,
        (source, sides): (Source, &Sides),
        touched: &mut Touched,
    ) {
        let slot = &mut self.spans[index];
        let trace = &mut self.traces[slot.trace];
        touched.note(slot.trace, TraceChange::Unchanged);
        trace.changed = true;
        trace.recompute |= !totals::swap(&mut trace.stored.trace.totals, &slot.span, &span);
        self.rollups.remove(slot.place.project, &slot.span);
        self.rollups.add(slot.place.project, &span);
        slot.span = span;
        slot.place.version = version;
        slot.changed = true;
        if sides.input.is_some() {
            slot.input = Some(source);
        }
        if sides.output.is_some() {
            slot.output = Some(source);
        }
    }

    async fn store(&mut self, session: &mut Session, items: &[WriteItem]) -> Result<(), StoreError> {
        let replaced = self.replaced(session).await?;
        let (mut spans, mut payloads) = (Vec::new(), Vec::new());
        let mut changed = Vec::new();
        let mut chunks = NewChunks::default();
        for slot in self.spans.iter().filter(|slot| slot.changed) {
            let place = slot.place;
            span_row::encode(place, &slot.span, &mut spans);
            // The index may have read it already, or be about to have.
            if slot.stored {
                changed.extend([Value::from(place.row), Value::from(1)]);
            }
            if slot.input.is_none() && slot.output.is_none() {
                continue;
            }
            let mut encode = |source: Option<Source>, side: fn(&Sides) -> Option<&Side>| {
                let Some(Source { item, write }) = source else { return Ok(None) };
                let prepared = &items[item].prepared;
                let Some(side) = side(&prepared.payloads[write]) else { return Ok(None) };
                let of_trace = (place.project, place.trace);
                chunks.number(session, of_trace, (item, &prepared.chunks), side).map(Some)
            };
            let input = encode(slot.input, |sides| sides.input.as_ref())?;
            let output = encode(slot.output, |sides| sides.output.as_ref())?;
            payloads.extend([place.row.into(), input.into(), output.into()]);
        }
        let connection = &mut session.connection;
        span_row::UPSERT.run(connection, spans).await.map_err(unavailable)?;
        PAYLOADS.run(connection, payloads).await.map_err(unavailable)?;
        TEXT_CHANGED.run(connection, changed.clone()).await.map_err(unavailable)?;
        COLUMN_CHANGED.run(connection, changed).await.map_err(unavailable)?;
        chunks.store(session).await?;
        for ((project, trace), parts) in replaced {
            session.release_parts(project, trace, parts).await?;
        }
        for slot in self.traces.iter_mut().filter(|slot| slot.recompute) {
            // Rare: a span that was already counted changed its start, end or model.
            slot.stored.trace.totals = session.totals(slot.stored.row).await?;
        }
        let mut traces = Vec::new();
        for slot in self.traces.iter().filter(|slot| slot.changed) {
            trace_row::encode(&slot.stored, slot.project, &mut traces);
        }
        trace_row::UPSERT.run(&mut session.connection, traces).await.map_err(unavailable)?;
        let rollups = std::mem::take(&mut self.rollups);
        rollups.store(&mut session.connection).await.map_err(unavailable)?;
        for (&project, &(traces, spans)) in &self.counts {
            sqlx::query("UPDATE projects SET traces = traces + ?2, spans = spans + ?3 WHERE id = ?1")
                .bind(project)
                .bind(integer(traces))
                .bind(integer(spans))
                .execute(&mut session.connection)
                .await
                .map_err(unavailable)?;
        }
        Ok(())
    }

    /// Returns the parts of what is about to be replaced.
    async fn replaced(&self, session: &mut Session) -> Result<Replaced, StoreError> {
        let overwrites = |slot: &&SpanSlot| {
            (slot.input.is_some() && slot.held.input) || (slot.output.is_some() && slot.held.output)
        };
        let slots: Vec<&SpanSlot> = self.spans.iter().filter(overwrites).collect();
        if slots.is_empty() {
            return Ok(Replaced::new());
        }
        let rows: Vec<i64> = slots.iter().map(|slot| slot.place.row).collect();
        let mut named = payloads::named(&mut session.connection, &rows).await?;
        let mut replaced = Replaced::new();
        for slot in slots {
            let Some(old) = named.remove(&slot.place.row) else { continue };
            let parts = replaced.entry((slot.place.project, slot.place.trace)).or_default();
            parts.extend(slot.input.is_some().then_some(old.input).into_iter().flatten());
            parts.extend(slot.output.is_some().then_some(old.output).into_iter().flatten());
        }
        Ok(replaced)
    }

    /// Brings the answer of a batch up to date with totals that were recomputed after it.
    fn patch(&self, written: &mut Written, touched: &Touched) {
        for (answer, &trace) in written.traces.iter_mut().zip(&touched.order) {
            let slot = &self.traces[trace];
            if slot.recompute {
                answer.trace = Arc::new(slot.stored.trace.clone());
            }
        }
    }
}

const PAYLOADS: Insert = Insert {
    head: "INSERT INTO payloads (row, input, output) VALUES",
    columns: 3,
    tail: "ON CONFLICT (row) DO UPDATE SET input = coalesce(excluded.input, input), \
           output = coalesce(excluded.output, output)",
};

const COLUMN_CHANGED: Insert = Insert {
    head: "INSERT INTO column_changed (row, times) VALUES",
    columns: 2,
    tail: "ON CONFLICT (row) DO UPDATE SET times = times + 1",
};

const TEXT_CHANGED: Insert = Insert {
    head: "INSERT INTO text_changed (row, times) VALUES",
    columns: 2,
    tail: "ON CONFLICT (row) DO UPDATE SET times = times + 1",
};

fn trace_of(write: &SpanWrite) -> Option<&TraceId> {
    match write {
        SpanWrite::Create(new) | SpanWrite::Put(new) => Some(&new.span.trace_id),
        SpanWrite::Finish(finish) => finish.trace_id.as_ref(),
    }
}

fn span_of(write: &SpanWrite) -> &SpanId {
    match write {
        SpanWrite::Create(new) | SpanWrite::Put(new) => &new.span.id,
        SpanWrite::Finish(finish) => &finish.span_id,
    }
}
