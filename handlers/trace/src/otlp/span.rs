//! One span of a request as one of ours.

use opentelemetry_proto::tonic::trace::v1 as proto;
use serde::Deserialize;
use serde_json::Value;

use super::attributes::Attributes;
use super::events::{Events, links};
use super::kind::{Class, MODELS, PROVIDERS, classify};
use super::names::Name;
use super::payload::take_payload;
use super::source::{Resource, Scope};
use super::traces::{Sighting, Traces};
use super::usage::{provider_facts, take_usage};
use super::value;
use crate::id::SpanId;
use crate::kind::{Attributes as Map, Cost, LlmCall, SpanKind, UNKNOWN_MODEL};
use crate::price::billed_tier;
use crate::provider::{ResponseFacts, read_response};
use crate::span::{NewSpan, Span, SpanStatus, Version};
use crate::time::Timestamp;

/// Where a response names its service tier.
const ANSWERED_TIERS: [Name; 4] =
    [Name::OpenAiOwnResponseTier, Name::OpenAiResponseTier, Name::ResponseTier, Name::AnthropicResponseTier];

/// Where a request names its service tier.
const ASKED_TIERS: [Name; 4] =
    [Name::OpenAiOwnRequestTier, Name::OpenAiRequestTier, Name::RequestTier, Name::AnthropicRequestTier];

/// Returns the span, and adds what it tells of its trace to `traces`; `None` when its ids cannot be used.
pub(super) fn map_span(
    span: proto::Span,
    resource: &Resource,
    scope: &Scope,
    now: Timestamp,
    traces: &mut Traces,
) -> Option<NewSpan> {
    let trace_id = id_bytes::<16>(&span.trace_id)?;
    let id = SpanId::parse(&hex(&id_bytes::<8>(&span.span_id)?)).ok()?;
    let parent_id = id_bytes::<8>(&span.parent_span_id).and_then(|id| SpanId::parse(&hex(&id)).ok());
    let started_at = match span.start_time_unix_nano {
        0 => now,
        nanos => Timestamp::from_nanos(nanos),
    };
    let ended_at = Some(span.end_time_unix_nano).filter(|nanos| *nanos != 0).map(Timestamp::from_nanos);

    let mut rest = Rest {
        events: Events::new(span.events),
        attributes: Attributes::new(span.attributes),
        links: span.links,
        trace_state: span.trace_state,
        dropped: [span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count],
    };
    let seen = Sighting { name: &span.name, is_root: parent_id.is_none(), started_at, resource };
    let draft = traces.of(trace_id, started_at)?;
    draft.see(&seen, &mut rest.attributes);

    let status = status(span.status, ended_at, &rest.events);
    let ms_to_first_chunk = ms_to_first_chunk(&rest.attributes);
    let class = classify(&rest.attributes, span.kind);
    let kind = match class {
        Class::Llm => SpanKind::LlmCall(take_call(&mut rest.attributes, resource, scope)),
        Class::Tool => {
            SpanKind::Custom { kind: "tool_call".to_owned(), attributes: take_tool(&mut rest.attributes) }
        }
        Class::Other(word) => SpanKind::Custom { kind: word.to_owned(), attributes: Map::new() },
    };
    let payload = take_payload(&mut rest.attributes, &mut rest.events, class);
    let (kind, attributes) = match kind {
        SpanKind::Custom { kind, attributes } => {
            (SpanKind::Custom { kind, attributes: rest.leave(attributes, resource, scope) }, Map::new())
        }
        call => (call, rest.leave(Map::new(), resource, scope)),
    };
    let version = Version::new(&status, now);
    let name = if span.name.is_empty() { "unnamed".to_owned() } else { value::clean(span.name) };
    let span = Span {
        id,
        trace_id: draft.id.clone(),
        parent_id,
        name,
        kind,
        status,
        started_at,
        ended_at,
        attributes,
        ms_to_first_chunk,
        preview: None,
    };
    Some(NewSpan { span, payload, version })
}

/// Returns bytes in lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// Returns an id of `N` bytes that are not all zero.
fn id_bytes<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let id: [u8; N] = bytes.try_into().ok()?;
    (id != [0; N]).then_some(id)
}

/// What a span carries besides what was mapped.
struct Rest {
    attributes: Attributes,
    events: Events,
    links: Vec<proto::span::Link>,
    trace_state: String,
    dropped: [u32; 3],
}

impl Rest {
    /// Adds all of it to `map`, so that nothing a sender wrote is lost.
    fn leave(self, mut map: Map, resource: &Resource, scope: &Scope) -> Map {
        self.attributes.leave_to(&mut map);
        let counts =
            ["otel.dropped_attributes_count", "otel.dropped_events_count", "otel.dropped_links_count"];
        let dropped = counts.into_iter().zip(self.dropped).filter(|(_, count)| *count != 0);
        let state = Some(self.trace_state).filter(|state| !state.is_empty());
        let more = [
            ("events", self.events.leave()),
            ("links", links(self.links)),
            ("trace_state", state.map(|state| Value::from(value::clean(state)))),
        ];
        for (key, value) in more.into_iter().filter_map(|(key, value)| Some((key, value?))) {
            // An attribute of the sender's own may be called so.
            let key = if map.contains_key(key) { format!("otel.{key}") } else { key.to_owned() };
            map.insert(key, value);
        }
        map.extend(dropped.map(|(key, count)| (key.to_owned(), Value::from(count))));
        scope.add_to(&mut map);
        resource.add_to(&mut map);
        map
    }
}

