//! Inputs and outputs in each convention.

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::{Case, Ctx};
use super::made::{START, attributes};

pub(super) fn cases() -> Vec<Case> {
    cases!("otlp.text", &[];
        inputs_are_read,
        outputs_are_read,
        system_instructions_are_part_of_the_input,
        prompt_and_completion_events_are_read,
        text_that_holds_json_is_parsed,
        ai_sdk_outputs_are_one_object,
        an_ai_sdk_call_without_an_answer_has_a_null_output,
        inputs_are_found_by_text,
    )
}

const MESSAGES: &str = "[{\"role\": \"user\", \"content\": \"hi\"}]";

fn messages() -> Value {
    json!([{"role": "user", "content": "hi"}])
}

async fn inputs_are_read(t: Ctx) {
    let parts = json!([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]);
    let rows = [
        (json!({"gen_ai.request.model": "m", "gen_ai.input.messages": parts.to_string()}), parts),
        (json!({"gen_ai.request.model": "m", "gen_ai.prompt": "plain words"}), json!("plain words")),
        (json!({"gen_ai.request.model": "m", "gen_ai.prompt": MESSAGES}), messages()),
        (
            json!({"gen_ai.request.model": "m", "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "hi"}),
            messages(),
        ),
        (
            json!({"ai.operationId": "ai.generateText.doGenerate", "ai.model.id": "m", "ai.prompt.messages": MESSAGES}),
            messages(),
        ),
        (
            json!({"ai.operationId": "ai.generateText", "ai.model.id": "m", "ai.prompt": "{\"prompt\": \"hi\"}"}),
            json!({"prompt": "hi"}),
        ),
        (json!({"ai.operationId": "ai.embed", "ai.model.id": "m", "ai.value": "words"}), json!("words")),
        (
            json!({"openinference.span.kind": "LLM", "llm.model_name": "m", "input.value": "words"}),
            json!("words"),
        ),
        (
            json!({"openinference.span.kind": "LLM", "llm.model_name": "m", "input.value": "{\"a\": [1]}", "input.mime_type": "application/json"}),
            json!({"a": [1]}),
        ),
        (
            json!({"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.input_messages.0.message.role": "user",
                "llm.input_messages.0.message.content": "hi"}),
            messages(),
        ),
        (json!({"llm.request.model": "m", "traceloop.entity.input": "{\"a\": 1}"}), json!({"a": 1})),
        (json!({"traceloop.span.kind": "workflow", "traceloop.entity.input": "{\"a\": 1}"}), json!({"a": 1})),
    ];
    check(&t, "input", &rows).await;
}

async fn outputs_are_read(t: Ctx) {
    let answer = json!([{"role": "assistant", "content": "hello"}]);
    let parts = json!([{"role": "assistant", "parts": [{"type": "text", "content": "hello"}], "finish_reason": "stop"}]);
    let rows = [
        (json!({"gen_ai.request.model": "m", "gen_ai.output.messages": parts.to_string()}), parts),
        (json!({"gen_ai.request.model": "m", "gen_ai.completion": "plain words"}), json!("plain words")),
        (
            json!({"gen_ai.request.model": "m", "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "hello"}),
            answer.clone(),
        ),
        (
            json!({"openinference.span.kind": "LLM", "llm.model_name": "m", "output.value": "words"}),
            json!("words"),
        ),
        (
            json!({"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.output_messages.0.message.role": "assistant",
                "llm.output_messages.0.message.content": "hello"}),
            answer,
        ),
        (json!({"llm.request.model": "m", "traceloop.entity.output": "{\"a\": 1}"}), json!({"a": 1})),
        (json!({"traceloop.span.kind": "task", "traceloop.entity.output": "words"}), json!("words")),
    ];
    check(&t, "output", &rows).await;
}

async fn check(t: &Ctx, side: &str, rows: &[(Value, Value)]) {
    let spans: Vec<Value> =
        (1..).zip(rows).map(|(n, (members, _))| t.otlp_span(n, members, json!({}))).collect();
    t.export(&spans).await;
    let mut wrong = Vec::new();
    for (n, (members, expected)) in (1..).zip(rows) {
        let found = t.exported(n).await[side].clone();
        if found != *expected {
            wrong.push(format!("{members} should have the {side} {expected}, not {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn system_instructions_are_part_of_the_input(t: Ctx) {
    let system = json!([{"type": "text", "content": "be brief"}]);
    let input = json!([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]);
    t.export(&[t.otlp_span(
        1,
        &json!({"gen_ai.request.model": "m", "gen_ai.system_instructions": system.to_string(),
        "gen_ai.input.messages": input.to_string()}),
        json!({}),
    )])
    .await;
    let found = t.exported(1).await["input"].to_string();
    assert!(found.contains("be brief") && found.contains("hi"), "{found}");
}

async fn prompt_and_completion_events_are_read(t: Ctx) {
    let event = |name: &str, members: Value| json!({"name": name, "timeUnixNano": START.to_string(), "attributes": attributes(&members)});
    let call = json!({"gen_ai.request.model": "m"});
    let content = json!([
        event("gen_ai.content.prompt", json!({"gen_ai.prompt": "the question"})),
        event("gen_ai.content.completion", json!({"gen_ai.completion": "the answer"})),
    ]);
    let messages = json!([
        event("gen_ai.user.message", json!({"content": "the question"})),
        event(
            "gen_ai.choice",
            json!({"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "the answer"}})
        ),
    ]);
    t.export(&[
        t.otlp_span(1, &call, json!({"events": content})),
        t.otlp_span(2, &call, json!({"events": messages})),
    ])
    .await;
    for n in [1, 2] {
        let span = t.exported(n).await;
        assert!(span["input"].to_string().contains("the question"), "span {n}: {span}");
        assert!(span["output"].to_string().contains("the answer"), "span {n}: {span}");
        assert!(!span["input"].to_string().contains("the answer"), "span {n}: {span}");
    }
}

async fn text_that_holds_json_is_parsed(t: Ctx) {
    let members = json!({"object": "{\"a\": 1}", "list": "[1, 2]", "broken": "{\"a\": ", "number": "12", "word": "true"});
    t.export(&[t.otlp_span(1, &members, json!({}))]).await;
    let kept = t.exported(1).await["kind"]["attributes"].clone();
    assert_eq!((&kept["object"], &kept["list"]), (&json!({"a": 1}), &json!([1, 2])), "{kept}");
    assert_eq!(
        (&kept["broken"], &kept["number"], &kept["word"]),
        (&json!("{\"a\": "), &json!("12"), &json!("true")),
        "{kept}"
    );
}

async fn ai_sdk_outputs_are_one_object(t: Ctx) {
    let call = json!({"ai.operationId": "ai.streamText.doStream", "ai.model.id": "m", "ai.model.provider": "openai.chat",
        "ai.response.text": "hello", "ai.response.toolCalls": "[{\"toolName\": \"weather\"}]", "ai.response.finishReason": "stop",
        "ai.response.msToFirstChunk": 12.5, "ai.response.msToFinish": 40, "ai.response.avgCompletionTokensPerSecond": 25.0});
    let object = json!({"ai.operationId": "ai.generateObject.doGenerate", "ai.model.id": "m", "ai.response.object": "{\"a\": 1}",
        "ai.response.finishReason": "stop"});
    t.export(&[t.otlp_span(1, &call, json!({})), t.otlp_span(2, &object, json!({}))]).await;
    let output = t.exported(1).await["output"].clone();
    let expected = json!({"text": "hello", "tool_calls": [{"toolName": "weather"}], "finish_reason": "stop"});
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(output.get(name), Some(value), "{name} of {output}");
    }
    for (name, value) in
        [("ms_to_first_chunk", 12.5), ("ms_to_finish", 40.0), ("avg_completion_tokens_per_sec", 25.0)]
    {
        assert_eq!(output[name].as_f64(), Some(value), "{name} of {output}");
    }
    assert_eq!(
        t.exported(2).await["output"],
        json!({"object": {"a": 1}, "finish_reason": "stop"}),
        "absent members are left out"
    );
}

async fn an_ai_sdk_call_without_an_answer_has_a_null_output(t: Ctx) {
    t.export(&[t.otlp_span(
        1,
        &json!({"ai.operationId": "ai.generateText.doGenerate", "ai.model.id": "m"}),
        json!({}),
    )])
    .await;
    assert_eq!(t.exported(1).await.get("output"), Some(&Value::Null));
}

async fn inputs_are_found_by_text(t: Ctx) {
    let word = t.word("needle");
    t.export(&[t.otlp_span(
        1,
        &json!({"gen_ai.request.model": "m", "gen_ai.prompt": format!("find the {word} here")}),
        json!({}),
    )])
    .await;
    let found = t.list("/api/spans", &[("input_contains", &word)]).await.ok();
    assert_eq!(found["count"], 1);
}
