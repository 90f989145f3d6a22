//! Bytes on disk per span, for single calls and for an agent that repeats its conversation every turn.

use std::time::Duration;

use serde_json::json;

use super::otlp::Random;
use super::report::Report;
use super::subject::{Subject, bytes_on_disk};

/// Measures both shapes.
pub async fn run(report: &mut Report) -> anyhow::Result<()> {
    let mut random = Random::new(11);
    let singles: Vec<Vec<serde_json::Value>> = (0..2000).map(|_| conversation(&mut random, 1)).collect();
    let (naive, stored, spans) = store(&singles).await?;
    line(report, "disk, 2 000 single calls", naive, stored, spans, None);
    let loops: Vec<Vec<serde_json::Value>> = (0..10).map(|_| conversation(&mut random, 100)).collect();
    let (naive, stored, spans) = store(&loops).await?;
    line(report, "disk, 10 agent loops of 100 turns", naive, stored, spans, Some(25.0));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn line(report: &mut Report, what: &str, naive: u64, stored: u64, spans: u64, budget: Option<f64>) {
    let factor = naive as f64 / stored as f64;
    let measured = format!("{} B/span (1/{factor:.1})", stored / spans);
    let baseline = format!("naive JSON {} B/span", naive / spans);
    let kept = budget.map(|budget| factor >= budget);
    report.add(what, measured, &baseline, &budget.map_or(String::new(), |b| format!("≤ 1/{b:.0}")), kept);
}

/// Returns the request bodies of a conversation of so many turns: each repeats all earlier messages.
fn conversation(random: &mut Random, turns: usize) -> Vec<serde_json::Value> {
    let mut messages = vec![json!({ "role": "system", "content": random.text(2000) })];
    let tools: Vec<_> = (0..8)
        .map(|n| json!({ "type": "function", "function": { "name": format!("tool_{n}"), "description": random.text(300),
            "parameters": { "type": "object", "properties": { "query": { "type": "string" } } } } }))
        .collect();
    let mut bodies = Vec::new();
    for turn in 0..turns {
        messages.push(json!({ "role": "user", "content": random.text(500) }));
        bodies.push(
            json!({ "model": "gpt-4o-mini", "messages": messages, "tools": tools, "temperature": 0.2 }),
        );
        messages.push(json!({ "role": "assistant", "tool_calls": [{ "id": format!("call_{turn}"), "type": "function",
            "function": { "name": "tool_1", "arguments": json!({ "query": random.text(60) }).to_string() } }] }));
        messages.push(
            json!({ "role": "tool", "tool_call_id": format!("call_{turn}"), "content": random.text(700) }),
        );
    }
    bodies
}

/// Sends conversations as traces and returns naive bytes, bytes on disk after a clean stop, and spans.
async fn store(conversations: &[Vec<serde_json::Value>]) -> anyhow::Result<(u64, u64, u64)> {
    let subject = Subject::start().await?;
    let client = reqwest::Client::new();
    let (mut naive, mut spans) = (0_u64, 0_u64);
    let mut random = Random::new(3);
    for (index, bodies) in conversations.iter().enumerate() {
        for (turn, body) in bodies.iter().enumerate() {
            let output = json!({ "choices": [{ "index": 0, "finish_reason": "stop",
                "message": { "role": "assistant", "content": random.text(400) } }] });
            naive += (body.to_string().len() + output.to_string().len()) as u64;
            spans += 1;
            let entry = json!({ "spans": [{ "id": format!("s-{index}-{turn}"), "trace_id": format!("t-{index}"),
                "name": "gpt-4o-mini", "status": "completed", "input": body, "output": output,
                "kind": { "type": "llm_call", "model": "gpt-4o-mini", "provider": "openai", "input_tokens": 900,
                    "output_tokens": 80 } }] });
            client
                .post(format!("{}/api/ingest", subject.api_url))
                .json(&entry)
                .send()
                .await?
                .error_for_status()?;
        }
    }
    // The full-text index is part of what is stored, so it is given time to be complete.
    tokio::time::sleep(Duration::from_secs(10)).await;
    let folder = subject.stop().await?;
    Ok((naive, bytes_on_disk(folder.path())?, spans))
}
