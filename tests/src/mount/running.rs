use std::time::Duration;

use async_trait::async_trait;

use super::{Capability, Guard, Instance, Mount, MountError, StartOptions};

/// A server somebody else started, named by environment variables.
///
/// `CONFORMANCE_URL` holds the base URLs of its API separated by commas, `CONFORMANCE_PROXY_URL` that of its proxy,
/// `CONFORMANCE_API_KEY` a key, `CONFORMANCE_NAME` a name for reports, `CONFORMANCE_SETTLE_MS` how long changes take
/// to show.
#[derive(Debug)]
pub struct RunningMount {
    name: String,
    api: Vec<String>,
    proxy: Option<String>,
    key: Option<String>,
    settle: Duration,
    capabilities: Vec<Capability>,
}

impl RunningMount {
    /// Returns the mount that the environment names, or `None` when it names none.
    pub fn from_env() -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let clean = |url: &str| url.trim().trim_end_matches('/').to_owned();
        let api: Vec<String> = variable("CONFORMANCE_URL")?.split(',').map(clean).collect();
        let proxy = variable("CONFORMANCE_PROXY_URL").map(|url| clean(&url));
        let key = variable("CONFORMANCE_API_KEY");
        let settle = variable("CONFORMANCE_SETTLE_MS").and_then(|text| text.parse().ok()).unwrap_or_default();
        let mut capabilities = vec![Capability::Grpc, Capability::Metrics, Capability::Listener];
        if key.is_none() {
            capabilities.extend([
                Capability::LocalAccess,
                Capability::Dashboard,
                Capability::InsideWords,
                Capability::HealthCounts,
                Capability::LargeBodies,
                Capability::MemoryLog,
            ]);
        }
        if proxy.is_some() {
            capabilities.push(Capability::Proxy);
        }
        Some(Self {
            name: variable("CONFORMANCE_NAME").unwrap_or_else(|| "running".to_owned()),
            api,
            proxy,
            key,
            settle: Duration::from_millis(settle),
            capabilities,
        })
    }
}

/// Nothing to stop.
struct Elsewhere;

impl Guard for Elsewhere {
    fn log(&self) -> String {
        String::new()
    }
}

#[async_trait]
impl Mount for RunningMount {
    fn name(&self) -> &str {
        &self.name
    }

    fn capabilities(&self) -> &[Capability] {
        &self.capabilities
    }

    async fn shared(&self) -> Result<Instance, MountError> {
        let header = |name: &str, prefix: &str| {
            self.key.iter().map(|key| (name.to_owned(), format!("{prefix}{key}"))).collect::<Vec<_>>()
        };
        Ok(Instance {
            api: self.api.clone(),
            proxy: self.proxy.clone(),
            headers: header("authorization", "Bearer "),
            proxy_headers: header("x-traceway-api-key", ""),
            settle: self.settle,
            guard: Box::new(Elsewhere),
        })
    }

    async fn fresh(&self, _options: &StartOptions) -> Result<Instance, MountError> {
        Err(MountError::OneInstance)
    }
}
