//! Finds the documents of a filter without looking at every one.

use std::ops::Bound;

use crate::filter::{Comparison, Filter, Operand};
use crate::index::ValueIndex;
use crate::kind::Kind;
use crate::rows::{Field, Row, Rows, Slot};
use crate::schema::{Column, Schema};
use crate::value::Value;

impl Rows {
    /// Reads the inverted index of a column, which is built when it is missing.
    pub(crate) fn with_values<T>(&self, column: Column, read: impl FnOnce(&ValueIndex) -> T) -> T {
        self.with_indexes(
            |indexes| indexes.values(column).is_some(),
            |indexes| indexes.build_values(column, self),
            |indexes| read(indexes.values(column).expect("the index was just built")),
        )
    }

    /// Documents that pass a filter, in no particular order.
    pub(crate) fn matching(&self, filter: Option<&Filter>, schema: &Schema) -> Vec<(Slot, &Row)> {
        let Some(filter) = filter else {
            return self.iter().map(|(slot, row)| (slot, &**row)).collect();
        };
        let passes = |(slot, row): &(Slot, &Row)| filter.matches(*slot, row, None);
        match self.candidates(filter, schema, self.len() / 2) {
            Some(slots) => {
                slots.into_iter().filter_map(|slot| Some((slot, &**self.at(slot)?))).filter(passes).collect()
            }
            None => self.iter().map(|(slot, row)| (slot, &**row)).filter(passes).collect(),
        }
    }

    /// A superset of the documents that pass, when indexes find one of at most `cap` documents.
    pub(crate) fn candidates(&self, filter: &Filter, schema: &Schema, cap: usize) -> Option<Vec<Slot>> {
        match filter {
            Filter::Slots(slots) => (slots.len() <= cap).then(|| slots.clone()),
            Filter::All(filters) => {
                let mut best: Option<Vec<Slot>> = None;
                for filter in filters {
                    let cap = best.as_ref().map_or(cap, |best| best.len().saturating_sub(1));
                    best = self.candidates(filter, schema, cap).or(best);
                    if best.as_ref().is_some_and(|best| best.len() < 64) {
                        break;
                    }
                }
                best
            }
            Filter::Any(filters) => {
                let mut union = Vec::new();
                for filter in filters {
                    union.extend(self.candidates(filter, schema, cap.checked_sub(union.len())?)?);
                }
                union.sort_unstable();
                union.dedup();
                Some(union)
            }
            Filter::Compare {
                field,
                comparison: Comparison::Equal,
                operand: Operand::Value(Some(value)),
            } => self.with_value(*field, value, schema, cap),
            Filter::Compare {
                field: Field::Column(column),
                comparison,
                operand: Operand::Value(Some(value)),
            } => self.with_values(*column, |index| in_range(index, *comparison, value, cap)),
            Filter::OneOf { field, values, or_missing: false } => {
                let mut union = Vec::new();
                for value in values {
                    let found = match field {
                        Field::Id => self.slot(value).into_iter().collect(),
                        Field::Column(column) => {
                            let cap = cap.checked_sub(union.len())?;
                            self.with_values(*column, |index| within(index.get(Some(value)), cap))?
                        }
                    };
                    union.extend(found);
                }
                union.sort_unstable();
                union.dedup();
                (union.len() <= cap).then_some(union)
            }
            Filter::Not(_)
            | Filter::Compare { .. }
            | Filter::OneOf { .. }
            | Filter::AnyElement { .. }
            | Filter::Matches { .. } => None,
        }
    }

    fn with_value(&self, field: Field, value: &Value, schema: &Schema, cap: usize) -> Option<Vec<Slot>> {
        let column = match field {
            Field::Id => return Some(self.slot(value).into_iter().collect()),
            Field::Column(column) => column,
        };
        // An array is indexed by its elements, not as a whole.
        let is_single = schema
            .iter()
            .any(|(_, attribute)| attribute.column == column && matches!(attribute.kind, Kind::One(_)));
        is_single.then(|| self.with_values(column, |index| within(index.get(Some(value)), cap))).flatten()
    }
}

fn within(slots: &[Slot], cap: usize) -> Option<Vec<Slot>> {
    (slots.len() <= cap).then(|| slots.to_vec())
}

fn in_range(index: &ValueIndex, comparison: Comparison, value: &Value, cap: usize) -> Option<Vec<Slot>> {
    let bound = Some(value.clone());
    let range = match comparison {
        Comparison::Equal => (Bound::Included(bound.clone()), Bound::Included(bound)),
        // Missing values come first in the index, and `Lt` matches them.
        Comparison::Less => (Bound::Unbounded, Bound::Excluded(bound)),
        Comparison::AtMost => (Bound::Unbounded, Bound::Included(bound)),
        Comparison::Greater => (Bound::Excluded(bound), Bound::Unbounded),
        Comparison::AtLeast => (Bound::Included(bound), Bound::Unbounded),
    };
    let mut found = Vec::new();
    for (_, slots) in index.slots.range(range) {
        if found.len() + slots.len() > cap {
            return None;
        }
        found.extend_from_slice(slots);
    }
    found.sort_unstable();
    Some(found)
}
