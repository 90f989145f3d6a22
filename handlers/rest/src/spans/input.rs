use serde::{Deserialize, Deserializer};
use serde_json::Value;
use trace::count;
use trace::id::{SpanId, TraceId};
use trace::json::Json;
use trace::kind::{Attributes, KindInput, SpanKind};
use trace::ports::Ids;
use trace::span::{NewSpan, Payload, Span, SpanStatus, Version};
use trace::time::Timestamp;
use utoipa::ToSchema;

use crate::error::ApiError;

/// A span to be created.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SpanInput {
    /// Chosen by the client, so that a repeated create changes nothing.
    #[schema(value_type = Option<String>)]
    pub(crate) id: Option<SpanId>,
    #[schema(value_type = String)]
    pub(crate) trace_id: TraceId,
    name: String,
    /// May refer to a span not seen yet.
    #[schema(value_type = Option<String>)]
    parent_id: Option<SpanId>,
    /// What the span does; a model call if `metadata.model` is there, else custom.
    #[schema(value_type = Option<Object>)]
    kind: Option<Value>,
    /// Any JSON.
    #[serde(default, deserialize_with = "any_json")]
    #[schema(value_type = Option<serde_json::Value>)]
    input: Option<Json>,
    metadata: Option<LegacyMetadata>,
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
}

/// Model and tokens as older clients send them.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
struct LegacyMetadata {
    model: Option<String>,
    #[serde(default, deserialize_with = "count::optional")]
    input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count::optional")]
    output_tokens: Option<u64>,
}

/// Keeps apart a member that is absent (`None`) and one that is `null` (`Some`).
pub(crate) fn any_json<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

/// Checks the `kind` member of a body; `null` counts as absent.
pub(crate) fn raw_kind(kind: Option<Value>) -> Result<Option<KindInput>, ApiError> {
    kind.map(KindInput::parse).transpose().map_err(|error| ApiError::InvalidKind(error.to_string()))
}

impl SpanInput {
    /// Returns the span to be written, still running, with what the client left out filled in.
    pub(crate) fn into_new(self, ids: &dyn Ids, now: Timestamp) -> Result<NewSpan, ApiError> {
        let name = self.name.replace('\0', "\u{fffd}");
        if name.is_empty() {
            return Err(ApiError::field("name", "name must not be empty"));
        }
        let span = Span {
            id: self.id.unwrap_or_else(|| ids.span_id()),
            trace_id: self.trace_id,
            parent_id: self.parent_id,
            name,
            kind: match kind_input(self.kind, self.metadata.unwrap_or_default())? {
                Some(input) => input.kind().map_err(|error| ApiError::InvalidKind(error.to_string()))?,
                None => SpanKind::Custom { kind: "custom".to_owned(), attributes: Attributes::new() },
            },
            status: SpanStatus::Running,
            started_at: self.started_at.unwrap_or(now),
            ended_at: None,
            attributes: Attributes::new(),
            ms_to_first_chunk: None,
            preview: None,
        };
        let version = Version::new(&span.status, now);
        Ok(NewSpan { span, payload: Payload { input: self.input, output: None }, version })
    }

    /// Returns the same span written whole over `stored`, which fills in what the client left out.
    pub(crate) fn over(self, stored: Span, ids: &dyn Ids, now: Timestamp) -> Result<NewSpan, ApiError> {
        let kind = kind_input(self.kind.clone(), self.metadata.clone().unwrap_or_default())?;
        let (started_at, parent_id) = (self.started_at, self.parent_id.clone());
        let mut new = self.into_new(ids, now)?;
        new.span.kind = kind.map_or(stored.kind.clone(), |kind| kind.laid_over(&stored.kind));
        new.span.started_at = started_at.unwrap_or(stored.started_at);
        new.span.parent_id = parent_id.or(stored.parent_id);
        new.span.attributes = stored.attributes;
        new.span.ms_to_first_chunk = stored.ms_to_first_chunk;
        new.span.preview = stored.preview;
        Ok(new)
    }
}

/// Returns the kind a client gave, with what only older clients' `metadata` says, or `None` when it gave none.
fn kind_input(given: Option<Value>, legacy: LegacyMetadata) -> Result<Option<KindInput>, ApiError> {
    let LegacyMetadata { model, input_tokens, output_tokens } = legacy;
    let kind = match (given, &model) {
        (Some(kind), _) => kind,
        (None, Some(_)) => serde_json::json!({ "type": "llm_call" }),
        (None, None) => return Ok(None),
    };
    let Some(mut input) = raw_kind(Some(kind))? else { return Ok(None) };
    let members = [
        ("model", Value::from(model)),
        ("input_tokens", input_tokens.into()),
        ("output_tokens", output_tokens.into()),
    ];
    for (member, value) in members {
        input.fill(member, value);
    }
    input.checked().map(Some).map_err(|error| ApiError::InvalidKind(error.to_string()))
}
