//! What every [`PayloadStore`] promises.

use super::fixtures::{batch, completed, new_span, scope, span, time};
use super::memory::MemoryStore;
use super::samples;
use crate::id::{Scope, SpanId, TraceId};
use crate::json::Json;
use crate::ports::{PayloadStore, SpanKey, SpanStore, SpanWrite};
use crate::span::{Finish, NewSpan, Payload, Span, SpanStatus, Version};

/// What every [`PayloadStore`] promises. Both are of one empty store.
pub async fn payload_store_contract(spans: &dyn SpanStore, payloads: &dyn PayloadStore) {
    every_json_comes_back(spans, payloads, &scope(201)).await;
    absent_is_not_null(spans, payloads, &scope(202)).await;
    a_side_not_given_stays(spans, payloads, &scope(203)).await;
    payloads_of_other_projects_are_empty(spans, payloads, &scope(204), &scope(205)).await;
    shared_parts_outlive_a_deletion(spans, payloads, &scope(206)).await;
    parts_of_a_span_that_was_not_taken_count_for_nothing(spans, payloads, &scope(209)).await;
    a_long_conversation_comes_back(spans, payloads, &scope(207)).await;
    it_holds_what_the_plain_store_holds(spans, payloads, &scope(208)).await;
}

fn key(trace: &str, id: &str) -> SpanKey {
    SpanKey { trace_id: TraceId::parse(trace).unwrap(), span_id: SpanId::parse(id).unwrap() }
}

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

fn put(span: Span, input: Option<&str>, output: Option<&str>) -> SpanWrite {
    SpanWrite::Put(new_span(span, input, output))
}

async fn every_json_comes_back(spans: &dyn SpanStore, payloads: &dyn PayloadStore, scope: &Scope) {
    let long =
        format!("{{\"messages\":[{{\"role\":\"user\",\"content\":\"{}\"}}]}}", "東京 tower ".repeat(5_000));
    let deep = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    let many = format!(
        "[{}0]",
        r#"{"role":"user","content":"a message of more than fifty characters, again and again"},"#
            .repeat(3_000)
    );
    let texts = [
        "0",
        "-1.50e+300",
        "12345678901234567890123456789",
        "true",
        "null",
        "\"\"",
        "[]",
        "{}",
        r#"{"z":1,"a":2,"z":3}"#,
        r#""\u00e9\ud83e\udd80\n\/""#,
        r#""raw é 🦀""#,
        &long,
        &deep,
        &many,
    ];
    let writes = texts
        .iter()
        .enumerate()
        .map(|(at, text)| put(span("t", &format!("s{at}"), 0), Some(text), Some(text)));
    spans.write(scope, batch(vec![], writes.collect())).await.unwrap();
    let mut keys: Vec<SpanKey> = (0..texts.len()).map(|at| key("t", &format!("s{at}"))).collect();
    let mut wanted: Vec<Payload> =
        texts.iter().map(|text| Payload { input: Some(json(text)), output: Some(json(text)) }).collect();
    assert_eq!(payloads.load(scope, &keys).await.unwrap(), wanted);
    // In the order asked, repeats and strangers included.
    keys.reverse();
    wanted.reverse();
    keys.insert(1, key("t", "missing"));
    wanted.insert(1, Payload::default());
    keys.insert(2, key("other", "s0"));
    wanted.insert(2, Payload::default());
    keys.push(keys[0].clone());
    wanted.push(wanted[0].clone());
    assert_eq!(payloads.load(scope, &keys).await.unwrap(), wanted);
    assert_eq!(payloads.load(scope, &[]).await.unwrap(), []);
}

async fn absent_is_not_null(spans: &dyn SpanStore, payloads: &dyn PayloadStore, scope: &Scope) {
    let writes = vec![
        put(span("t", "none", 0), None, None),
        put(span("t", "null", 0), Some("null"), None),
        put(span("t", "out", 0), None, Some("null")),
    ];
    spans.write(scope, batch(vec![], writes)).await.unwrap();
    let loaded = payloads.load(scope, &[key("t", "none"), key("t", "null"), key("t", "out")]).await.unwrap();
    let wanted = [
        Payload::default(),
        Payload { input: Some(json("null")), output: None },
        Payload { input: None, output: Some(json("null")) },
    ];
    assert_eq!(loaded, wanted);
}

