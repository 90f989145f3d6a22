//! The JSON form of an export request, member by member.
//!
//! The generated types read JSON too, but refuse whole requests over names of enumerations, `null` members
//! and ids that are not hex.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1 as proto;
use serde::Deserialize;

use super::any::{Pair, pairs};
use super::scalar::{Scalar, Text, or_default};

const SPAN_KINDS: [&str; 6] = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
const STATUS_CODES: [&str; 3] = ["UNSET", "OK", "ERROR"];

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Request {
    #[serde(rename = "resourceSpans", alias = "resource_spans", deserialize_with = "or_default")]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResourceSpans {
    #[serde(deserialize_with = "or_default")]
    resource: Owner,
    #[serde(rename = "scopeSpans", alias = "scope_spans", deserialize_with = "or_default")]
    scope_spans: Vec<ScopeSpans>,
    #[serde(rename = "schemaUrl", alias = "schema_url", deserialize_with = "or_default")]
    schema_url: Text,
}

/// A resource or an instrumentation scope.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Owner {
    #[serde(deserialize_with = "or_default")]
    name: Text,
    #[serde(deserialize_with = "or_default")]
    version: Text,
    #[serde(deserialize_with = "or_default")]
    attributes: Vec<Pair>,
    #[serde(rename = "droppedAttributesCount", alias = "dropped_attributes_count")]
    dropped_attributes: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ScopeSpans {
    #[serde(deserialize_with = "or_default")]
    scope: Owner,
    #[serde(deserialize_with = "or_default")]
    spans: Vec<Span>,
    #[serde(rename = "schemaUrl", alias = "schema_url", deserialize_with = "or_default")]
    schema_url: Text,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Span {
    #[serde(rename = "traceId", alias = "trace_id")]
    trace_id: Scalar,
    #[serde(rename = "spanId", alias = "span_id")]
    id: Scalar,
    #[serde(rename = "traceState", alias = "trace_state", deserialize_with = "or_default")]
    trace_state: Text,
    #[serde(rename = "parentSpanId", alias = "parent_span_id")]
    parent_id: Scalar,
    flags: Scalar,
    #[serde(deserialize_with = "or_default")]
    name: Text,
    kind: Scalar,
    #[serde(rename = "startTimeUnixNano", alias = "start_time_unix_nano")]
    start: Scalar,
    #[serde(rename = "endTimeUnixNano", alias = "end_time_unix_nano")]
    end: Scalar,
    #[serde(deserialize_with = "or_default")]
    attributes: Vec<Pair>,
    #[serde(rename = "droppedAttributesCount", alias = "dropped_attributes_count")]
    dropped_attributes: Scalar,
    #[serde(deserialize_with = "or_default")]
    events: Vec<Event>,
    #[serde(rename = "droppedEventsCount", alias = "dropped_events_count")]
    dropped_events: Scalar,
    #[serde(deserialize_with = "or_default")]
    links: Vec<Link>,
    #[serde(rename = "droppedLinksCount", alias = "dropped_links_count")]
    dropped_links: Scalar,
    #[serde(deserialize_with = "or_default")]
    status: Option<Status>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Event {
    #[serde(rename = "timeUnixNano", alias = "time_unix_nano")]
    time: Scalar,
    #[serde(deserialize_with = "or_default")]
    name: Text,
    #[serde(deserialize_with = "or_default")]
    attributes: Vec<Pair>,
    #[serde(rename = "droppedAttributesCount", alias = "dropped_attributes_count")]
    dropped_attributes: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Link {
    #[serde(rename = "traceId", alias = "trace_id")]
    trace_id: Scalar,
    #[serde(rename = "spanId", alias = "span_id")]
    span_id: Scalar,
    #[serde(rename = "traceState", alias = "trace_state", deserialize_with = "or_default")]
    trace_state: Text,
    #[serde(deserialize_with = "or_default")]
    attributes: Vec<Pair>,
    #[serde(rename = "droppedAttributesCount", alias = "dropped_attributes_count")]
    dropped_attributes: Scalar,
    flags: Scalar,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    #[serde(deserialize_with = "or_default")]
    message: Text,
    code: Scalar,
}

impl From<Request> for ExportTraceServiceRequest {
    fn from(request: Request) -> Self {
        Self { resource_spans: all(request.resource_spans) }
    }
}

/// Returns each of `items` in its protobuf type.
fn all<T, U: From<T>>(items: Vec<T>) -> Vec<U> {
    items.into_iter().map(U::from).collect()
}

impl From<ResourceSpans> for proto::ResourceSpans {
    fn from(spans: ResourceSpans) -> Self {
        let resource = Resource {
            attributes: pairs(spans.resource.attributes),
            dropped_attributes_count: spans.resource.dropped_attributes.small(),
            ..Resource::default()
        };
        Self { resource: Some(resource), scope_spans: all(spans.scope_spans), schema_url: spans.schema_url.0 }
    }
}

impl From<ScopeSpans> for proto::ScopeSpans {
    fn from(spans: ScopeSpans) -> Self {
        let scope = InstrumentationScope {
            name: spans.scope.name.0,
            version: spans.scope.version.0,
            attributes: pairs(spans.scope.attributes),
            dropped_attributes_count: spans.scope.dropped_attributes.small(),
        };
        Self { scope: Some(scope), spans: all(spans.spans), schema_url: spans.schema_url.0 }
    }
}

impl From<Span> for proto::Span {
    fn from(span: Span) -> Self {
        Self {
            trace_id: span.trace_id.hex(),
            span_id: span.id.hex(),
            trace_state: span.trace_state.0,
            parent_span_id: span.parent_id.hex(),
            flags: span.flags.small(),
            name: span.name.0,
            kind: span.kind.number_of(&SPAN_KINDS),
            start_time_unix_nano: span.start.unsigned(),
            end_time_unix_nano: span.end.unsigned(),
            attributes: pairs(span.attributes),
            dropped_attributes_count: span.dropped_attributes.small(),
            events: all(span.events),
            dropped_events_count: span.dropped_events.small(),
            links: all(span.links),
            dropped_links_count: span.dropped_links.small(),
            status: span.status.map(Into::into),
        }
    }
}

impl From<Event> for proto::span::Event {
    fn from(event: Event) -> Self {
        Self {
            time_unix_nano: event.time.unsigned(),
            name: event.name.0,
            attributes: pairs(event.attributes),
            dropped_attributes_count: event.dropped_attributes.small(),
        }
    }
}

impl From<Link> for proto::span::Link {
    fn from(link: Link) -> Self {
        Self {
            trace_id: link.trace_id.hex(),
            span_id: link.span_id.hex(),
            trace_state: link.trace_state.0,
            attributes: pairs(link.attributes),
            dropped_attributes_count: link.dropped_attributes.small(),
            flags: link.flags.small(),
        }
    }
}

impl From<Status> for proto::Status {
    fn from(status: Status) -> Self {
        Self { message: status.message.0, code: status.code.number_of(&STATUS_CODES) }
    }
}
