//! Which `Host` and `Origin` headers the two ports of local mode accept.
//!
//! Local mode asks for no credentials, so a foreign web site must neither reach it under a name of its own
//! that resolves to this machine (DNS rebinding) nor read its answers from a page. Both ports apply the same
//! two rules: [`is_local_host`] to every request, [`Origins`] to requests that carry an `Origin`.

use std::net::IpAddr;

/// Returns whether a request with this `Host` header (or `:authority`) can only be meant for this machine or
/// its own network.
///
/// Accepted are `localhost`, any IP address, a name without a dot, `*.localhost`, `*.local`, `*.internal`,
/// and the names in `allowed`, each with or without a port. Case and one final dot do not matter.
pub fn is_local_host(host: &str, allowed: &[String]) -> bool {
    let Some(name) = host_name(host) else { return false };
    if name.parse::<IpAddr>().is_ok() || !name.contains('.') {
        return true;
    }
    let name = name.to_ascii_lowercase();
    let own = [".localhost", ".local", ".internal"].iter().any(|suffix| name.ends_with(suffix));
    own || allowed.iter().filter_map(|entry| host_name(entry)).any(|entry| entry.eq_ignore_ascii_case(&name))
}

/// Returns what a refused client is told: the setting that would let its host name in.
pub fn refusal(host: &str) -> String {
    let shown: String = host.chars().filter(|c| !c.is_control()).take(100).collect();
    format!("host {shown:?} is not allowed here; add it to TRACEWAY_ALLOWED_HOSTS if it is yours")
}

/// Returns the name in a `Host` header: without port, brackets and final dot, or `None` when it is malformed.
fn host_name(host: &str) -> Option<&str> {
    let host = host.trim();
    let name = if let Some(rest) = host.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let port_is_fine = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        (port_is_fine && address.parse::<std::net::Ipv6Addr>().is_ok()).then_some(address)?
    } else {
        match host.split_once(':') {
            Some((name, port)) if is_port(port) => name,
            // A bare IPv6 address is no valid header, but it is no name either.
            Some(_) => host.parse::<IpAddr>().is_ok().then_some(host)?,
            None => host,
        }
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
    (!name.is_empty() && name.bytes().all(allowed)).then_some(name)
}

fn is_port(text: &str) -> bool {
    text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Which web origins may call from a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// `http` pages of this machine, on any port.
    #[default]
    Loopback,
    /// Any page, without credentials.
    Any,
    /// These origins, with credentials.
    Listed(Vec<String>),
}

impl Origins {
    /// Returns the origins of a comma list such as `https://a.example, https://b.example`.
    pub fn listed(list: &str) -> Self {
        let origin = |entry: &str| entry.trim().trim_end_matches('/').to_ascii_lowercase();
        Self::Listed(list.split(',').map(origin).filter(|entry| !entry.is_empty()).collect())
    }

    /// Returns whether a page of `origin` may call.
    pub fn allows(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(origins) => origins.iter().any(|entry| entry.eq_ignore_ascii_case(origin)),
            Self::Loopback => {
                let host = origin.strip_prefix("http://").and_then(host_name);
                host.is_some_and(|name| {
                    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "::1"
                })
            }
        }
    }

    /// Returns whether answers to allowed pages may carry credentials.
    pub fn with_credentials(&self) -> bool {
        matches!(self, Self::Listed(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_and_its_network_are_accepted() {
        for host in [
            "localhost",
            "LOCALHOST:3001",
            "127.0.0.1:3001",
            "192.168.1.20",
            "[::1]:3000",
            "traceway",
            "traceway:3001",
            "a.localhost",
            "box.local:80",
            "svc.ns.internal",
            "localhost.",
        ] {
            assert!(is_local_host(host, &[]), "{host}");
        }
    }

    #[test]
    fn names_a_foreign_site_could_own_are_refused() {
        for host in [
            "evil.example",
            "evil.example:3001",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            ":3000",
            "[::1",
            "[evil.example]",
            "localhost:evil.example",
            "a b",
            "evil.example@localhost",
            "local/evil",
        ] {
            assert!(!is_local_host(host, &[]), "{host}");
        }
    }

    #[test]
    fn a_listed_name_is_accepted_with_any_port_and_case() {
        let allowed = ["Traces.Example.com".to_owned(), "b.example:8443".to_owned()];
        assert!(is_local_host("traces.example.com:3001", &allowed));
        assert!(is_local_host("B.example", &allowed));
        assert!(!is_local_host("x.traces.example.com", &allowed));
    }

    #[test]
    fn only_http_pages_of_this_machine_are_loopback_origins() {
        let origins = Origins::Loopback;
        for origin in ["http://localhost:5173", "http://127.0.0.1", "http://[::1]:3000", "http://localhost"] {
            assert!(origins.allows(origin), "{origin}");
        }
        for origin in ["https://evil.example", "null", "http://localhost.evil.example", "http://192.168.1.2"]
        {
            assert!(!origins.allows(origin), "{origin}");
        }
    }

    #[test]
    fn listed_origins_compare_without_case_and_final_slash() {
        let origins = Origins::listed("https://A.example/ , http://b.example:80,");
        assert!(origins.allows("https://a.example"));
        assert!(!origins.allows("https://a.example.evil"));
        assert!(origins.with_credentials());
    }
}
