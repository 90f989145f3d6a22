//! Finds the spans of a list among very many by scanning columns.

use std::collections::{HashMap, HashSet};

use sqlx::{AssertSqlSafe, SqliteConnection, SqlitePool};
use trace::filter::{Filter, NumberField, Position, Range, SortBy, SortValue, Term, Test};
use trace::ports::StoreError;

use crate::columns::{self, Bounds, Field, Layout, NONE, Segment};
use crate::condition::Conditions;
use crate::fold::lowered;
use crate::span_row::status_number;
use crate::sql::{Value, arguments, unavailable};

/// Spans that may tie with the last of a page before walking them by id is the better way.
const MOST_TIES: usize = 5_000;

/// Names among which a rank is found by reading them all.
const MOST_NAMES: usize = 100_000;

/// What a scan found: where to look for the next spans of a list, best first.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Rows of sealed spans that contain the next of them.
    pub(crate) rows: Vec<i64>,
    /// Values so many spans share that those with them are to be walked by id.
    pub(crate) ties: Vec<SortValue>,
    /// The first row that is not sealed.
    pub(crate) sealed: i64,
    /// Rows of sealed spans that changed since: they are not among `rows`.
    pub(crate) changed: Vec<i64>,
}

/// The order of a scan.
#[derive(Clone, Copy)]
pub(crate) struct Sort<'a> {
    pub(crate) by: SortBy,
    pub(crate) descending: bool,
    pub(crate) after: Option<&'a Position>,
}

/// Scans for the next `wanted` spans of a list. Returns `None` when there is nothing sealed to be scanned.
///
/// The connection is in a transaction, so that no segment is sealed anew in between. Text is not checked: where it
/// is asked for, what is found contains more than what matches.
pub(crate) async fn spans(
    snapshot: &mut SqliteConnection,
    project: i64,
    filter: &Filter,
    sort: Sort<'_>,
    wanted: usize,
) -> Result<Option<Found>, StoreError> {
    let layout = Layout::read(snapshot).await?;
    if layout.segments == 0 {
        return Ok(None);
    }
    let tests = Tests::of(snapshot, project, filter).await?;
    let Some(values) = Values::of(snapshot, sort).await? else {
        return Ok(None);
    };
    let mut fields = tests.fields();
    fields.insert(values.field());
    let mut fields: Vec<Field> = fields.into_iter().collect();
    fields.sort_unstable();
    let changed = changed(snapshot).await?;
    let bounds = columns::bounds(snapshot, &fields).await?;
    let mut best = Best::new(&values, wanted);
    // The segments that may hold the first spans come first, so that the others need not be read.
    let may_pass = (0..layout.segments).filter(|number| tests.may_pass(*number, &bounds));
    let mut segments: Vec<(i64, i64)> =
        may_pass.map(|number| (values.first_of(number, &bounds), number)).collect();
    segments.sort_unstable();
    for (first, number) in segments {
        if first > best.bound {
            break;
        }
        let segment = columns::segment(snapshot, number, layout.size, &fields).await?;
        if let Some(segment) = segment {
            let kept = tests.of_segment(&segment, &changed);
            best.take(&segment, &kept);
        }
    }
    let mut found = best.finish(layout.end());
    found.changed = changed.into_iter().filter(|row| *row < found.sealed).collect();
    Ok(Some(found))
}

/// Traces that may have a span which meets a filter; those of spans that are not sealed are not among them.
#[derive(Clone, Debug)]
pub(crate) struct FoundTraces {
    pub(crate) traces: Vec<i64>,
    /// The first row that is not sealed.
    pub(crate) sealed: i64,
    /// Rows of sealed spans that changed since.
    pub(crate) changed: Vec<i64>,
}

