//! The bodies of requests, as far as their shape alone decides.

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use crate::error::{Failure, Outcome};
use crate::vector::Metric;

/// A document as it was sent.
pub(crate) type JsonRow = Map<String, Json>;
/// Documents as columns of equal length.
pub(crate) type Columns = IndexMap<String, Vec<Json>>;

/// `POST /v2/namespaces/{ns}`.
#[expect(clippy::struct_excessive_bools, reason = "the shape is the service's")]
#[derive(Debug, Default, Deserialize)]
pub(crate) struct WriteRequest {
    pub(crate) upsert_rows: Option<Vec<JsonRow>>,
    pub(crate) upsert_columns: Option<Columns>,
    pub(crate) patch_rows: Option<Vec<JsonRow>>,
    pub(crate) patch_columns: Option<Columns>,
    pub(crate) deletes: Option<Vec<Json>>,
    pub(crate) upsert_condition: Option<Json>,
    pub(crate) patch_condition: Option<Json>,
    pub(crate) delete_condition: Option<Json>,
    pub(crate) delete_by_filter: Option<Json>,
    #[serde(default)]
    pub(crate) delete_by_filter_allow_partial: bool,
    pub(crate) patch_by_filter: Option<PatchByFilter>,
    #[serde(default)]
    pub(crate) patch_by_filter_allow_partial: bool,
    #[serde(default)]
    pub(crate) return_affected_ids: bool,
    pub(crate) schema: Option<Map<String, Json>>,
    pub(crate) distance_metric: Option<Metric>,
    #[serde(default)]
    pub(crate) disable_backpressure: bool,
    pub(crate) create_namespace: Option<bool>,
    pub(crate) sharding: Option<Sharding>,
    pub(crate) encryption: Option<Encryption>,
    pub(crate) copy_from_namespace: Option<Source>,
    pub(crate) branch_from_namespace: Option<Source>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PatchByFilter {
    pub(crate) filters: Json,
    pub(crate) patch: JsonRow,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Sharding {
    pub(crate) num_shards: u32,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Encryption {
    pub(crate) mode: String,
    pub(crate) key_name: Option<String>,
}

/// The namespace that a copy is made of.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Source {
    Name(String),
    Options { source_namespace: String },
}

impl Source {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Options { source_namespace: name } => name,
        }
    }
}

/// `POST /v2/namespaces/{ns}/query`, with one query or several.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct QueryRequest {
    pub(crate) queries: Option<Vec<Query>>,
    #[serde(default)]
    pub(crate) consistency: Consistency,
    #[serde(default)]
    pub(crate) vector_encoding: VectorEncoding,
    /// The query itself, or how the lists of several queries are fused.
    #[serde(flatten)]
    pub(crate) query: Query,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Query {
    pub(crate) rank_by: Option<Json>,
    pub(crate) limit: Option<Limit>,
    pub(crate) top_k: Option<usize>,
    pub(crate) offset: Option<usize>,
    pub(crate) filters: Option<Json>,
    pub(crate) include_attributes: Option<Include>,
    pub(crate) exclude_attributes: Option<Vec<String>>,
    pub(crate) aggregate_by: Option<IndexMap<String, Json>>,
    pub(crate) group_by: Option<Vec<Json>>,
    pub(crate) compute_attributes: Option<IndexMap<String, Json>>,
    pub(crate) rerank_by: Option<Json>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Limit {
    Total(usize),
    Options { total: usize, per: Option<Per> },
}

/// At most `limit` rows of each value of some attributes.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Per {
    pub(crate) attributes: Vec<String>,
    pub(crate) limit: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Include {
    All(bool),
    Names(Vec<String>),
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) struct Consistency {
    pub(crate) level: Level,
    pub(crate) max_staleness_seconds: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    #[default]
    Strong,
    Eventual,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VectorEncoding {
    #[default]
    Float,
    Base64,
}

/// Reads a body: bad syntax is 400, a bad shape 422.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Outcome<T> {
    serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            Failure::unprocessable(error.to_string())
        } else {
            Failure::invalid(format!("invalid JSON: {error}"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{QueryRequest, WriteRequest, parse};

    #[test]
    fn shapes_are_refused_in_the_words_of_the_service() {
        let refused = |body: &str| parse::<WriteRequest>(body.as_bytes()).expect_err("a refusal").message;
        assert!(refused(r#"{"upsert_rows":{"id":1}}"#).contains("invalid type: map, expected a sequence"));
        let refused = |body: &str| parse::<QueryRequest>(body.as_bytes()).expect_err("a refusal").message;
        let text = refused(r#"{"consistency":"eventual"}"#);
        assert!(text.contains("invalid type: string \"eventual\", expected struct Consistency"), "{text}");
        let text = refused(r#"{"consistency":{"level":"x"}}"#);
        assert!(text.contains("unknown variant `x`, expected `strong` or `eventual`"), "{text}");
    }
}
