//! Whole spans, as senders of each convention write them.
#![expect(clippy::unwrap_used, reason = "tests")]

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Link;
use opentelemetry_proto::tonic::trace::v1::{Span as ProtoSpan, Status};
use serde_json::{Value, json};

use super::map;
use super::testing::{attributes, event, request, span};
use crate::json::Json;
use crate::kind::{Cost, SpanKind};
use crate::ports::SpanWrite;
use crate::span::{NewSpan, SpanStatus, Version};
use crate::time::Timestamp;
use crate::trace::{NameRank, NewTrace, OnExisting};

const NOW: i64 = 1_800_000_000_000_000;

fn mapped(spans: Vec<ProtoSpan>) -> (Vec<NewTrace>, Vec<NewSpan>) {
    let mapped = map(request(spans), Timestamp::from_micros(NOW));
    let spans = mapped.spans.into_iter().map(|write| match write {
        SpanWrite::Put(span) => span,
        other => panic!("{other:?}"),
    });
    (mapped.traces, spans.collect())
}

fn one(span: ProtoSpan) -> (NewTrace, NewSpan) {
    let (mut traces, mut spans) = mapped(vec![span]);
    (traces.remove(0), spans.remove(0))
}

fn of(members: Value) -> NewSpan {
    one(span(members)).1
}

fn trace_of(members: Value) -> NewTrace {
    one(span(members)).0
}

fn read(side: Option<&Json>) -> Value {
    side.map_or(json!("absent"), |json| json.read().unwrap())
}

fn input(members: Value) -> Value {
    read(of(members).payload.input.as_ref())
}

fn output(members: Value) -> Value {
    read(of(members).payload.output.as_ref())
}

fn kind(members: Value) -> Value {
    json!(of(members).span.kind)
}

#[test]
fn ids_are_the_lower_case_hex_of_opentelemetry() {
    let mut sent = span(json!({}));
    sent.trace_id = (0xa0..0xb0).collect();
    sent.span_id = vec![0xff; 8];
    sent.parent_span_id = vec![0x0b; 8];
    let (trace, new) = one(sent);
    assert_eq!(trace.id.as_str(), "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf");
    assert_eq!(new.span.trace_id, trace.id);
    assert_eq!(new.span.id.as_str(), "ffffffffffffffff");
    assert_eq!(new.span.parent_id.unwrap().as_str(), "0b0b0b0b0b0b0b0b");
}

#[test]
fn spans_with_bad_ids_are_rejected_and_the_others_kept() {
    let good = span(json!({}));
    let bad = |trace_id: Vec<u8>, span_id: Vec<u8>| ProtoSpan { trace_id, span_id, ..span(json!({})) };
    let mapped = map(
        request(vec![
            bad(vec![0; 16], vec![2; 8]),
            bad(vec![1; 16], vec![0; 8]),
            bad(vec![1; 15], vec![2; 8]),
            bad(vec![1; 16], vec![]),
            good,
        ]),
        Timestamp::from_micros(NOW),
    );
    assert_eq!((mapped.rejected, mapped.spans.len(), mapped.traces.len()), (4, 1, 1));
    assert!(mapped.message.starts_with("4 spans rejected"), "{}", mapped.message);
    let none = map(request(vec![span(json!({}))]), Timestamp::from_micros(NOW));
    assert_eq!((none.rejected, none.message.as_str()), (0, ""));
}

#[test]
fn an_empty_or_zero_parent_makes_a_root() {
    for parent in [vec![], vec![0; 8]] {
        let (trace, new) = one(ProtoSpan { parent_span_id: parent, ..span(json!({})) });
        assert_eq!((new.span.parent_id, trace.name), (None, Some(("work".to_owned(), NameRank::Root))));
    }
}

