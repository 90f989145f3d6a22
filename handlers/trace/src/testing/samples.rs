//! Made-up data of every shape, the same on every run, and the queries to ask of it.

use super::fixtures::{batch, completed, llm_span, new_span, new_trace, span, time};
use crate::filter::{Filter, Inclusive, NumberField, Range, SortBy, Term, Test, TextField};
use crate::id::{SpanId, TraceId};
use crate::json::Json;
use crate::kind::{Cost, KindInput, SpanKind};
use crate::ports::{Batch, SpanWrite};
use crate::span::{Finish, NewSpan, Span, SpanStatus, StatusWord, Version};
use crate::trace::OnExisting;

/// A source of numbers that look random and are the same on every run.
pub(super) struct Numbers(u64);

impl Numbers {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

const MODELS: [&str; 4] = ["gpt-4o", "gpt-4o-mini", "claude-sonnet-4", "unknown"];
const NAMES: [&str; 7] = ["Chat", "chat completion", "Ünïcode Schritt", "a-b", "ÉTÉ", "100% sure_thing", "x"];
const TAGS: [&str; 6] = ["prod", "Staging", "session:tagged", "user:ünna", "a\"b", "50%"];
const SESSIONS: [&str; 4] = ["s1", "s/2 with:odd", "S1", "ß"];
const TRACES: usize = 16;
pub(super) const INPUTS: [&str; 9] = [
    r#"{"messages":[{"role":"system","content":"You are a patient assistant who answers every question in full."},{"role":"user","content":"Please REFUND my order number 4711 from last Tuesday, thanks"}]}"#,
    r#"{"messages":[{"role":"system","content":"You are a patient assistant who answers every question in full."},{"role":"user","content":"Which train goes to Zürich Hauptbahnhof after six in the evening?"}]}"#,
    r#"[{"role":"user","content":"line one\nline two with \"quotes\" and a tab\t and caf\u00e9 au lait for everyone here"}]"#,
    r#"{"question":"What is 東京タワー?","top_k":5,"deep":{"er":[1,2.50,1e10,null,true]}}"#,
    r#""just a string""#,
    "null",
    "42",
    "[]",
    r#"{"path":"C:\\temp\\new","emoji":"🦀🦀","html":"<b>&amp;</b>"}"#,
];
const OUTPUTS: [&str; 6] = [
    r#"{"role":"assistant","content":"Your refund was issued; it takes three to five days to arrive at your bank."}"#,
    r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"The 18:32 goes to Zürich HB, platform 7, every day of the week."}}]}"#,
    r#""ok""#,
    "null",
    r#"{"error":{"code":500}}"#,
    r#"["東京タワーは塔です"]"#,
];

fn id(number: usize) -> String {
    format!("span.{number:03}")
}

fn trace_id(number: usize) -> String {
    format!("trace-{number}")
}

/// Returns batches that create, put, repeat and finish spans of many traces.
pub(super) fn batches(seed: u64, count: usize) -> Vec<Batch> {
    let mut numbers = Numbers::new(seed);
    (0..count).map(|at| one_batch(&mut numbers, at)).collect()
}

fn one_batch(numbers: &mut Numbers, at: usize) -> Batch {
    let mut traces = Vec::new();
    for _ in 0..numbers.below(3) {
        let trace = trace_id(numbers.below(TRACES));
        let name = numbers.chance(60).then(|| *numbers.pick(&NAMES));
        let tags: Vec<&str> = (0..numbers.below(3)).map(|_| *numbers.pick(&TAGS)).collect();
        let session = numbers.chance(40).then(|| *numbers.pick(&SESSIONS));
        let mut new = new_trace(&trace, moment(numbers), name, &tags, session);
        new.on_existing = if numbers.chance(50) { OnExisting::Keep } else { OnExisting::Merge };
        if numbers.chance(30) {
            new.metadata.insert("user_id".to_owned(), format!("u{at}").into());
        }
        traces.push(new);
    }
    let spans = (0..=numbers.below(5)).map(|_| write(numbers, at)).collect();
    batch(traces, spans)
}

/// Returns a moment; several spans share one.
fn moment(numbers: &mut Numbers) -> i64 {
    i64::try_from(numbers.below(40)).unwrap() * 600_000
}

