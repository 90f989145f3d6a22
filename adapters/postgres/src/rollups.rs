//! Sums per hour, kept beside spans that another store keeps.
//!
//! Two stores cannot commit together, so every write of spans is bracketed: [`PostgresRollups::begin`] notes that it
//! is on its way, the span store writes, [`PostgresRollups::apply`] adds what changed and takes the note away, once
//! and in one transaction. Whatever is in doubt makes its hours dirty: a note whose writer is gone, a change whose
//! effect is not known, a deletion that raced. A dirty hour is worked out again from the spans, at the latest when
//! somebody asks for it, so a summary is exact also while hours are dirty.
//!
//! How durations are spread lies beside the sums, written by the same statements and under the same rules.
//!
//! An hour is worked out while spans are written to it. Two rules keep a span from being counted twice: sums of a
//! dirty hour are not added to but make it dirtier, which refuses a result begun before; and every write that was on
//! its way while an hour was replaced is told so in its note, and makes the hour dirty instead of adding to it.
//!
//! What can go wrong and is not noticed is mended by [`Rollups::repair`]: writes while Postgres was away whose
//! process then died, and a crash between a span's move to another hour and its note's end.

mod active;
mod changes;
mod ledger;
mod recompute;
mod steps;
mod totals;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use trace::filter::{Filter, ListQuery, SortBy, SortOrder, Term, Test};
use trace::id::Scope;
use trace::ports::{Latencies, Rollups, SpanStore, StoreError, Summary, SummaryQuery};
use trace::time::Timestamp;

pub use changes::Changes;
pub(crate) use changes::{hour_at, hour_of};
pub(crate) use ledger::Intent;

use self::changes::HOUR;
use self::totals::Totals;
use crate::Database;

/// How many rows are read at once.
const PAGE: usize = 1_000;

/// The [`Rollups`] in Postgres, over spans in any store.
pub struct PostgresRollups {
    database: Database,
    spans: Arc<dyn SpanStore>,
    /// Hours that could not be made dirty, as Postgres was away.
    pending: Mutex<HashMap<Scope, Doubt>>,
    /// Until when Postgres is not asked, as it was away a moment ago.
    resting_until: Mutex<Option<Instant>>,
    patience: Duration,
}

/// What is asked of the sums.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Sums,
    Latencies,
}

/// Hours whose sums may be wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Doubt {
    /// These.
    pub(crate) hours: BTreeSet<i32>,
    /// Whether it is about every hour there is a sum of.
    pub(crate) all: bool,
    /// How often something was added while it waited.
    pub(crate) additions: u64,
}

impl Doubt {
    /// Returns a doubt about these hours.
    pub(crate) fn about(hours: impl IntoIterator<Item = i32>) -> Self {
        Self { hours: hours.into_iter().collect(), ..Self::default() }
    }

    fn merge(&mut self, other: Self) {
        self.hours.extend(other.hours);
        self.all |= other.all;
        self.additions += 1;
    }
}

impl PostgresRollups {
    /// Returns the sums in `database` of the spans in `spans`, which must be written through
    /// [`RolledUp`](crate::RolledUp).
    pub fn new(database: &Database, spans: Arc<dyn SpanStore>) -> Self {
        Self {
            database: database.clone(),
            spans,
            pending: Mutex::default(),
            resting_until: Mutex::default(),
            patience: Duration::from_secs(2),
        }
    }

