//! What the tests of this crate share.

#![allow(dead_code, reason = "each test takes what it needs")]

use adapter_turbopuffer::{Options, TurbopufferStore};
use trace::filter::{Filter, ListQuery, SortBy, SortOrder};
use trace::id::{SpanId, TraceId};
use trace::ports::{SpanWrite, Written};
use trace::span::{Finish, Span, SpanStatus, Version};
use trace::testing::{new_span, time};
use turbopuffer_emulator::Emulator;

/// Returns the options of a store on an emulator.
pub(crate) fn options(emulator: &Emulator) -> Options {
    Options { base_url: Some(emulator.url.clone()), ..Options::new("tpuf_test") }
}

/// Returns a store on an emulator: one more instance, which shares nothing with others.
pub(crate) fn store(emulator: &Emulator) -> TurbopufferStore {
    TurbopufferStore::new(options(emulator)).unwrap()
}

/// Returns the namespace of the tenant that the tests use, spans and traces.
pub(crate) fn namespace(number: u128) -> String {
    format!("tw_{:032x}_{number:032x}", 1)
}

/// Returns the id of a trace.
pub(crate) fn tid(text: &str) -> TraceId {
    TraceId::parse(text).unwrap()
}

/// Returns the id of a span.
pub(crate) fn sid(text: &str) -> SpanId {
    SpanId::parse(text).unwrap()
}

/// Returns the write of a span without payload.
pub(crate) fn put(span: Span) -> SpanWrite {
    SpanWrite::Put(new_span(span, None, None))
}

/// Returns the end of a span.
pub(crate) fn finish(id: &str, millis: i64) -> SpanWrite {
    let status = SpanStatus::Completed;
    SpanWrite::Finish(Finish {
        trace_id: None,
        span_id: sid(id),
        version: Version::new(&status, time(millis)),
        status,
        ended_at: time(millis),
        output: None,
        kind: None,
    })
}

/// Returns a query for what matches, the newest first.
pub(crate) fn query(filter: Filter, limit: usize) -> ListQuery {
    ListQuery { filter, sort_by: SortBy::StartedAt, sort_order: SortOrder::Desc, after: None, limit }
}

/// Returns what a batch of one span did to it.
pub(crate) fn change(mut written: Written) -> trace::ports::SpanChange {
    written.spans.remove(0)
}
