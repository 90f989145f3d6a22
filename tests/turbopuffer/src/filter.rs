//! Filters: what they mean for a document.

use std::cmp::Ordering;

use crate::matcher::Matcher;
use crate::rows::{Field, Row, Slot};
use crate::value::Value;

/// A filter ready to be asked about documents.
///
/// Negations are `Not`, so they match exactly what their positive does not, missing values included.
#[derive(Debug)]
pub(crate) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Compare {
        field: Field,
        comparison: Comparison,
        operand: Operand,
    },
    /// Some element is one of these values; a single value is its own element.
    OneOf {
        field: Field,
        values: Vec<Value>,
        or_missing: bool,
    },
    /// Some element of an array compares so.
    AnyElement {
        field: Field,
        comparison: Comparison,
        operand: Operand,
    },
    Matches {
        field: Field,
        matcher: Matcher,
    },
    /// Documents that the text index found, in ascending order.
    Slots(Vec<Slot>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

/// What a value is compared with.
#[derive(Debug)]
pub(crate) enum Operand {
    Value(Option<Value>),
    /// `$ref_new`: an attribute of the incoming document.
    Incoming(Field),
}

impl Operand {
    fn value<'a>(&'a self, incoming: Option<&'a Row>) -> Option<&'a Value> {
        match self {
            Self::Value(value) => value.as_ref(),
            Self::Incoming(field) => incoming.and_then(|row| row.get(*field)),
        }
    }
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }

    /// `Lt` and `Lte` match a missing value unless compared with null; null equals only null.
    fn compare(self, value: Option<&Value>, operand: Option<&Value>) -> bool {
        match (value, operand) {
            (Some(value), Some(operand)) => self.holds(value.cmp(operand)),
            (None, Some(_)) => matches!(self, Self::Less | Self::AtMost),
            (None, None) => self == Self::Equal,
            (Some(_), None) => false,
        }
    }
}

impl Filter {
    /// Whether a stored document passes; `incoming` is the document about to replace it.
    pub(crate) fn matches(&self, slot: Slot, row: &Row, incoming: Option<&Row>) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.matches(slot, row, incoming)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(slot, row, incoming)),
            Self::Not(filter) => !filter.matches(slot, row, incoming),
            Self::Compare { field, comparison, operand } => {
                comparison.compare(row.get(*field), operand.value(incoming))
            }
            Self::OneOf { field, values, or_missing } => row.get(*field).map_or(*or_missing, |value| {
                value.elements().iter().any(|element| values.binary_search(element).is_ok())
            }),
            Self::AnyElement { field, comparison, operand } => {
                let Some(operand) = operand.value(incoming) else { return false };
                let elements = row.get(*field).map_or(&[][..], Value::elements);
                elements.iter().any(|element| comparison.compare(Some(element), Some(operand)))
            }
            Self::Matches { field, matcher } => {
                let elements = row.get(*field).map_or(&[][..], Value::elements);
                elements.iter().filter_map(Value::as_text).any(|text| matcher.matches(text))
            }
            Self::Slots(slots) => slots.binary_search(&slot).is_ok(),
        }
    }
}
