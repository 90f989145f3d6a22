//! What holds for any request at all.
#![expect(clippy::unwrap_used, reason = "tests")]

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use prost::Message as _;

use super::names::Name;
use super::{decode_json, decode_protobuf, map};
use crate::ports::SpanWrite;
use crate::time::Timestamp;

fn text() -> impl Strategy<Value = String> {
    let words = select(vec![
        "",
        "chat",
        "execute_tool",
        "ai.generateText",
        "ai.streamText.doStream",
        "LLM",
        "TOOL",
        "anthropic",
        "openai.chat",
        "application/json",
        "12",
        "-3",
        "1e999",
        "{\"a\":[1,{\"b\":null}]}",
        "[]",
        "[{\"role\":1}]",
        "{\"anthropic\":{\"cacheCreationInputTokens\":5}}",
        "{broken",
        "\u{0}",
        "[\"a\\u0000\"]",
    ]);
    prop_oneof![words.prop_map(str::to_owned), "\\PC{0,40}"]
}

fn key() -> impl Strategy<Value = String> {
    let families = select(vec![
        "gen_ai.prompt.",
        "gen_ai.completion.",
        "llm.input_messages.",
        "llm.output_messages.",
        "retrieval.documents.",
        "ai.telemetry.metadata.",
        "traceloop.association.properties.",
    ]);
    let rest = select(vec![
        "",
        "0",
        "0.",
        "0.role",
        "1.content",
        "0.message.role",
        "2.message.contents.1.message_content.text",
        "0.tool_calls.0.name",
        "0.message.tool_calls.9.tool_call.function.arguments",
        "4294967296.role",
        "session_id",
        "sessionId",
        "tags",
        "0.document.metadata",
        "+1.role",
        "0.contents.x.y",
    ]);
    prop_oneof![
        4 => select(Name::KEYS).prop_map(str::to_owned),
        2 => (families, rest).prop_map(|(family, rest)| format!("{family}{rest}")),
        1 => "\\PC{0,12}",
        1 => select(vec!["events", "links", "trace_state", "service.name", "host.id"]).prop_map(str::to_owned),
    ]
}

fn any() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        text().prop_map(|text| Some(Any::StringValue(text))),
        any_bool().prop_map(|flag| Some(Any::BoolValue(flag))),
        proptest::num::i64::ANY.prop_map(|number| Some(Any::IntValue(number))),
        (0_i64..500).prop_map(|number| Some(Any::IntValue(number))),
        proptest::num::f64::NORMAL.prop_map(|number| Some(Any::DoubleValue(number))),
        vec(proptest::num::u8::ANY, 0..5).prop_map(|bytes| Some(Any::BytesValue(bytes))),
    ]
    .prop_map(|value| AnyValue { value });
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|values| Any::ArrayValue(ArrayValue { values })),
            vec((key(), inner), 0..4).prop_map(|members| {
                Any::KvlistValue(KeyValueList { values: members.into_iter().map(pair).collect() })
            }),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn any_bool() -> impl Strategy<Value = bool> {
    proptest::bool::ANY
}

fn pair((key, value): (String, AnyValue)) -> KeyValue {
    // JSON has no way to tell a missing value from an empty one.
    let value = value.value.is_some().then_some(value);
    KeyValue { key, value, ..KeyValue::default() }
}

fn attributes(most: usize) -> impl Strategy<Value = Vec<KeyValue>> {
    vec((key(), any()).prop_map(pair), 0..most)
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let name = select(vec![
        "exception",
        "gen_ai.user.message",
        "gen_ai.choice",
        "gen_ai.content.prompt",
        "gen_ai.content.completion",
        "gen_ai.client.inference.operation.details",
        "gen_ai..message",
        "other",
        "",
    ]);
    let event = (name, attributes(4), 0_u64..3).prop_map(|(name, attributes, time_unix_nano)| Event {
        name: name.to_owned(),
        attributes,
        time_unix_nano,
        ..Event::default()
    });
    vec(event, 0..3)
}

