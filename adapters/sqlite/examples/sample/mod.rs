//! Spans that look like those of an agent, the same for the same number.

use std::sync::LazyLock;

use trace::json::Json;
use trace::kind::{LlmCall, SpanKind, Usage};
use trace::preview::first_user_message;
use trace::price::Prices;
use trace::span::{NewSpan, Payload, Span, SpanStatus, Version};
use trace::time::Timestamp;

static PRICES: LazyLock<Prices> = LazyLock::new(Prices::default);

/// A number that looks random.
pub(crate) fn mixed(number: u64) -> u64 {
    let mut n = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    n ^= n >> 29;
    n = n.wrapping_mul(0xBF58_476D_1CE4_E5B9);
    n ^ (n >> 32)
}

const WORDS: [&str; 32] = [
    "refund", "order", "train", "ticket", "please", "answer", "the", "a", "customer", "asked", "about",
    "delivery", "because", "of", "delayed", "weather", "and", "wants", "to", "know", "whether", "it", "can",
    "be", "returned", "within", "thirty", "days", "after", "purchase", "without", "receipt",
];

fn prose(seed: u64, words: usize) -> String {
    let pick = |at: usize| {
        let n = mixed(seed.wrapping_mul(1_000_003) + at as u64);
        if n.is_multiple_of(9) { format!("w{:x}", n % 100_000) } else { WORDS[(n % 32) as usize].to_owned() }
    };
    (0..words).map(pick).collect::<Vec<_>>().join(" ")
}

/// Returns a span of about 4 kB: every eighth is the root of a trace, the others its model calls.
pub(crate) fn span(number: u64) -> NewSpan {
    let trace = mixed(number / 8);
    let input = format!(
        r#"[{{"role":"system","content":"{}"}},{{"role":"user","content":"{}"}},{{"role":"assistant","content":"{}"}},{{"role":"user","content":"{}"}}]"#,
        prose(number % 7, 120),
        prose(number * 5 + 1, 120),
        prose(number * 5 + 2, 120),
        prose(number * 5 + 3, 80),
    );
    let output = format!(r#"[{{"role":"assistant","content":"{}"}}]"#, prose(number * 5 + 4, 110));
    let start = 1_735_689_600_000_000 + i64::try_from(number).unwrap() * 1_000;
    let status = if number.is_multiple_of(50) {
        SpanStatus::Failed { error: "rate limited".to_owned() }
    } else {
        SpanStatus::Completed
    };
    let llm = !number.is_multiple_of(8);
    let kind = if llm {
        let models = ["gpt-4o", "gpt-4o-mini", "claude-sonnet-4-20250514", "gpt-4.1"];
        SpanKind::LlmCall(LlmCall {
            model: models[(mixed(number) % 4) as usize].to_owned(),
            provider: Some("openai".to_owned()),
            usage: Usage {
                input_tokens: Some(mixed(number) % 4_000),
                output_tokens: Some(mixed(number + 7) % 900),
                ..Usage::default()
            },
            ..LlmCall::default()
        })
    } else {
        SpanKind::Custom { kind: "chain".to_owned(), attributes: serde_json::Map::new() }
    };
    let mut span = Span {
        id: format!("{:016x}", mixed(number + 99)).try_into().unwrap(),
        trace_id: format!("{:016x}{:016x}", trace, mixed(trace)).try_into().unwrap(),
        parent_id: (!number.is_multiple_of(8))
            .then(|| format!("{:016x}", mixed(number / 8 * 8 + 99)).try_into().unwrap()),
        name: if llm { "chat completion".to_owned() } else { "agent turn".to_owned() },
        kind,
        started_at: Timestamp::from_micros(start),
        ended_at: Some(Timestamp::from_micros(start + i64::try_from(mixed(number) % 9_000_000).unwrap())),
        attributes: serde_json::Map::new(),
        ms_to_first_chunk: None,
        preview: None,
        status,
    };
    span.kind.estimate_cost(&PRICES);
    let version = Version::new(&span.status, Timestamp::from_micros(start + 10_000_000));
    let payload =
        Payload { input: Some(Json::parse(&input).unwrap()), output: Some(Json::parse(&output).unwrap()) };
    span.preview = payload.input.as_ref().and_then(|input| first_user_message(input, llm));
    NewSpan { span, payload, version }
}