fn status(status: Option<proto::Status>, ended_at: Option<Timestamp>, events: &Events) -> SpanStatus {
    const ERROR: i32 = 2;
    match (ended_at, status) {
        (None, _) => SpanStatus::Running,
        (Some(_), Some(proto::Status { code: ERROR, message })) => {
            let said = Some(value::clean(message)).filter(|message| !message.trim().is_empty());
            let error = said.or_else(|| events.exception()).unwrap_or_else(|| "error".to_owned());
            SpanStatus::Failed { error }
        }
        (Some(_), _) => SpanStatus::Completed,
    }
}

fn ms_to_first_chunk(attributes: &Attributes) -> Option<u64> {
    let millis = attributes.get(Name::AiMsToFirstChunk).and_then(value::amount);
    let seconds = || Some(attributes.get(Name::SecondsToFirstChunk).and_then(value::amount)? * 1_000.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and the cast saturates"
    )]
    millis.or_else(seconds).map(|millis| millis.round() as u64).filter(|millis| *millis < 1 << 53)
}

fn take_call(attributes: &mut Attributes, resource: &Resource, scope: &Scope) -> LlmCall {
    let provider = provider(attributes, resource);
    let facts = provider_facts(attributes);
    let answer = answer_facts(attributes);
    let usage = take_usage(attributes, &scope.name, provider.as_deref(), &facts, &answer);
    attributes.take_first(&PROVIDERS);
    let cost = [Name::UsageCost, Name::LlmCost].into_iter().find_map(|name| {
        let usd = attributes.get(name).and_then(value::amount)?;
        attributes.take(name);
        Some(Cost::Given(usd))
    });
    let service_tier = take_tier(attributes, facts.service_tier.or(answer.service_tier));
    LlmCall {
        model: attributes.take_text(&MODELS).unwrap_or_else(|| UNKNOWN_MODEL.to_owned()),
        provider,
        usage,
        service_tier,
        cost,
        ..LlmCall::default()
    }
}

/// Returns who serves the model, in lower case: `OpenAI` of older senders is `openai` everywhere else.
///
/// The AI SDK names its own class behind a dot (`openai.chat`), also where the conventions want the provider;
/// names of the conventions that have dots of their own (`azure.ai.openai`) stay whole.
fn provider(attributes: &Attributes, resource: &Resource) -> Option<String> {
    let (name, said) = PROVIDERS
        .iter()
        .find_map(|name| Some((*name, attributes.get(*name)?)))
        .map_or((Name::ProviderName, None), |(name, said)| (name, Some(value::text(said.clone()))));
    let said = said.or_else(|| resource.provider.clone())?;
    let from_ai_sdk = name == Name::AiModelProvider
        || (name == Name::System
            && (attributes.has(Name::AiOperationId)
                || attributes.text(Name::AiModelProvider) == Some(said.as_str())));
    let kept = if from_ai_sdk { said.split('.').next().unwrap_or_default() } else { said.as_str() };
    Some(kept.to_ascii_lowercase()).filter(|kept| !kept.is_empty())
}

/// Takes the service tier a call is billed at. `told` is what the answer itself says, where it was kept.
///
/// A tier asked for that does not count stays with the span.
fn take_tier(attributes: &mut Attributes, told: Option<String>) -> Option<String> {
    let answered = attributes.take_text(&ANSWERED_TIERS).or(told);
    let asked = ASKED_TIERS.into_iter().find(|name| attributes.has(*name));
    let said = asked.and_then(|name| attributes.text(name)).map(str::to_owned);
    let tier = billed_tier(answered, said.clone().or_else(|| asked_tier(attributes)));
    if tier.is_some() {
        for name in ASKED_TIERS {
            if attributes.text(name) == tier.as_deref() {
                attributes.take(name);
            }
        }
    }
    tier
}

/// Returns what an answer says that `OpenInference` keeps whole, beside its own attributes.
fn answer_facts(attributes: &Attributes) -> ResponseFacts {
    let text = attributes.text(Name::OutputValue).unwrap_or_default();
    let says = |name: &str| memchr::memmem::find(text.as_bytes(), name.as_bytes()).is_some();
    if says("service_tier") || says("ephemeral_1h_input_tokens") {
        read_response(text.as_bytes())
    } else {
        ResponseFacts::default()
    }
}

#[derive(Deserialize)]
struct Invocation {
    service_tier: Option<String>,
}

/// Returns the service tier that `OpenInference` lists among the parameters of a request.
fn asked_tier(attributes: &Attributes) -> Option<String> {
    let text = attributes.text(Name::LlmInvocationParameters)?;
    memchr::memmem::find(text.as_bytes(), b"service_tier")?;
    serde_json::from_str::<Invocation>(text).ok()?.service_tier
}

/// Takes a tool's name and the id of its call.
fn take_tool(attributes: &mut Attributes) -> Map {
    let name = attributes.take_text(&[
        Name::ToolName,
        Name::AiToolCallName,
        Name::OpenInferenceToolName,
        Name::TraceloopEntityName,
    ]);
    let id = attributes.take_text(&[
        Name::ToolCallId,
        Name::AiToolCallId,
        Name::OpenInferenceToolCallId,
        Name::OpenInferenceToolId,
    ]);
    let members = [("tool_name", name), ("tool_call_id", id)];
    members.into_iter().filter_map(|(key, text)| Some((key.to_owned(), Value::from(text?)))).collect()
}