fn write(numbers: &mut Numbers, at: usize) -> SpanWrite {
    let number = numbers.below(90);
    // Most ids belong to one trace; some are used in two.
    let trace = if numbers.chance(90) { number % TRACES } else { (number + 1) % TRACES };
    match numbers.below(4) {
        0 => SpanWrite::Finish(finish(numbers, number, trace, at)),
        1 => SpanWrite::Create(any_span(numbers, number, trace, at, true)),
        _ => {
            let running = numbers.chance(20);
            SpanWrite::Put(any_span(numbers, number, trace, at, running))
        }
    }
}

fn any_span(numbers: &mut Numbers, number: usize, trace: usize, at: usize, running: bool) -> NewSpan {
    let (trace, id) = (trace_id(trace), id(number));
    let start = moment(numbers);
    let mut made = match numbers.below(5) {
        0 | 1 => any_call(numbers, &trace, &id, start),
        2 => with_kind(span(&trace, &id, start), &json(r#"{"type":"tool_call","tool_name":"search"}"#)),
        3 => with_kind(
            span(&trace, &id, start),
            &json(r#"{"type":"fs_write","path":"src/main.rs","bytes_written":7}"#),
        ),
        _ => with_kind(
            span(&trace, &id, start),
            &json(r#"{"type":"custom","kind":"agent","attributes":{"a":[1,{"b":null}]}}"#),
        ),
    };
    (*numbers.pick(&NAMES)).clone_into(&mut made.name);
    if numbers.chance(50) {
        made.parent_id = Some(SpanId::parse("span.000").unwrap());
    }
    if !running {
        made = completed(made, i64::try_from(numbers.below(5_000)).unwrap());
        if numbers.chance(20) {
            made.status = SpanStatus::Failed { error: "it \"broke\"".to_owned() };
        }
    }
    let input = numbers.chance(80).then(|| *numbers.pick(&INPUTS));
    let output = (!running && numbers.chance(80)).then(|| *numbers.pick(&OUTPUTS));
    let mut new = new_span(made, input, output);
    new.version = version(&new.span, at, numbers);
    new
}

fn any_call(numbers: &mut Numbers, trace: &str, id: &str, start: i64) -> Span {
    let mut made = llm_span(trace, id, start, numbers.pick::<&str>(&MODELS));
    if let SpanKind::LlmCall(call) = &mut made.kind {
        // Fractions of a power of two add up exactly in any order.
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let cost = numbers.below(64) as f64 / 64.0;
        call.cost = numbers.chance(70).then_some(Cost::Given(cost));
        call.provider = numbers.chance(80).then(|| (*numbers.pick(&["openai", "anthropic"])).to_owned());
        call.usage.input_tokens = numbers.chance(80).then_some(numbers.below(900) as u64);
        call.usage.output_tokens = numbers.chance(60).then_some(numbers.below(90) as u64);
        call.usage.cached_input_tokens = numbers.chance(20).then_some(3);
    }
    made
}

fn with_kind(span: Span, kind: &Json) -> Span {
    let kind = KindInput::parse(kind.read().unwrap()).unwrap().kind().unwrap();
    Span { kind, ..span }
}

fn json(text: &str) -> Json {
    Json::parse(text).unwrap()
}

fn version(span: &Span, at: usize, numbers: &mut Numbers) -> Version {
    // Not always growing, so that some writes come late.
    let written = time(10_000_000 + i64::try_from(at * 10 + numbers.below(60)).unwrap());
    Version::new(&span.status, written)
}

fn finish(numbers: &mut Numbers, number: usize, trace: usize, at: usize) -> Finish {
    let status = if numbers.chance(70) {
        SpanStatus::Completed
    } else {
        SpanStatus::Failed { error: "late".to_owned() }
    };
    let written = time(10_000_000 + i64::try_from(at * 10).unwrap());
    Finish {
        trace_id: numbers.chance(50).then(|| TraceId::parse(&trace_id(trace)).unwrap()),
        span_id: SpanId::parse(&id(number)).unwrap(),
        version: Version::new(&status, written),
        status,
        ended_at: time(24_000_000 + i64::try_from(numbers.below(9_000)).unwrap()),
        output: numbers.chance(60).then(|| json(numbers.pick::<&str>(&OUTPUTS))),
        kind: numbers.chance(30).then(|| {
            KindInput::parse(json(r#"{"type":"llm_call","model":"gpt-4o","cost":0.5}"#).read().unwrap())
                .unwrap()
        }),
    }
}

/// Returns every test worth asking, one of each kind and value.
pub(super) fn tests() -> Vec<Test> {
    let text = |field, needle: &str| Test::Text(field, needle.to_owned());
    let mut tests = vec![
        Test::Provider("anthropic".to_owned()),
        Test::Model("gpt-4o".to_owned()),
        Test::Model("GPT-4o".to_owned()),
        Test::Model("claude-sonnet-4".to_owned()),
        Test::Trace(TraceId::parse("trace-3").unwrap()),
        Test::Trace(TraceId::parse("no-such").unwrap()),
        Test::Session("s1".to_owned()),
        Test::Session("tagged".to_owned()),
        Test::Session("s/2 with:odd".to_owned()),
        Test::Since(time(6_000_000)),
        Test::Until(time(12_000_000)),
        Test::Path("src/main.rs".to_owned()),
    ];
    for word in ["llm_call", "custom", "fs_write", "fs_read", "tool_call", "agent", "nothing"] {
        tests.push(Test::Kind(word.to_owned()));
    }
    for status in [StatusWord::Running, StatusWord::Completed, StatusWord::Failed] {
        tests.push(Test::Status(status));
    }
    for part in ["CHAT", "ünïcode", "été", "a-b", "%", "_", "zzz"] {
        tests.push(Test::Name(part.to_owned()));
    }
    for part in ["prod", "STAG", "session:", "Ünna", "a\"b", "%", "none"] {
        tests.push(Test::Tag(part.to_owned()));
    }
    for field in [
        NumberField::Cost,
        NumberField::Tokens,
        NumberField::InputTokens,
        NumberField::OutputTokens,
        NumberField::Duration,
    ] {
        let (low, high) = if field == NumberField::Cost { (0.25, 0.75) } else { (40.0, 2_000.0) };
        tests.push(Test::Number(field, Range::at_least(low)));
        tests.push(Test::Number(field, Range::at_most(high)));
        tests.push(Test::Number(
            field,
            Range { min: Some((low, Inclusive::No)), max: Some((high, Inclusive::No)) },
        ));
        tests.push(Test::Number(field, Range::exactly(0.0)));
    }
    for needle in WORDS {
        tests.push(text(TextField::Anywhere, needle));
    }
    for needle in ["refund", "zürich", "content"] {
        tests.push(text(TextField::Input, needle));
        tests.push(text(TextField::Output, needle));
    }
    tests
}

/// Needles that start a word.
pub(super) const WORDS: [&str; 22] = [
    "refund",
    "REFUND",
    "refund my order",
    "zürich",
    "Zürich HB",
    "東京",
    "東京タワー",
    "patient assistant",
    "4711",
    "ok",
    "x",
    "a",
    "schritt",
    "chat",
    "quotes",
    "line two",
    "café",
    "🦀",
    "\"role\":\"user\"",
    "line one\nline",
    "nowhere to be found",
    r#"{"messages":[{"role":"system""#,
];

/// Returns whether `needle` starts a word somewhere in `text`.
pub(super) fn starts_a_word(needle: &str, text: &str) -> bool {
    let (needle, text) = (needle.to_lowercase(), text.to_lowercase());
    text.match_indices(&needle).any(|(at, _)| !text[..at].ends_with(char::is_alphanumeric))
}

/// Needles that start inside a word.
pub(super) const INNER: [&str; 14] = [
    "efun",
    "fund my",
    "ürich",
    "タワ",
    "atient",
    "11",
    "k",
    "r",
    "chri",
    "\\n",
    "\",\"content\":\"",
    "afé",
    "zz",
    "[{",
];

/// Returns a filter of one to three of `tests`, some of them negated.
pub(super) fn filter(numbers: &mut Numbers, tests: &[Test]) -> Filter {
    let terms = (0..=numbers.below(3))
        .map(|_| Term { negated: numbers.chance(25), test: numbers.pick(tests).clone() });
    Filter { terms: terms.collect(), ..Filter::default() }
}

pub(super) const SPAN_SORTS: [SortBy; 5] =
    [SortBy::StartedAt, SortBy::Duration, SortBy::Tokens, SortBy::Cost, SortBy::Name];

pub(super) const TRACE_SORTS: [SortBy; 5] =
    [SortBy::StartedAt, SortBy::Duration, SortBy::Tokens, SortBy::Cost, SortBy::SpanCount];
