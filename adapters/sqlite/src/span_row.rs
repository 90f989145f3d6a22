use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use trace::id::{SpanId, TraceId};
use trace::kind::{Attributes, Cost, LlmCall, SpanKind, Usage};
use trace::ports::StoreError;
use trace::span::{Span, SpanStatus, StatusWord};
use trace::time::Timestamp;

use crate::fold::beyond_ascii;
use crate::pack::{pack, unpack};
use crate::sql::{Insert, Value, column, integer};

/// The columns [`decode`] reads, from `spans s JOIN traces t ON t.row = s.trace`.
pub(crate) const COLUMNS: &str = "s.row, s.trace, t.id, s.id, s.parent_id, s.name, s.kind, s.label, s.provider, \
     s.status, s.started_at, s.ended_at, s.input_tokens, s.output_tokens, s.cost, s.cost_given, s.version, s.detail, s.preview";

/// How many columns those are.
pub(crate) const LENGTH: usize = 19;

/// Writes spans whole, new ones and changed ones alike.
pub(crate) const UPSERT: Insert = Insert {
    head: "INSERT INTO spans (row, project, trace, id, parent_id, name, name_folded, kind, label, provider, status, \
           started_at, ended_at, input_tokens, output_tokens, cost, cost_given, version, detail, preview) VALUES",
    columns: 20,
    tail: "ON CONFLICT (row) DO UPDATE SET parent_id = excluded.parent_id, name = excluded.name, \
           name_folded = excluded.name_folded, kind = excluded.kind, label = excluded.label, \
           provider = excluded.provider, status = excluded.status, started_at = excluded.started_at, \
           ended_at = excluded.ended_at, input_tokens = excluded.input_tokens, \
           output_tokens = excluded.output_tokens, cost = excluded.cost, cost_given = excluded.cost_given, \
           version = excluded.version, detail = excluded.detail, preview = excluded.preview",
};

/// A span as stored, with where it is stored.
#[derive(Clone, Debug)]
pub(crate) struct SpanRow {
    pub(crate) row: i64,
    pub(crate) trace: i64,
    pub(crate) version: i64,
    pub(crate) span: Span,
}

/// Where a span is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) row: i64,
    pub(crate) project: i64,
    pub(crate) trace: i64,
    pub(crate) version: i64,
}

/// What has no column of its own. Nearly always empty.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Detail {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageDetail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_preview: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_preview: Option<String>,
    /// Attributes of a custom kind.
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    attributes: Attributes,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_version: Option<String>,
    /// Attributes of the span itself.
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    span_attributes: Attributes,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms_to_first_chunk: Option<u64>,
}

/// Token classes that are part of input or output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct UsageDetail {
    #[serde(skip_serializing_if = "Option::is_none")]
    cached: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_1h: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_input: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_output: Option<u64>,
}

/// Details from this length on are compressed: attributes may be as large as a request.
const LONG_DETAIL: usize = 4 << 10;

/// Returns the number a kind is stored as.
pub(crate) fn kind_number(kind: &SpanKind) -> i64 {
    match kind {
        SpanKind::LlmCall(_) => 0,
        SpanKind::Custom { .. } => 1,
        SpanKind::FsRead { .. } => 2,
        SpanKind::FsWrite { .. } => 3,
    }
}

/// Returns the number a status is stored as.
pub(crate) fn status_number(status: StatusWord) -> i64 {
    match status {
        StatusWord::Running => 0,
        StatusWord::Completed => 1,
        StatusWord::Failed => 2,
    }
}

