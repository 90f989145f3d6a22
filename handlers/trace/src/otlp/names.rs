//! The attributes this mapping knows, and how to find them fast.

macro_rules! names {
    ($($name:ident = $text:literal,)*) => {
        /// An attribute that has a meaning here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(clippy::enum_variant_names, reason = "one of them is a name indeed")]
        pub(super) enum Name { $($name,)* }

        #[cfg(test)]
        impl Name {
            /// Every key that has a meaning, for tests that draw from them.
            pub(super) const KEYS: &[&str] = &[$($text,)*];
        }

        /// Every known attribute, sorted by its text so that it can be searched in halves.
        const TABLE: &[(&str, Name)] = &[$(($text, Name::$name),)*];
    };
}

names! {
    AiDocuments = "ai.documents",
    AiEmbedding = "ai.embedding",
    AiEmbeddings = "ai.embeddings",
    AiModelId = "ai.model.id",
    AiModelProvider = "ai.model.provider",
    AiOperationId = "ai.operationId",
    AiPrompt = "ai.prompt",
    AiPromptMessages = "ai.prompt.messages",
    AiRanking = "ai.ranking",
    AiAvgCompletionTokens = "ai.response.avgCompletionTokensPerSecond",
    AiAvgOutputTokens = "ai.response.avgOutputTokensPerSecond",
    AiFinishReason = "ai.response.finishReason",
    AiResponseModel = "ai.response.model",
    AiMsToFinish = "ai.response.msToFinish",
    AiMsToFirstChunk = "ai.response.msToFirstChunk",
    AiObject = "ai.response.object",
    AiProviderMetadata = "ai.response.providerMetadata",
    AiReasoning = "ai.response.reasoning",
    AiText = "ai.response.text",
    AiToolCalls = "ai.response.toolCalls",
    AiFunctionId = "ai.telemetry.functionId",
    AiToolCallArgs = "ai.toolCall.args",
    AiToolCallId = "ai.toolCall.id",
    AiToolCallName = "ai.toolCall.name",
    AiToolCallResult = "ai.toolCall.result",
    AiCachedInputTokens = "ai.usage.cachedInputTokens",
    AiCompletionTokens = "ai.usage.completionTokens",
    AiCacheReadTokens = "ai.usage.inputTokenDetails.cacheReadTokens",
    AiCacheWriteTokens = "ai.usage.inputTokenDetails.cacheWriteTokens",
    AiNoCacheTokens = "ai.usage.inputTokenDetails.noCacheTokens",
    AiInputTokens = "ai.usage.inputTokens",
    AiOutputReasoningTokens = "ai.usage.outputTokenDetails.reasoningTokens",
    AiOutputTokens = "ai.usage.outputTokens",
    AiPromptTokens = "ai.usage.promptTokens",
    AiReasoningTokens = "ai.usage.reasoningTokens",
    AiEmbedTokens = "ai.usage.tokens",
    AiValue = "ai.value",
    AiValues = "ai.values",
    AnthropicRequestTier = "anthropic.request.service_tier",
    AnthropicResponseTier = "anthropic.response.service_tier",
    AnthropicWrites1h = "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
    AnthropicWrites5m = "anthropic.usage.cache_creation.ephemeral_5m_input_tokens",
    EmbeddingModel = "embedding.model_name",
    Completion = "gen_ai.completion",
    ConversationId = "gen_ai.conversation.id",
    InputMessages = "gen_ai.input.messages",
    OpenAiRequestTier = "gen_ai.openai.request.service_tier",
    OpenAiResponseTier = "gen_ai.openai.response.service_tier",
    OperationName = "gen_ai.operation.name",
    OutputMessages = "gen_ai.output.messages",
    Prompt = "gen_ai.prompt",
    ProviderName = "gen_ai.provider.name",
    RequestModel = "gen_ai.request.model",
    RequestTier = "gen_ai.request.service_tier",
    ResponseModel = "gen_ai.response.model",
    ResponseTier = "gen_ai.response.service_tier",
    SecondsToFirstChunk = "gen_ai.response.time_to_first_chunk",
    System = "gen_ai.system",
    SystemInstructions = "gen_ai.system_instructions",
    ToolCallArguments = "gen_ai.tool.call.arguments",
    ToolCallId = "gen_ai.tool.call.id",
    ToolCallResult = "gen_ai.tool.call.result",
    ToolName = "gen_ai.tool.name",
    AudioInputTokens = "gen_ai.usage.audio.input_tokens",
    AudioOutputTokens = "gen_ai.usage.audio.output_tokens",
    CacheCreationTokens = "gen_ai.usage.cache_creation.input_tokens",
    TraceloopCacheCreationTokens = "gen_ai.usage.cache_creation_input_tokens",
    CacheReadTokens = "gen_ai.usage.cache_read.input_tokens",
    TraceloopCacheReadTokens = "gen_ai.usage.cache_read_input_tokens",
    CacheWriteTokens = "gen_ai.usage.cache_write.input_tokens",
    CachedTokens = "gen_ai.usage.cached_tokens",
    CompletionTokens = "gen_ai.usage.completion_tokens",
    UsageCost = "gen_ai.usage.cost",
    DetailAudioInputTokens = "gen_ai.usage.details.input_audio_tokens",
    DetailAudioOutputTokens = "gen_ai.usage.details.output_audio_tokens",
    InputTokens = "gen_ai.usage.input_tokens",
    OutputTokens = "gen_ai.usage.output_tokens",
    PromptTokens = "gen_ai.usage.prompt_tokens",
    ReasoningTokens = "gen_ai.usage.reasoning.output_tokens",
    TraceloopReasoningTokens = "gen_ai.usage.reasoning_tokens",
    InputMimeType = "input.mime_type",
    InputValue = "input.value",
    LlmCost = "llm.cost.total",
    LlmInvocationParameters = "llm.invocation_parameters",
    LlmModel = "llm.model_name",
    LlmProvider = "llm.provider",
    LlmRequestModel = "llm.request.model",
    LlmRequestModelName = "llm.request.model_name",
    LlmResponseModel = "llm.response.model",
    LlmResponseModelName = "llm.response.model_name",
    LlmSystem = "llm.system",
    LlmCompletionCount = "llm.token_count.completion",
    LlmCompletionAudio = "llm.token_count.completion_details.audio",
    LlmCompletionReasoning = "llm.token_count.completion_details.reasoning",
    LlmPromptCount = "llm.token_count.prompt",
    LlmPromptAudio = "llm.token_count.prompt_details.audio",
    LlmPromptCacheRead = "llm.token_count.prompt_details.cache_read",
    LlmPromptCacheWrite = "llm.token_count.prompt_details.cache_write",
    LlmUsageCacheCreation = "llm.usage.cache_creation_input_tokens",
    LlmUsageCacheRead = "llm.usage.cache_read_input_tokens",
    LlmUsageCompletion = "llm.usage.completion_tokens",
    LlmUsagePrompt = "llm.usage.prompt_tokens",
    LlmUsageReasoning = "llm.usage.reasoning_tokens",
    LlmVendor = "llm.vendor",
    Metadata = "metadata",
    OpenAiOwnRequestTier = "openai.request.service_tier",
    OpenAiOwnResponseTier = "openai.response.service_tier",
    OpenInferenceKind = "openinference.span.kind",
    OperationLabel = "operation.name",
    OutputMimeType = "output.mime_type",
    OutputValue = "output.value",
    SessionId = "session.id",
    TagTags = "tag.tags",
    OpenInferenceToolId = "tool.id",
    OpenInferenceToolName = "tool.name",
    ToolParameters = "tool.parameters",
    OpenInferenceToolCallId = "tool_call.id",
    TraceloopInput = "traceloop.entity.input",
    TraceloopEntityName = "traceloop.entity.name",
    TraceloopOutput = "traceloop.entity.output",
    TraceloopKind = "traceloop.span.kind",
    UserId = "user.id",
}

