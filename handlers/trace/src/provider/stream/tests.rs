#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn read(framing: Framing, chunks: &[&[u8]]) -> StreamFacts {
    let mut reader = StreamReader::new(framing);
    for chunk in chunks {
        reader.push(chunk);
    }
    reader.finish()
}

fn events(datas: &[Value]) -> String {
    datas.iter().map(|data| ["data: ", &data.to_string(), "\n\n"].concat()).collect()
}

fn output(facts: &StreamFacts) -> Value {
    serde_json::from_str(facts.output.as_ref().unwrap().as_str()).unwrap()
}

fn chat() -> String {
    let chunk = |choices: Value, usage: Value| {
        json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-2024",
            "service_tier": "default", "system_fingerprint": "fp", "choices": choices, "usage": usage})
    };
    let delta = |index: u64, delta: Value, finish: Value| {
        chunk(
            json!([{"index": index, "delta": delta, "logprobs": null, "finish_reason": finish}]),
            Value::Null,
        )
    };
    let tool = |index: u64, tool: Value| {
        let mut tool = tool;
        tool["index"] = json!(index);
        delta(1, json!({"tool_calls": [tool]}), Value::Null)
    };
    events(&[
        delta(0, json!({"role": "assistant", "content": "", "refusal": null}), Value::Null),
        delta(0, json!({"content": "Hé"}), Value::Null),
        delta(0, json!({"content": "llo 😀"}), Value::Null),
        delta(1, json!({"role": "assistant", "content": null}), Value::Null),
        tool(0, json!({"id": "t0", "type": "function", "function": {"name": "f", "arguments": ""}})),
        tool(0, json!({"function": {"arguments": "{\"a\""}})),
        tool(1, json!({"id": "t1", "type": "function", "function": {"name": "g", "arguments": "{}"}})),
        tool(0, json!({"function": {"arguments": ":1}"}})),
        delta(0, json!({"reasoning_content": "think "}), Value::Null),
        delta(0, json!({"reasoning_content": "hard"}), Value::Null),
        delta(0, json!({}), json!("stop")),
        delta(1, json!({}), json!("tool_calls")),
        chunk(
            json!([]),
            json!({"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12,
                "prompt_tokens_details": {"cached_tokens": 2}}),
        ),
    ]) + "data: [DONE]\n\n"
}

#[test]
fn chat_chunks_become_the_completion_they_stream() {
    let facts = read(Framing::Events, &[chat().as_bytes()]);
    assert_eq!(
        output(&facts),
        json!({"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024",
            "service_tier": "default", "system_fingerprint": "fp",
            "choices": [
                {"index": 0, "logprobs": null, "finish_reason": "stop",
                    "message": {"role": "assistant", "content": "Héllo 😀", "refusal": null,
                        "reasoning_content": "think hard"}},
                {"index": 1, "logprobs": null, "finish_reason": "tool_calls",
                    "message": {"role": "assistant", "content": null, "tool_calls": [
                        {"id": "t0", "type": "function",
                            "function": {"name": "f", "arguments": "{\"a\":1}"}},
                        {"id": "t1", "type": "function",
                            "function": {"name": "g", "arguments": "{}"}}]}}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12,
                "prompt_tokens_details": {"cached_tokens": 2}}})
    );
    assert_eq!(facts.facts.usage.input_tokens, Some(5));
    assert_eq!(facts.facts.usage.cached_input_tokens, Some(2));
    assert_eq!(facts.facts.service_tier.as_deref(), Some("default"));
    assert!(facts.ended && facts.error.is_none());
}

#[test]
fn an_answer_has_ended_when_every_choice_has() {
    let chunk = |index: u64, finish: Value| {
        json!({"object": "chat.completion.chunk",
            "choices": [{"index": index, "delta": {"content": "a"}, "finish_reason": finish}]})
    };
    let mut chunks = vec![chunk(0, Value::Null), chunk(1, Value::Null), chunk(0, json!("stop"))];
    let ended = |chunks: &[Value]| read(Framing::Events, &[events(chunks).as_bytes()]).ended;
    assert!(!ended(&chunks));
    chunks.push(chunk(1, json!("length")));
    assert!(ended(&chunks));
}