fn span() -> impl Strategy<Value = Span> {
    let id = |length: usize| {
        prop_oneof![
            6 => vec(1..=3_u8, length..=length),
            1 => vec(0..=1_u8, 0..20),
        ]
    };
    let times = (proptest::num::u64::ANY, prop_oneof![Just(0_u64), proptest::num::u64::ANY]);
    let links = vec(attributes(2).prop_map(|attributes| Link { attributes, ..Link::default() }), 0..2);
    let status =
        proptest::option::of((0..4_i32, text()).prop_map(|(code, message)| Status { code, message }));
    (id(16), id(8), id(8), text(), 0..7_i32, times, attributes(12), events(), links, status).prop_map(
        |(trace_id, span_id, parent_span_id, name, kind, (start, end), attributes, events, links, status)| {
            Span {
                trace_id,
                span_id,
                parent_span_id,
                name,
                kind,
                start_time_unix_nano: start,
                end_time_unix_nano: end,
                attributes,
                events,
                links,
                status,
                ..Span::default()
            }
        },
    )
}

fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let resource = attributes(4).prop_map(|attributes| Resource { attributes, ..Resource::default() });
    let scopes = select(vec!["", "ai", "openlit.otel.tracing", "@traceloop/instrumentation-anthropic"]);
    (resource, scopes, vec(span(), 0..4)).prop_map(|(resource, name, spans)| {
        let scope = InstrumentationScope { name: name.to_owned(), ..InstrumentationScope::default() };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
        let resource_spans =
            ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() };
        ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
    })
}

static NOW: std::sync::LazyLock<Timestamp> =
    std::sync::LazyLock::new(|| Timestamp::from_micros(1_800_000_000_000_000));

proptest! {
    #[test]
    fn any_request_maps_and_every_span_is_counted(request in request()) {
        let sent = request.resource_spans[0].scope_spans[0].spans.len();
        let mapped = map(request, *NOW);
        prop_assert_eq!(mapped.spans.len() + usize::try_from(mapped.rejected).unwrap(), sent);
        prop_assert_eq!(mapped.rejected > 0, !mapped.message.is_empty());
        for write in &mapped.spans {
            let SpanWrite::Put(new) = write else { panic!("only whole spans") };
            prop_assert!(mapped.traces.iter().any(|trace| trace.id == new.span.trace_id));
            prop_assert!(!new.span.name.is_empty() && !new.span.name.contains('\0'));
            prop_assert_eq!(new.span.status.is_terminal(), new.span.ended_at.is_some());
            let kind = serde_json::to_string(&new.span.kind).unwrap();
            let attributes = serde_json::to_string(&new.span.attributes).unwrap();
            // What is stored is read back, and holds no NUL.
            prop_assert!(serde_json::from_str::<crate::kind::SpanKind>(&kind).is_ok(), "{}", kind);
            prop_assert!(!kind.contains("\\u0000") || kind.contains("\\\\u0000"), "{}", kind);
            prop_assert!(!attributes.contains("\\u0000") || attributes.contains("\\\\u0000"), "{}", attributes);
            if let Some(call) = new.span.kind.llm() {
                let usage = call.usage;
                let parts = [usage.cached_input_tokens, usage.cache_write_tokens, usage.cache_write_1h_tokens];
                let parts: u64 = parts.into_iter().flatten().sum();
                prop_assert!(usage.input_tokens.is_none_or(|input| input >= parts), "{:?}", usage);
                prop_assert!(usage.output_tokens.is_none_or(|all| all >= usage.reasoning_tokens.unwrap_or(0)));
            }
        }
    }

    #[test]
    fn protobuf_and_json_of_the_same_request_map_equally(request in request()) {
        let protobuf = decode_protobuf(&request.encode_to_vec()).unwrap();
        let json = decode_json(&serde_json::to_vec(&request).unwrap()).unwrap();
        prop_assert_eq!(format!("{:?}", map(json, *NOW)), format!("{:?}", map(protobuf, *NOW)));
    }

    #[test]
    fn any_bytes_decode_or_are_refused(bytes in vec(proptest::num::u8::ANY, 0..200), text in "[\\[\\]{}\":,a0\\\\]{0,60}") {
        let _ = decode_protobuf(&bytes).map(|request| map(request, *NOW));
        let _ = decode_json(&bytes).map(|request| map(request, *NOW));
        let _ = decode_json(format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{text}]}}]}}]}}").as_bytes());
    }
}