/// Appends the values of one row of [`UPSERT`].
pub(crate) fn encode(place: Place, span: &Span, values: &mut Vec<Value>) {
    let (label, detail) = label_and_detail(span);
    let call = span.kind.llm();
    let usage = call.map(|call| call.usage).unwrap_or_default();
    let (cost, given) = match call.and_then(|call| call.cost) {
        Some(Cost::Given(usd)) => (Some(usd), Some(1)),
        Some(Cost::Estimated(usd)) => (Some(usd), Some(0)),
        None => (None, None),
    };
    values.extend([
        place.row.into(),
        place.project.into(),
        place.trace.into(),
        span.id.as_str().into(),
        span.parent_id.as_ref().map(SpanId::as_str).into(),
        span.name.as_str().into(),
        beyond_ascii(&span.name).into(),
        kind_number(&span.kind).into(),
        label.into(),
        call.and_then(|call| call.provider.as_deref()).into(),
        status_number(span.status.word()).into(),
        span.started_at.as_micros().into(),
        span.ended_at.map(Timestamp::as_micros).into(),
        usage.input_tokens.map(integer).into(),
        usage.output_tokens.map(integer).into(),
        cost.into(),
        given.into(),
        place.version.into(),
        detail,
        span.preview.as_deref().into(),
    ]);
}

fn label_and_detail(span: &Span) -> (&str, Value) {
    let mut detail = Detail {
        error: span.status.error().map(str::to_owned),
        span_attributes: span.attributes.clone(),
        ms_to_first_chunk: span.ms_to_first_chunk,
        ..Detail::default()
    };
    let label = match &span.kind {
        SpanKind::LlmCall(call) => {
            let usage = UsageDetail {
                cached: call.usage.cached_input_tokens,
                cache_write: call.usage.cache_write_tokens,
                cache_write_1h: call.usage.cache_write_1h_tokens,
                reasoning: call.usage.reasoning_tokens,
                audio_input: call.usage.audio_input_tokens,
                audio_output: call.usage.audio_output_tokens,
            };
            detail.usage = (usage != UsageDetail::default()).then_some(usage);
            detail.service_tier.clone_from(&call.service_tier);
            detail.input_preview.clone_from(&call.input_preview);
            detail.output_preview.clone_from(&call.output_preview);
            &call.model
        }
        SpanKind::Custom { kind, attributes } => {
            detail.attributes.clone_from(attributes);
            kind
        }
        SpanKind::FsRead { path, bytes_read, file_version } => {
            detail.bytes = Some(*bytes_read);
            detail.file_version.clone_from(file_version);
            path
        }
        SpanKind::FsWrite { path, bytes_written, file_version } => {
            detail.bytes = Some(*bytes_written);
            detail.file_version = Some(file_version.clone());
            path
        }
    };
    if detail == Detail::default() {
        return (label, Value::Null);
    }
    (label, serde_json::to_string(&detail).map_or(Value::Null, packed))
}

/// Returns a detail as it is stored: as text, or compressed when it is long.
fn packed(detail: String) -> Value {
    if detail.len() < LONG_DETAIL { detail.into() } else { pack(detail.as_bytes()).into() }
}

/// Reads what [`packed`] made: text begins with a brace, which no packing does.
fn unpacked(stored: &[u8]) -> Result<Cow<'_, [u8]>, StoreError> {
    if stored.first() == Some(&b'{') { Ok(Cow::Borrowed(stored)) } else { unpack(stored).map(Cow::Owned) }
}

