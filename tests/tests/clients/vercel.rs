//! The Vercel AI SDK with its own telemetry, as protobuf and as JSON, and with the spans of its older versions.

use serde_json::{Value, json};

use crate::stage::{
    EMBEDDING_3_SMALL, GPT_4O_MINI, Stage, assert_counts, assert_failed, assert_says, model_calls,
    on_each_mount, outline,
};

/// Names and numbers of spans that the two kinds of telemetry give.
struct Shape {
    export: &'static str,
    /// Spans around a call: the application's, the operation's, that of the step.
    around: usize,
    /// The same around a generated object.
    around_object: usize,
    /// The span of a tool.
    tool: &'static str,
    /// The span of the first call.
    call: &'static str,
    /// The span of the embedding.
    embedding: &'static str,
}

const MODERN: Shape = Shape {
    export: "vercel-ai-proto",
    around: 3,
    around_object: 2,
    tool: "execute_tool weather",
    call: "chat gpt-4o-mini",
    embedding: "embeddings text-embedding-3-small",
};

const LEGACY: Shape = Shape {
    export: "vercel-ai-legacy-json",
    around: 2,
    around_object: 2,
    tool: "ai.toolCall",
    call: "ai.generateText.doGenerate",
    embedding: "ai.embed.doEmbed",
};

/// Returns the spans from the root down to this one.
fn line<'a>(spans: &'a [Value], span: &'a Value) -> Vec<&'a str> {
    let mut names = vec![span["name"].as_str().unwrap()];
    let mut span = span;
    while let Some(parent) = spans.iter().find(|other| other["id"] == span["parent_id"]) {
        names.push(parent["name"].as_str().unwrap());
        span = parent;
    }
    assert_eq!(span["parent_id"], Value::Null, "every parent is there:\n{}", outline(spans));
    names.reverse();
    names
}

async fn scene(stage: &Stage, seen: &Value, name: &str, count: usize) -> Vec<Value> {
    let (trace, spans) = stage.trace(&seen[name]["trace_id"], count).await;
    assert_eq!(trace["name"], format!("scene-{name}"));
    assert_eq!(trace["session_id"], "session-vercel");
    for span in &spans {
        assert_eq!(line(&spans, span)[0], format!("scene-{name}"));
    }
    spans
}

async fn check(stage: &Stage, shape: &Shape) {
    let seen = stage.export(shape.export).await;

    let spans = scene(stage, &seen, "text", shape.around + 1).await;
    let [call] = model_calls(&spans)[..] else { panic!("one call:\n{}", outline(&spans)) };
    let usage = &seen["text"]["usage"];
    assert_eq!(call["name"], shape.call);
    assert_eq!(line(&spans, call).len(), shape.around + 1);
    assert_eq!(call["kind"]["provider"], "openai");
    assert_counts(call, &usage["inputTokens"], &usage["outputTokens"], &GPT_4O_MINI);
    assert_says(&call["input"], &json!("You answer in one sentence."));
    assert_says(&call["input"], &json!("What is the capital of Norway?"));
    assert_says(&call["output"], &seen["text"]["text"]);

    // A loop: the model asks for a tool, gets its answer, and answers.
    let spans = scene(stage, &seen, "tools", if shape.around == 3 { 7 } else { 5 }).await;
    let [first, second] = model_calls(&spans)[..] else { panic!("two calls:\n{}", outline(&spans)) };
    assert_eq!(seen["tools"]["steps"], 2);
    assert_says(&first["output"], &json!("weather"));
    assert_says(&second["output"], &seen["tools"]["text"]);
    let tokens =
        |name: &str| [first, second].map(|call| call["kind"][name].as_u64().unwrap()).iter().sum::<u64>();
    // What the application is told is the last step's usage or that of all steps, by version.
    let usage = &seen["tools"]["usage"];
    assert!(
        [json!(tokens("input_tokens")), second["kind"]["input_tokens"].clone()]
            .contains(&usage["inputTokens"])
    );
    let tool = spans.iter().find(|span| span["kind"]["kind"] == "tool_call");
    let tool = tool.unwrap_or_else(|| panic!("no tool:\n{}", outline(&spans)));
    assert_eq!(tool["name"], shape.tool);
    assert_eq!(tool["kind"]["attributes"]["tool_name"], "weather");
    assert_eq!(tool["input"], json!({ "city": "Oslo", "days": 3 }));
    assert_eq!(tool["output"], json!({ "city": "Oslo", "days": 3, "celsius": 4 }));

    let spans = scene(stage, &seen, "stream", shape.around + 1).await;
    let [call] = model_calls(&spans)[..] else { panic!("one call:\n{}", outline(&spans)) };
    let usage = &seen["stream"]["usage"];
    assert_counts(call, &usage["inputTokens"], &usage["outputTokens"], &GPT_4O_MINI);
    assert_says(&call["output"], &seen["stream"]["text"]);

    let spans = scene(stage, &seen, "object", shape.around_object + 1).await;
    let [call] = model_calls(&spans)[..] else { panic!("one call:\n{}", outline(&spans)) };
    let usage = &seen["object"]["usage"];
    assert_counts(call, &usage["inputTokens"], &usage["outputTokens"], &GPT_4O_MINI);
    assert_eq!(seen["object"]["object"], json!({ "answer": "yes", "score": 7 }));

    let spans = scene(stage, &seen, "embedding", 3).await;
    let counted: Vec<&Value> = spans.iter().filter(|span| span["kind"]["input_tokens"].is_u64()).collect();
    let [call] = counted[..] else { panic!("one call with tokens:\n{}", outline(&spans)) };
    assert_eq!(call["name"], shape.embedding);
    assert_counts(call, &seen["embedding"]["usage"]["tokens"], &Value::Null, &EMBEDDING_3_SMALL);

    let spans = scene(stage, &seen, "failure", shape.around + 1).await;
    let [call] = model_calls(&spans)[..] else { panic!("one call:\n{}", outline(&spans)) };
    assert_failed(call, "Incorrect API key provided");
}

async fn spans_come_as_protobuf(stage: &Stage) {
    check(stage, &MODERN).await;
}

async fn spans_come_as_json(stage: &Stage) {
    check(stage, &Shape { export: "vercel-ai-json", ..MODERN }).await;
}

async fn spans_of_older_versions_come_as_json(stage: &Stage) {
    check(stage, &LEGACY).await;
}

on_each_mount! {
    spans_come_as_protobuf,
    spans_come_as_json,
    spans_of_older_versions_come_as_json,
}