/// Scans for the traces that have a span which meets a filter. `None` when there is nothing sealed, or when they
/// are more than `most`.
pub(crate) async fn traces(
    pool: &SqlitePool,
    project: i64,
    filter: &Filter,
    most: usize,
) -> Result<Option<FoundTraces>, StoreError> {
    let mut snapshot = pool.begin().await.map_err(unavailable)?;
    let layout = Layout::read(&mut snapshot).await?;
    if layout.segments == 0 {
        return Ok(None);
    }
    let tests = Tests::of(&mut snapshot, project, filter).await?;
    let mut fields = tests.fields();
    fields.insert(Field::Trace);
    let mut fields: Vec<Field> = fields.into_iter().collect();
    fields.sort_unstable();
    let changed = changed(&mut snapshot).await?;
    let bounds = columns::bounds(&mut snapshot, &fields).await?;
    let mut found = HashSet::new();
    for number in (0..layout.segments).rev().filter(|number| tests.may_pass(*number, &bounds)) {
        let Some(segment) = columns::segment(&mut snapshot, number, layout.size, &fields).await? else {
            continue;
        };
        let kept = tests.of_segment(&segment, &changed);
        let traces = segment.column(Field::Trace).iter().zip(&kept);
        found.extend(traces.filter(|(_, kept)| **kept).map(|(trace, _)| *trace));
        if found.len() > most {
            return Ok(None);
        }
    }
    snapshot.commit().await.map_err(unavailable)?;
    let sealed = layout.end();
    let changed = changed.into_iter().filter(|row| *row < sealed).collect();
    Ok(Some(FoundTraces { traces: found.into_iter().collect(), sealed, changed }))
}

async fn changed(connection: &mut SqliteConnection) -> Result<HashSet<i64>, StoreError> {
    let rows: Vec<i64> = sqlx::query_scalar("SELECT row FROM column_changed")
        .fetch_all(connection)
        .await
        .map_err(unavailable)?;
    Ok(rows.into_iter().collect())
}

/// A filter in terms of columns.
struct Tests {
    project: i64,
    tests: Vec<(bool, Column)>,
}

/// A test of columns.
enum Column {
    /// Any of these values.
    In(Field, HashSet<i64>),
    /// A kind and, with it, any of these labels; or any label at all.
    Kind(Vec<(i64, Option<i64>)>),
    /// A start in this range.
    Start(i64, i64),
    Number(NumberField, Range),
    /// Not for columns to tell.
    Anything,
}

impl Tests {
    async fn of(
        connection: &mut SqliteConnection,
        project: i64,
        filter: &Filter,
    ) -> Result<Self, StoreError> {
        let mut tests = Vec::with_capacity(filter.terms.len());
        for term in &filter.terms {
            tests.push((term.negated, Column::of(connection, project, term).await?));
        }
        Ok(Self { project, tests })
    }

    fn fields(&self) -> HashSet<Field> {
        let mut fields = HashSet::from([Field::Project]);
        for (_, test) in &self.tests {
            match test {
                Column::In(field, _) => {
                    fields.insert(*field);
                }
                Column::Kind(_) => fields.extend([Field::Kind, Field::Label]),
                Column::Start(..) => {
                    fields.insert(Field::Start);
                }
                Column::Number(field, _) => {
                    fields.insert(number_field(*field));
                }
                Column::Anything => {}
            }
        }
        fields
    }

    /// Returns whether any span of a segment may pass, by the bounds of its columns.
    fn may_pass(&self, segment: i64, bounds: &Bounds) -> bool {
        let within = |field: Field, holds: &dyn Fn(i64, i64) -> bool| {
            bounds.get(&(segment, field)).is_some_and(|(least, most)| holds(*least, *most))
        };
        self.tests.iter().all(|(negated, test)| match test {
            _ if *negated => true,
            Column::In(field, values) if values.len() <= 8 => {
                within(*field, &|least, most| values.iter().any(|value| least <= *value && *value <= most))
            }
            Column::Start(from, to) => within(Field::Start, &|least, most| *from <= most && least <= *to),
            Column::Number(field, range) => within(number_field(*field), &|least, most| {
                let (least, most) = (number(*field, least), number(*field, most));
                let above = range.min.is_none_or(|(min, _)| most.is_some_and(|most| most >= min));
                above && range.max.is_none_or(|(max, _)| least.is_some_and(|least| least <= max))
            }),
            Column::Kind(any) => any.iter().any(|(kind, label)| {
                let holds = |field, value: i64| within(field, &|least, most| least <= value && value <= most);
                holds(Field::Kind, *kind) && label.is_none_or(|label| holds(Field::Label, label))
            }),
            Column::In(..) | Column::Anything => true,
        })
    }

    /// Returns which spans of a segment pass.
    fn of_segment(&self, segment: &Segment, changed: &HashSet<i64>) -> Vec<bool> {
        let mut kept: Vec<bool> =
            segment.column(Field::Project).iter().map(|project| *project == self.project).collect();
        for (negated, test) in &self.tests {
            test.keep(segment, *negated, &mut kept);
        }
        if !changed.is_empty() {
            for (row, kept) in (segment.base..).zip(&mut kept) {
                *kept = *kept && !changed.contains(&row);
            }
        }
        kept
    }
}