    /// Returns when the database answers a query.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.database.check().await
    }

    /// Adds the spans of a window: whole hours from their sums, the rest from the spans.
    async fn add_window(
        &self,
        totals: &mut Totals,
        scope: &Scope,
        window: Window,
        wanted: Wanted,
    ) -> Result<(), StoreError> {
        if window.since > window.until {
            return Ok(());
        }
        let first = window.since.div_euclid(HOUR) + i64::from(window.since.rem_euclid(HOUR) != 0);
        let end = match window.until.checked_add(1) {
            Some(end) => end.div_euclid(HOUR),
            None => i64::MAX / HOUR,
        };
        if first >= end {
            return self.add_spans(totals, scope, &times(window.since, window.until)).await;
        }
        let hours = clamp(first)..clamp(end);
        if wanted == Wanted::Latencies {
            let doubt =
                Doubt { hours: self.without_latencies(scope, hours.clone()).await?, ..Doubt::default() };
            if !doubt.hours.is_empty() {
                self.mark(scope, &doubt).await?;
            }
        }
        let unsettled = self.settle(scope, hours.clone()).await?;
        let without = unsettled.keys().copied().collect();
        let rows = match wanted {
            Wanted::Sums => self.sums(scope, hours, without).await?,
            Wanted::Latencies => self.latency_sums(scope, hours, without).await?,
        };
        for row in rows {
            totals.add(row);
        }
        for changes in unsettled.into_values() {
            changes.groups().for_each(|group| totals.add(group));
        }
        // Open ends have no rest.
        if window.since != i64::MIN && window.since < first * HOUR {
            self.add_spans(totals, scope, &times(window.since, first * HOUR - 1)).await?;
        }
        if window.until != i64::MAX && window.until >= end * HOUR {
            self.add_spans(totals, scope, &times(end * HOUR, window.until)).await?;
        }
        Ok(())
    }

    /// Adds the spans a filter selects, one by one.
    async fn add_spans(&self, totals: &mut Totals, scope: &Scope, filter: &Filter) -> Result<(), StoreError> {
        let mut query = query(filter.clone());
        loop {
            let page = self.spans.list(scope, &query).await?;
            page.items.iter().for_each(|span| totals.add_span(span));
            query.after = page.next;
            if query.after.is_none() {
                return Ok(());
            }
        }
    }

    /// Returns how many traces started in the window. The span store knows: a trace's start can move, and no sum
    /// follows it.
    async fn traces(&self, scope: &Scope, window: Window) -> Result<u64, StoreError> {
        if window == Window::ALL {
            return Ok(self.spans.counts(scope).await?.traces);
        }
        if window.since > window.until {
            return Ok(0);
        }
        let mut query = query(times(window.since, window.until));
        let mut count = 0;
        loop {
            let page = self.spans.list_traces(scope, &query).await?;
            if let Some(total) = page.total {
                return Ok(total);
            }
            count += page.items.len() as u64;
            query.after = page.next;
            if query.after.is_none() {
                return Ok(count);
            }
        }
    }
}

#[async_trait]
impl Rollups for PostgresRollups {
    async fn summary(&self, scope: &Scope, query: &SummaryQuery) -> Result<Summary, StoreError> {
        let mut totals = Totals::default();
        let Some(window) = Window::of(&query.filter) else {
            self.add_spans(&mut totals, scope, &query.filter).await?;
            return Ok(totals.finish());
        };
        self.add_window(&mut totals, scope, window, Wanted::Sums).await?;
        Ok(Summary { traces: self.traces(scope, window).await?, ..totals.finish() })
    }

    async fn latencies(&self, scope: &Scope, query: &SummaryQuery) -> Result<Latencies, StoreError> {
        let mut totals = Totals::default();
        match Window::of(&query.filter) {
            Some(window) => self.add_window(&mut totals, scope, window, Wanted::Latencies).await?,
            None => self.add_spans(&mut totals, scope, &query.filter).await?,
        }
        Ok(totals.latencies())
    }

    async fn repair(&self, scope: &Scope) -> Result<(), StoreError> {
        let mut doubt = Doubt { all: true, ..Doubt::default() };
        // From span to span, each time past the hour of the one found: as many questions as there are hours.
        let mut since = i64::MIN;
        loop {
            let mut next = query(times(since, i64::MAX));
            next.limit = 1;
            let page = self.spans.list(scope, &next).await?;
            let Some(span) = page.items.first() else { break };
            let hour = hour_of(span);
            doubt.hours.insert(hour);
            since = (i64::from(hour) + 1) * HOUR;
        }
        self.mark(scope, &doubt).await?;
        self.settle(scope, i32::MIN..i32::MAX).await?;
        Ok(())
    }
}

/// Returns the query of everything a filter selects, the earliest first.
pub(crate) fn query(filter: Filter) -> ListQuery {
    ListQuery { filter, sort_by: SortBy::StartedAt, sort_order: SortOrder::Asc, after: None, limit: PAGE }
}

/// Returns the filter of a stretch of time, both ends included.
pub(crate) fn times(since: i64, until: i64) -> Filter {
    let mut filter = Filter::default();
    if since != i64::MIN {
        filter.and(Test::Since(Timestamp::from_micros(since)));
    }
    if until != i64::MAX {
        filter.and(Test::Until(Timestamp::from_micros(until)));
    }
    filter
}

/// Returns the hour as it is stored; times end long before the type does.
fn clamp(hour: i64) -> i32 {
    i32::try_from(hour).unwrap_or(if hour < 0 { i32::MIN } else { i32::MAX })
}

/// A stretch of time, both ends included, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Window {
    since: i64,
    until: i64,
}

impl Window {
    const ALL: Self = Self { since: i64::MIN, until: i64::MAX };

    /// Returns the time a filter asks for, or `None` when it asks for anything else.
    fn of(filter: &Filter) -> Option<Self> {
        let mut window = Self::ALL;
        for term in &filter.terms {
            match term {
                Term { negated: false, test: Test::Since(time) } => {
                    window.since = window.since.max(time.as_micros());
                }
                Term { negated: false, test: Test::Until(time) } => {
                    window.until = window.until.min(time.as_micros());
                }
                _ => return None,
            }
        }
        Some(window)
    }
}