/// Reads a row of [`COLUMNS`].
pub(crate) fn decode(row: &SqliteRow) -> Result<SpanRow, StoreError> {
    let detail: Option<&[u8]> =
        row.try_get_unchecked(17).map_err(|error| StoreError::corrupt("row", error))?;
    let detail = match detail {
        Some(stored) => {
            let text = unpacked(stored)?;
            serde_json::from_slice(&text).map_err(|error| StoreError::corrupt("span detail", error))?
        }
        None => Detail::default(),
    };
    let time = |index| column::<Option<i64>>(row, index).map(|micros| micros.map(Timestamp::from_micros));
    let parent_id = match column::<Option<&str>>(row, 4)? {
        Some(id) => Some(span_id(id)?),
        None => None,
    };
    let Detail { span_attributes, ms_to_first_chunk, error, .. } = &detail;
    let status = match column::<i64>(row, 9)? {
        0 => SpanStatus::Running,
        1 => SpanStatus::Completed,
        2 => SpanStatus::Failed { error: error.clone().unwrap_or_default() },
        other => return Err(StoreError::corrupt("span status", format!("{other}"))),
    };
    let span = Span {
        id: span_id(column(row, 3)?)?,
        trace_id: trace_id(column(row, 2)?)?,
        parent_id,
        name: column(row, 5)?,
        status,
        started_at: Timestamp::from_micros(column(row, 10)?),
        ended_at: time(11)?,
        attributes: span_attributes.clone(),
        ms_to_first_chunk: *ms_to_first_chunk,
        preview: column(row, 18)?,
        kind: kind(row, detail)?,
    };
    Ok(SpanRow { row: column(row, 0)?, trace: column(row, 1)?, version: column(row, 16)?, span })
}

fn kind(row: &SqliteRow, detail: Detail) -> Result<SpanKind, StoreError> {
    let label: String = column(row, 7)?;
    let tokens = |index| -> Result<Option<u64>, StoreError> {
        let count: Option<i64> = column(row, index)?;
        count.map(crate::sql::unsigned).transpose()
    };
    Ok(match column::<i64>(row, 6)? {
        0 => {
            let usd: Option<f64> = column(row, 14)?;
            let given = column::<Option<i64>>(row, 15)? == Some(1);
            let rest = detail.usage.unwrap_or_default();
            SpanKind::LlmCall(LlmCall {
                model: label,
                provider: column(row, 8)?,
                usage: Usage {
                    input_tokens: tokens(12)?,
                    output_tokens: tokens(13)?,
                    cached_input_tokens: rest.cached,
                    cache_write_tokens: rest.cache_write,
                    cache_write_1h_tokens: rest.cache_write_1h,
                    reasoning_tokens: rest.reasoning,
                    audio_input_tokens: rest.audio_input,
                    audio_output_tokens: rest.audio_output,
                },
                service_tier: detail.service_tier,
                cost: usd.map(|usd| if given { Cost::Given(usd) } else { Cost::Estimated(usd) }),
                input_preview: detail.input_preview,
                output_preview: detail.output_preview,
            })
        }
        1 => SpanKind::Custom { kind: label, attributes: detail.attributes },
        2 => SpanKind::FsRead {
            path: label,
            bytes_read: detail.bytes.unwrap_or(0),
            file_version: detail.file_version,
        },
        3 => SpanKind::FsWrite {
            path: label,
            bytes_written: detail.bytes.unwrap_or(0),
            file_version: detail.file_version.unwrap_or_default(),
        },
        other => return Err(StoreError::corrupt("span kind", format!("{other}"))),
    })
}

pub(crate) fn span_id(text: &str) -> Result<SpanId, StoreError> {
    SpanId::parse(text).map_err(|error| StoreError::corrupt("span id", error))
}

pub(crate) fn trace_id(text: &str) -> Result<TraceId, StoreError> {
    TraceId::parse(text).map_err(|error| StoreError::corrupt("trace id", error))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn long_details_are_stored_compressed_and_come_back() {
        let long = format!(r#"{{"error":"{}"}}"#, "what went wrong ".repeat(10_000));
        let Value::Blob(stored) = packed(long.clone()) else { panic!("not compressed") };
        assert!(stored.len() < 2_000, "{}", stored.len());
        assert_eq!(unpacked(&stored).unwrap(), long.as_bytes());
        let short = r#"{"error":"x"}"#;
        assert_eq!(packed(short.to_owned()), Value::from(short));
        assert_eq!(unpacked(short.as_bytes()).unwrap(), short.as_bytes());
        assert!(unpacked(&[]).is_err() && unpacked(&[9, 9]).is_err());
    }
}