#[test]
fn logprobs_audio_and_unknown_members_are_kept() {
    let delta = |delta: Value, logprobs: Value| {
        json!({"object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": delta, "logprobs": logprobs}]})
    };
    let facts = read(
        Framing::Events,
        &[events(&[
            delta(
                json!({"audio": {"id": "a", "transcript": "x", "data": "AA"}}),
                json!({"content": [{"token": "x"}]}),
            ),
            delta(json!({"audio": {"transcript": "y", "data": "BB"}}), json!({"content": [{"token": "y"}]})),
            delta(json!({"annotations": [1], "new_text": "p"}), Value::Null),
            delta(json!({"annotations": [2], "new_text": "q"}), Value::Null),
        ])
        .as_bytes()],
    );
    let choice = &output(&facts)["choices"][0];
    assert_eq!(choice["message"]["audio"], json!({"id": "a", "transcript": "xy", "data": "AABB"}));
    assert_eq!(choice["message"]["annotations"], json!([1, 2]));
    assert_eq!(choice["message"]["new_text"], "pq");
    assert_eq!(choice["logprobs"], json!({"content": [{"token": "x"}, {"token": "y"}]}));
    assert!(!facts.ended);
}

#[test]
fn tool_calls_without_an_index_are_told_apart_by_id() {
    let delta = |calls: Value| json!({"choices": [{"delta": {"tool_calls": calls}}]});
    let call = |id: &str, name: &str| json!({"index": 0, "id": id, "type": "function", "function": {"name": name, "arguments": "{}"}});
    let mut second = call("t1", "g");
    second.as_object_mut().unwrap().remove("index");
    let facts = read(
        Framing::Events,
        &[events(&[delta(json!([])), delta(json!([call("t0", "f")])), delta(json!([second]))]).as_bytes()],
    );
    let calls = &output(&facts)["choices"][0]["message"]["tool_calls"];
    assert_eq!((calls[0]["id"].as_str(), calls[1]["id"].as_str()), (Some("t0"), Some("t1")));
}

#[test]
fn text_completions_are_joined() {
    let chunk = |text: &str, finish: Value| {
        json!({"id": "x", "object": "text_completion",
            "choices": [{"index": 0, "text": text, "logprobs": null, "finish_reason": finish}]})
    };
    let facts =
        read(Framing::Events, &[events(&[chunk("a", Value::Null), chunk("b", json!("length"))]).as_bytes()]);
    assert_eq!(
        output(&facts)["choices"],
        json!([{"index": 0, "text": "ab", "logprobs": null, "finish_reason": "length"}])
    );
    assert!(facts.ended);
}

fn message() -> String {
    let named = [
        json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant",
            "model": "claude", "content": [], "stop_reason": null, "stop_sequence": null,
            "usage": {"input_tokens": 10, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 30,
                "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5},
                "output_tokens": 1, "service_tier": "standard"}}}),
        json!({"type": "content_block_start", "index": 0,
            "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
        json!({"type": "ping"}),
        json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "thinking_delta", "thinking": "hm "}}),
        json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "thinking_delta", "thinking": "ok"}}),
        json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "signature_delta", "signature": "sig"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "content_block_start", "index": 1,
            "content_block": {"type": "text", "text": "", "citations": []}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "a"}}),
        json!({"type": "content_block_delta", "index": 1,
            "delta": {"type": "citations_delta", "citation": {"cited_text": "c"}}}),
        json!({"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "b"}}),
        json!({"type": "content_block_stop", "index": 1}),
        json!({"type": "content_block_start", "index": 2,
            "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}}}),
        json!({"type": "content_block_delta", "index": 2,
            "delta": {"type": "input_json_delta", "partial_json": ""}}),
        json!({"type": "content_block_delta", "index": 2,
            "delta": {"type": "input_json_delta", "partial_json": "{\"x\": "}}),
        json!({"type": "content_block_delta", "index": 2,
            "delta": {"type": "input_json_delta", "partial_json": "1}"}}),
        json!({"type": "content_block_stop", "index": 2}),
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": null},
            "usage": {"output_tokens": 40, "cache_read_input_tokens": 30,
                "server_tool_use": {"web_search_requests": 1}}}),
        json!({"type": "message_stop"}),
    ];
    named
        .iter()
        .map(|data| {
            let word = data["type"].as_str().unwrap();
            ["event: ", word, "\r\ndata: ", &data.to_string(), "\r\n\r\n"].concat()
        })
        .collect()
}

#[test]
fn anthropic_events_become_the_message_they_stream() {
    let facts = read(Framing::Events, &[message().as_bytes()]);
    assert_eq!(
        output(&facts),
        json!({"id": "m", "type": "message", "role": "assistant", "model": "claude",
            "stop_reason": "tool_use", "stop_sequence": null,
            "content": [
                {"type": "thinking", "thinking": "hm ok", "signature": "sig"},
                {"type": "text", "text": "ab", "citations": [{"cited_text": "c"}]},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}],
            "usage": {"input_tokens": 10, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 30,
                "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5},
                "output_tokens": 40, "service_tier": "standard",
                "server_tool_use": {"web_search_requests": 1}}})
    );
    let usage = facts.facts.usage;
    assert_eq!((usage.input_tokens, usage.output_tokens), (Some(60), Some(40)));
    assert_eq!((usage.cache_write_tokens, usage.cache_write_1h_tokens), (Some(15), Some(5)));
    assert_eq!(usage.cached_input_tokens, Some(30));
    assert_eq!(facts.facts.service_tier.as_deref(), Some("standard"));
    assert!(facts.ended);
}

