//! Reads sessions, which no row stands for: they are what traces with the same session id add up to.
//!
//! The most recently active come first, and a session was active last when its latest trace started. So traces are
//! walked from the newest on; the first trace of a session that is met says where the session belongs.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use trace::filter::{Filter as Terms, ListQuery, Page, Position, SortValue, Term, Test, TraceFilter};
use trace::ports::StoreError;
use trace::time::Timestamp;
use trace::trace::{Session, Trace};

use crate::client::{Filter, Row};
use crate::key::{Cut, having, key};
use crate::order::Order;
use crate::payloads::Tables;
use crate::session;
use crate::table::{MOST_IDS, Table};
use crate::trace_row;
use crate::traces::{self, Conditions};

/// Sessions whose traces are looked at together.
const AT_ONCE: usize = 50;

/// Traces walked at once.
const STEP: usize = 500;

/// Returns one session and its traces by start.
pub(crate) async fn find(table: &Table, id: &str) -> Result<Option<(Session, Vec<Trace>)>, StoreError> {
    let mut found = of_ids(table, &HashSet::from([key(id)])).await?;
    let traces = found.remove(id).unwrap_or_default();
    Ok(session::of(id, &traces).map(|session| (session, traces)))
}

/// Returns one page of sessions, the most recently active first.
pub(crate) async fn list(tables: &Tables, query: &ListQuery) -> Result<Page<Session>, StoreError> {
    let (own, of_traces): (Vec<Term>, Vec<Term>) =
        query.filter.terms.iter().cloned().partition(|term| session::is_about(&term.test));
    let conditions = Conditions { filter: TraceFilter::of(&Terms { terms: of_traces, ..Terms::default() }) };
    let mut walk = Walk::new(&own, query);
    let mut found: Vec<Session> = Vec::new();
    while found.len() <= query.limit {
        let (met, is_last) = walk.next(&tables.main).await?;
        let mut sessions = walk.settled(&tables.main, met, is_last).await?;
        sessions.retain(|(session, _)| own.iter().all(|term| session::holds(term, session)));
        let mut sessions = sessions.into_iter().peekable();
        while sessions.peek().is_some() && found.len() <= query.limit {
            let some: Vec<_> = sessions.by_ref().take(AT_ONCE.max(query.limit + 1 - found.len())).collect();
            found.extend(holding(tables, &conditions, some).await?);
        }
        if is_last {
            break;
        }
    }
    let more = found.len() > query.limit;
    found.truncate(query.limit);
    let next = found.last().filter(|_| more).map(position);
    Ok(Page { items: found, next, total: None })
}

/// Returns the sessions with a trace that passes.
async fn holding(
    tables: &Tables,
    conditions: &Conditions,
    sessions: Vec<(Session, Vec<Trace>)>,
) -> Result<Vec<Session>, StoreError> {
    let (sessions, traces): (Vec<Session>, Vec<Vec<Trace>>) = sessions.into_iter().unzip();
    let counts: Vec<usize> = traces.iter().map(Vec::len).collect();
    let holds = conditions.hold(tables, &traces.concat()).await?;
    let mut holds = holds.into_iter();
    let mut passing = Vec::with_capacity(sessions.len());
    for (session, count) in sessions.into_iter().zip(counts) {
        // All of its own have to be taken, whichever passes.
        if holds.by_ref().take(count).filter(|holds| *holds).count() > 0 {
            passing.push(session);
        }
    }
    Ok(passing)
}

fn position(session: &Session) -> Position {
    Position { value: SortValue::Integer(session.last_active_at.as_micros()), id: session.id.clone() }
}

