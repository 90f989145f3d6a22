//! OpenTelemetry spans as ours.
//!
//! [`map`] reads the conventions for model calls that senders use — OpenTelemetry's own with its older names,
//! the Vercel AI SDK's, `OpenInference`'s and `OpenLLMetry`'s — so that the same call is the same span with the
//! same tokens, whoever sent it. Attributes are looked at once each; texts move from the request into the span.
//! What has no place of its own stays with the span as an attribute, so that nothing a sender wrote is lost.

mod attributes;
mod decode;
mod events;
mod kind;
mod messages;
mod names;
mod payload;
#[cfg(test)]
mod properties;
mod source;
mod span;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod traces;
mod usage;
mod value;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;

pub use self::decode::{DecodeError, decode_json, decode_protobuf, weigh_json, weigh_protobuf};
use self::source::{Resource, Scope};
use self::span::map_span;
use self::traces::Traces;
use crate::ports::SpanWrite;
use crate::time::Timestamp;
use crate::trace::NewTrace;

/// What an export request holds.
#[derive(Debug, Default)]
pub struct Mapped {
    /// The traces of the spans, to be merged with what is known of them.
    pub traces: Vec<NewTrace>,
    /// The spans in the order sent; one sent again replaces what is stored.
    pub spans: Vec<SpanWrite>,
    /// How many spans could not be used.
    pub rejected: u64,
    /// Why they could not, empty when all could.
    pub message: String,
}

/// Maps an export request. `now` is when it came: the start of spans that have none, and their version.
///
/// A span without a usable trace or span id is rejected; the others are kept.
pub fn map(request: ExportTraceServiceRequest, now: Timestamp) -> Mapped {
    let mut traces = Traces::default();
    let mut mapped = Mapped::default();
    for resource_spans in request.resource_spans {
        let resource = Resource::new(resource_spans.resource);
        for scope_spans in resource_spans.scope_spans {
            let scope = Scope::new(scope_spans.scope);
            for span in scope_spans.spans {
                match map_span(span, &resource, &scope, now, &mut traces) {
                    Some(span) => mapped.spans.push(SpanWrite::Put(span)),
                    None => mapped.rejected += 1,
                }
            }
        }
    }
    mapped.traces = traces.finish();
    if mapped.rejected > 0 {
        mapped.message = format!(
            "{} spans rejected: a trace id is 32 hex digits, a span id 16, and neither is all zero",
            mapped.rejected
        );
    }
    mapped
}
