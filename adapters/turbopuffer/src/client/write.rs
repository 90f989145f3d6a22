use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::filter::Filter;
use super::row::Row;

/// One write. Writing the same again must be harmless: an answer may get lost.
#[derive(Clone, Debug, Serialize)]
pub struct Write<'a> {
    #[serde(skip_serializing_if = "<[Row]>::is_empty")]
    upsert_rows: &'a [Row],
    #[serde(skip_serializing_if = "Option::is_none")]
    upsert_condition: Option<Filter>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deletes: Vec<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_condition: Option<Filter>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_by_filter: Option<Filter>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    delete_by_filter_allow_partial: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    return_affected_ids: bool,
    /// Sent each time: it costs nothing, and no filter meets an attribute the namespace has never seen.
    schema: &'a Map<String, Value>,
}

impl<'a> Write<'a> {
    /// Returns a write that does nothing yet.
    pub fn new(schema: &'a Map<String, Value>) -> Self {
        Self {
            upsert_rows: &[],
            upsert_condition: None,
            deletes: Vec::new(),
            delete_condition: None,
            delete_by_filter: None,
            delete_by_filter_allow_partial: false,
            return_affected_ids: false,
            schema,
        }
    }

    /// Writes rows whole: new ones always, others where the condition holds for what is stored.
    #[must_use]
    pub fn upsert(self, rows: &'a [Row], condition: Filter) -> Self {
        Self { upsert_rows: rows, upsert_condition: Some(condition), return_affected_ids: true, ..self }
    }

    /// Deletes a row where the condition holds for what is stored.
    #[must_use]
    pub fn delete(self, id: Uuid, condition: Filter) -> Self {
        Self { deletes: vec![id], delete_condition: Some(condition), return_affected_ids: true, ..self }
    }

    /// Deletes what matches, or as much of it as one request may.
    #[must_use]
    pub fn delete_matching(self, filter: Filter) -> Self {
        Self { delete_by_filter: Some(filter), delete_by_filter_allow_partial: true, ..self }
    }
}

/// What a write did.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Written {
    /// Rows deleted.
    pub rows_deleted: u64,
    /// A filter matched more rows than one request may delete.
    pub rows_remaining: bool,
    /// The rows written.
    pub upserted_ids: Vec<Uuid>,
    /// The rows deleted by id.
    pub deleted_ids: Vec<Uuid>,
}
