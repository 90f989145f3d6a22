//! One call, told in every way there is, is the same call.

use conformance::clients::Language::Python;
use serde_json::Value;

use crate::stage::{Stage, model_calls, on_each_mount};

/// What must not depend on the way.
fn essence(span: &Value) -> Vec<Value> {
    let mut essence: Vec<Value> = ["type", "model", "input_tokens", "output_tokens", "cost"]
        .map(|name| span["kind"][name].clone())
        .into();
    essence.push(span["status"].clone());
    essence
}

async fn a_call_is_the_same_by_proxy_and_by_every_instrumentation(stage: &Stage) {
    stage.call(Python, "openai_calls.py", "chat").await;
    let proxied = stage.calls(1).await.remove(0);
    for (export, count) in
        [("genai-http", 7), ("genai-v1.30", 7), ("openinference-http", 8), ("traceloop-http", 10)]
    {
        let seen = stage.export(export).await;
        let (_, spans) = stage.trace(&seen["trace_id"], count).await;
        assert_eq!(essence(model_calls(&spans)[0]), essence(&proxied), "{export}");
    }
}

on_each_mount! {
    a_call_is_the_same_by_proxy_and_by_every_instrumentation,
}