impl Column {
    async fn of(connection: &mut SqliteConnection, project: i64, term: &Term) -> Result<Self, StoreError> {
        Ok(match &term.test {
            Test::Model(model) => Self::Kind(vec![(0, Some(word(connection, model).await?))]),
            Test::Provider(provider) => {
                Self::In(Field::Provider, HashSet::from([word(connection, provider).await?]))
            }
            Test::Kind(text) => {
                let own = (1, Some(word(connection, text).await?));
                let kinds = ["llm_call", "custom", "fs_read", "fs_write"];
                let kind = (0..).zip(kinds).find(|(_, kind)| kind == text).map(|(number, _)| (number, None));
                Self::Kind(std::iter::once(own).chain(kind).collect())
            }
            Test::Status(status) => Self::In(Field::Status, HashSet::from([status_number(*status)])),
            Test::Name(part) => Self::In(Field::Name, names(connection, part).await?),
            Test::Path(path) => {
                let label = Some(word(connection, path).await?);
                Self::Kind(vec![(2, label), (3, label)])
            }
            Test::Trace(_) | Test::Session(_) | Test::Tag(_) => {
                Self::In(Field::Trace, traces_of(connection, project, term, usize::MAX).await?)
            }
            Test::Since(time) => Self::Start(time.as_micros(), i64::MAX),
            Test::Until(time) => Self::Start(i64::MIN, time.as_micros()),
            Test::Number(field, range) => Self::Number(*field, *range),
            Test::Text(..) => Self::Anything,
        })
    }

    fn keep(&self, segment: &Segment, negated: bool, kept: &mut [bool]) {
        let places = kept.iter_mut();
        match self {
            Self::In(field, values) => {
                let column = segment.column(*field).iter();
                if let [only] = values.iter().copied().collect::<Vec<_>>()[..] {
                    places.zip(column).for_each(|(kept, value)| *kept &= (*value == only) != negated);
                } else {
                    places.zip(column).for_each(|(kept, value)| *kept &= values.contains(value) != negated);
                }
            }
            Self::Kind(any) => {
                let columns = segment.column(Field::Kind).iter().zip(segment.column(Field::Label));
                places.zip(columns).for_each(|(kept, (kind, label))| {
                    let is = |wanted: &(i64, Option<i64>)| {
                        wanted.0 == *kind && wanted.1.is_none_or(|wanted| wanted == *label)
                    };
                    *kept &= any.iter().any(is) != negated;
                });
            }
            Self::Start(from, to) => {
                let column = segment.column(Field::Start).iter();
                places
                    .zip(column)
                    .for_each(|(kept, start)| *kept &= (from <= start && start <= to) != negated);
            }
            Self::Number(field, range) => {
                let column = segment.column(number_field(*field)).iter();
                places.zip(column).for_each(|(kept, value)| {
                    *kept = *kept && number(*field, *value).is_some_and(|n| range.contains(n)) != negated;
                });
            }
            Self::Anything => {}
        }
    }
}

fn number_field(field: NumberField) -> Field {
    match field {
        NumberField::Cost => Field::Cost,
        NumberField::Tokens => Field::Tokens,
        NumberField::InputTokens => Field::InputTokens,
        NumberField::OutputTokens => Field::OutputTokens,
        NumberField::Duration => Field::Duration,
    }
}

/// Returns a stored value as the number it stands for.
#[expect(clippy::cast_precision_loss, reason = "as SQLite compares integers with floats, to 53 bits")]
fn number(field: NumberField, value: i64) -> Option<f64> {
    match (field, value) {
        (_, NONE) => None,
        (NumberField::Cost, bits) => Some(f64::from_bits(bits.cast_unsigned())),
        (_, count) => Some(count as f64),
    }
}

async fn word(connection: &mut SqliteConnection, text: &str) -> Result<i64, StoreError> {
    let id: Option<i64> = sqlx::query_scalar("SELECT id FROM words WHERE text = ?1")
        .bind(text)
        .fetch_optional(connection)
        .await
        .map_err(unavailable)?;
    // No span has this word.
    Ok(id.unwrap_or(-1))
}

