//! Traces for a dashboard to show: runs of agents with tools, sessions and failures.

use anyhow::ensure;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

/// Questions, the tool that finds the answer, what it is asked, and the answer.
const QUESTIONS: [(&str, &str, &str, &str); 6] = [
    (
        "Where is my order 1042?",
        "find_order",
        "1042",
        "It left the warehouse this morning and arrives tomorrow.",
    ),
    (
        "Can I return shoes I wore once?",
        "search_policies",
        "returns worn",
        "Yes, within 30 days, with the box.",
    ),
    (
        "Change my address to 5 Elm Street",
        "update_address",
        "5 Elm Street",
        "Your address is 5 Elm Street now.",
    ),
    (
        "Do you ship to Norway?",
        "search_policies",
        "shipping Norway",
        "Yes, in four to six days, duties included.",
    ),
    ("Cancel my subscription", "cancel_subscription", "sub_88", "It ends on the last day of this month."),
    ("Which size for a 27 cm foot?", "size_table", "27 cm", "Size 42; take 43 if you wear thick socks."),
];

const MODELS: [(&str, &str); 3] =
    [("openai", "gpt-4o-mini"), ("anthropic", "claude-3-5-haiku-20241022"), ("openai", "gpt-4o")];

/// Writes `runs` runs of an agent over the two days before now, through the API.
pub async fn seed(api: &str, key: &str, runs: usize) -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    let now = Timestamp::now();
    let all: Vec<(Value, Vec<Value>)> = (0..runs).map(|n| run(n, runs, now)).collect();
    // A batch holds a thousand entries; a run has six.
    for batch in all.chunks(100) {
        let traces: Vec<&Value> = batch.iter().map(|(trace, _)| trace).collect();
        let spans: Vec<&Value> = batch.iter().flat_map(|(_, spans)| spans).collect();
        let body = json!({"traces": traces, "spans": spans});
        let answer = client.post(format!("{api}/api/ingest")).bearer_auth(key).json(&body).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success() && text.contains("\"rejected\":[]"), "the seed: {status} {text}");
    }
    Ok(())
}

/// Returns one run: an agent asks a model, calls a tool, and lets the model answer.
fn run(n: usize, runs: usize, now: Timestamp) -> (Value, Vec<Value>) {
    let (question, tool, argument, answer) = QUESTIONS[n % QUESTIONS.len()];
    let (provider, model) = MODELS[n % MODELS.len()];
    let ago = i64::try_from(2 * 24 * 60 * (runs - n) / runs.max(1)).unwrap_or(0);
    let started = now - Span::new().minutes(ago);
    let at = |ms: i64| (started + Span::new().milliseconds(ms)).to_string();
    let trace_id = format!("demo-{n:04}");
    let span = |name: &str, parent: Option<&str>, kind: Value, from: i64, to: i64| {
        json!({"id": format!("{trace_id}-{name}"), "trace_id": trace_id, "name": name, "kind": kind,
            "parent_id": parent.map(|parent| format!("{trace_id}-{parent}")), "status": "completed",
            "started_at": at(from), "ended_at": at(to)})
    };
    let llm = |input: usize, output: usize| json!({"type": "llm_call", "provider": provider, "model": model, "input_tokens": input, "output_tokens": output});
    let slow = i64::try_from(n % 7).unwrap_or(0) * 240;
    let is_failed = n % 5 == 3;
    let messages = json!([{"role": "system", "content": "You help customers of a shoe shop."},
        {"role": "user", "content": question}]);
    let mut plan = span("plan", Some("agent"), llm(420 + n % 90, 38), 5, 610 + slow);
    plan["input"] = messages.clone();
    plan["output"] =
        json!({"role": "assistant", "tool_calls": [{"name": tool, "arguments": {"query": argument}}]});
    let mut found = span("memory", Some("agent"), json!({"type": "retrieval"}), 615 + slow, 660 + slow);
    found["input"] = json!(question);
    found["output"] = json!([{"text": "The customer wrote last week.", "score": 0.83}]);
    let kind = json!({"type": "tool_call", "tool_name": tool, "tool_call_id": format!("call_{n}")});
    let mut called = span("tool", Some("agent"), kind, 665 + slow, 900 + slow);
    called["input"] = json!({"query": argument});
    let mut agent = span(
        "agent",
        None,
        json!({"type": "custom", "kind": "agent"}),
        0,
        if is_failed { 910 } else { 1_900 } + slow,
    );
    agent["input"] = json!(question);
    let mut spans = vec![plan, found];
    if is_failed {
        let error = format!("{tool} did not answer within 200 ms");
        for broken in [&mut called, &mut agent] {
            broken["status"] = json!("failed");
            broken["error"] = json!(error);
        }
        spans.push(called);
    } else {
        called["output"] = json!({"found": answer});
        let mut told = span("answer", Some("agent"), llm(610 + n % 120, 64), 905 + slow, 1_890 + slow);
        told["input"] = messages;
        told["output"] = json!({"role": "assistant", "content": answer});
        agent["output"] = json!(answer);
        spans.extend([called, told]);
    }
    spans.insert(0, agent);
    let trace = json!({"id": trace_id, "name": "support agent", "started_at": at(0),
        "session_id": format!("visitor-{}", n / 3), "tags": ["support", if n.is_multiple_of(2) { "web" } else { "phone" }],
        "metadata": {"customer": format!("c-{:03}", n % 11)}});
    (trace, spans)
}
