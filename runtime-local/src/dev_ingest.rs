//! Synthetic traces, to try the dashboard without a provider.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio_util::sync::CancellationToken;
use trace::id::{Scope, SpanId};
use trace::json::Json;
use trace::kind::{KindInput, SpanKind};
use trace::ports::{Clock, Ids, SpanWrite};
use trace::record::Recorder;
use trace::span::{NewSpan, Payload, Span, SpanStatus, Version};
use trace::time::Timestamp;
use trace::trace::{NameRank, NewTrace, OnExisting};

const MODELS: [(&str, &str); 3] =
    [("gpt-4o-mini", "openai"), ("claude-sonnet-4", "anthropic"), ("gpt-4.1", "openai")];
const QUESTIONS: [&str; 4] =
    ["Where is my parcel?", "Can I change the address?", "How do I return a chair?", "Is the lamp in stock?"];

/// Writes one trace every `interval` until `stop`.
pub(crate) async fn run(
    recorder: Recorder,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    interval: Duration,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(interval);
    for turn in 0_u64.. {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let (trace, spans) = example(turn, clock.now(), &*ids);
        if let Err(error) = recorder.record(&Scope::LOCAL, vec![trace], spans).await {
            tracing::warn!(%error, "a synthetic trace could not be written");
        }
    }
}

fn example(turn: u64, now: Timestamp, ids: &dyn Ids) -> (NewTrace, Vec<SpanWrite>) {
    let question = pick(&QUESTIONS, turn);
    let (model, provider) = *pick(&MODELS, turn / 2);
    let start = now.minus_micros(1_900_000);
    let trace = NewTrace {
        name: Some(("support-agent".to_owned(), NameRank::Given)),
        tags: vec!["synthetic".to_owned(), "dev".to_owned()],
        session_id: Some(format!("synthetic-{}", turn / 4)),
        on_existing: OnExisting::Keep,
        ..NewTrace::implicit(ids.trace_id(), start)
    };
    let fails = turn % 7 == 6;
    let span = |parent: Option<&SpanId>,
                name: &str,
                kind,
                from: i64,
                to: i64,
                input,
                output,
                error: Option<&str>| {
        let status =
            error.map_or(SpanStatus::Completed, |error| SpanStatus::Failed { error: error.to_owned() });
        NewSpan {
            version: Version::new(&status, now),
            span: Span {
                id: ids.span_id(),
                trace_id: trace.id.clone(),
                parent_id: parent.cloned(),
                name: name.to_owned(),
                kind,
                status,
                started_at: now.minus_micros(from * 1000),
                ended_at: Some(now.minus_micros(to * 1000)),
                attributes: serde_json::Map::new(),
                ms_to_first_chunk: None,
                preview: None,
            },
            payload: Payload {
                input: Some(Json::from_serialize(&input)),
                output: Some(Json::from_serialize(&output)),
            },
        }
    };
    let messages = json!({ "model": model, "messages": [
        { "role": "system", "content": "You answer questions about orders in two sentences." },
        { "role": "user", "content": question },
    ]});
    let answer = json!({ "choices": [{ "index": 0, "finish_reason": "stop", "message":
        { "role": "assistant", "content": "It left the warehouse this morning and arrives tomorrow." } }] });
    let agent = span(
        None,
        "support-agent",
        custom("agent", &json!({})),
        1900,
        20,
        json!({ "question": question }),
        json!("done"),
        None,
    );
    let root = agent.span.id.clone();
    let tool = custom("tool_call", &json!({ "tool_name": "lookup_order" }));
    let failure = fails.then_some("order service timed out");
    let lookup = span(
        Some(&root),
        "lookup_order",
        tool,
        1850,
        1500,
        json!({ "order": 1000 + turn }),
        json!({ "state": "sent" }),
        failure,
    );
    let call = llm(model, provider, 300 + turn % 90, 40 + turn % 60);
    let llm = span(Some(&root), model, call, 1480, 60, messages, answer, None);
    let spans = [agent, lookup, llm].into_iter().map(SpanWrite::Put).collect();
    (trace, spans)
}

fn pick<T>(from: &[T], turn: u64) -> &T {
    let index = usize::try_from(turn).unwrap_or_default() % from.len();
    &from[index]
}

fn custom(word: &str, attributes: &serde_json::Value) -> SpanKind {
    let attributes = attributes.as_object().cloned().unwrap_or_default();
    SpanKind::Custom { kind: word.to_owned(), attributes }
}

fn llm(model: &str, provider: &str, input: u64, output: u64) -> SpanKind {
    let members = json!({ "type": "llm_call", "model": model, "provider": provider,
        "input_tokens": input, "output_tokens": output });
    let kind = KindInput::parse(members).and_then(|input| input.kind());
    kind.expect("the members above make a model call")
}