async fn names(connection: &mut SqliteConnection, part: &str) -> Result<HashSet<i64>, StoreError> {
    let needle = part.to_lowercase();
    if needle.is_ascii() {
        let sql = format!("SELECT id FROM words WHERE instr({}, ?) > 0", lowered("text", "NULL", &needle));
        let ids: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(needle)
            .fetch_all(connection)
            .await
            .map_err(unavailable)?;
        return Ok(ids.into_iter().collect());
    }
    let words: Vec<(i64, String)> =
        sqlx::query_as("SELECT id, text FROM words").fetch_all(connection).await.map_err(unavailable)?;
    let holds = |(id, text): (i64, String)| text.to_lowercase().contains(&needle).then_some(id);
    Ok(words.into_iter().filter_map(holds).collect())
}

/// Returns the traces a term about traces selects.
pub(crate) async fn traces_of(
    connection: &mut SqliteConnection,
    project: i64,
    term: &Term,
    most: usize,
) -> Result<HashSet<i64>, StoreError> {
    let mut conditions = Conditions::default();
    conditions.and("t.project = ?", [project.into()]);
    conditions.trace_term(&Term { negated: false, test: term.test.clone() });
    let index = if matches!(term.test, Test::Tag(_)) { "INDEXED BY traces_by_tags" } else { "" };
    conditions.values.push(Value::Integer(i64::try_from(most).unwrap_or(i64::MAX)));
    let sql = format!("SELECT t.row FROM traces t {index} WHERE {} LIMIT ?", conditions.sql);
    let rows: Vec<i64> = sqlx::query_scalar_with(AssertSqlSafe(sql), arguments(conditions.values))
        .fetch_all(connection)
        .await
        .map_err(unavailable)?;
    Ok(rows.into_iter().collect())
}

/// What spans are sorted by, as numbers that grow with it.
struct Values {
    by: SortBy,
    descending: bool,
    /// The rank of each name, by word, where that is what sorts.
    ranks: HashMap<i64, i64>,
    /// Names by rank.
    names: Vec<String>,
    /// The key of the position to go on from; a name between two ranks has no key of its own.
    after: Option<After>,
}

/// Where a page goes on.
#[derive(Clone, Copy)]
enum After {
    /// From this key on, which the position's own span has.
    At(i64),
    /// From this key on, where the first span is already past the position.
    Past(i64),
}

impl Values {
    async fn of(connection: &mut SqliteConnection, sort: Sort<'_>) -> Result<Option<Self>, StoreError> {
        let mut values = Self {
            by: sort.by,
            descending: sort.descending,
            ranks: HashMap::new(),
            names: Vec::new(),
            after: None,
        };
        if sort.by == SortBy::Name {
            let words: Vec<(i64, String)> =
                sqlx::query_as("SELECT id, text FROM words ORDER BY text LIMIT ?1")
                    .bind(i64::try_from(MOST_NAMES + 1).unwrap_or(i64::MAX))
                    .fetch_all(connection)
                    .await
                    .map_err(unavailable)?;
            if words.len() > MOST_NAMES {
                return Ok(None);
            }
            values.ranks = (0..).zip(&words).map(|(rank, (id, _))| (*id, rank)).collect();
            values.names = words.into_iter().map(|(_, text)| text).collect();
        }
        values.after = sort.after.map(|position| values.after(&position.value));
        Ok(Some(values))
    }

    fn after(&self, value: &SortValue) -> After {
        match value {
            SortValue::Integer(value) => After::At(self.key(*value)),
            // Dollars are never below 0, where bits are in order.
            SortValue::Number(value) => After::At(self.key((value + 0.0).to_bits().cast_signed())),
            SortValue::Text(text) => {
                let rank = self.names.partition_point(|name| name < text);
                let key = i64::try_from(rank).unwrap_or(i64::MAX);
                if self.names.get(rank) == Some(text) {
                    return After::At(self.key(key));
                }
                // Between two names: upwards the next one follows, downwards the one before.
                After::Past(self.key(if self.descending { key - 1 } else { key }))
            }
        }
    }

    /// Turns a value so that smaller comes first.
    fn key(&self, value: i64) -> i64 {
        if self.descending { !value } else { value }
    }

