//! Applies a write: checked as a whole first, then applied as a whole.

use std::collections::HashSet;

use serde_json::{Map, Value as Json, json};

use crate::compile::Compiler;
use crate::error::{Failure, Outcome};
use crate::filter::Filter;
use crate::incoming::{Incoming, Parser};
use crate::namespace::Namespace;
use crate::request::WriteRequest;
use crate::rows::{Row, Rows, Slot};
use crate::schema::{Column, Schema};
use crate::settings::Settings;
use crate::value::Value;

/// What a write did.
#[derive(Debug, Default)]
pub(crate) struct Written {
    upserted: Option<usize>,
    patched: Option<usize>,
    deleted: Option<usize>,
    remaining: Option<bool>,
    upserted_ids: Vec<Json>,
    patched_ids: Vec<Json>,
    deleted_ids: Vec<Json>,
    /// Logical bytes as answers show them.
    pub(crate) bytes: u64,
    /// Logical bytes as prices weigh them: half when unindexed, once per index otherwise.
    pub(crate) weighed_bytes: u64,
    /// Queries that conditions, filters and patches ran.
    pub(crate) queries: u64,
}

/// A checked write, not applied yet.
struct Plan {
    schema: Schema,
    dropped: Vec<Column>,
    upserts: Vec<Row>,
    patches: Vec<Incoming>,
    deletes: Vec<Value>,
    filter_patch: Vec<(Column, Option<Value>)>,
}

/// How many documents each filter write may change.
#[derive(Clone, Copy)]
struct Caps {
    delete: usize,
    patch: usize,
}

/// Applies a request to a namespace; a failure leaves the namespace as it was.
///
/// `cap` is a fault's limit on filter writes.
pub(crate) fn apply(
    namespace: &mut Namespace,
    request: &WriteRequest,
    settings: &Settings,
    cap: Option<usize>,
) -> Outcome<Written> {
    let plan = plan(namespace, request, settings)?;
    let limits = &settings.limits;
    let caps = Caps {
        delete: limits.delete_by_filter_rows.min(cap.unwrap_or(usize::MAX)),
        patch: limits.patch_by_filter_rows.min(cap.unwrap_or(usize::MAX)),
    };
    // All filters are read once before anything changes, so that a bad one changes nothing.
    let check = Compiler { schema: &plan.schema, rows: &namespace.rows, settings, has_incoming: true };
    for condition in [&request.upsert_condition, &request.patch_condition, &request.delete_condition] {
        condition.as_ref().map(|condition| check.filter(condition)).transpose()?;
    }
    let mut written = Written::default();
    let (delete, patch) = filter_writes(namespace, request, settings, &plan, caps, &mut written)?;
    let schema = plan.schema;
    namespace.rows.drop_columns(&plan.dropped);
    let put = patch.len() + plan.upserts.len() + plan.patches.len();
    let removed = delete.len() + plan.deletes.len();
    namespace.rows.expect_changes(put, removed);
    let mut rows = Changes { rows: &mut namespace.rows, schema: &schema, settings, written };
    let wants_ids = request.return_affected_ids;
    if request.delete_by_filter.is_some() {
        rows.delete_all(delete, None, wants_ids);
    }
    if request.patch_by_filter.is_some() {
        let patches = patch.into_iter().map(|id| Incoming { id, changes: plan.filter_patch.clone() });
        rows.patch_all(patches.collect(), None, wants_ids);
    }
    rows.rows_of(request, plan.upserts, plan.patches, plan.deletes)?;
    let written = rows.written;
    namespace.schema = schema;
    namespace.note_write(written.bytes, put + removed, settings);
    Ok(written)
}

/// Reads the rows and the schema of a request.
fn plan(namespace: &Namespace, request: &WriteRequest, settings: &Settings) -> Outcome<Plan> {
    let mut schema = namespace.schema.clone();
    let has_rows = namespace.rows.len() > 0;
    let mut dropped = Vec::new();
    if let Some(entries) = &request.schema {
        let build = Namespace::build_deadline(settings);
        dropped = schema.declare(entries, has_rows, build, &settings.limits)?;
    }
    if let Some(metric) = request.distance_metric {
        if schema.metric.is_some_and(|known| known != metric) {
            return Err(Failure::invalid("💔 distance_metric does not match the namespace's"));
        }
        schema.metric = Some(metric);
    }
    let mut parser = Parser { schema: &mut schema, has_rows, limits: &settings.limits };
    let upserts = parser.upserts(request.upsert_rows.as_deref(), request.upsert_columns.as_ref())?;
    let patches = parser.patches(request.patch_rows.as_deref(), request.patch_columns.as_ref())?;
    let deletes = request.deletes.iter().flatten().map(|id| parser.id(id)).collect::<Outcome<Vec<_>>>()?;
    let filter_patch = match &request.patch_by_filter {
        Some(by_filter) if by_filter.patch.contains_key("id") => {
            return Err(Failure::invalid("💔 patch_by_filter cannot set the id"));
        }
        Some(by_filter) => parser.changes(&by_filter.patch)?,
        None => Vec::new(),
    };
    let ids = upserts.iter().map(|row| &row.id).chain(patches.iter().map(|patch| &patch.id)).chain(&deletes);
    refuse_duplicates(ids)?;
    for (name, attribute) in schema.vectors() {
        if attribute.metric.is_none() && schema.metric.is_none() {
            let message = "💔 distance_metric is required for a namespace with vectors";
            return Err(Failure::invalid(message));
        }
        if upserts.iter().any(|row| row.column(attribute.column).is_none()) {
            return Err(Failure::invalid(format!("💔 every document must have the vector `{name}`")));
        }
    }
    Ok(Plan { schema, dropped, upserts, patches, deletes, filter_patch })
}

