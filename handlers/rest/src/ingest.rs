//! `/api/ingest`: many traces and spans in one request, for client libraries.

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::State;
use futures_util::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use trace::id::{Scope, TraceId};
use trace::json::Json as Raw;
use trace::ports::{Clock, Ids, SpanChange, SpanStore, SpanWrite};
use trace::record::Recorder;
use trace::span::{NewSpan, SpanStatus, Version};
use trace::time::Timestamp;
use trace::trace::NewTrace;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::caller::{Caller, TracesWrite};
use crate::error::{ApiError, ErrorBody};
use crate::extract::{Json, parse};
use crate::router::Deps;
use crate::spans::{SpanInput, UNKNOWN_ERROR, any_json};
use crate::traces::TraceInput;

/// Most entries of one request, traces and spans together.
const MAX_ENTRIES: usize = 1000;
/// Stored spans looked up at a time.
const READS: usize = 8;

pub(crate) fn routes() -> OpenApiRouter<Deps> {
    OpenApiRouter::new().routes(routes!(ingest))
}

/// Traces and spans, at most 1000 together. Entries are read one by one, so that a bad one spares the others.
#[derive(Deserialize, ToSchema)]
struct Entries {
    #[serde(default)]
    #[schema(value_type = Vec<TraceEntry>, max_items = 1000)]
    traces: Vec<Box<RawValue>>,
    #[serde(default)]
    #[schema(value_type = Vec<SpanEntry>, max_items = 1000)]
    spans: Vec<Box<RawValue>>,
}

/// What an entry has besides the members of a span to be created: how it ended.
#[derive(Default, Deserialize, ToSchema)]
struct EntryEnd {
    /// `running` (default), `completed` or `failed`.
    status: Option<EntryStatus>,
    #[serde(default, deserialize_with = "any_json")]
    #[schema(value_type = Option<serde_json::Value>)]
    output: Option<Raw>,
    /// What went wrong, for `failed`.
    error: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

/// The state a span is inserted in.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum EntryStatus {
    #[default]
    Running,
    Completed,
    Failed,
}

/// What every entry has: by its id a repeated request is told from a new one.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what reading an entry checks")]
struct EntryId {
    id: String,
}

/// A trace to be created.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what reading an entry checks")]
struct TraceEntry {
    #[serde(flatten)]
    trace: TraceInput,
    #[schema(inline)]
    #[serde(flatten)]
    id: EntryId,
}

/// A span to be created, and how it ended if it did.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the two readings of one entry")]
struct SpanEntry {
    #[schema(inline)]
    #[serde(flatten)]
    span: SpanInput,
    #[schema(inline)]
    #[serde(flatten)]
    id: EntryId,
    #[schema(inline)]
    #[serde(flatten)]
    end: EntryEnd,
}

/// What became of the entries.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = IngestAnswer)]
struct Outcome {
    accepted_traces: usize,
    accepted_spans: usize,
    rejected: Vec<Rejected>,
}

/// An entry that was not taken.
#[derive(Serialize, ToSchema)]
struct Rejected {
    /// Its index in its list.
    index: usize,
    /// `traces` or `spans`.
    list: &'static str,
    error: String,
    code: &'static str,
}

impl Rejected {
    fn new(list: &'static str, index: usize, error: &ApiError) -> Self {
        Self { index, list, error: error.to_string(), code: error.answer().1 }
    }
}

/// Creates many traces and spans at once, traces first, each list in order.
///
/// A span that was already sent stays as it is, unless it still runs and the entry says how it ended.
#[utoipa::path(post, path = "/api/ingest", tag = "spans", security(("bearer" = ["traces_write"])),
    request_body = Entries,
    responses((status = 200, body = Outcome), (status = 400, body = ErrorBody)))]
