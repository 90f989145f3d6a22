//! Who may use the proxy, and for which project.

use async_trait::async_trait;
use trace::id::Scope;

/// A caller that may use the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Whose call it is.
    pub scope: Scope,
    /// Whether the call is recorded; a project beyond its limit is served without.
    pub recorded: bool,
}

/// Why a caller may not use the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No key was sent.
    #[error("a Traceway key is required: send it as X-Traceway-Api-Key")]
    Missing,
    /// The key is not valid.
    #[error("the Traceway key is not valid")]
    Invalid,
    /// The key may not write traces.
    #[error("this needs the scope traces_write")]
    Scope,
    /// The key cannot be checked now.
    #[error("keys cannot be checked now")]
    Unavailable,
}

/// Tells who calls.
#[async_trait]
pub trait Admission: Send + Sync {
    /// Returns whose call it is, by the Traceway key the request carried.
    async fn admit(&self, key: Option<&str>) -> Result<Admitted, Refusal>;
}

/// Local mode: everybody is the one local user.
#[derive(Clone, Copy, Debug, Default)]
pub struct Everyone;

#[async_trait]
impl Admission for Everyone {
    async fn admit(&self, _key: Option<&str>) -> Result<Admitted, Refusal> {
        Ok(Admitted { scope: Scope::LOCAL, recorded: true })
    }
}