#[test]
fn times_are_those_of_the_span_and_missing_ones_have_a_meaning() {
    let new = of(json!({}));
    assert_eq!(new.span.started_at.to_string(), "2023-11-14T22:13:20Z");
    assert_eq!(new.span.ended_at.unwrap().to_string(), "2023-11-14T22:13:21.500Z");
    assert_eq!(new.span.status, SpanStatus::Completed);
    let running = ProtoSpan { start_time_unix_nano: 0, end_time_unix_nano: 0, ..span(json!({})) };
    let (_, new) = one(running);
    assert_eq!((new.span.started_at.as_micros(), new.span.ended_at), (NOW, None));
    assert_eq!(new.span.status, SpanStatus::Running);
    assert_eq!(new.version, Version::new(&SpanStatus::Running, Timestamp::from_micros(NOW)));
}

#[test]
fn errors_say_what_the_status_or_the_exception_says() {
    let failed = |message: &str, events| {
        let status = Some(Status { code: 2, message: message.to_owned() });
        let (_, new) = one(ProtoSpan { status, events, ..span(json!({})) });
        new.span.status.error().unwrap().to_owned()
    };
    let exception = || vec![event("exception", json!({"exception.message": "boom"}))];
    assert_eq!(failed("rate limited", exception()), "rate limited");
    assert_eq!(failed("", exception()), "boom");
    assert_eq!(failed("", vec![]), "error");
    for code in [0, 1] {
        let status = Some(Status { code, message: "fine".to_owned() });
        let (_, new) = one(ProtoSpan { status, ..span(json!({})) });
        assert_eq!(new.span.status, SpanStatus::Completed);
    }
}

#[test]
fn an_empty_name_is_unnamed_and_names_no_trace() {
    let (trace, new) = one(ProtoSpan { name: String::new(), ..span(json!({})) });
    assert_eq!(new.span.name, "unnamed");
    assert_eq!(trace.name, Some(("otlp-trace".to_owned(), NameRank::Fallback)));
}

#[test]
fn the_trace_is_named_by_its_root_else_its_service_else_a_word() {
    let child = || ProtoSpan { parent_span_id: vec![9; 8], ..span(json!({})) };
    let (trace, _) = one(child());
    assert_eq!(trace.name, Some(("otlp-trace".to_owned(), NameRank::Fallback)));

    let mut with_service = request(vec![child()]);
    let resource = Resource {
        attributes: attributes(json!({"service.name": "shop", "host.name": "h", "host.id": "i-1"})),
        ..Resource::default()
    };
    with_service.resource_spans[0].resource = Some(resource);
    let trace = map(with_service.clone(), Timestamp::from_micros(NOW)).traces.remove(0);
    assert_eq!(trace.name, Some(("shop".to_owned(), NameRank::Service)));
    assert_eq!(trace.machine_id.as_deref(), Some("i-1"));

    with_service.resource_spans[0].scope_spans[0]
        .spans
        .push(span(json!({"ai.telemetry.functionId": "answer"})));
    let traces = map(with_service, Timestamp::from_micros(NOW)).traces;
    assert_eq!(traces.len(), 1);
    assert_eq!(traces[0].name, Some(("answer".to_owned(), NameRank::Root)));
    assert_eq!(traces[0].on_existing, OnExisting::Merge);
}

#[test]
fn the_trace_starts_with_its_earliest_span() {
    let early = ProtoSpan { start_time_unix_nano: 5_000, span_id: vec![3; 8], ..span(json!({})) };
    let (traces, _) = mapped(vec![span(json!({})), early]);
    assert_eq!(traces[0].started_at, Timestamp::from_micros(5));
}

#[test]
fn tags_are_collected_without_repeats() {
    let tags = |members| trace_of(members).tags;
    assert_eq!(tags(json!({})), ["otlp"]);
    assert_eq!(tags(json!({"tag.tags": ["a", "b", "a", " "]})), ["otlp", "a", "b"]);
    assert_eq!(tags(json!({"tag.tags": "[\"a\",\"b\"]"})), ["otlp", "a", "b"]);
    assert_eq!(tags(json!({"traceloop.association.properties.tags": ["x"]})), ["otlp", "x"]);
    assert_eq!(tags(json!({"traceloop.association.properties.tags": "x"})), ["otlp", "x"]);
}

