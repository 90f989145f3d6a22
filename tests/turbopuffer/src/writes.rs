//! Writes: when they are committed, and which namespace they create.

use http::StatusCode;
use serde_json::json;

use crate::api::Call;
use crate::error::{Failure, Outcome};
use crate::faults::Fault;
use crate::namespace::Namespace;
use crate::reply::Reply;
use crate::request::{self, WriteRequest};
use crate::settings::Settings;
use crate::write::{self, Written};

/// The least that a write is billed for, in bytes.
const LEAST_BILLED: u64 = 10_000;
/// The least that a query is billed for, in bytes.
pub(crate) const LEAST_QUERIED: u64 = 256_000_000;

impl Call<'_> {
    pub(crate) async fn write(&self) -> Outcome<Reply> {
        let request: WriteRequest = request::parse(&self.body)?;
        check(&request)?;
        if request.copy_from_namespace.is_some() || request.branch_from_namespace.is_some() {
            tokio::time::sleep(self.settings.latency.write.sample()).await;
            return self.copy(&request);
        }
        let place = self.service.place(self.namespace);
        let (ends, is_new) = place.lane().join(std::time::Instant::now(), &self.settings);
        if is_new {
            self.service.count(self.namespace, |tally| tally.commits += 1);
        }
        tokio::time::sleep_until(ends.into()).await;
        let cap = match self.fault {
            Some(Fault::FilterCap { rows }) => Some(rows),
            _ => None,
        };
        let mut guard = place.write();
        let (written, size) = if let Some(namespace) = guard.as_mut() {
            check_writable(namespace, &request, self.namespace, &self.settings)?;
            let written = write::apply(namespace, &request, &self.settings, cap)?;
            (written, namespace.rows.bytes())
        } else {
            let mut namespace = created(&request, self.namespace)?;
            let written = write::apply(&mut namespace, &request, &self.settings, cap)?;
            if namespace.schema.id.is_none() {
                return Err(Failure::invalid("💔 create_namespace requires the id type in schema"));
            }
            let size = namespace.rows.bytes();
            *guard = Some(namespace);
            (written, size)
        };
        drop(guard);
        let queried = written.queries * size.max(LEAST_QUERIED);
        self.bill(&written, queried);
        Ok(Reply::ok(&written.to_json(self.millis(), queried)))
    }

    fn bill(&self, written: &Written, queried: u64) {
        self.service.count(self.namespace, |tally| {
            tally.rows_written += written.rows() as u64;
            tally.bytes_written += written.bytes;
            tally.billed_bytes_written += written.weighed_bytes.max(LEAST_BILLED);
            tally.queries += written.queries;
            tally.bytes_queried += queried;
        });
    }

    /// Time since the request arrived, as answers show it; official tests expect more than 2.
    pub(crate) fn millis(&self) -> u64 {
        u64::try_from(self.arrived.elapsed().as_millis()).unwrap_or(u64::MAX).max(3)
    }

    /// Copies or branches a namespace.
    pub(crate) fn copy(&self, request: &WriteRequest) -> Outcome<Reply> {
        let answer = self.copied(request)?;
        if self.prefers_async() {
            return Ok(self.started(&answer));
        }
        Ok(Reply::ok(&answer))
    }

    pub(crate) fn copied(&self, request: &WriteRequest) -> Outcome<serde_json::Value> {
        let branch = request.branch_from_namespace.as_ref();
        let field = if branch.is_some() { "branch_from_namespace" } else { "copy_from_namespace" };
        let source = request.copy_from_namespace.as_ref().or(branch);
        let Some(source) = source.map(request::Source::name) else {
            return Err(Failure::unprocessable("missing field `copy_from_namespace`"));
        };
        if source == self.namespace {
            return Err(Failure::invalid(format!("💔 {field}: source and destination are the same")));
        }
        let has_more = request.upsert_rows.is_some()
            || request.upsert_columns.is_some()
            || request.patch_rows.is_some()
            || request.patch_columns.is_some()
            || request.deletes.is_some()
            || request.delete_by_filter.is_some()
            || request.patch_by_filter.is_some()
            || request.schema.is_some();
        if has_more {
            let message = format!("💔 {field} cannot be used with other write request fields");
            return Err(Failure::invalid(message));
        }
        let copy = self.service.place(source).read().as_ref().map(Namespace::copied);
        let mut copy = copy.ok_or_else(|| Failure::no_namespace(source))?;
        if branch.is_some() {
            copy.about.branched_from = Some(source.to_owned());
        }
        let (rows, bytes) = (copy.rows.len(), copy.rows.bytes());
        let place = self.service.place(self.namespace);
        let mut guard = place.write();
        if guard.as_ref().is_some_and(|namespace| namespace.rows.len() > 0) {
            return Err(Failure::invalid(format!("💔 {field}: namespace '{}' is not empty", self.namespace)));
        }
        *guard = Some(copy);
        drop(guard);
        self.service.count(self.namespace, |tally| {
            tally.rows_written += rows as u64;
            tally.bytes_written += bytes;
            tally.billed_bytes_written += (bytes / 2).max(LEAST_BILLED);
        });
        Ok(json!({
            "status": "OK",
            "message": "namespace cloned successfully",
            "rows_affected": rows,
            "billing": {"billable_logical_bytes_written": bytes},
            "performance": {"server_total_ms": self.millis()},
        }))
    }
}

