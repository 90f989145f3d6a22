//! curl, as the documentation shows it.

use conformance::clients::Language::Shell;
use serde_json::json;

use crate::stage::{GPT_4O_MINI, Stage, assert_counts, on_each_mount};

async fn proxied_call_is_recorded(stage: &Stage) {
    let answer = stage.call(Shell, "curl_calls.sh", "chat").await;
    let span = &stage.calls(1).await[0];
    assert_eq!(span["output"], answer);
    assert_counts(
        span,
        &answer["usage"]["prompt_tokens"],
        &answer["usage"]["completion_tokens"],
        &GPT_4O_MINI,
    );
}

async fn the_same_call_costs_the_same_told_over_rest_and_otlp(stage: &Stage) {
    let told = stage.curl_as(stage.key(), &["rest"]).await;
    let (trace, spans) = stage.trace(&told["trace_id"], 1).await;
    assert_eq!(trace["name"], "curl");
    assert_eq!(trace["session_id"], "curl-session");
    assert_eq!(spans[0]["id"], told["span_id"]);
    assert_eq!((&spans[0]["input"], &spans[0]["output"]), (&json!({ "question": "?" }), &json!("!")));
    assert_counts(&spans[0], &json!(1000), &json!(100), &GPT_4O_MINI);

    let exported = stage.curl_as(stage.key(), &["otlp", "0af7651916cd43dd8448eb211c80319c"]).await;
    let (trace, also) = stage.trace(&exported["trace_id"], 1).await;
    assert_eq!(trace["tags"], json!(["otlp"]));
    assert_counts(&also[0], &json!(1000), &json!(100), &GPT_4O_MINI);
    assert_eq!(also[0]["kind"]["cost"], spans[0]["kind"]["cost"]);
    assert_eq!(also[0]["metadata"]["duration_ms"], 500);
}

on_each_mount! {
    proxied_call_is_recorded,
    the_same_call_costs_the_same_told_over_rest_and_otlp,
}
