//! Documents in the order of their attributes.

use std::cmp::Ordering;
use std::ops::Bound;

use crate::filter::{Comparison, Filter, Operand};
use crate::rows::{Field, Row, Rows, Slot};
use crate::schema::Schema;
use crate::value::Value;

/// One key of an order: missing values come first when ascending, last when descending.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OrderKey {
    pub(crate) field: Field,
    pub(crate) is_descending: bool,
}

impl OrderKey {
    fn compare(self, a: Option<&Value>, b: Option<&Value>) -> Ordering {
        if self.is_descending { b.cmp(&a) } else { a.cmp(&b) }
    }
}

/// The order of two documents; equal ones are ordered by id.
fn compare(keys: &[OrderKey], a: &Row, b: &Row) -> Ordering {
    let unequal =
        keys.iter().map(|key| key.compare(a.get(key.field), b.get(key.field))).find(|order| order.is_ne());
    unequal.unwrap_or_else(|| a.id.cmp(&b.id))
}

impl Rows {
    /// The first `count` documents that pass.
    pub(crate) fn first(
        &self,
        filter: Option<&Filter>,
        keys: &[OrderKey],
        schema: &Schema,
        count: usize,
    ) -> Vec<(Slot, &Row)> {
        let few = filter.and_then(|filter| self.candidates(filter, schema, self.len() / 8));
        let Some(few) = few else { return self.walk(filter, keys, count) };
        let rows = few.into_iter().filter_map(|slot| Some((slot, &**self.at(slot)?)));
        let rows = rows.filter(|(slot, row)| filter.is_none_or(|filter| filter.matches(*slot, row, None)));
        sorted(rows.collect(), keys, count)
    }

    /// Follows the first key's index and stops as soon as enough documents passed.
    fn walk(&self, filter: Option<&Filter>, keys: &[OrderKey], count: usize) -> Vec<(Slot, &Row)> {
        let Some((first, rest)) = keys.split_first() else { return Vec::new() };
        let passing = |slot: Slot| {
            let row = &**self.at(slot)?;
            filter.is_none_or(|filter| filter.matches(slot, row, None)).then_some((slot, row))
        };
        let column = match first.field {
            Field::Id if first.is_descending => {
                return self.by_id().rev().filter_map(passing).take(count).collect();
            }
            Field::Id => return self.by_id().filter_map(passing).take(count).collect(),
            Field::Column(column) => column,
        };
        let range = filter.map_or_else(Range::default, |filter| Range::of(filter, first.field));
        self.with_values(column, |index| {
            let mut groups = index.slots.range((range.from(), range.to()));
            let mut found = Vec::new();
            let mut visit = |slots: &[Slot]| {
                let group: Vec<_> = slots.iter().copied().filter_map(passing).collect();
                found.extend(sorted(group, rest, count - found.len()));
                found.len() < count
            };
            if first.is_descending {
                groups.rev().all(|(_, slots)| visit(slots));
            } else {
                groups.all(|(_, slots)| visit(slots));
            }
            found
        })
    }
}

/// Values of a field outside of which no document passes a filter; a cursor skips earlier pages by it.
#[derive(Debug, Default)]
struct Range<'a> {
    least: Option<&'a Value>,
    most: Option<&'a Value>,
}

impl<'a> Range<'a> {
    fn of(filter: &'a Filter, field: Field) -> Self {
        match filter {
            Filter::All(filters) => filters.iter().fold(Self::default(), |range, filter| {
                let other = Self::of(filter, field);
                let least = range.least.max(other.least);
                let most = match (range.most, other.most) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
                Self { least, most }
            }),
            Filter::Any(filters) => {
                let ranges = filters.iter().map(|filter| Self::of(filter, field));
                let hull = |a: Self, b: Self| Self {
                    least: a.least.zip(b.least).map(|(a, b)| a.min(b)),
                    most: a.most.zip(b.most).map(|(a, b)| a.max(b)),
                };
                ranges.reduce(hull).unwrap_or_default()
            }
            Filter::Compare { field: other, comparison, operand: Operand::Value(Some(value)) }
                if *other == field =>
            {
                match comparison {
                    Comparison::Equal => Self { least: Some(value), most: Some(value) },
                    Comparison::Less | Comparison::AtMost => Self { least: None, most: Some(value) },
                    Comparison::Greater | Comparison::AtLeast => Self { least: Some(value), most: None },
                }
            }
            _ => Self::default(),
        }
    }

    fn from(&self) -> Bound<Option<Value>> {
        self.least.map_or(Bound::Unbounded, |least| Bound::Included(Some(least.clone())))
    }

    /// `BTreeMap::range` panics on an empty range, so the end is never before the start.
    fn to(&self) -> Bound<Option<Value>> {
        let most = self.most.map(|most| self.least.map_or(most, |least| most.max(least)));
        most.map_or(Bound::Unbounded, |most| Bound::Included(Some(most.clone())))
    }
}

/// The first documents of a list, in order.
fn sorted<'a>(mut rows: Vec<(Slot, &'a Row)>, keys: &[OrderKey], count: usize) -> Vec<(Slot, &'a Row)> {
    if count < rows.len() {
        rows.select_nth_unstable_by(count, |(_, a), (_, b)| compare(keys, a, b));
        rows.truncate(count);
    }
    rows.sort_unstable_by(|(_, a), (_, b)| compare(keys, a, b));
    rows
}