#[test]
fn counts_of_a_message_do_not_shrink() {
    let start = json!({"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant",
        "model": "claude", "content": [], "stop_reason": null,
        "usage": {"input_tokens": 100, "cache_read_input_tokens": 40, "output_tokens": 1}}});
    let delta = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
        "usage": {"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 20}});
    let facts = read(Framing::Events, &[events(&[start, delta]).as_bytes()]);
    let usage = facts.facts.usage;
    assert_eq!(
        (usage.input_tokens, usage.cached_input_tokens, usage.output_tokens),
        (Some(140), Some(40), Some(20))
    );
    assert_eq!(output(&facts)["usage"]["input_tokens"], 100);
}

#[test]
fn a_broken_anthropic_stream_keeps_half_a_tool_input_as_text() {
    let whole = message();
    let cut = whole.find("\"1}\"").unwrap();
    let facts = read(Framing::Events, &[&whole.as_bytes()[..cut]]);
    assert_eq!(output(&facts)["content"][2]["input"], "{\"x\": ");
    assert!(!facts.ended);
}

#[test]
fn an_error_event_is_reported_with_what_came_before() {
    let text = "event: content_block_delta\n\
        data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n\
        event: error\n\
        data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let facts = read(Framing::Events, &[text.as_bytes()]);
    assert_eq!(facts.error.as_deref(), Some("Overloaded"));
    assert_eq!(output(&facts)["content"], json!([{"text": "a"}]));
}

#[test]
fn a_response_is_taken_from_its_last_event() {
    let response = json!({"id": "r", "object": "response", "status": "completed", "service_tier": "flex",
        "output": [{"type": "message", "content": [{"type": "output_text", "text": "ab"}]}],
        "usage": {"input_tokens": 3, "output_tokens": 4, "output_tokens_details": {"reasoning_tokens": 1}}});
    let facts = read(
        Framing::Events,
        &[events(&[
            json!({"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}}),
            json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "ab"}),
            json!({"type": "response.completed", "response": response}),
        ])
        .as_bytes()],
    );
    assert_eq!(output(&facts), response);
    assert_eq!(facts.facts.usage.reasoning_tokens, Some(1));
    assert_eq!(facts.facts.service_tier.as_deref(), Some("flex"));
    assert!(facts.ended);
}

#[test]
fn a_broken_response_keeps_the_items_so_far() {
    let facts = read(
        Framing::Events,
        &[events(&[
            json!({"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}}),
            json!({"type": "response.output_item.done", "output_index": 0, "item": {"type": "reasoning", "summary": []}}),
            json!({"type": "response.output_item.added", "output_index": 1, "item": {"type": "message", "content": []}}),
            json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "a"}),
            json!({"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "b"}),
            json!({"type": "response.output_item.added", "output_index": 2, "item": {"type": "function_call", "name": "f", "arguments": ""}}),
            json!({"type": "response.function_call_arguments.delta", "output_index": 2, "delta": "{\"x"}),
        ])
        .as_bytes()],
    );
    assert_eq!(
        output(&facts),
        json!({"id": "r", "status": "in_progress", "output": [
            {"type": "reasoning", "summary": []},
            {"type": "message", "content": [{"type": "output_text", "text": "ab"}]},
            {"type": "function_call", "name": "f", "arguments": "{\"x"}]})
    );
    assert!(!facts.ended);
}

#[test]
fn a_broken_response_keeps_what_was_reasoned_and_the_code_so_far() {
    let facts = read(
        Framing::Events,
        &[events(&[
            json!({"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}}),
            json!({"type": "response.output_item.added", "output_index": 0, "item": {"id": "rs", "type": "reasoning", "summary": []}}),
            json!({"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": "hm "}),
            json!({"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": "ok"}),
            json!({"type": "response.output_item.added", "output_index": 1, "item": {"id": "ci", "type": "code_interpreter_call", "status": "in_progress", "code": "", "container_id": "c", "outputs": null}}),
            json!({"type": "response.code_interpreter_call_code.delta", "output_index": 1, "delta": "print("}),
            json!({"type": "response.code_interpreter_call_code.delta", "output_index": 1, "delta": "1)"}),
        ])
        .as_bytes()],
    );
    assert_eq!(
        output(&facts)["output"],
        json!([
            {"id": "rs", "type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm ok"}]},
            {"id": "ci", "type": "code_interpreter_call", "status": "in_progress", "container_id": "c", "outputs": null,
                "code": "print(1)"}])
    );
    assert!(!facts.ended);
}

#[test]
fn a_failed_response_keeps_what_came_before() {
    let facts = read(
        Framing::Events,
        &[events(&[
            json!({"type": "response.created", "response": {"id": "r", "status": "in_progress", "output": []}}),
            json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "content": []}}),
            json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "half"}),
            json!({"type": "response.failed", "response": {"id": "r", "object": "response", "status": "failed", "output": [],
                "error": {"code": "server_error", "message": "no luck"}}}),
        ])
        .as_bytes()],
    );
    assert_eq!(
        output(&facts),
        json!({"id": "r", "object": "response", "status": "failed",
            "error": {"code": "server_error", "message": "no luck"},
            "output": [{"type": "message", "content": [{"type": "output_text", "text": "half"}]}]})
    );
    assert_eq!(facts.error.as_deref(), Some("no luck"));
    assert!(facts.ended);
}

