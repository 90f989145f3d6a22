//! The beginning of what the user asked, beside the name of a trace.

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::fixtures::{llm, with};
use super::super::{Case, Ctx};

pub(super) fn cases() -> Vec<Case> {
    cases!("traces", &[];
        a_trace_shows_the_first_user_message,
        the_root_is_shown_before_the_earliest_call,
        a_preview_is_one_line_of_at_most_200_characters,
        a_call_created_and_then_completed_is_shown,
        a_trace_without_a_user_message_shows_none,
        a_preview_goes_with_its_span,
    )
}

fn asking(text: &str) -> Value {
    json!([{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}])
}

/// Returns what a trace shows, which a list of traces and one trace agree about.
async fn shown(t: &Ctx, trace: &str) -> Value {
    let one = t.read_trace(trace).await["trace"]["input_preview"].clone();
    let listed = t.list("/api/traces", &[("q", &format!("trace:{trace}"))]).await.ok();
    assert_eq!(listed["count"], 1, "{listed}");
    assert_eq!(listed["traces"][0]["input_preview"], one);
    one
}

/// Writes completed spans into the trace of the case and returns what it shows.
async fn written(t: &Ctx, spans: Vec<Value>) -> Value {
    let whole = |span: Value| with(json!({"trace_id": t.id("trace")}), span);
    t.ingest(vec![], spans.into_iter().map(whole).collect()).await;
    shown(t, &t.id("trace")).await
}

async fn a_trace_shows_the_first_user_message(t: Ctx) {
    let text = "How high\n is the Zugspitze?";
    let pieces =
        json!([{"type": "image_url", "image_url": {"url": "data:"}}, {"type": "text", "text": text}]);
    for (number, input) in [
        asking(text),
        json!({"model": "m", "messages": asking(text)}),
        json!({"model": "m", "messages": [{"role": "user", "content": pieces}]}),
        json!({"model": "m", "instructions": "Be brief.", "input": text}),
        json!({"contents": [{"role": "user", "parts": [{"text": text}]}]}),
        json!(text),
    ]
    .into_iter()
    .enumerate()
    {
        let trace = t.id(&format!("trace-{number}"));
        let id = t.id(&format!("call-{number}"));
        let span = json!({"id": id, "trace_id": trace, "parent_id": t.id("gone"), "kind": llm("m", 1, 1), "input": input});
        t.ingest(vec![], vec![span]).await;
        assert_eq!(shown(&t, &trace).await, "How high is the Zugspitze?", "{input}");
    }
}

async fn the_root_is_shown_before_the_earliest_call(t: Ctx) {
    let call = |id: &str, second: u32, text: &str| {
        json!({"id": t.id(id), "parent_id": t.id("root"), "kind": llm("m", 1, 1), "input": asking(text),
            "started_at": format!("2025-03-01T10:00:0{second}Z")})
    };
    let agent = json!({"type": "custom", "kind": "agent"});
    let step = json!({"id": t.id("step"), "parent_id": t.id("root"), "kind": agent, "input": asking("step"),
        "started_at": "2025-03-01T10:00:00Z"});
    assert_eq!(written(&t, vec![step]).await, Value::Null, "neither a root nor a call");
    assert_eq!(written(&t, vec![call("late", 3, "late")]).await, "late");
    assert_eq!(written(&t, vec![call("early", 1, "early"), call("later", 2, "later")]).await, "early");
    let root = json!({"id": t.id("root"), "kind": agent, "input": {"messages": asking("root")},
        "started_at": "2025-03-01T10:00:09Z"});
    assert_eq!(written(&t, vec![root]).await, "root");
}

async fn a_preview_is_one_line_of_at_most_200_characters(t: Ctx) {
    let text = "東京 \"🚀\"\r\n\t".repeat(40_000);
    let call = json!({"id": t.id("call"), "kind": llm("m", 1, 1), "input": asking(&text)});
    let preview = written(&t, vec![call]).await;
    let preview = preview.as_str().expect("a text");
    assert_eq!(preview.chars().count(), 200);
    assert!(preview.starts_with("東京 \"🚀\" 東京 \"🚀\" ") && preview.ends_with('…'), "{preview}");
}

async fn a_call_created_and_then_completed_is_shown(t: Ctx) {
    let trace = t.id("trace");
    let span = json!({"trace_id": trace, "kind": {"type": "llm_call", "model": "m"}, "input": asking("what is it?")});
    let id = t.span(span).await;
    assert_eq!(shown(&t, &trace).await, "what is it?", "while it runs");
    t.complete(&id, json!({"output": "a fox"})).await;
    assert_eq!(shown(&t, &trace).await, "what is it?");
}

async fn a_trace_without_a_user_message_shows_none(t: Ctx) {
    let created = t.trace(json!({"id": t.id("trace")})).await;
    assert_eq!(created.get("input_preview"), Some(&Value::Null));
    let spans = vec![
        json!({"id": t.id("a"), "kind": llm("m", 1, 1)}),
        json!({"id": t.id("b"), "kind": llm("m", 1, 1), "input": [{"role": "system", "content": "Be brief."}]}),
        json!({"id": t.id("c"), "input": "a path"}),
    ];
    assert_eq!(written(&t, spans).await, Value::Null);
}

async fn a_preview_goes_with_its_span(t: Ctx) {
    let call = json!({"id": t.id("call"), "kind": llm("m", 1, 1), "input": asking("why?")});
    assert_eq!(written(&t, vec![call]).await, "why?");
    t.delete(&format!("/api/spans/{}", t.id("call"))).await.ok();
    assert_eq!(shown(&t, &t.id("trace")).await, Value::Null);
}
