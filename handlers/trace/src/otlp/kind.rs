//! What a span is: a model call, or one of the words for everything else.

use super::attributes::Attributes;
use super::names::Name;

/// What a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A call of a model.
    Llm,
    /// A call of a tool.
    Tool,
    /// Anything else, by its word.
    Other(&'static str),
}

const OTEL_KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];

/// Where a span names its model.
pub(super) const MODELS: [Name; 10] = [
    Name::ResponseModel,
    Name::RequestModel,
    Name::AiResponseModel,
    Name::AiModelId,
    Name::LlmModel,
    Name::LlmResponseModelName,
    Name::LlmRequestModelName,
    Name::EmbeddingModel,
    Name::LlmResponseModel,
    Name::LlmRequestModel,
];

/// Where a span names who serves the model.
pub(super) const PROVIDERS: [Name; 6] = [
    Name::ProviderName,
    Name::System,
    Name::AiModelProvider,
    Name::LlmProvider,
    Name::LlmSystem,
    Name::LlmVendor,
];

/// Returns what a span is. A span that says it is a tool, an agent or a container of calls is that, whatever
/// model it also names; else one that names a model or a provider is a call.
pub(super) fn classify(attributes: &Attributes, otel_kind: i32) -> Class {
    if let Some(said) = said(attributes) {
        return said;
    }
    let has_model = MODELS.iter().chain(&PROVIDERS).any(|name| attributes.has(*name));
    let openinference = attributes.text(Name::OpenInferenceKind);
    if has_model || openinference == Some("LLM") {
        return Class::Llm;
    }
    let embeds = attributes.text(Name::OperationName) == Some("embeddings")
        || openinference == Some("EMBEDDING")
        || ai_operation(attributes).is_some_and(|operation| operation.starts_with("ai.embed"));
    if embeds {
        return Class::Other("embedding");
    }
    if attributes.has(Name::ToolName) {
        return Class::Tool;
    }
    Class::Other(otel_word(otel_kind))
}

/// Returns OpenTelemetry's own word for a span kind.
pub(super) fn otel_word(otel_kind: i32) -> &'static str {
    usize::try_from(otel_kind).ok().and_then(|at| OTEL_KINDS.get(at).copied()).unwrap_or("unspecified")
}

/// Returns the AI SDK's name of the operation.
pub(super) fn ai_operation(attributes: &Attributes) -> Option<&str> {
    let label = || attributes.text(Name::OperationLabel).filter(|label| label.starts_with("ai."));
    let operation = attributes.text(Name::AiOperationId).or_else(label)?;
    operation.split(' ').next()
}