#[test]
fn the_session_is_the_first_that_is_named() {
    let names = [
        "session.id",
        "gen_ai.conversation.id",
        "traceloop.association.properties.session_id",
        "ai.telemetry.metadata.sessionId",
        "ai.telemetry.metadata.session_id",
    ];
    for first in 0..names.len() {
        // The weakest name comes first, so that order alone cannot decide.
        let members: Value = names[first..].iter().rev().map(|name| (*name, format!("of {name}"))).collect();
        let session = trace_of(members).session_id;
        assert_eq!(session, Some(format!("of {}", names[first])));
    }
    assert_eq!(trace_of(json!({"session.id": ""})).session_id, None);
}

#[test]
fn metadata_is_gathered_from_every_place() {
    let trace = trace_of(json!({
        "ai.telemetry.metadata.team": "search", "traceloop.association.properties.plan": "pro",
        "metadata": "{\"release\": \"1.2\", \"beta\": true}", "user.id": "u-1",
    }));
    let wanted = json!({"team": "search", "plan": "pro", "release": "1.2", "beta": true, "user_id": "u-1"});
    assert_eq!(json!(trace.metadata), wanted);
    let not_an_object = of(json!({"metadata": "plain"}));
    assert_eq!(custom_attributes(&not_an_object)["metadata"], json!("plain"));
}

#[test]
fn what_a_trace_already_says_otherwise_stays_with_the_span() {
    let second = ProtoSpan { span_id: vec![3; 8], ..span(json!({"session.id": "b", "user.id": "v"})) };
    let (traces, spans) = mapped(vec![span(json!({"session.id": "a", "user.id": "u"})), second]);
    assert_eq!(traces[0].session_id.as_deref(), Some("a"));
    assert_eq!(json!(custom_attributes(&spans[0])), json!({}));
    assert_eq!(json!(custom_attributes(&spans[1])), json!({"session.id": "b", "user.id": "v"}));
}