/// What is wrong with a request whatever its namespace holds.
fn check(request: &WriteRequest) -> Outcome<()> {
    if let Some(encryption) = &request.encryption {
        match encryption.mode.as_str() {
            "default" => {}
            "customer-managed" => {
                let key = encryption.key_name.as_deref().unwrap_or_default();
                return Err(Failure::invalid(format!("Malformed Cloud KMS crypto key: {key}")));
            }
            other => {
                let message = format!("unknown variant `{other}`, expected `default` or `customer-managed`");
                return Err(Failure::unprocessable(message));
            }
        }
    }
    if request.sharding.is_some_and(|sharding| !(1..=256).contains(&sharding.num_shards)) {
        return Err(Failure::invalid("💔 num_shards must be between 1 and 256"));
    }
    Ok(())
}

fn check_writable(
    namespace: &Namespace,
    request: &WriteRequest,
    name: &str,
    settings: &Settings,
) -> Outcome<()> {
    if namespace.about.read_only {
        let message = format!("💔 namespace '{name}' is read-only");
        return Err(Failure::new(StatusCode::FORBIDDEN, message));
    }
    let sharding = request.sharding.map(|sharding| sharding.num_shards);
    if sharding.is_some() && sharding != namespace.about.sharding {
        return Err(Failure::invalid("💔 sharding can only be set by the first write"));
    }
    let (unindexed, _) = namespace.unindexed(settings);
    // Only plain upserts and deletes by id can do without backpressure.
    let is_plain = request.patch_rows.is_none()
        && request.patch_columns.is_none()
        && request.delete_by_filter.is_none()
        && request.patch_by_filter.is_none()
        && request.upsert_condition.is_none()
        && request.delete_condition.is_none();
    if unindexed > settings.limits.unindexed_bytes && !(request.disable_backpressure && is_plain) {
        let message = format!("🚦 {unindexed} bytes of this namespace are not indexed yet; try again later");
        return Err(Failure::throttled(message));
    }
    Ok(())
}

/// The namespace that a first write creates.
fn created(request: &WriteRequest, name: &str) -> Outcome<Namespace> {
    let has_rows = request.upsert_rows.as_ref().is_some_and(|rows| !rows.is_empty())
        || request
            .upsert_columns
            .as_ref()
            .and_then(|columns| columns.get("id"))
            .is_some_and(|ids| !ids.is_empty());
    if request.create_namespace.unwrap_or(has_rows) {
        let mut namespace = Namespace::new();
        namespace.about.sharding = request.sharding.map(|sharding| sharding.num_shards);
        return Ok(namespace);
    }
    Err(Failure::no_namespace(name))
}
