//! Calls that an earlier process left running because it ended without a stop.

use std::sync::Arc;
use std::time::Duration;

use trace::filter::{Filter, ListQuery, SortBy, SortOrder, Test};
use trace::id::Scope;
use trace::ports::{SpanStore, SpanWrite, StoreError, chain};
use trace::record::Recorder;
use trace::span::{Finish, Span, SpanStatus, StatusWord, Version};
use trace::time::Timestamp;

/// The error of such a call.
const INTERRUPTED: &str = "interrupted";

/// The label of the traces the proxy makes.
const TAG: &str = "proxy";

/// Spans failed in one batch.
const STEP: usize = 200;

/// How long to wait after an error.
const PAUSE: Duration = Duration::from_secs(5);

/// Fails the proxied calls that started before `before` and still run: nobody is left to say how they end.
pub(crate) async fn fail(spans: Arc<dyn SpanStore>, recorder: Recorder, before: Timestamp) {
    loop {
        match fail_once(&*spans, &recorder, before).await {
            Ok(0) => return,
            Ok(count) => {
                tracing::info!(spans = count, "calls an earlier process left running are failed");
                return;
            }
            Err(error) => {
                tracing::warn!(error = %chain(&error), "calls an earlier process left running cannot be failed yet");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn fail_once(
    spans: &dyn SpanStore,
    recorder: &Recorder,
    before: Timestamp,
) -> Result<usize, StoreError> {
    let mut query = ListQuery {
        filter: filter(before),
        sort_by: SortBy::StartedAt,
        sort_order: SortOrder::Desc,
        after: None,
        limit: STEP,
    };
    let mut count = 0;
    loop {
        let page = spans.list(&Scope::LOCAL, &query).await?;
        let mut ends = Vec::new();
        for span in page.items.iter().filter(|span| is_like_the_proxys(span)) {
            // The filter takes tags that only have the word in them.
            let trace = spans.find_trace(&Scope::LOCAL, &span.trace_id).await?;
            if trace.is_some_and(|trace| trace.tags.iter().any(|tag| tag == TAG)) {
                ends.push(end(span));
            }
        }
        count += ends.len();
        if !ends.is_empty() {
            recorder.record(&Scope::LOCAL, Vec::new(), ends).await?;
        }
        query.after = page.next;
        if query.after.is_none() {
            return Ok(count);
        }
    }
}

/// Returns whether a span looks as the proxy records calls. Others may be in a trace of the proxy's, and still go on.
fn is_like_the_proxys(span: &Span) -> bool {
    span.kind.llm().is_some_and(|call| call.provider.is_some() && span.name == call.model)
        && span.attributes.is_empty()
}

fn filter(before: Timestamp) -> Filter {
    let mut filter = Filter::default();
    filter.and(Test::Status(StatusWord::Running));
    filter.and(Test::Kind("llm_call".to_owned()));
    filter.and(Test::Tag(TAG.to_owned()));
    filter.and(Test::Until(before));
    filter
}

/// Returns the end of a span. When it came is not known; the start is early enough for whatever the spool, or a
/// client that lives on, still has to say about it.
fn end(span: &Span) -> SpanWrite {
    let status = SpanStatus::Failed { error: INTERRUPTED.to_owned() };
    SpanWrite::Finish(Finish {
        trace_id: Some(span.trace_id.clone()),
        span_id: span.id.clone(),
        version: Version::new(&status, span.started_at),
        status,
        ended_at: span.started_at,
        output: None,
        kind: None,
    })
}