fn custom_attributes(new: &NewSpan) -> crate::kind::Attributes {
    match &new.span.kind {
        SpanKind::Custom { attributes, .. } => attributes.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn everything_not_consumed_is_kept() {
    let full = |members| {
        let sent = ProtoSpan {
            events: vec![
                event("cache.miss", json!({"key": "k"})),
                event("exception", json!({"exception.message": "x"})),
            ],
            links: vec![Link { trace_id: vec![7; 16], span_id: vec![8; 8], ..Link::default() }],
            trace_state: "a=b".to_owned(),
            dropped_attributes_count: 3,
            ..span(members)
        };
        let mut request = request(vec![sent]);
        request.resource_spans[0].resource = Some(Resource {
            attributes: attributes(json!({"service.name": "shop", "process.pid": 7})),
            ..Resource::default()
        });
        request.resource_spans[0].scope_spans[0].scope = Some(InstrumentationScope {
            name: "lib".to_owned(),
            version: "1.0".to_owned(),
            ..InstrumentationScope::default()
        });
        match map(request, Timestamp::from_micros(NOW)).spans.remove(0) {
            SpanWrite::Put(span) => span,
            other => panic!("{other:?}"),
        }
    };
    let wanted = json!({
        "http.method": "GET", "list": [1, true, {"a": "b"}], "text": {"parsed": 1},
        "events": [
            {"name": "cache.miss", "attributes": {"key": "k"}},
            {"name": "exception", "attributes": {"exception.message": "x"}}],
        "links": [{"trace_id": "07070707070707070707070707070707", "span_id": "0808080808080808"}],
        "trace_state": "a=b",
        "otel.dropped_attributes_count": 3,
        "otel.scope.name": "lib", "otel.scope.version": "1.0",
        "resource.service.name": "shop", "resource.process.pid": 7,
    });
    let members = json!({"http.method": "GET", "list": [1, true, {"a": "b"}], "text": "{\"parsed\": 1}"});
    let custom = full(members.clone());
    assert_eq!(json!(custom_attributes(&custom)), wanted);
    assert!(custom.span.attributes.is_empty());

    let mut call = members;
    call["gen_ai.request.model"] = json!("m");
    let call = full(call);
    assert_eq!(json!(call.span.attributes), wanted);
    assert_eq!(json!(call.span.kind), json!({"type": "llm_call", "model": "m"}));
}

#[test]
fn an_attribute_called_events_is_not_overwritten() {
    let sent = ProtoSpan { events: vec![event("e", json!({}))], ..span(json!({"events": "mine"})) };
    let kept = custom_attributes(&one(sent).1);
    assert_eq!(json!(kept), json!({"events": "mine", "otel.events": [{"name": "e"}]}));
}

#[test]
fn the_model_is_the_first_that_is_named() {
    let rows = [
        ["gen_ai.response.model", "gen_ai.request.model"],
        ["gen_ai.request.model", "ai.response.model"],
        ["ai.response.model", "ai.model.id"],
        ["ai.model.id", "llm.model_name"],
        ["llm.model_name", "embedding.model_name"],
        ["embedding.model_name", "llm.response.model"],
        ["llm.response.model", "llm.request.model"],
    ];
    for [first, second] in rows {
        assert_eq!(kind(json!({second: "b", first: "a"}))["model"], "a", "{first}");
        assert_eq!(kind(json!({second: "b", first: ""}))["model"], "b", "{second}");
    }
    assert_eq!(kind(json!({"gen_ai.system": "openai"}))["model"], "unknown");
}

#[test]
fn the_provider_is_the_same_word_over_every_convention() {
    for members in [
        json!({"gen_ai.provider.name": "openai"}),
        json!({"gen_ai.system": "openai"}),
        json!({"gen_ai.system": "OpenAI"}),
        json!({"ai.model.provider": "openai.chat"}),
        json!({"gen_ai.system": "openai.responses", "ai.model.provider": "openai.responses"}),
        json!({"gen_ai.system": "openai.chat", "ai.operationId": "ai.streamText.doStream"}),
        json!({"llm.provider": "openai", "llm.system": "other"}),
        json!({"llm.system": "openai"}),
        json!({"llm.vendor": "OpenAI"}),
    ] {
        assert_eq!(kind(members.clone())["provider"], "openai", "{members}");
    }
    assert_eq!(kind(json!({"gen_ai.system": "azure.ai.openai"}))["provider"], "azure.ai.openai");
}

#[test]
fn the_provider_may_be_named_on_the_resource() {
    for name in ["gen_ai.system", "gen_ai.provider.name"] {
        let mut request =
            request(vec![span(json!({"gen_ai.request.model": "m"})), span(json!({"http.method": "GET"}))]);
        request.resource_spans[0].resource =
            Some(Resource { attributes: attributes(json!({name: "groq"})), ..Resource::default() });
        let spans = map(request, Timestamp::from_micros(NOW)).spans;
        let kinds: Vec<Value> = spans
            .iter()
            .map(|write| match write {
                SpanWrite::Put(new) => json!(new.span.kind),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(kinds[0]["provider"], "groq");
        // A provider of the whole process makes no call of its other spans.
        assert_eq!(kinds[1]["type"], "custom");
    }
}

#[test]
fn a_cost_the_sender_names_is_given() {
    let cost = |members| match of(members).span.kind {
        SpanKind::LlmCall(call) => call.cost,
        other => panic!("{other:?}"),
    };
    assert_eq!(cost(json!({"gen_ai.system": "x", "gen_ai.usage.cost": 0.25})), Some(Cost::Given(0.25)));
    assert_eq!(cost(json!({"gen_ai.system": "x", "gen_ai.usage.cost": "0.25"})), Some(Cost::Given(0.25)));
    assert_eq!(cost(json!({"llm.system": "x", "llm.cost.total": 0})), Some(Cost::Given(0.0)));
    assert_eq!(cost(json!({"llm.system": "x", "llm.cost.total": -1.0})), None);
    assert_eq!(cost(json!({"llm.system": "x"})), None);
}

#[test]
fn the_service_tier_is_the_one_billed_else_the_one_asked_for() {
    let tier = |members: Value| {
        let mut members = members;
        members["gen_ai.system"] = json!("openai");
        kind(members)["service_tier"].clone()
    };
    let both = json!({
        "gen_ai.openai.request.service_tier": "auto", "gen_ai.openai.response.service_tier": "flex"
    });
    assert_eq!(tier(both), "flex");
    assert_eq!(tier(json!({"openai.response.service_tier": "priority"})), "priority");
    assert_eq!(tier(json!({"gen_ai.openai.request.service_tier": "flex"})), "flex");
    assert_eq!(tier(json!({"llm.invocation_parameters": "{\"service_tier\": \"flex\"}"})), "flex");
    let sdk = json!({"ai.response.providerMetadata": "{\"openai\":{\"serviceTier\":\"flex\"}}"});
    assert_eq!(tier(sdk), "flex");
    assert_eq!(tier(json!({})), Value::Null);
    let own = json!({
        "anthropic.request.service_tier": "auto", "anthropic.response.service_tier": "priority"
    });
    assert_eq!(tier(own), "priority");
    let answer = json!({
        "openinference.span.kind": "LLM", "llm.invocation_parameters": "{\"service_tier\": \"auto\"}",
        "output.mime_type": "application/json",
        "output.value": "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"service_tier\":\"flex\"}",
    });
    assert_eq!(tier(answer), "flex");
}

#[test]
fn a_tier_asked_for_that_says_nothing_of_the_price_stays_with_the_span() {
    let members = json!({"gen_ai.system": "openai", "gen_ai.openai.request.service_tier": "auto"});
    let new = of(members.clone());
    assert_eq!(json!(new.span.kind)["service_tier"], Value::Null);
    assert_eq!(new.span.attributes["gen_ai.openai.request.service_tier"], "auto");
    let members =
        json!({"gen_ai.system": "openai", "llm.invocation_parameters": "{\"service_tier\": \"auto\"}"});
    assert_eq!(kind(members)["service_tier"], Value::Null);
}

#[test]
fn openinference_keeps_with_the_answer_how_long_the_cache_keeps_what_was_written() {
    let call = kind(json!({
        "openinference.span.kind": "LLM", "llm.model_name": "claude-sonnet-4-6", "llm.provider": "anthropic",
        "llm.token_count.prompt": 140, "llm.token_count.completion": 5,
        "llm.token_count.prompt_details.cache_read": 100, "llm.token_count.prompt_details.cache_write": 30,
        "output.value": "{\"type\":\"message\",\"usage\":{\"cache_creation\":{\"ephemeral_1h_input_tokens\":10,\
            \"ephemeral_5m_input_tokens\":20},\"cache_creation_input_tokens\":30,\"cache_read_input_tokens\":100,\
            \"input_tokens\":10,\"output_tokens\":5,\"service_tier\":\"standard\"}}",
    }));
    let wanted = json!({
        "type": "llm_call", "model": "claude-sonnet-4-6", "provider": "anthropic", "input_tokens": 140,
        "output_tokens": 5, "cached_input_tokens": 100, "cache_write_tokens": 20, "cache_write_1h_tokens": 10,
        "service_tier": "standard",
    });
    assert_eq!(call, wanted);
}

const QUESTION: &str = r#"[{"role":"user","parts":[{"type":"text","content":"hi"}]}]"#;

#[test]
fn the_input_is_the_first_that_is_there() {
    let hi = json!([{"role": "user", "content": "hi"}]);
    let chat = r#"[{"role":"user","content":"hi"}]"#;
    let rows = [
        (json!({"gen_ai.input.messages": chat}), hi.clone()),
        (json!({"gen_ai.input.messages": [{"role": "user", "content": "hi"}]}), hi.clone()),
        (json!({"gen_ai.prompt": "hi"}), json!("hi")),
        (json!({"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "hi"}), hi.clone()),
        (json!({"ai.prompt.messages": chat}), hi.clone()),
        (json!({"ai.prompt": "{\"prompt\":\"hi\"}"}), json!({"prompt": "hi"})),
        (json!({"ai.value": "hi"}), json!("hi")),
        (json!({"ai.values": ["hi", "ho"]}), json!(["hi", "ho"])),
        (json!({"input.value": chat}), hi.clone()),
        (
            json!({"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "hi"}),
            hi,
        ),
        (json!({"traceloop.entity.input": "{\"args\":[1]}"}), json!({"args": [1]})),
    ];
    let mut all = json!({"gen_ai.request.model": "m"});
    for (members, wanted) in rows.iter().rev() {
        for (key, value) in members.as_object().unwrap() {
            all[key] = value.clone();
        }
        assert_eq!(input(all.clone()), *wanted, "{members}");
    }
    assert_eq!(input(json!({"gen_ai.request.model": "m"})), "absent");
}

#[test]
fn the_output_is_the_first_that_is_there() {
    let hello = json!([{"role": "assistant", "content": "hello"}]);
    let chat = r#"[{"role":"assistant","content":"hello"}]"#;
    let flat = json!({"gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.content": "hello"});
    let message = json!({"llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": "hello"});
    let rows = [
        (json!({"gen_ai.output.messages": chat}), hello.clone()),
        (json!({"gen_ai.completion": "hello"}), json!("hello")),
        (flat, hello.clone()),
        (json!({"ai.response.text": "hello"}), json!({"text": "hello"})),
        (json!({"ai.embeddings": ["[0.5]"]}), json!([[0.5]])),
        (json!({"output.value": chat}), hello.clone()),
        (message, hello),
        (json!({"traceloop.entity.output": "\"hello\""}), json!("\"hello\"")),
    ];
    let mut all = json!({"gen_ai.request.model": "m"});
    for (members, wanted) in rows.iter().rev() {
        for (key, value) in members.as_object().unwrap() {
            all[key] = value.clone();
        }
        assert_eq!(output(all.clone()), *wanted, "{members}");
    }
}

#[test]
fn system_instructions_become_the_first_message() {
    let members = json!({
        "gen_ai.request.model": "m", "gen_ai.input.messages": QUESTION,
        "gen_ai.system_instructions": "[{\"type\": \"text\", \"content\": \"be brief\"}]",
    });
    let wanted = json!([
        {"role": "system", "parts": [{"type": "text", "content": "be brief"}]},
        {"role": "user", "parts": [{"type": "text", "content": "hi"}]},
    ]);
    assert_eq!(input(members), wanted);
    let text = json!({"gen_ai.input.messages": "[]", "gen_ai.system_instructions": "be brief"});
    assert_eq!(input(text), json!([{"role": "system", "content": "be brief"}]));
    let odd = json!({"gen_ai.input.messages": "hi", "gen_ai.system_instructions": "be brief"});
    assert_eq!(input(odd), json!({"system": {"role": "system", "content": "be brief"}, "messages": "hi"}));
}

#[test]
fn events_carry_what_went_in_and_out() {
    let with = |events| {
        let new = one(ProtoSpan { events, ..span(json!({"gen_ai.request.model": "m"})) }).1;
        (read(new.payload.input.as_ref()), read(new.payload.output.as_ref()), json!(new.span.attributes))
    };
    let details = event(
        "gen_ai.client.inference.operation.details",
        json!({"gen_ai.input.messages": QUESTION, "gen_ai.output.messages": "[{\"role\":\"assistant\"}]"}),
    );
    let wanted: Value = serde_json::from_str(QUESTION).unwrap();
    assert_eq!(with(vec![details]), (wanted, json!([{"role": "assistant"}]), json!({})));
    let each = vec![
        event("gen_ai.user.message", json!({"content": "hi"})),
        event("gen_ai.choice", json!({"index": 0, "finish_reason": "stop", "message": {"content": "hello"}})),
    ];
    let wanted = (
        json!([{"role": "user", "content": "hi"}]),
        json!([{"role": "assistant", "index": 0, "finish_reason": "stop", "content": "hello"}]),
        json!({}),
    );
    assert_eq!(with(each), wanted);
}

#[test]
fn mime_types_say_whether_a_scalar_is_json() {
    let value = |mime| input(json!({"input.value": "42", "input.mime_type": mime}));
    assert_eq!((value("application/json"), value("text/plain")), (json!(42), json!("42")));
    let broken = json!({"input.value": "{no", "input.mime_type": "application/json"});
    assert_eq!(input(broken), json!("{no"));
}

#[test]
fn an_openinference_call_keeps_its_messages_once() {
    let new = of(json!({
        "openinference.span.kind": "LLM", "llm.model_name": "gpt-4o", "llm.provider": "openai",
        "input.value": "{\"messages\": [{\"role\": \"user\", \"content\": \"a rather long question\"}]}",
        "input.mime_type": "application/json",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "a rather long question",
        "output.value": "{\"choices\": [{\"message\": {\"content\": \"something else altogether\"}}]}",
        "output.mime_type": "application/json",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "an answer that is not in the output",
    }));
    let wanted = json!({
        "openinference.span.kind": "LLM",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "an answer that is not in the output",
    });
    assert_eq!(json!(new.span.attributes), wanted);
}

#[test]
fn an_ai_sdk_answer_is_one_object() {
    let members = json!({
        "ai.operationId": "ai.streamText.doStream", "ai.model.id": "gpt-4o", "ai.model.provider": "openai.chat",
        "ai.response.text": "{\"looks\": \"like json\"}", "ai.response.object": "{\"a\": 1}",
        "ai.response.toolCalls": "[{\"toolCallId\":\"c\",\"toolName\":\"add\",\"input\":\"{}\"}]",
        "ai.response.finishReason": "tool-calls", "ai.response.msToFirstChunk": 12.5,
        "ai.response.msToFinish": 90.25, "ai.response.avgCompletionTokensPerSecond": 33.5,
    });
    let new = of(members.clone());
    let wanted = json!({
        "text": "{\"looks\": \"like json\"}", "object": {"a": 1},
        "tool_calls": [{"toolCallId": "c", "toolName": "add", "input": "{}"}],
        "finish_reason": "tool-calls", "ms_to_first_chunk": 12.5, "ms_to_finish": 90.25,
        "avg_completion_tokens_per_sec": 33.5,
    });
    assert_eq!(read(new.payload.output.as_ref()), wanted);
    assert_eq!(new.span.ms_to_first_chunk, Some(13));
    let newer = json!({"ai.operationId": "ai.generateText", "ai.response.avgOutputTokensPerSecond": 2.0});
    assert_eq!(output(newer), json!({"avg_completion_tokens_per_sec": 2.0}));
    assert_eq!(output(json!({"ai.operationId": "ai.generateText"})), Value::Null);
}

#[test]
fn tools_of_every_convention_are_tool_calls() {
    let rows = [
        json!({
            "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "add", "gen_ai.tool.call.id": "c",
            "gen_ai.tool.call.arguments": "{\"a\":1}", "gen_ai.tool.call.result": "{\"sum\":2}",
        }),
        json!({
            "ai.operationId": "ai.toolCall", "ai.toolCall.name": "add", "ai.toolCall.id": "c",
            "ai.toolCall.args": "{\"a\":1}", "ai.toolCall.result": "{\"sum\":2}",
        }),
        json!({
            "openinference.span.kind": "TOOL", "tool.name": "add", "tool_call.id": "c",
            "tool.parameters": "{\"a\":1}", "output.value": "{\"sum\":2}",
        }),
        json!({
            "traceloop.span.kind": "tool", "traceloop.entity.name": "add", "gen_ai.tool.call.id": "c",
            "traceloop.entity.input": "{\"a\":1}", "traceloop.entity.output": "{\"sum\":2}",
        }),
    ];
    for members in rows {
        let new = of(members.clone());
        let SpanKind::Custom { kind, attributes } = &new.span.kind else { panic!("{members}") };
        let shown = (kind.as_str(), &attributes["tool_name"], &attributes["tool_call_id"]);
        assert_eq!(shown, ("tool_call", &json!("add"), &json!("c")), "{members}");
        let sides = (read(new.payload.input.as_ref()), read(new.payload.output.as_ref()));
        assert_eq!(sides, (json!({"a": 1}), json!({"sum": 2})), "{members}");
    }
}

#[test]
fn a_retriever_gives_its_documents() {
    let members = json!({
        "openinference.span.kind": "RETRIEVER", "input.value": "tides",
        "retrieval.documents.0.document.content": "moon",
    });
    assert_eq!(kind(members.clone())["kind"], "retrieval");
    assert_eq!((input(members.clone()), output(members)), (json!("tides"), json!([{"content": "moon"}])));
}

#[test]
fn the_same_call_is_the_same_over_every_convention() {
    let wanted = json!({
        "type": "llm_call", "model": "gpt-4o", "provider": "openai", "input_tokens": 100, "output_tokens": 20,
        "cached_input_tokens": 60, "reasoning_tokens": 8,
    });
    for members in [
        json!({
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
            "gen_ai.response.model": "gpt-4o", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20,
            "gen_ai.usage.cache_read.input_tokens": 60, "gen_ai.usage.reasoning.output_tokens": 8,
        }),
        json!({
            "ai.operationId": "ai.generateText.doGenerate", "ai.model.id": "gpt-4o", "ai.model.provider": "openai.responses",
            "gen_ai.system": "openai.responses", "gen_ai.request.model": "gpt-4o", "ai.usage.inputTokens": 100,
            "ai.usage.outputTokens": 20, "ai.usage.cachedInputTokens": 60, "ai.usage.reasoningTokens": 8,
            "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20,
        }),
        json!({
            "openinference.span.kind": "LLM", "llm.system": "openai", "llm.model_name": "gpt-4o",
            "llm.token_count.prompt": 100, "llm.token_count.completion": 20, "llm.token_count.total": 120,
            "llm.token_count.prompt_details.cache_read": 60, "llm.token_count.completion_details.reasoning": 8,
        }),
        json!({
            "llm.vendor": "OpenAI", "llm.request.model": "gpt-4o", "llm.usage.prompt_tokens": 100,
            "llm.usage.completion_tokens": 20, "llm.usage.cache_read_input_tokens": 60,
            "llm.usage.reasoning_tokens": 8,
        }),
        json!({
            "gen_ai.system": "OpenAI", "gen_ai.request.model": "gpt-4o", "gen_ai.usage.prompt_tokens": 100,
            "gen_ai.usage.completion_tokens": 20, "gen_ai.usage.cache_read_input_tokens": 60,
            "gen_ai.usage.reasoning_tokens": 8, "llm.usage.total_tokens": 120,
        }),
    ] {
        assert_eq!(kind(members.clone()), wanted, "{members}");
    }
}

#[test]
fn resending_a_span_later_wins_over_the_first_sending() {
    let sent = |now| match map(request(vec![span(json!({}))]), Timestamp::from_micros(now)).spans.remove(0) {
        SpanWrite::Put(new) => new.version,
        other => panic!("{other:?}"),
    };
    assert!(sent(NOW + 1) > sent(NOW));
}