async fn a_side_not_given_stays(spans: &dyn SpanStore, payloads: &dyn PayloadStore, scope: &Scope) {
    let now = async || payloads.load(scope, &[key("t", "s")]).await.unwrap().remove(0);
    let create = SpanWrite::Create(new_span(span("t", "s", 0), Some("1"), None));
    spans.write(scope, batch(vec![], vec![create.clone()])).await.unwrap();
    let end = SpanWrite::Finish(Finish {
        trace_id: None,
        span_id: SpanId::parse("s").unwrap(),
        status: SpanStatus::Completed,
        ended_at: time(5),
        output: Some(json("2")),
        kind: None,
        version: Version::new(&SpanStatus::Completed, time(5)),
    });
    spans.write(scope, batch(vec![], vec![end])).await.unwrap();
    assert_eq!(now().await, Payload { input: Some(json("1")), output: Some(json("2")) });
    spans.write(scope, batch(vec![], vec![create])).await.unwrap();
    assert_eq!(
        now().await,
        Payload { input: Some(json("1")), output: Some(json("2")) },
        "a repeated create changes nothing"
    );
    let at = |millis, output| {
        let new = new_span(completed(span("t", "s", 0), 1), None, Some(output));
        SpanWrite::Put(NewSpan { version: Version::new(&new.span.status, time(millis)), ..new })
    };
    spans.write(scope, batch(vec![], vec![at(9, "3")])).await.unwrap();
    assert_eq!(now().await, Payload { input: Some(json("1")), output: Some(json("3")) });
    spans.write(scope, batch(vec![], vec![at(8, "4")])).await.unwrap();
    assert_eq!(now().await.output, Some(json("3")), "an older write changes nothing");
    // Within one batch too.
    let both = vec![put(span("t", "n", 0), Some("5"), None), {
        let new = new_span(completed(span("t", "n", 0), 1), None, Some("6"));
        SpanWrite::Put(new)
    }];
    spans.write(scope, batch(vec![], both)).await.unwrap();
    let loaded = payloads.load(scope, &[key("t", "n")]).await.unwrap();
    assert_eq!(loaded, [Payload { input: Some(json("5")), output: Some(json("6")) }]);
}

async fn payloads_of_other_projects_are_empty(
    spans: &dyn SpanStore,
    payloads: &dyn PayloadStore,
    ours: &Scope,
    theirs: &Scope,
) {
    spans.write(ours, batch(vec![], vec![put(span("t", "s", 0), Some("\"ours\""), None)])).await.unwrap();
    assert_eq!(payloads.load(theirs, &[key("t", "s")]).await.unwrap(), [Payload::default()]);
    spans.write(theirs, batch(vec![], vec![put(span("t", "s", 0), Some("\"theirs\""), None)])).await.unwrap();
    let loaded = payloads.load(ours, &[key("t", "s")]).await.unwrap();
    assert_eq!(loaded[0].input, Some(json("\"ours\"")));
}

async fn shared_parts_outlive_a_deletion(spans: &dyn SpanStore, payloads: &dyn PayloadStore, scope: &Scope) {
    let shared = r#"{"messages":[{"role":"system","content":"A long instruction that every call of this agent repeats."}]}"#;
    let writes = [("a", "1"), ("a", "2"), ("b", "1"), ("c", "1")]
        .map(|(trace, id)| put(span(trace, id, 0), Some(shared), Some(shared)));
    spans.write(scope, batch(vec![], writes.to_vec())).await.unwrap();
    let whole = Payload { input: Some(json(shared)), output: Some(json(shared)) };
    spans.delete(scope, Some(&key("a", "1").trace_id), &key("a", "1").span_id).await.unwrap();
    let loaded = payloads.load(scope, &[key("a", "1"), key("a", "2"), key("b", "1")]).await.unwrap();
    assert_eq!(loaded, [Payload::default(), whole.clone(), whole.clone()]);
    spans.delete_trace(scope, &key("a", "1").trace_id).await.unwrap();
    spans.delete_trace(scope, &key("c", "1").trace_id).await.unwrap();
    let loaded = payloads.load(scope, &[key("a", "2"), key("b", "1")]).await.unwrap();
    assert_eq!(loaded, [Payload::default(), whole.clone()]);
    spans.delete_trace(scope, &key("b", "1").trace_id).await.unwrap();
    // What was deleted everywhere is stored again when it comes again.
    spans
        .write(scope, batch(vec![], vec![put(span("d", "1", 0), Some(shared), Some(shared))]))
        .await
        .unwrap();
    assert_eq!(payloads.load(scope, &[key("d", "1")]).await.unwrap()[0], whole);
    spans.clear(scope).await.unwrap();
    assert_eq!(payloads.load(scope, &[key("d", "1")]).await.unwrap(), [Payload::default()]);
    spans
        .write(scope, batch(vec![], vec![put(span("e", "1", 0), Some(shared), Some(shared))]))
        .await
        .unwrap();
    assert_eq!(payloads.load(scope, &[key("e", "1")]).await.unwrap(), [whole]);
}

