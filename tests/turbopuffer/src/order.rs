//! Documents in the order of their attributes.

use std::cmp::Ordering;

use crate::filter::Filter;
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
        self.with_values(column, |index| {
            let mut found = Vec::new();
            let mut visit = |slots: &[Slot]| {
                let group: Vec<_> = slots.iter().copied().filter_map(passing).collect();
                found.extend(sorted(group, rest, count - found.len()));
                found.len() < count
            };
            if first.is_descending {
                index.slots.values().rev().all(|slots| visit(slots));
            } else {
                index.slots.values().all(|slots| visit(slots));
            }
            found
        })
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