    fn field(&self) -> Field {
        match self.by {
            SortBy::StartedAt | SortBy::SpanCount => Field::Start,
            SortBy::Duration => Field::Duration,
            SortBy::Tokens => Field::Tokens,
            SortBy::Cost => Field::Cost,
            SortBy::Name => Field::Name,
        }
    }

    fn of_place(&self, segment: &Segment, at: usize) -> i64 {
        let stored = segment.column(self.field())[at];
        let value = match self.by {
            SortBy::Name => self.ranks.get(&stored).copied().unwrap_or(0),
            // What is missing sorts as 0, and the bits of 0 are 0.
            _ if stored == NONE => 0,
            _ => stored,
        };
        self.key(value)
    }

    /// Returns the least key a segment may hold.
    fn first_of(&self, segment: i64, bounds: &Bounds) -> i64 {
        // Names are not ranked by their words, and what has no bounds may have spans without a value, which is 0.
        let Some((least, most)) = bounds.get(&(segment, self.field())).filter(|_| self.by != SortBy::Name)
        else {
            return i64::MIN;
        };
        let missing = if matches!(self.by, SortBy::StartedAt | SortBy::SpanCount) { *least } else { 0 };
        self.key(*least).min(self.key(*most)).min(self.key(missing))
    }

    /// Returns the value a key stands for.
    fn value(&self, key: i64) -> SortValue {
        let value = self.key(key);
        match self.by {
            SortBy::StartedAt | SortBy::SpanCount | SortBy::Duration | SortBy::Tokens => {
                SortValue::Integer(value)
            }
            SortBy::Cost => SortValue::Number(f64::from_bits(value.cast_unsigned())),
            SortBy::Name => {
                let name = usize::try_from(value).ok().and_then(|rank| self.names.get(rank));
                SortValue::Text(name.cloned().unwrap_or_default())
            }
        }
    }
}

/// Keeps the first spans of an order.
struct Best<'a> {
    values: &'a Values,
    wanted: usize,
    /// Spans past the position, with those that tie with the last one wanted.
    next: Vec<(i64, i64)>,
    /// Spans that tie with the position: which of them are past it, their ids tell.
    ties: Vec<i64>,
    many_ties: bool,
    /// The key beyond which nothing is wanted any more.
    bound: i64,
}

impl<'a> Best<'a> {
    fn new(values: &'a Values, wanted: usize) -> Self {
        let (next, ties) = Default::default();
        Self { values, wanted: wanted.max(1), next, ties, many_ties: false, bound: i64::MAX }
    }

    fn take(&mut self, segment: &Segment, kept: &[bool]) {
        for (at, _) in kept.iter().enumerate().filter(|(_, kept)| **kept) {
            let key = self.values.of_place(segment, at);
            if key > self.bound {
                continue;
            }
            let row = segment.base + i64::try_from(at).unwrap_or(0);
            match self.values.after {
                Some(After::At(after)) if key == after => self.tie(row),
                Some(After::At(after) | After::Past(after)) if key < after => {}
                _ => self.next.push((key, row)),
            }
        }
        self.narrow();
    }

    fn tie(&mut self, row: i64) {
        if self.ties.len() >= MOST_TIES {
            self.many_ties = true;
        } else {
            self.ties.push(row);
        }
    }

    /// Drops what cannot be wanted any more.
    fn narrow(&mut self) {
        if self.next.len() > self.wanted {
            let (_, last, _) = self.next.select_nth_unstable(self.wanted - 1);
            self.bound = last.0;
            let (bound, mut tied) = (self.bound, 0);
            // Of those that tie for the last place, it is enough to know that they are many.
            self.next.retain(|(key, _)| {
                tied += usize::from(*key == bound);
                *key < bound || (*key == bound && tied <= MOST_TIES + 1)
            });
        }
    }

    fn finish(mut self, sealed: i64) -> Found {
        let mut ties = Vec::new();
        if self.many_ties
            && let Some(After::At(after)) = self.values.after
        {
            ties.push(self.values.value(after));
            self.ties.clear();
        }
        self.narrow();
        let bound = self.bound;
        if self.next.iter().filter(|(key, _)| *key == bound).count() > MOST_TIES {
            ties.push(self.values.value(bound));
            self.next.retain(|(key, _)| *key < bound);
        }
        let rows = self.ties.into_iter().chain(self.next.into_iter().map(|(_, row)| row));
        Found { rows: rows.collect(), ties, sealed, changed: Vec::new() }
    }
}