/// Returns what a span says of itself, if that settles what it is.
fn said(attributes: &Attributes) -> Option<Class> {
    let class = match attributes.text(Name::OperationName) {
        Some("execute_tool") => Some(Class::Tool),
        Some("invoke_agent" | "create_agent") => Some(Class::Other("agent")),
        Some("invoke_workflow") => Some(Class::Other("workflow")),
        Some("retrieval" | "rerank") => Some(Class::Other("retrieval")),
        _ => None,
    };
    class
        .or_else(|| match ai_operation(attributes)? {
            "ai.toolCall" => Some(Class::Tool),
            "ai.generateText" | "ai.streamText" | "ai.generateObject" | "ai.streamObject" => {
                Some(Class::Other("ai_operation"))
            }
            "ai.embed" | "ai.embedMany" => Some(Class::Other("embedding")),
            "ai.rerank" | "ai.rerank.doRerank" => Some(Class::Other("retrieval")),
            _ => None,
        })
        .or_else(|| match attributes.text(Name::OpenInferenceKind)? {
            "TOOL" => Some(Class::Tool),
            "RETRIEVER" | "RERANKER" => Some(Class::Other("retrieval")),
            "AGENT" => Some(Class::Other("agent")),
            "CHAIN" => Some(Class::Other("chain")),
            "GUARDRAIL" => Some(Class::Other("guardrail")),
            "EVALUATOR" => Some(Class::Other("evaluator")),
            _ => None,
        })
        .or_else(|| match attributes.text(Name::TraceloopKind)? {
            "tool" => Some(Class::Tool),
            "workflow" => Some(Class::Other("workflow")),
            "task" => Some(Class::Other("task")),
            "agent" => Some(Class::Other("agent")),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::otlp::testing::attributes;

    fn class(value: Value) -> Class {
        classify(&Attributes::new(attributes(value)), 3)
    }

    #[test]
    fn a_span_with_a_model_or_provider_is_a_call() {
        for name in [
            "gen_ai.request.model",
            "gen_ai.response.model",
            "gen_ai.system",
            "gen_ai.provider.name",
            "ai.model.id",
            "ai.model.provider",
            "llm.model_name",
            "embedding.model_name",
            "llm.provider",
            "llm.system",
            "llm.vendor",
            "llm.request.model",
            "llm.response.model",
        ] {
            assert_eq!(class(json!({name: "x"})), Class::Llm, "{name}");
        }
        assert_eq!(class(json!({"openinference.span.kind": "LLM"})), Class::Llm);
        assert_eq!(
            class(json!({"gen_ai.operation.name": "embeddings", "gen_ai.request.model": "e"})),
            Class::Llm
        );
        assert_eq!(class(json!({"ai.operationId": "ai.embed.doEmbed", "ai.model.id": "e"})), Class::Llm);
        assert_eq!(
            class(json!({"openinference.span.kind": "EMBEDDING", "embedding.model_name": "e"})),
            Class::Llm
        );
    }

    #[test]
    fn tools_agents_and_containers_are_no_calls_though_they_name_a_model() {
        for (name, word, wanted) in [
            ("gen_ai.operation.name", "execute_tool", Class::Tool),
            ("gen_ai.operation.name", "invoke_agent", Class::Other("agent")),
            ("gen_ai.operation.name", "invoke_workflow", Class::Other("workflow")),
            ("ai.operationId", "ai.toolCall", Class::Tool),
            ("ai.operationId", "ai.generateText", Class::Other("ai_operation")),
            ("ai.operationId", "ai.streamText", Class::Other("ai_operation")),
            ("ai.operationId", "ai.generateObject", Class::Other("ai_operation")),
            ("ai.operationId", "ai.streamObject", Class::Other("ai_operation")),
            ("ai.operationId", "ai.embed", Class::Other("embedding")),
            ("ai.operationId", "ai.embedMany", Class::Other("embedding")),
            ("operation.name", "ai.streamText my-function", Class::Other("ai_operation")),
            ("openinference.span.kind", "TOOL", Class::Tool),
            ("openinference.span.kind", "RETRIEVER", Class::Other("retrieval")),
            ("openinference.span.kind", "RERANKER", Class::Other("retrieval")),
            ("openinference.span.kind", "AGENT", Class::Other("agent")),
            ("openinference.span.kind", "CHAIN", Class::Other("chain")),
            ("openinference.span.kind", "GUARDRAIL", Class::Other("guardrail")),
            ("openinference.span.kind", "EVALUATOR", Class::Other("evaluator")),
            ("traceloop.span.kind", "tool", Class::Tool),
            ("traceloop.span.kind", "workflow", Class::Other("workflow")),
            ("traceloop.span.kind", "task", Class::Other("task")),
            ("traceloop.span.kind", "agent", Class::Other("agent")),
        ] {
            assert_eq!(class(json!({name: word, "gen_ai.request.model": "m"})), wanted, "{name}={word}");
        }
    }

    #[test]
    fn embeddings_without_a_model_and_named_tools_have_their_words() {
        assert_eq!(class(json!({"gen_ai.operation.name": "embeddings"})), Class::Other("embedding"));
        assert_eq!(class(json!({"openinference.span.kind": "EMBEDDING"})), Class::Other("embedding"));
        assert_eq!(class(json!({"gen_ai.tool.name": "search"})), Class::Tool);
    }

    #[test]
    fn any_other_span_has_the_word_of_opentelemetry() {
        let words: Vec<_> = (-1..7)
            .map(|kind| classify(&Attributes::new(attributes(json!({"http.method": "GET"}))), kind))
            .collect();
        let wanted = [
            "unspecified",
            "unspecified",
            "internal",
            "server",
            "client",
            "producer",
            "consumer",
            "unspecified",
        ];
        assert_eq!(words, wanted.map(Class::Other));
    }
}