async fn parts_of_a_span_that_was_not_taken_count_for_nothing(
    spans: &dyn SpanStore,
    payloads: &dyn PayloadStore,
    scope: &Scope,
) {
    let body = |text: &str| {
        format!(
            r#"{{"messages":[{{"role":"user","content":"{text}: long enough to be kept as a part of its own"}}]}}"#
        )
    };
    let create =
        |id: &str, text: &str| SpanWrite::Create(new_span(span("t", id, 0), Some(&body(text)), None));
    spans.write(scope, batch(vec![], vec![create("taken", "before")])).await.unwrap();
    // One batch brings two messages, and the span of the first is there already.
    spans
        .write(scope, batch(vec![], vec![create("taken", "first"), create("other", "second")]))
        .await
        .unwrap();
    spans.write(scope, batch(vec![], vec![create("again", "first")])).await.unwrap();
    spans.delete(scope, None, &key("t", "other").span_id).await.unwrap();
    let loaded = payloads.load(scope, &[key("t", "taken"), key("t", "again")]).await.unwrap();
    assert_eq!(loaded[0].input, Some(json(&body("before"))));
    assert_eq!(loaded[1].input, Some(json(&body("first"))));
}

async fn a_long_conversation_comes_back(spans: &dyn SpanStore, payloads: &dyn PayloadStore, scope: &Scope) {
    let message =
        |turn: usize| format!(r#"{{"role":"user","content":"turn {turn}: {}"}}"#, "word ".repeat(20));
    let body = |turns: usize| {
        let messages: Vec<String> = (0..turns).map(message).collect();
        format!(r#"{{"model":"m","messages":[{}],"stream":true}}"#, messages.join(","))
    };
    for turn in 1..=60 {
        let write = put(span("t", &format!("s{turn}"), 0), Some(&body(turn)), Some(&message(turn)));
        spans.write(scope, batch(vec![], vec![write])).await.unwrap();
    }
    let keys: Vec<SpanKey> = (1..=60).map(|turn| key("t", &format!("s{turn}"))).collect();
    for (turn, payload) in payloads.load(scope, &keys).await.unwrap().into_iter().enumerate() {
        assert_eq!(payload.input, Some(json(&body(turn + 1))));
        assert_eq!(payload.output, Some(json(&message(turn + 1))));
    }
}

async fn it_holds_what_the_plain_store_holds(
    spans: &dyn SpanStore,
    payloads: &dyn PayloadStore,
    scope: &Scope,
) {
    let plain = MemoryStore::default();
    for batch in samples::batches(11, 80) {
        plain.write(scope, batch.clone()).await.unwrap();
        spans.write(scope, batch).await.unwrap();
    }
    let mut keys = Vec::new();
    for trace in 0..16 {
        let trace_id = TraceId::parse(&format!("trace-{trace}")).unwrap();
        let own = plain.list_of_traces(scope, std::slice::from_ref(&trace_id)).await.unwrap();
        keys.extend(own.into_iter().map(|span| SpanKey { trace_id: trace_id.clone(), span_id: span.id }));
    }
    assert_eq!(payloads.load(scope, &keys).await.unwrap(), plain.load(scope, &keys).await.unwrap());
}
