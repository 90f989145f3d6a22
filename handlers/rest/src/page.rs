//! Pages of lists: `limit`, opaque cursors, and the members every list answer carries.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use trace::filter::{Filter, ListQuery, Position, SortBy, SortOrder, SortValue};

use crate::error::ApiError;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 1000;

/// Which list a cursor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum List {
    Spans,
    Traces,
    Sessions,
}

/// A cursor as clients carry it. Bound to the list, the filter and the sort it was made for.
#[derive(Serialize, Deserialize)]
struct Cursor {
    l: List,
    /// Fingerprint of filter and sort.
    f: u64,
    /// Sort value.
    v: CursorValue,
    /// Id that breaks ties.
    i: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum CursorValue {
    I(i64),
    /// The bits of a float, since a cursor must come back exactly.
    F(u64),
    T(String),
}

impl List {
    /// Builds the query of a list from its filter, sort and the client's `limit` and `cursor`.
    pub(crate) fn query(
        self,
        filter: Filter,
        sort_by: SortBy,
        sort_order: SortOrder,
        limit: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<ListQuery, ApiError> {
        let mut query = ListQuery { filter, sort_by, sort_order, after: None, limit: parse_limit(limit)? };
        if let Some(text) = cursor.filter(|text| !text.is_empty()) {
            query.after = Some(self.position(text, query.fingerprint())?);
        }
        Ok(query)
    }

    fn position(self, text: &str, fingerprint: u64) -> Result<Position, ApiError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| ApiError::InvalidCursor)?;
        let cursor: Cursor = serde_json::from_slice(&bytes).map_err(|_| ApiError::InvalidCursor)?;
        if (cursor.l, cursor.f) != (self, fingerprint) {
            return Err(ApiError::InvalidCursor);
        }
        let value = match cursor.v {
            CursorValue::I(n) => SortValue::Integer(n),
            CursorValue::F(bits) => SortValue::Number(f64::from_bits(bits)),
            CursorValue::T(text) => SortValue::Text(text),
        };
        Ok(Position { value, id: cursor.i })
    }

    /// Returns the cursor of `position` in the list that `query` reads.
    pub(crate) fn cursor(self, position: &Position, query: &ListQuery) -> String {
        let v = match &position.value {
            SortValue::Integer(n) => CursorValue::I(*n),
            SortValue::Number(n) => CursorValue::F(n.to_bits()),
            SortValue::Text(text) => CursorValue::T(text.clone()),
        };
        let cursor = Cursor { l: self, f: query.fingerprint(), v, i: position.id.clone() };
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(&cursor).unwrap_or_default())
    }
}

fn parse_limit(text: Option<&str>) -> Result<usize, ApiError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(DEFAULT_LIMIT);
    };
    match text.parse::<u64>() {
        Ok(0) => Err(ApiError::field("limit", "limit must be at least 1")),
        Ok(limit) => Ok(usize::try_from(limit).map_or(MAX_LIMIT, |limit| limit.min(MAX_LIMIT))),
        Err(_) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => Ok(MAX_LIMIT),
        Err(_) => Err(ApiError::field("limit", "limit must be a whole number from 1 to 1000")),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn query(filter: Filter, cursor: Option<&str>) -> Result<ListQuery, ApiError> {
        List::Spans.query(filter, SortBy::Cost, SortOrder::Desc, None, cursor)
    }

    #[test]
    fn a_cursor_comes_back_exactly() {
        for value in [SortValue::Integer(-3), SortValue::Number(0.1 + 0.2), SortValue::Text("é\"".to_owned())]
        {
            let position = Position { value, id: "a b".to_owned() };
            let first = query(Filter::default(), None).unwrap();
            let text = List::Spans.cursor(&position, &first);
            assert_eq!(query(Filter::default(), Some(&text)).unwrap().after, Some(position));
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let position = Position { value: SortValue::Integer(1), id: "a".to_owned() };
        let own = query(Filter::default(), None).unwrap();
        let text = List::Spans.cursor(&position, &own);
        let of_traces = List::Traces.cursor(&position, &own);
        assert!(matches!(query(Filter::default(), Some(&of_traces)), Err(ApiError::InvalidCursor)));
        let mut other = Filter::default();
        other.and(trace::filter::Test::Model("m".to_owned()));
        assert!(matches!(query(other, Some(&text)), Err(ApiError::InvalidCursor)));
        assert!(matches!(query(Filter::default(), Some("rubbish")), Err(ApiError::InvalidCursor)));
    }

    #[test]
    fn limits_are_clamped_above_and_refused_below() {
        let limit = |text: &str| parse_limit(Some(text));
        assert_eq!(limit("1001").unwrap(), 1000);
        assert_eq!(limit("99999999999999999999999").unwrap(), 1000);
        assert_eq!(limit("1").unwrap(), 1);
        for bad in ["0", "-1", "x", "1.5"] {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }
}