/// Returns the traces of sessions by their ids, ordered by start then id; `keys` are as rows have them.
async fn of_ids(table: &Table, keys: &HashSet<String>) -> Result<HashMap<String, Vec<Trace>>, StoreError> {
    let keys: Vec<&String> = keys.iter().collect();
    let mut found: HashMap<String, Vec<Trace>> = HashMap::new();
    for keys in keys.chunks(MOST_IDS) {
        let filter = Filter::among("session", keys.iter().map(|key| (*key).clone()));
        for trace in traces::all(table, filter).await? {
            if let Some(session) = trace.session_id.clone() {
                found.entry(session).or_default().push(trace);
            }
        }
    }
    for traces in found.values_mut() {
        traces.sort_by(|a, b| (a.started_at, &a.id).cmp(&(b.started_at, &b.id)));
    }
    Ok(found)
}

/// A walk over the traces that have a session, the newest first.
struct Walk {
    filter: Filter,
    after: Option<Position>,
    /// Where the page starts.
    start: Option<Position>,
    /// Sessions met so far.
    met: HashSet<String>,
    /// Sessions whose place is not certain yet: one that was active at the same moment may come.
    open: Vec<(Session, Vec<Trace>)>,
    /// The start of the last trace walked over.
    reached: Option<Timestamp>,
}

impl Walk {
    fn new(own: &[Term], query: &ListQuery) -> Self {
        let part = |term: &Term| match &term.test {
            Test::Session(part) if !term.negated => having("session", part, Cut::Match),
            _ => Filter::Everything,
        };
        let kind = Filter::eq("kind", trace_row::KIND);
        let has_session = Filter::present("session");
        let start = query.after.clone();
        // A session that comes later was active at that moment at the latest.
        let from = start.as_ref().map_or(Filter::Everything, |start| match start.value {
            SortValue::Integer(micros) => Filter::at_most("start_us", micros),
            _ => Filter::Everything,
        });
        let filter = Filter::all([kind, has_session, from].into_iter().chain(own.iter().map(part)));
        Self { filter, after: None, start, met: HashSet::new(), open: Vec::new(), reached: None }
    }

    /// Walks a step. Returns the sessions met for the first time, and whether it was the last step.
    async fn next(&mut self, table: &Table) -> Result<(HashSet<String>, bool), StoreError> {
        let order = Order::newest();
        let rows: Vec<Row> = if self.filter == Filter::Nothing {
            Vec::new()
        } else {
            traces::page(table, &self.filter, order, self.after.as_ref(), STEP).await?
        };
        if let Some(last) = rows.last() {
            self.after = Some(order.position(last)?);
        }
        let mut new = HashSet::new();
        for row in &rows {
            let trace = trace_row::trace(row)?;
            self.reached = Some(trace.started_at);
            let Some(session) = trace.session_id else { continue };
            if self.met.insert(session.clone()) {
                new.insert(session);
            }
        }
        Ok((new, rows.len() < STEP))
    }

    /// Reads the sessions that were met and returns those whose place is certain, in order.
    async fn settled(
        &mut self,
        table: &Table,
        met: HashSet<String>,
        is_last: bool,
    ) -> Result<Vec<(Session, Vec<Trace>)>, StoreError> {
        let keys = met.iter().map(|id| key(id)).collect();
        for (id, traces) in of_ids(table, &keys).await? {
            // One that was active later than the page starts was on a page before.
            let session =
                session::of(&id, &traces).filter(|session| met.contains(&id) && self.follows(session));
            self.open.extend(session.map(|session| (session, traces)));
        }
        let place = |session: &Session| (session.last_active_at, session.id.clone());
        self.open.sort_by_key(|(session, _)| Reverse(place(session)));
        let reached = self.reached;
        let is_certain =
            |session: &Session| is_last || reached.is_none_or(|reached| session.last_active_at > reached);
        let certain = self.open.iter().take_while(|(session, _)| is_certain(session)).count();
        Ok(self.open.drain(..certain).collect())
    }

    fn follows(&self, session: &Session) -> bool {
        let Some(start) = &self.start else { return true };
        let SortValue::Integer(micros) = start.value else { return true };
        (session.last_active_at.as_micros(), &session.id) < (micros, &start.id)
    }
}
