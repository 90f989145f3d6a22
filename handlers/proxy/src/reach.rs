//! Which machines the proxy may call.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

/// Which machines the proxy may call.
#[derive(Clone, Debug, Default)]
pub enum Reach {
    /// All: the proxy runs for whoever owns the network it is in.
    #[default]
    Everything,
    /// Those of the internet, so that nobody reaches what lies behind the proxy.
    Public {
        /// Names and addresses of the own network that may be called all the same, without ports.
        except: Arc<[String]>,
    },
}

/// The target is a machine that may not be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("targets on loopback, link-local and private addresses are refused here")]
pub struct PrivateTarget;

impl Reach {
    fn is_free(&self, host: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Public { except } => except.iter().any(|name| name.eq_ignore_ascii_case(host)),
        }
    }

    /// Checks a host that is written as an address; what a name stands for shows when it is resolved.
    pub(crate) fn check(&self, host: &str) -> Result<(), PrivateTarget> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_refused = host.parse().is_ok_and(|address| !is_public(address)) && !self.is_free(host);
        if is_refused { Err(PrivateTarget) } else { Ok(()) }
    }
}

/// Returns whether an address is one of the internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_unspecified()
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_documentation();
    // This network, carrier-grade NAT, protocol assignments, benchmarks, and what is reserved.
    let is_reserved = a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240;
    !is_special && !is_reserved
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [.., high, low] = segments;
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    let v4 = match segments {
        // An IPv4 address as it is mapped, translated (NAT64), or carried by 6to4.
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, ..] => Some(Ipv4Addr::new(a, b, c, d)),
        [0x2002, high, low, ..] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Some(Ipv4Addr::new(a, b, c, d))
        }
        _ => None,
    };
    if let Some(v4) = v4 {
        return is_public_v4(v4);
    }
    // All of the internet lies in 2000::/3; Teredo and documentation in it do not count.
    let is_global = segments[0] & 0xe000 == 0x2000;
    let is_special = segments[0] == 0x2001 && (segments[1] == 0 || segments[1] == 0xdb8);
    is_global && !is_special
}

/// Resolves names to the addresses that may be called. Because it is asked for every connection, a name cannot
/// pass with one address and be called at another.
#[derive(Clone)]
pub(crate) struct Resolver {
    reach: Reach,
    system: GaiResolver,
}

impl Resolver {
    pub(crate) fn new(reach: Reach) -> Self {
        Self { reach, system: GaiResolver::new() }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.system.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let is_free = self.reach.is_free(name.as_str());
        let resolved = self.system.call(name);
        Box::pin(async move {
            let all: Vec<SocketAddr> = resolved.await?.collect();
            let allowed = |address: &SocketAddr| is_free || is_public(address.ip());
            let kept: Vec<SocketAddr> = all.iter().copied().filter(allowed).collect();
            // A name without any address is the system's to complain of.
            if kept.is_empty() && !all.is_empty() { Err(PrivateTarget.into()) } else { Ok(kept.into_iter()) }
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn public() -> Reach {
        Reach::Public { except: Arc::new(["10.1.2.3".to_owned(), "localhost".to_owned()]) }
    }

    #[test]
    fn addresses_of_the_own_network_are_refused() {
        for host in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fd00::1]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::a9fe:a9fe]",
            "[2002:7f00:1::]",
            "[ff02::1]",
        ] {
            assert_eq!(public().check(host), Err(PrivateTarget), "{host}");
            assert_eq!(Reach::Everything.check(host), Ok(()), "{host}");
        }
    }

    #[test]
    fn addresses_of_the_internet_and_exceptions_are_called() {
        for host in ["1.1.1.1", "[2606:4700:4700::1111]", "[::ffff:8.8.8.8]", "api.openai.com", "10.1.2.3"] {
            assert_eq!(public().check(host), Ok(()), "{host}");
        }
    }

    #[tokio::test]
    async fn names_of_the_own_network_are_refused_when_they_are_resolved() {
        let resolve = async |reach: Reach, name: &str| Resolver::new(reach).call(name.parse().unwrap()).await;
        let none = Reach::Public { except: Arc::default() };
        for name in ["localhost", "127.1"] {
            let error = resolve(none.clone(), name).await.map(|_| ()).unwrap_err();
            assert!(error.is::<PrivateTarget>(), "{name}: {error}");
        }
        assert!(resolve(public(), "localhost").await.unwrap().count() > 0);
        assert!(resolve(Reach::Everything, "localhost").await.unwrap().count() > 0);
    }
}