#[test]
fn a_failed_response_reports_its_error() {
    let failed = json!({"type": "response.failed",
        "response": {"id": "r", "status": "failed", "error": {"code": "server_error", "message": "no luck"}}});
    let facts = read(Framing::Events, &[events(&[failed]).as_bytes()]);
    assert_eq!(facts.error.as_deref(), Some("no luck"));
}

fn ollama() -> String {
    [
        json!({"model": "llama3", "created_at": "t1", "message": {"role": "assistant", "content": "He"}, "done": false}),
        json!({"model": "llama3", "created_at": "t2", "message": {"role": "assistant", "content": "y", "tool_calls": [{"function": {"name": "f"}}]}, "done": false}),
        json!({"model": "llama3", "created_at": "t3", "message": {"role": "assistant", "content": ""}, "done": true, "done_reason": "stop", "prompt_eval_count": 11, "eval_count": 2}),
    ]
    .iter()
    .map(|line| line.to_string() + "\n")
    .collect()
}

#[test]
fn ollama_lines_are_joined_into_the_last() {
    let facts = read(Framing::Lines, &[ollama().as_bytes()]);
    assert_eq!(
        output(&facts),
        json!({"model": "llama3", "created_at": "t3", "done": true, "done_reason": "stop",
            "message": {"role": "assistant", "content": "Hey", "tool_calls": [{"function": {"name": "f"}}]},
            "prompt_eval_count": 11, "eval_count": 2})
    );
    assert_eq!(facts.facts.usage.input_tokens, Some(11));
    assert!(facts.ended);
}

#[test]
fn an_unknown_stream_has_no_output_of_its_own() {
    for text in ["data: hello\n\n", "data: {\"x\":1}\n\n", "", "nothing of the kind"] {
        let facts = read(Framing::Events, &[text.as_bytes()]);
        assert_eq!((facts.output, facts.error), (None, None), "{text}");
    }
}

#[test]
fn a_long_stream_is_read_in_linear_time() {
    // Quadratic behaviour would take minutes here.
    let piece = json!({"choices": [{"index": 0, "delta": {"content": "xxxxxxxxxx"}}]});
    let text = format!("data: {piece}\n\n").repeat(100_000);
    let mut reader = StreamReader::new(Framing::Events);
    for chunk in text.as_bytes().chunks(7) {
        reader.push(chunk);
    }
    let facts = reader.finish();
    let content = &output(&facts)["choices"][0]["message"]["content"];
    assert_eq!(content.as_str().map(str::len), Some(1_000_000));
}

#[test]
fn deeply_nested_data_costs_no_stack() {
    let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let text = format!("data: {{\"choices\":[{{\"delta\":{{\"x\":{deep}}}}}]}}\n\n");
    let facts = read(Framing::Events, &[text.as_bytes(), text.as_bytes()]);
    assert!(facts.output.is_some());
}

fn cut(text: &[u8], mut places: Vec<usize>) -> Vec<&[u8]> {
    for place in &mut places {
        *place %= text.len() + 1;
    }
    places.extend([0, text.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_answer(places in prop::collection::vec(any::<usize>(), 0..40)) {
        for (framing, text) in [
            (Framing::Events, chat()),
            (Framing::Events, message()),
            (Framing::Lines, ollama()),
        ] {
            let whole = read(framing, &[text.as_bytes()]);
            prop_assert_eq!(&read(framing, &cut(text.as_bytes(), places.clone())), &whole);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for framing in [Framing::Events, Framing::Lines] {
            read(framing, &[&bytes]);
        }
    }

    #[test]
    fn a_damaged_stream_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), end in any::<prop::sample::Index>()) {
        for (framing, text) in [
            (Framing::Events, chat()),
            (Framing::Events, message()),
            (Framing::Lines, ollama()),
        ] {
            let mut bytes = text.into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let end = end.index(bytes.len());
            read(framing, &[&bytes[..end]]);
        }
    }
}
