//! What every store with [`Creators`] promises.

use uuid::Uuid;

use super::fixtures::{batch, completed, new_span, scope, span, time};
use crate::id::{SpanId, TraceId};
use crate::ports::{Batch, BatchId, Creators, SpanKey, SpanStore, SpanWrite};
use crate::span::{Finish, Span, SpanStatus, Version};

/// What every store with [`Creators`] promises. Both are of one store in which tenants 401 and 402 are empty.
pub async fn creators_contract(spans: &dyn SpanStore, creators: &dyn Creators) {
    let (scope, stranger) = (scope(401), scope(402));
    let keys = ["a", "b", "c", "d"]
        .map(|id| SpanKey { trace_id: TraceId::parse("t").unwrap(), span_id: SpanId::parse(id).unwrap() });
    assert_eq!(creators.creators(&scope, &keys).await.unwrap(), [None; 4]);
    let put = |span: Span, version| {
        let mut new = new_span(span, None, None);
        new.version = version;
        SpanWrite::Put(new)
    };
    let write = |id: Option<u128>, writes: Vec<SpanWrite>| {
        let batch = Batch { id: id.map(|id| BatchId(Uuid::from_u128(id))), ..batch(vec![], writes) };
        async { spans.write(&scope, batch).await.unwrap() }
    };
    let (early, late) = (Version(1), Version::new(&SpanStatus::Completed, time(5)));
    write(Some(1), vec![put(span("t", "a", 0), early), put(span("t", "b", 0), early)]).await;
    // What changes a span, ends it or repeats it does not create it.
    let changed = put(completed(span("t", "a", 0), 5), late);
    let create = SpanWrite::Create(new_span(span("t", "c", 0), None, None));
    write(Some(2), vec![changed, put(span("t", "b", 0), early), create.clone()]).await;
    let end = Finish {
        trace_id: None,
        span_id: SpanId::parse("b").unwrap(),
        status: SpanStatus::Completed,
        ended_at: time(9),
        output: None,
        kind: None,
        version: late,
    };
    write(Some(3), vec![SpanWrite::Finish(end), create]).await;
    write(None, vec![put(span("t", "d", 0), early)]).await;
    let [one, two] = [1, 2].map(|id| Some(BatchId(Uuid::from_u128(id))));
    assert_eq!(creators.creators(&scope, &keys).await.unwrap(), [one, one, two, None]);
    let asked = [&keys[2], &keys[0], &keys[2]].map(Clone::clone);
    assert_eq!(creators.creators(&scope, &asked).await.unwrap(), [two, one, two], "in the order asked");
    assert_eq!(creators.creators(&scope, &[]).await.unwrap(), []);
    assert_eq!(creators.creators(&stranger, &keys).await.unwrap(), [None; 4]);
    // One that is deleted and comes again is another span.
    spans.delete(&scope, None, &keys[0].span_id).await.unwrap();
    assert_eq!(creators.creators(&scope, &keys[..1]).await.unwrap(), [None]);
    write(Some(4), vec![put(span("t", "a", 0), early)]).await;
    let four = Some(BatchId(Uuid::from_u128(4)));
    assert_eq!(creators.creators(&scope, &keys[..1]).await.unwrap(), [four]);
}
