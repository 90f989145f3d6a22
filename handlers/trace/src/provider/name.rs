//! The name of a provider, told by its host.

use std::net::IpAddr;

/// Returns who answers at `host`: a known provider, else the name under which the host is registered, without
/// its suffix (`api.together.xyz` is `together`). An IP address and a name without dots stand for themselves.
pub fn provider_of(host: &str, port: Option<u16>) -> String {
    let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    if port == Some(11434) || host.contains("ollama") {
        return "ollama".to_owned();
    }
    if host == "api.openai.com" {
        return "openai".to_owned();
    }
    if host == "api.anthropic.com" {
        return "anthropic".to_owned();
    }
    if host.ends_with(".openai.azure.com") {
        return "azure_openai".to_owned();
    }
    if host.parse::<IpAddr>().is_ok() {
        return host;
    }
    let labels: Vec<&str> = host.split('.').collect();
    let name = match labels.as_slice() {
        [.., name, second, country] if country.len() == 2 && is_shared(second) => name,
        [.., name, _] | [name] => name,
        [] => "",
    };
    name.to_owned()
}

/// Returns whether a country's second level is one under which others register, as in `example.co.uk`.
fn is_shared(label: &str) -> bool {
    matches!(label, "co" | "com" | "net" | "org" | "ac" | "gov" | "edu" | "or" | "ne")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hosts_have_their_names_and_others_their_registered_one() {
        for (host, port, name) in [
            ("api.openai.com", None, "openai"),
            ("API.Anthropic.com", Some(443), "anthropic"),
            ("localhost", Some(11434), "ollama"),
            ("my-ollama.internal", None, "ollama"),
            ("contoso.openai.azure.com", None, "azure_openai"),
            ("api.together.xyz", None, "together"),
            ("api.example.co.uk", None, "example"),
            ("openrouter.ai", None, "openrouter"),
            ("localhost", Some(8080), "localhost"),
            ("127.0.0.1", Some(8080), "127.0.0.1"),
            ("[::1]", None, "::1"),
            ("", None, ""),
        ] {
            assert_eq!(provider_of(host, port), name, "{host}");
        }
    }
}