fn refuse_duplicates<'a>(ids: impl Iterator<Item = &'a Value>) -> Outcome<()> {
    let mut seen = HashSet::new();
    let duplicates: Vec<_> =
        ids.filter(|id| !seen.insert(*id)).map(|id| id.to_json().to_string()).take(10).collect();
    if duplicates.is_empty() {
        return Ok(());
    }
    Err(Failure::invalid(format!(
        "💔 This upsert contains duplicate document IDs; an ID may appear once per request: {}",
        duplicates.join(", ")
    )))
}

/// The ids that the filter writes of a request change: those to delete, and those to patch.
fn filter_writes(
    namespace: &Namespace,
    request: &WriteRequest,
    settings: &Settings,
    plan: &Plan,
    caps: Caps,
    written: &mut Written,
) -> Outcome<(Vec<Value>, Vec<Value>)> {
    let compiler = Compiler { schema: &plan.schema, rows: &namespace.rows, settings, has_incoming: false };
    let mut find = |filter: &Json, cap: usize, may_be_partial: bool, name: &str| {
        let filter = compiler.filter(filter)?;
        let mut found = compiler.rows.matching(Some(&filter), compiler.schema);
        written.queries += 1;
        if found.len() > cap {
            if !may_be_partial {
                let count = found.len();
                let message = format!("💔 {name} matches {count} documents, more than the limit of {cap}");
                return Err(Failure::invalid(message));
            }
            found.sort_unstable_by(|(_, a), (_, b)| a.id.cmp(&b.id));
            found.truncate(cap);
            written.remaining = Some(true);
        }
        Ok(found.into_iter().map(|(_, row)| row.id.clone()).collect::<Vec<_>>())
    };
    let delete = match &request.delete_by_filter {
        Some(filter) => {
            find(filter, caps.delete, request.delete_by_filter_allow_partial, "delete_by_filter")?
        }
        None => Vec::new(),
    };
    let mut patch = match &request.patch_by_filter {
        Some(by_filter) => {
            let may_be_partial = request.patch_by_filter_allow_partial;
            find(&by_filter.filters, caps.patch, may_be_partial, "patch_by_filter")?
        }
        None => Vec::new(),
    };
    // Deletions come first, and nothing is patched that they removed.
    let deleted: HashSet<_> = delete.iter().collect();
    patch.retain(|id| !deleted.contains(id));
    if request.delete_by_filter.is_some() || request.patch_by_filter.is_some() {
        written.remaining.get_or_insert(false);
    }
    Ok((delete, patch))
}

/// Rows while a write changes them.
struct Changes<'a> {
    rows: &'a mut Rows,
    schema: &'a Schema,
    settings: &'a Settings,
    written: Written,
}

