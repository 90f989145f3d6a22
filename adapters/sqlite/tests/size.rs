//! How much of the disk a long conversation takes.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use adapter_sqlite::{Options, SqliteStore};
use trace::id::Scope;
use trace::json::Json;
use trace::ports::{PayloadStore, SpanKey, SpanStore, SpanWrite};
use trace::testing::{batch, completed, llm_span, new_span};

const TURNS: usize = 100;

fn prose(seed: usize, words: usize) -> String {
    const WORDS: [&str; 24] = [
        "search", "file", "the", "function", "returns", "error", "because", "module", "test", "a", "reads",
        "value", "should", "change", "of", "line", "when", "it", "is", "called", "with", "no", "argument",
        "then",
    ];
    let mut n = seed as u64 + 7;
    let mut word = || {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if (n >> 20).is_multiple_of(20) {
            format!("{:x}", n >> 44)
        } else {
            WORDS[(n >> 33) as usize % 24].to_owned()
        }
    };
    (0..words).map(|_| word()).collect::<Vec<_>>().join(" ")
}

/// Returns the request of a turn: instructions, tools and everything said so far.
fn request(turn: usize) -> String {
    let mut messages = vec![serde_json::json!({ "role": "system", "content": prose(1, 1_200) })];
    for earlier in 0..turn {
        let call = format!("call_{earlier}");
        messages.push(serde_json::json!({ "role": "assistant", "content": prose(1_000 + earlier, 40),
            "tool_calls": [{ "id": call, "type": "function", "function": { "name": "read", "arguments": "{\"path\":\"src/lib.rs\"}" } }] }));
        messages.push(serde_json::json!({ "role": "tool", "tool_call_id": call, "content": prose(2_000 + earlier, 120) }));
    }
    let tools: Vec<_> = (0..8)
        .map(|tool| serde_json::json!({ "type": "function", "function": { "name": format!("tool_{tool}"), "description": prose(tool, 80) } }))
        .collect();
    serde_json::json!({ "model": "gpt-4o", "messages": messages, "tools": tools, "stream": true }).to_string()
}

fn response(turn: usize) -> String {
    let message = serde_json::json!({ "role": "assistant", "content": prose(1_000 + turn, 40) });
    serde_json::json!({ "id": format!("chatcmpl-{turn:08}"), "choices": [{ "index": 0, "message": message, "finish_reason": "tool_calls" }] }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_turns_take_a_twenty_fifth_of_their_json_index_included() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("traceway.db");
    let empty = {
        let store = SqliteStore::open(&path, Options::default()).await.unwrap();
        store.close().await;
        std::fs::metadata(&path).unwrap().len()
    };
    let store = SqliteStore::open(&path, Options::default()).await.unwrap();
    let mut naive = 0;
    for turn in 0..TURNS {
        let (input, output) = (request(turn), response(turn));
        naive += input.len() + output.len();
        let span = completed(llm_span("loop", &format!("turn{turn:03}"), 1_000, "gpt-4o"), 900);
        let write = SpanWrite::Put(new_span(span, Some(&input), Some(&output)));
        store.write(&Scope::LOCAL, batch(vec![], vec![write])).await.unwrap();
    }
    while store.unindexed().await.unwrap() > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let last = SpanKey {
        trace_id: "loop".to_owned().try_into().unwrap(),
        span_id: "turn099".to_owned().try_into().unwrap(),
    };
    let loaded = store.load(&Scope::LOCAL, &[last]).await.unwrap();
    assert_eq!(loaded[0].input, Some(Json::parse(&request(99)).unwrap()));
    store.close().await;
    let taken = std::fs::metadata(&path).unwrap().len() - empty;
    let share = naive as u64 / taken;
    assert!(share >= 25, "{naive} bytes of JSON took {taken}, a {share}th");
    assert!(
        !path.with_extension("db-wal").exists()
            || std::fs::metadata(path.with_extension("db-wal")).unwrap().len() == 0
    );
}
