use serde::{Deserialize, Deserializer};
use serde_json::Value;
use trace::id::{SpanId, TraceId};
use trace::json::Json;
use trace::kind::{KindInput, SpanKind};
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
    trace_id: TraceId,
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
#[derive(Debug, Default, Deserialize, ToSchema)]
struct LegacyMetadata {
    model: Option<String>,
    input_tokens: Option<u64>,
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
            kind: kind(raw_kind(self.kind)?, self.metadata.unwrap_or_default())?,
            status: SpanStatus::Running,
            started_at: self.started_at.unwrap_or(now),
            ended_at: None,
            attributes: serde_json::Map::new(),
            ms_to_first_chunk: None,
        };
        let version = Version::new(&span.status, now);
        Ok(NewSpan { span, payload: Payload { input: self.input, output: None }, version })
    }
}

fn kind(given: Option<KindInput>, legacy: LegacyMetadata) -> Result<SpanKind, ApiError> {
    let input = match given {
        Some(mut input) => {
            input.fill("model", legacy.model.into());
            input.fill("input_tokens", legacy.input_tokens.into());
            input.fill("output_tokens", legacy.output_tokens.into());
            input
        }
        None => match legacy.model {
            Some(model) => {
                let members = serde_json::json!({ "type": "llm_call", "model": model,
                    "input_tokens": legacy.input_tokens, "output_tokens": legacy.output_tokens });
                KindInput::parse(members).map_err(|error| ApiError::InvalidKind(error.to_string()))?
            }
            None => {
                return Ok(SpanKind::Custom {
                    kind: "custom".to_owned(),
                    attributes: serde_json::Map::new(),
                });
            }
        },
    };
    input.kind().map_err(|error| ApiError::InvalidKind(error.to_string()))
}
