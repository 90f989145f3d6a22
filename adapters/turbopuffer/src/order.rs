//! Orders of lists: a value, then what breaks ties; and where in one a page starts.

use trace::filter::{ListQuery, Position, SortBy, SortOrder, SortValue};
use trace::ports::StoreError;

use crate::client::{Direction, Filter, Key, Row};
use crate::pico::{pico, usd};

/// The order of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    by: SortBy,
    direction: Direction,
}

/// What breaks ties between rows.
pub(crate) const TIE: &str = "tie";

impl Order {
    /// Returns the order of a list of spans, which have no number of spans to be ordered by.
    pub(crate) fn of_spans(query: &ListQuery) -> Self {
        let by = if query.sort_by == SortBy::SpanCount { SortBy::StartedAt } else { query.sort_by };
        Self { by, ..Self::of_traces(query) }
    }

    /// Returns the order of a list of traces.
    pub(crate) fn of_traces(query: &ListQuery) -> Self {
        let direction = match query.sort_order {
            SortOrder::Asc => Direction::Asc,
            SortOrder::Desc => Direction::Desc,
        };
        Self { by: query.sort_by, direction }
    }

    /// Returns the newest first.
    pub(crate) fn newest() -> Self {
        Self { by: SortBy::StartedAt, direction: Direction::Desc }
    }

    /// Returns the attribute with the value, which every row has.
    pub(crate) fn attribute(self) -> &'static str {
        match self.by {
            SortBy::StartedAt => "start_us",
            SortBy::Duration => "dur_ms",
            SortBy::Tokens => "tok_tot",
            SortBy::Cost => "cost_p",
            SortBy::Name => "name",
            SortBy::SpanCount => "n_spans",
        }
    }

    pub(crate) fn keys(self) -> Vec<Key> {
        vec![Key(self.attribute(), self.direction), Key(TIE, self.direction)]
    }

    /// Returns the filter of the rows after a position. Neither attribute is ever missing.
    pub(crate) fn after(self, position: &Position) -> Filter {
        let value: serde_json::Value = match &position.value {
            SortValue::Integer(value) => (*value).into(),
            SortValue::Number(value) => pico(*value).into(),
            SortValue::Text(value) => value.as_str().into(),
        };
        let beyond = |attribute: &'static str, value: serde_json::Value| match self.direction {
            Direction::Asc => Filter::greater(attribute, value),
            Direction::Desc => Filter::less(attribute, value),
        };
        let tied = Filter::eq(self.attribute(), value.clone());
        Filter::any([
            beyond(self.attribute(), value),
            Filter::all([tied, beyond(TIE, position.id.as_str().into())]),
        ])
    }

    /// Returns the position of a row.
    pub(crate) fn position(self, row: &Row) -> Result<Position, StoreError> {
        let value = match self.by {
            SortBy::Name => SortValue::Text(row.text(self.attribute())?.to_owned()),
            SortBy::Cost => SortValue::Number(usd(row.integer(self.attribute())?)),
            _ => SortValue::Integer(row.integer(self.attribute())?),
        };
        Ok(Position { value, id: row.text(TIE)?.to_owned() })
    }
}