impl Name {
    /// How many names there are.
    pub(super) const COUNT: usize = TABLE.len();

    /// Returns the name an attribute key stands for.
    pub(super) fn find(key: &str) -> Option<Self> {
        TABLE.binary_search_by(|(text, _)| (*text).cmp(key)).ok().map(|at| TABLE[at].1)
    }
}

/// Attributes of one list, flattened by their senders into keys with a number: `llm.tools.3.tool.json_schema`;
/// or those of one object, as `ai.telemetry.metadata.team`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// `gen_ai.prompt.N.…`
    Prompts,
    /// `gen_ai.completion.N.…`
    Completions,
    /// `llm.input_messages.N.message.…`
    InputMessages,
    /// `llm.output_messages.N.message.…`
    OutputMessages,
    /// `retrieval.documents.N.document.…`
    Documents,
    /// `ai.telemetry.metadata.…`
    AiMetadata,
    /// `traceloop.association.properties.…`
    Associations,
}

const FAMILIES: [(&str, Family); Family::COUNT] = [
    ("gen_ai.prompt.", Family::Prompts),
    ("gen_ai.completion.", Family::Completions),
    ("llm.input_messages.", Family::InputMessages),
    ("llm.output_messages.", Family::OutputMessages),
    ("retrieval.documents.", Family::Documents),
    ("ai.telemetry.metadata.", Family::AiMetadata),
    ("traceloop.association.properties.", Family::Associations),
];

impl Family {
    /// How many families there are.
    pub(super) const COUNT: usize = 7;

    /// Returns the family a key belongs to.
    pub(super) fn find(key: &str) -> Option<Self> {
        FAMILIES.iter().find(|(prefix, _)| key.starts_with(prefix)).map(|(_, family)| *family)
    }

    /// Returns what every key of the family starts with.
    pub(super) fn prefix(self) -> &'static str {
        FAMILIES[self as usize].0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_name_is_found() {
        assert!(TABLE.is_sorted_by(|a, b| a.0 < b.0));
        for (at, (text, name)) in TABLE.iter().enumerate() {
            assert_eq!(Name::find(text), Some(*name));
            assert_eq!(*name as usize, at);
        }
        assert_eq!(Name::find("gen_ai.prompt.0.role"), None);
    }

    #[test]
    fn a_family_knows_its_prefix() {
        for (prefix, family) in FAMILIES {
            assert_eq!(Family::find(&format!("{prefix}0.x")), Some(family));
            assert_eq!(family.prefix(), prefix);
        }
        assert_eq!(Family::find("gen_ai.prompted"), None);
    }
}
