//! One namespace: its schema, its documents and what is known about it.

use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json, json};

use crate::datetime;
use crate::rows::Rows;
use crate::schema::Schema;
use crate::settings::Settings;

/// A namespace's contents. A clone is a view of the past for stale reads, or the start of a copy.
#[derive(Clone, Debug)]
pub(crate) struct Namespace {
    pub(crate) schema: Schema,
    pub(crate) rows: Rows,
    pub(crate) about: About,
    backlog: Backlog,
}

/// What metadata says beside the schema.
#[derive(Clone, Debug)]
pub(crate) struct About {
    created_at: String,
    updated_at: String,
    pub(crate) last_write_at: String,
    pub(crate) pinning: Option<Json>,
    pub(crate) read_only: bool,
    pub(crate) sharding: Option<u32>,
    pub(crate) branched_from: Option<String>,
}

/// Written but not indexed yet; shrinks at the rate at which the service indexes.
#[derive(Clone, Copy, Debug)]
struct Backlog {
    bytes: f64,
    rows: f64,
    at: Instant,
}

impl Namespace {
    pub(crate) fn new() -> Self {
        let now = datetime::now();
        let about = About {
            created_at: now.clone(),
            updated_at: now.clone(),
            last_write_at: now,
            pinning: None,
            read_only: false,
            sharding: None,
            branched_from: None,
        };
        let backlog = Backlog { bytes: 0.0, rows: 0.0, at: Instant::now() };
        Self { schema: Schema::default(), rows: Rows::default(), about, backlog }
    }

    /// A new namespace with the same contents.
    pub(crate) fn copied(&self) -> Self {
        Self { schema: self.schema.clone(), rows: self.rows.clone(), ..Self::new() }
    }

    #[expect(clippy::cast_precision_loss, reason = "the backlog is approximate")]
    pub(crate) fn note_write(&mut self, bytes: u64, rows: usize, settings: &Settings) {
        let now = datetime::now();
        self.about.updated_at.clone_from(&now);
        self.about.last_write_at = now;
        if settings.index_bytes_per_second.is_some() {
            self.backlog = self.drained(settings);
            self.backlog.bytes += bytes as f64;
            self.backlog.rows += rows as f64;
        }
    }

    pub(crate) fn note_update(&mut self) {
        self.about.updated_at = datetime::now();
    }

    /// Bytes and rows not indexed yet.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the backlog is approximate")]
    pub(crate) fn unindexed(&self, settings: &Settings) -> (u64, u64) {
        let backlog = self.drained(settings);
        (backlog.bytes as u64, backlog.rows as u64)
    }

    #[expect(clippy::cast_precision_loss, reason = "the backlog is approximate")]
    fn drained(&self, settings: &Settings) -> Backlog {
        let Some(rate) = settings.index_bytes_per_second else {
            return Backlog { bytes: 0.0, rows: 0.0, at: Instant::now() };
        };
        let at = Instant::now();
        let indexed = rate as f64 * at.saturating_duration_since(self.backlog.at).as_secs_f64();
        if indexed >= self.backlog.bytes {
            return Backlog { bytes: 0.0, rows: 0.0, at };
        }
        let share = 1.0 - indexed / self.backlog.bytes;
        Backlog { bytes: self.backlog.bytes - indexed, rows: self.backlog.rows * share, at }
    }

    /// The shape of `GET /v2/…/metadata`.
    pub(crate) fn to_v2(&self, settings: &Settings) -> Json {
        let mut all = self.shared(&self.schema.to_v2(), settings);
        all.insert("encryption".to_owned(), json!({"mode": "default"}));
        Json::Object(all)
    }

    /// The shape of `GET` and `PATCH /v1/…/metadata`.
    pub(crate) fn to_v1(&self, settings: &Settings) -> Json {
        let mut all = self.shared(&self.schema.to_v1(), settings);
        all.insert("encryption".to_owned(), json!({"sse": true}));
        Json::Object(all)
    }

    fn shared(&self, schema: &Json, settings: &Settings) -> Map<String, Json> {
        let (bytes, rows) = self.unindexed(settings);
        let index = if bytes == 0 {
            json!({"status": "up-to-date"})
        } else {
            json!({"status": "updating", "unindexed_bytes": bytes, "unindexed_rows": rows})
        };
        let is_indexed = self.rows.len() as u64 >= settings.first_index_rows;
        let (count, size) = if is_indexed { (self.rows.len(), self.rows.bytes()) } else { (0, 0) };
        let about = &self.about;
        let Json::Object(mut all) = json!({
            "schema": schema,
            "approx_row_count": count,
            "approx_logical_bytes": size,
            "created_at": about.created_at,
            "updated_at": about.updated_at,
            "last_write_at": about.last_write_at,
            "index": index,
        }) else {
            return Map::new();
        };
        if let Some(pinning) = &about.pinning {
            all.insert("pinning".to_owned(), pinning.clone());
        }
        if about.read_only {
            all.insert("read_only".to_owned(), json!(true));
        }
        if let Some(num_shards) = about.sharding {
            all.insert("sharding".to_owned(), json!({"num_shards": num_shards}));
        }
        if let Some(parent) = &about.branched_from {
            all.insert("branching".to_owned(), json!({"parent": parent}));
        }
        all
    }

    /// When an index that is asked for now will be built.
    pub(crate) fn build_deadline(settings: &Settings) -> Option<Instant> {
        let length = Duration::from_millis(settings.index_build_ms);
        (!length.is_zero()).then(|| Instant::now() + length)
    }
}
