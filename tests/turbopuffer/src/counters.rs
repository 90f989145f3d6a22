//! What an emulator was asked for, and what it would have cost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The kinds of requests, by what they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// `POST /v2/namespaces/{ns}`.
    Write,
    /// `POST /v2/namespaces/{ns}/query`.
    Query,
    /// `POST /v2/namespaces/{ns}/explain_query`.
    ExplainQuery,
    /// `DELETE /v2/namespaces/{ns}`.
    DeleteNamespace,
    /// `GET /v1` or `/v2/namespaces/{ns}/metadata`.
    Metadata,
    /// `PATCH /v1/namespaces/{ns}/metadata`.
    UpdateMetadata,
    /// `GET /v1/namespaces/{ns}/schema`.
    Schema,
    /// `POST /v1/namespaces/{ns}/schema`.
    UpdateSchema,
    /// `GET /v1/namespaces`.
    List,
    /// `GET /v1/namespaces/{ns}/hint_cache_warm`.
    Warm,
    /// `POST /v1/namespaces/{ns}/_debug/recall`.
    Recall,
    /// `POST /v2/namespaces/{ns}/async`.
    StartCopy,
    /// `GET /v1/namespaces/{ns}/operations/{token}`.
    Operation,
    /// Anything else.
    Unknown,
}

/// Counts since the start or the last reset.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Of all requests.
    pub total: Tally,
    /// Of the requests of each namespace.
    pub namespaces: BTreeMap<String, Tally>,
}

/// Counts of some requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Requests that arrived, by kind.
    pub requests: BTreeMap<RequestKind, u64>,
    /// Answers, by status; a reset connection has none.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests that a fault struck.
    pub faults: u64,
    /// Commits; several writes can share one.
    pub commits: u64,
    /// Rows that writes changed.
    pub rows_written: u64,
    /// Rows that queries returned.
    pub rows_returned: u64,
    /// Logical bytes written.
    pub bytes_written: u64,
    /// Bytes that writes are billed for: half of unindexed values, others per index, 10 kB at least.
    pub billed_bytes_written: u64,
    /// Queries, with those of conditions, filters and multi-queries.
    pub queries: u64,
    /// Bytes that queries are billed for.
    pub bytes_queried: u64,
    /// Bytes that queries returned.
    pub bytes_returned: u64,
    /// Most query slots of one namespace in use at once.
    pub most_slots: u32,
}

impl Counters {
    /// Requests of a kind.
    #[must_use]
    pub fn requests(&self, kind: RequestKind) -> u64 {
        self.total.requests(kind)
    }

    /// Counts of a namespace, all 0 when it was never asked for.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Tally {
        self.namespaces.get(name).cloned().unwrap_or_default()
    }

    /// Counts something in total and for its namespace.
    pub(crate) fn count(&mut self, namespace: Option<&str>, count: impl Fn(&mut Tally)) {
        count(&mut self.total);
        if let Some(name) = namespace {
            count(self.namespaces.entry(name.to_owned()).or_default());
        }
    }
}

impl Tally {
    /// Requests of a kind.
    #[must_use]
    pub fn requests(&self, kind: RequestKind) -> u64 {
        self.requests.get(&kind).copied().unwrap_or(0)
    }
}