async fn ingest(
    State(recorder): State<Recorder>,
    State(store): State<Arc<dyn SpanStore>>,
    State(ids): State<Arc<dyn Ids>>,
    State(clock): State<Arc<dyn Clock>>,
    caller: Caller<TracesWrite>,
    Json(entries): Json<Entries>,
) -> Result<Json<Outcome>, ApiError> {
    if entries.traces.len() + entries.spans.len() > MAX_ENTRIES {
        let message = format!("at most {MAX_ENTRIES} traces and spans fit in one request");
        return Err(ApiError::InvalidRequest { field: None, message });
    }
    let now = clock.now();
    let mut outcome = Outcome::default();
    let mut traces = Vec::with_capacity(entries.traces.len());
    let mut trace_ids = Vec::with_capacity(entries.traces.len());
    for (index, raw) in entries.traces.iter().enumerate() {
        match trace_entry(raw, &*ids, now) {
            Ok(new) => {
                trace_ids.push((index, new.id.clone()));
                traces.push(new);
            }
            Err(error) => outcome.rejected.push(Rejected::new("traces", index, &error)),
        }
    }
    let mut spans = Vec::with_capacity(entries.spans.len());
    let mut indexes = Vec::with_capacity(entries.spans.len());
    for (index, raw) in entries.spans.iter().enumerate() {
        match span_entry(raw, &*ids, now) {
            Ok(new) => {
                spans.push(SpanWrite::Create(new));
                indexes.push(index);
            }
            Err(error) => outcome.rejected.push(Rejected::new("spans", index, &error)),
        }
    }
    let written = recorder.record(&caller.scope, traces, spans).await?;
    let is_over = |change: &SpanChange| matches!(change, SpanChange::OverLimit { .. });
    if let Some(SpanChange::OverLimit { limit }) = written.spans.first()
        && written.spans.iter().all(is_over)
    {
        return Err(ApiError::PlanLimitExceeded { limit: *limit });
    }
    if let Some(SpanChange::OverLimit { limit }) = written.spans.iter().find(|change| is_over(change)) {
        // Traces of which no span fits were left out.
        let kept: HashSet<TraceId> = written.traces.iter().map(|touched| touched.trace.id.clone()).collect();
        let error = ApiError::PlanLimitExceeded { limit: *limit };
        let left_out = trace_ids.extract_if(.., |(_, id)| !kept.contains(id));
        outcome.rejected.extend(left_out.map(|(index, _)| Rejected::new("traces", index, &error)));
    }
    outcome.accepted_traces = trace_ids.len();
    let mut existing = Vec::new();
    for (index, change) in indexes.into_iter().zip(written.spans) {
        if change == SpanChange::Conflict {
            let error = ApiError::Conflict("a span of another trace has this id");
            outcome.rejected.push(Rejected::new("spans", index, &error));
            continue;
        }
        if let SpanChange::OverLimit { limit } = change {
            let error = ApiError::PlanLimitExceeded { limit };
            outcome.rejected.push(Rejected::new("spans", index, &error));
            continue;
        }
        outcome.accepted_spans += 1;
        if change == SpanChange::Existing {
            existing.push(&*entries.spans[index]);
        }
    }
    let ends = ends(&*store, &caller.scope, &existing, &*ids, now).await?;
    recorder.record(&caller.scope, Vec::new(), ends).await?;
    Ok(Json(outcome))
}

/// Returns writes for the entries that end a span which so far runs.
///
/// A span that has ended since stays as it is, as it does when the same entry comes again.
async fn ends(
    store: &dyn SpanStore,
    scope: &Scope,
    existing: &[&RawValue],
    ids: &dyn Ids,
    now: Timestamp,
) -> Result<Vec<SpanWrite>, ApiError> {
    let mut entries = Vec::new();
    for raw in existing {
        let (input, end) = parse_span(raw)?;
        if end.status.unwrap_or_default() != EntryStatus::Running {
            entries.push((input, end));
        }
    }
    let found = entries.into_iter().map(async |(input, end)| {
        let id = input.id.as_ref().ok_or(ApiError::Internal)?;
        let stored = store.find(scope, Some(&input.trace_id), id).await?;
        Ok::<_, ApiError>(stored.filter(|span| !span.status.is_terminal()).map(|span| (input, end, span)))
    });
    let mut found = futures_util::stream::iter(found).buffered(READS);
    let mut writes = Vec::new();
    while let Some(entry) = found.try_next().await? {
        let Some((input, end, stored)) = entry else { continue };
        let mut new = input.over(stored, ids, now)?;
        end.apply(&mut new, now);
        new.version = Version::FIRST_END;
        writes.push(SpanWrite::Put(new));
    }
    Ok(writes)
}

fn trace_entry(raw: &RawValue, ids: &dyn Ids, now: Timestamp) -> Result<NewTrace, ApiError> {
    let input: TraceInput = parse(raw.get().as_bytes())?;
    if input.id.is_none() {
        return Err(ApiError::field("id", "id is required here"));
    }
    Ok(input.into_new(ids, now))
}

fn span_entry(raw: &RawValue, ids: &dyn Ids, now: Timestamp) -> Result<NewSpan, ApiError> {
    let (input, end) = parse_span(raw)?;
    let mut new = input.into_new(ids, now)?;
    end.apply(&mut new, now);
    Ok(new)
}

fn parse_span(raw: &RawValue) -> Result<(SpanInput, EntryEnd), ApiError> {
    let input: SpanInput = parse(raw.get().as_bytes())?;
    if input.id.is_none() {
        return Err(ApiError::field("id", "id is required here"));
    }
    Ok((input, parse(raw.get().as_bytes())?))
}

impl EntryEnd {
    /// Brings a span to the state the entry says it is in.
    fn apply(self, new: &mut NewSpan, now: Timestamp) {
        new.span.status = match self.status.unwrap_or_default() {
            EntryStatus::Running => SpanStatus::Running,
            EntryStatus::Completed => SpanStatus::Completed,
            EntryStatus::Failed => {
                SpanStatus::Failed { error: self.error.unwrap_or_else(|| UNKNOWN_ERROR.to_owned()) }
            }
        };
        if new.span.status.is_terminal() {
            new.span.ended_at = Some(self.ended_at.unwrap_or(now));
        }
        new.payload.output = self.output;
        new.version = Version::new(&new.span.status, now);
    }
}
