use std::borrow::Cow;

/// Who runs models at home, where a call costs no tokens.
const LOCAL: &str = "ollama";

/// Returns whether a provider runs models on its user's own machine.
pub(super) fn is_local(provider: &str) -> bool {
    provider.eq_ignore_ascii_case(LOCAL)
}

/// Returns what comes before the `/` in the table's names of what a provider sells, as the proxy, OpenTelemetry and
/// senders of it call the provider.
pub(super) fn vendor(provider: &str) -> Cow<'_, str> {
    let word = provider.to_ascii_lowercase();
    let known = match word.replace(['-', ' ', '.'], "_").as_str() {
        "azure_openai" | "azure_ai_openai" | "az_ai_openai" => "azure",
        "azure_ai_inference" | "az_ai_inference" => "azure_ai",
        "aws_bedrock" | "amazon_bedrock" | "amazonaws" | "aws" => "bedrock",
        "gcp_gemini" | "google_genai" | "googleapis" | "google" => "gemini",
        "gcp_vertex_ai" | "google_vertex" | "vertexai" => "vertex_ai",
        "x_ai" | "x" => "xai",
        "mistral_ai" | "mistralai" => "mistral",
        "togetherai" | "together" => "together_ai",
        "fireworks" => "fireworks_ai",
        "moonshotai" => "moonshot",
        "lambda" => "lambda_ai",
        "z_ai" | "z" => "zai",
        "vercel" | "gateway" => "vercel_ai_gateway",
        "ibm_watsonx_ai" => "watsonx",
        "aliyuncs" | "alibaba" => "dashscope",
        _ => return Cow::Owned(word),
    };
    Cow::Borrowed(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_provider_leads_to_what_it_sells() {
        for (provider, wanted) in [
            ("azure_openai", "azure"),
            ("azure.ai.openai", "azure"),
            ("aws.bedrock", "bedrock"),
            ("x_ai", "xai"),
            ("xai", "xai"),
            ("together", "together_ai"),
            ("fireworks", "fireworks_ai"),
            ("mistral_ai", "mistral"),
            ("gcp.gemini", "gemini"),
            ("Groq", "groq"),
            ("deepinfra", "deepinfra"),
        ] {
            assert_eq!(vendor(provider), wanted, "{provider}");
        }
        assert!(is_local("Ollama") && !is_local("openai"));
    }
}
