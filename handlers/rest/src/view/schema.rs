//! Shapes that only the API description needs, since the domain types know nothing of it.

#![expect(dead_code, reason = "read by the schema derive, never constructed")]

use serde::Serialize;
use utoipa::ToSchema;

/// What a span did.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum SpanKind {
    /// A call of a language or embedding model.
    LlmCall {
        model: String,
        provider: Option<String>,
        input_tokens: Option<u64>,
        output_tokens: Option<u64>,
        cached_input_tokens: Option<u64>,
        cache_write_tokens: Option<u64>,
        cache_write_1h_tokens: Option<u64>,
        reasoning_tokens: Option<u64>,
        audio_input_tokens: Option<u64>,
        audio_output_tokens: Option<u64>,
        service_tier: Option<String>,
        cost: Option<f64>,
        input_preview: Option<String>,
        output_preview: Option<String>,
    },
    /// Anything else, named by `kind`.
    Custom {
        kind: String,
        #[schema(value_type = Object)]
        attributes: serde_json::Value,
    },
    /// A file was read.
    FsRead { path: String, bytes_read: u64, file_version: Option<String> },
    /// A file was written.
    FsWrite { path: String, bytes_written: u64, file_version: String },
}

/// Where a span is in its life: `"running"`, `"completed"` or `{"failed": {"error": "…"}}`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SpanStatus {
    Running,
    Completed,
    Failed { error: String },
}

/// `failed`, `running` or `completed`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Running,
    Completed,
    Failed,
}
