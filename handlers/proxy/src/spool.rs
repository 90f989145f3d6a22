//! Records the store refused, kept until it answers again.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use trace::id::{OrgId, ProjectId, Scope, SpanId, TraceId};
use trace::json::Json;
use trace::kind::{Attributes, Cost, SpanKind};
use trace::ports::SpanWrite;
use trace::span::{NewSpan, Payload, Span, SpanStatus, Version};
use trace::time::Timestamp;
use trace::trace::{NameRank, NewTrace, OnExisting};

/// A finished call as it goes to [`Recorder::record`](trace::record::Recorder::record). Recording it again
/// changes nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Whose call it is.
    pub scope: Scope,
    /// Its trace.
    pub trace: NewTrace,
    /// Its span, ended.
    pub span: NewSpan,
}

/// A record could not be kept either.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// There is no room left.
    #[error("the spool is full")]
    Full,
    /// The spool cannot be written.
    #[error("the spool cannot be written")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Keeps records the store refused, and records them once it takes them.
///
/// [`keep`](Self::keep) returns when the record would survive the process. An implementation is bounded, hands
/// records back in the order it got them, and does so when the store answers again and when the process starts.
#[async_trait]
pub trait Spool: Send + Sync {
    /// Keeps a record.
    async fn keep(&self, record: &Record) -> Result<(), SpoolError>;
}

impl Record {
    /// Returns the record as one line of JSON, without the line end.
    pub fn to_line(&self) -> String {
        serde_json::to_string(&Line::from(self)).expect("a record has a JSON form")
    }

    /// Reads what [`to_line`](Self::to_line) wrote.
    pub fn parse(line: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str::<Line>(line).map(Self::from)
    }

    /// Returns what [`Recorder::record`](trace::record::Recorder::record) takes.
    pub fn into_writes(self) -> (Scope, Vec<NewTrace>, Vec<SpanWrite>) {
        (self.scope, vec![self.trace], vec![SpanWrite::Put(self.span)])
    }
}

/// A record as it is written.
#[derive(Serialize, Deserialize)]
struct Line {
    org: OrgId,
    project: ProjectId,
    trace: TraceLine,
    span: SpanLine,
}

#[derive(Serialize, Deserialize)]
struct TraceLine {
    id: TraceId,
    name: Option<String>,
    name_rank: i64,
    tags: Vec<String>,
    session_id: Option<String>,
    metadata: Attributes,
    machine_id: Option<String>,
    started_at: Timestamp,
    merge: bool,
}

#[derive(Serialize, Deserialize)]
struct SpanLine {
    id: SpanId,
    parent_id: Option<SpanId>,
    name: String,
    kind: SpanKind,
    /// Whether the cost in `kind` is an estimate; there it is a number only.
    estimated: bool,
    status: SpanStatus,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    attributes: Attributes,
    ms_to_first_chunk: Option<u64>,
    /// At most one: JSON `null` and nothing at all differ.
    input: Vec<Json>,
    /// At most one.
    output: Vec<Json>,
    version: u64,
}

impl From<&Record> for Line {
    fn from(record: &Record) -> Self {
        let Record { scope, trace, span: NewSpan { span, payload, version } } = record;
        let (name, rank) = trace.name.clone().map_or((None, NameRank::Fallback), |(n, rank)| (Some(n), rank));
        Self {
            org: scope.org,
            project: scope.project,
            trace: TraceLine {
                id: trace.id.clone(),
                name,
                name_rank: rank as i64,
                tags: trace.tags.clone(),
                session_id: trace.session_id.clone(),
                metadata: trace.metadata.clone(),
                machine_id: trace.machine_id.clone(),
                started_at: trace.started_at,
                merge: trace.on_existing == OnExisting::Merge,
            },
            span: SpanLine {
                id: span.id.clone(),
                parent_id: span.parent_id.clone(),
                name: span.name.clone(),
                kind: span.kind.clone(),
                estimated: matches!(span.kind.llm().and_then(|call| call.cost), Some(Cost::Estimated(_))),
                status: span.status.clone(),
                started_at: span.started_at,
                ended_at: span.ended_at,
                attributes: span.attributes.clone(),
                ms_to_first_chunk: span.ms_to_first_chunk,
                input: payload.input.iter().cloned().collect(),
                output: payload.output.iter().cloned().collect(),
                version: version.0,
            },
        }
    }
}

impl From<Line> for Record {
    fn from(line: Line) -> Self {
        let Line { org, project, trace, span } = line;
        let mut kind = span.kind;
        if let SpanKind::LlmCall(call) = &mut kind
            && span.estimated
        {
            call.cost = call.cost.map(|cost| Cost::Estimated(cost.usd()));
        }
        Self {
            scope: Scope { org, project },
            span: NewSpan {
                span: Span {
                    id: span.id,
                    trace_id: trace.id.clone(),
                    parent_id: span.parent_id,
                    name: span.name,
                    kind,
                    status: span.status,
                    started_at: span.started_at,
                    ended_at: span.ended_at,
                    attributes: span.attributes,
                    ms_to_first_chunk: span.ms_to_first_chunk,
                    preview: None,
                },
                payload: Payload {
                    input: span.input.into_iter().next(),
                    output: span.output.into_iter().next(),
                },
                version: Version(span.version),
            },
            trace: NewTrace {
                id: trace.id,
                name: trace.name.map(|name| (name, NameRank::from_number(trace.name_rank))),
                tags: trace.tags,
                session_id: trace.session_id,
                metadata: trace.metadata,
                machine_id: trace.machine_id,
                started_at: trace.started_at,
                on_existing: if trace.merge { OnExisting::Merge } else { OnExisting::Keep },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use trace::kind::{LlmCall, Usage};

    use super::*;

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let at = Timestamp::from_micros(1_700_000_000_123_456);
        let id = TraceId::parse("t").unwrap();
        let call = LlmCall {
            model: "m".to_owned(),
            usage: Usage { input_tokens: Some(3), ..Usage::default() },
            cost: Some(Cost::Estimated(0.25)),
            ..LlmCall::default()
        };
        let status = SpanStatus::Failed { error: "no".to_owned() };
        let record = Record {
            scope: Scope::LOCAL,
            trace: NewTrace {
                name: Some(("m".to_owned(), NameRank::Given)),
                tags: vec!["proxy".to_owned()],
                session_id: Some("s".to_owned()),
                on_existing: OnExisting::Merge,
                ..NewTrace::implicit(id.clone(), at)
            },
            span: NewSpan {
                version: Version::new(&status, at),
                span: Span {
                    id: SpanId::parse("s").unwrap(),
                    trace_id: id,
                    parent_id: None,
                    name: "m".to_owned(),
                    kind: SpanKind::LlmCall(call),
                    status,
                    started_at: at,
                    ended_at: Some(at),
                    attributes: Attributes::new(),
                    ms_to_first_chunk: Some(7),
                    preview: None,
                },
                payload: Payload {
                    input: Some(Json::string("a\nb")),
                    output: Some(Json::parse("null").unwrap()),
                },
            },
        };
        let line = record.to_line();
        assert!(!line.contains('\n'));
        assert_eq!(Record::parse(&line).unwrap(), record);
        assert!(Record::parse("{}").is_err());
    }
}
