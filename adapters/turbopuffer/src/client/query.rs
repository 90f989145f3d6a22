use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::filter::Filter;
use super::row::Row;

/// One query: rows in an order, or their number.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Query {
    filters: Filter,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rank_by: Vec<Key>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<Limit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    include_attributes: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregate_by: Option<Count>,
}

/// An attribute that rows are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(pub &'static str, pub Direction);

/// The direction of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Smallest first.
    Asc,
    /// Largest first.
    Desc,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Limit {
    Total(usize),
    Per { total: usize, per: Per },
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Per {
    attributes: [&'static str; 1],
    limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Count;

/// The label that counts come back under.
pub(super) const COUNT: &str = "n";

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.0, self.1).serialize(serializer)
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(COUNT, ["Count"])])
    }
}

impl Query {
    /// The most rows of one answer.
    pub const MAX_ROWS: usize = 10_000;

    /// Returns a query for rows with some of their attributes, at most `limit`.
    pub fn rows(filters: Filter, rank_by: Vec<Key>, limit: usize, attributes: Vec<&'static str>) -> Self {
        Self {
            filters,
            rank_by,
            limit: Some(Limit::Total(limit)),
            include_attributes: Some(attributes),
            aggregate_by: None,
        }
    }

    /// Leaves only the first row of each value of an attribute.
    #[must_use]
    pub fn first_of_each(mut self, attribute: &'static str) -> Self {
        if let Some(Limit::Total(total)) = self.limit {
            self.limit = Some(Limit::Per { total, per: Per { attributes: [attribute], limit: 1 } });
        }
        self
    }

    /// Returns a query for the number of rows.
    pub fn count(filters: Filter) -> Self {
        Self {
            filters,
            rank_by: Vec::new(),
            limit: None,
            include_attributes: None,
            aggregate_by: Some(Count),
        }
    }

    /// Returns how many of a namespace's query slots it takes.
    pub(super) fn slots(&self) -> u32 {
        if self.aggregate_by.is_some() { 4 } else { 1 }
    }
}

/// The answer of one query.
#[derive(Debug, Default, Deserialize)]
pub struct Answer {
    /// The rows, in order.
    #[serde(default)]
    pub rows: Vec<Row>,
    #[serde(default)]
    aggregations: Map<String, Value>,
}

impl Answer {
    /// Returns the number of rows that were counted.
    pub fn count(&self) -> u64 {
        self.aggregations.get(COUNT).and_then(Value::as_u64).unwrap_or(0)
    }
}

/// The answer of several queries.
#[derive(Debug, Deserialize)]
pub(super) struct Answers {
    pub(super) results: Vec<Answer>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn queries_say_only_what_they_need() {
        let order = vec![Key("start_us", Direction::Desc), Key("id", Direction::Asc)];
        let rows = Query::rows(Filter::eq("kind", "span"), order.clone(), 5, vec!["doc"]);
        let wanted = json!({
            "filters": ["kind", "Eq", "span"], "rank_by": [["start_us", "desc"], ["id", "asc"]],
            "limit": 5, "include_attributes": ["doc"]
        });
        assert_eq!(serde_json::to_value(&rows).ok(), Some(wanted));
        let count = Query::count(Filter::eq("kind", "span"));
        let wanted = json!({"filters": ["kind", "Eq", "span"], "aggregate_by": {"n": ["Count"]}});
        assert_eq!(serde_json::to_value(&count).ok(), Some(wanted));
        let first = Query::rows(Filter::eq("kind", "span"), order, 7, vec![]).first_of_each("span_id");
        let first = serde_json::to_value(&first).unwrap_or_default();
        assert_eq!(first["limit"], json!({"total": 7, "per": {"attributes": ["span_id"], "limit": 1}}));
        assert_eq!((rows.slots(), count.slots()), (1, 4));
    }
}