impl Changes<'_> {
    fn rows_of(
        &mut self,
        request: &WriteRequest,
        upserts: Vec<Row>,
        patches: Vec<Incoming>,
        deletes: Vec<Value>,
    ) -> Outcome<()> {
        // Conditions see what the filter writes of the same request left.
        let (schema, settings) = (self.schema, self.settings);
        let compiler = Compiler { schema, rows: self.rows, settings, has_incoming: true };
        let compile =
            |condition: Option<&Json>| condition.map(|condition| compiler.filter(condition)).transpose();
        let upsert_condition = compile(request.upsert_condition.as_ref())?;
        let patch_condition = compile(request.patch_condition.as_ref())?;
        let delete_condition = compile(request.delete_condition.as_ref())?;
        let has_condition = [&upsert_condition, &patch_condition, &delete_condition];
        self.written.queries += u64::from(has_condition.iter().any(|condition| condition.is_some()));
        let wants_ids = request.return_affected_ids;
        if request.upsert_rows.is_some() || request.upsert_columns.is_some() {
            self.upsert_all(upserts, upsert_condition.as_ref(), wants_ids);
        }
        if request.patch_rows.is_some() || request.patch_columns.is_some() {
            self.written.queries += 1;
            self.patch_all(patches, patch_condition.as_ref(), wants_ids);
        }
        if request.deletes.is_some() {
            self.delete_all(deletes, delete_condition.as_ref(), wants_ids);
        }
        Ok(())
    }

    fn upsert_all(&mut self, upserts: Vec<Row>, condition: Option<&Filter>, wants_ids: bool) {
        let mut count = 0;
        for row in upserts {
            let stored = self.rows.find(&row.id);
            if !passes(condition, stored.map(|(slot, stored)| (slot, &**stored)), &row, true) {
                continue;
            }
            self.bill(&row);
            if wants_ids {
                self.written.upserted_ids.push(row.id.to_json());
            }
            self.rows.put(row, self.schema);
            count += 1;
        }
        *self.written.upserted.get_or_insert(0) += count;
    }

    fn patch_all(&mut self, patches: Vec<Incoming>, condition: Option<&Filter>, wants_ids: bool) {
        let mut count = 0;
        for patch in patches {
            let Some((slot, stored)) = self.rows.find(&patch.id) else { continue };
            let incoming = Row::new(patch.id, set(&patch.changes));
            if !passes(condition, Some((slot, stored)), &incoming, false) {
                continue;
            }
            let row = stored.patched(&patch.changes);
            self.bill(&row);
            if wants_ids {
                self.written.patched_ids.push(row.id.to_json());
            }
            self.rows.put(row, self.schema);
            count += 1;
        }
        *self.written.patched.get_or_insert(0) += count;
    }

    /// Deletes are blind without a condition: each one counts, whether the document exists or not.
    fn delete_all(&mut self, deletes: Vec<Value>, condition: Option<&Filter>, wants_ids: bool) {
        let mut count = 0;
        for id in deletes {
            if let Some(condition) = condition {
                let stored = self.rows.find(&id);
                if !stored.is_some_and(|(slot, stored)| condition.matches(slot, stored, None)) {
                    continue;
                }
            }
            self.rows.remove(&id, self.schema);
            self.written.bytes += id.bytes();
            self.written.weighed_bytes += id.bytes();
            if wants_ids {
                self.written.deleted_ids.push(id.to_json());
            }
            count += 1;
        }
        *self.written.deleted.get_or_insert(0) += count;
    }

    fn bill(&mut self, row: &Row) {
        self.written.bytes += row.bytes();
        let mut doubled = 2 * row.id.bytes();
        for (_, attribute) in self.schema.iter() {
            if let Some(value) = row.column(attribute.column) {
                doubled += value.bytes() * (2 * attribute.indexes()).max(1);
            }
        }
        self.written.weighed_bytes += doubled / 2;
    }
}

fn set(changes: &[(Column, Option<Value>)]) -> Vec<(Column, Value)> {
    changes.iter().filter_map(|(column, value)| Some((*column, value.clone()?))).collect()
}

fn passes(condition: Option<&Filter>, stored: Option<(Slot, &Row)>, incoming: &Row, if_absent: bool) -> bool {
    match (condition, stored) {
        (None, _) => true,
        (Some(condition), Some((slot, stored))) => condition.matches(slot, stored, Some(incoming)),
        (Some(_), None) => if_absent,
    }
}

impl Written {
    /// Documents that the write changed.
    pub(crate) fn rows(&self) -> usize {
        [self.upserted, self.patched, self.deleted].into_iter().flatten().sum()
    }

    pub(crate) fn to_json(&self, millis: u64, bytes_queried: u64) -> Json {
        let mut answer = Map::new();
        let mut set = |name: &str, value: Json| {
            answer.insert(name.to_owned(), value);
        };
        set("status", json!("OK"));
        set("message", json!("documents committed successfully"));
        set("rows_affected", json!(self.rows()));
        for (name, count) in
            [("rows_upserted", self.upserted), ("rows_patched", self.patched), ("rows_deleted", self.deleted)]
        {
            if let Some(count) = count {
                set(name, json!(count));
            }
        }
        if let Some(remaining) = self.remaining {
            set("rows_remaining", json!(remaining));
        }
        for (name, ids) in [
            ("upserted_ids", &self.upserted_ids),
            ("patched_ids", &self.patched_ids),
            ("deleted_ids", &self.deleted_ids),
        ] {
            if !ids.is_empty() {
                set(name, json!(ids));
            }
        }
        let mut billing = json!({"billable_logical_bytes_written": self.bytes});
        if self.queries > 0 {
            billing["query"] = json!({
                "billable_logical_bytes_queried": bytes_queried,
                "billable_logical_bytes_returned": 0,
            });
        }
        set("billing", billing);
        set("performance", json!({"server_total_ms": millis}));
        Json::Object(answer)
    }
}
