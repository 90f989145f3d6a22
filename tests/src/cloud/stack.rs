//! Everything a cloud needs, started together.

use service_emulators::{Polar, Resend};
use turbopuffer_emulator::{Emulator, Settings};

use super::database::{OwnDatabase, service_url};
use super::relay::Relay;
use crate::mount::LocalServer;

/// What the emulators are told to expect.
const PUFFER_KEY: &str = "tpuf_test";
const RESEND_KEY: &str = "re_test";
const POLAR_TOKEN: &str = "polar_test";

/// What webhooks of the billing service are signed with.
pub const WEBHOOK_SECRET: &str = "whsec_dGVzdHMgc2lnbiB0aGVpciB3ZWJob29rcw==";

/// How a stack is started.
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// How many replicas.
    pub replicas: usize,
    /// Further environment variables of every replica.
    pub env: Vec<(String, String)>,
    /// How the emulator of Turbopuffer behaves.
    pub turbopuffer: Settings,
    /// Whether replicas hear of each other through Redis.
    pub redis: bool,
    /// Whether Postgres and Redis are reached through relays, which can be cut.
    pub relays: bool,
}

impl Default for StackOptions {
    fn default() -> Self {
        Self { replicas: 2, env: Vec::new(), turbopuffer: Settings::default(), redis: true, relays: false }
    }
}

/// A running cloud. Dropping it stops the replicas and the emulators.
pub struct Stack {
    /// The replicas.
    pub replicas: Vec<LocalServer>,
    /// The database all replicas share.
    pub database: OwnDatabase,
    /// Where traces lie.
    pub turbopuffer: Emulator,
    /// Where mails arrive.
    pub resend: Resend,
    /// Where plans are sold.
    pub polar: Polar,
    /// What leads to Postgres, with [`StackOptions::relays`].
    pub postgres: Option<Relay>,
    /// What leads to Redis, with [`StackOptions::relays`].
    pub redis: Option<Relay>,
    env: Vec<(String, String)>,
}

impl Stack {
    /// Starts everything and returns once all replicas are ready.
    pub async fn start(options: StackOptions) -> anyhow::Result<Self> {
        let database = OwnDatabase::create().await?;
        let relays = options.relays;
        let (postgres, database_url) = through(relays, &database.url).await?;
        let turbopuffer = Emulator::start_with(options.turbopuffer).await;
        let resend = Resend::start(RESEND_KEY).await?;
        let polar = Polar::start(POLAR_TOKEN).await?;
        let mut env: Vec<(String, String)> = [
            ("DATABASE_URL", database_url.as_str()),
            ("TURBOPUFFER_API_KEY", PUFFER_KEY),
            ("TURBOPUFFER_BASE_URL", &turbopuffer.url),
            ("JWT_SECRET", "tests need a secret of 32 characters too"),
            ("RESEND_API_KEY", RESEND_KEY),
            ("RESEND_BASE_URL", &resend.url),
            ("POLAR_ACCESS_TOKEN", POLAR_TOKEN),
            ("POLAR_BASE_URL", &polar.url),
            ("POLAR_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("POLAR_PRODUCT_PRO_ID", "product-pro"),
            ("POLAR_PRODUCT_TEAM_ID", "product-team"),
            ("TRACEWAY_PROXY_ALLOW", "127.0.0.1,localhost"),
            ("TRACEWAY_RATE_LIMIT", "1000000"),
            ("TRACEWAY_DRAIN", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let mut redis = None;
        if options.redis {
            let (relay, url) = through(relays, &service_url("TEST_REDIS_URL")?).await?;
            redis = relay;
            env.push(("REDIS_URL".to_owned(), url));
        }
        env.extend(options.env);
        let replicas = Vec::new();
        let mut stack = Self { replicas, database, turbopuffer, resend, polar, postgres, redis, env };
        for _ in 0..options.replicas {
            stack.add_replica().await?;
        }
        Ok(stack)
    }

    /// Starts one more replica, and returns once it is ready.
    pub async fn add_replica(&mut self) -> anyhow::Result<&LocalServer> {
        let env = self.env.clone();
        let replica = tokio::task::spawn_blocking(move || LocalServer::start(&env, &["--cloud"])).await??;
        self.replicas.push(replica);
        self.replicas.last().ok_or_else(|| anyhow::anyhow!("a replica was just added"))
    }

    /// Base URLs of the API of all replicas.
    pub fn apis(&self) -> Vec<String> {
        self.replicas.iter().map(|replica| replica.api.clone()).collect()
    }

    /// Base URLs of the proxies of all replicas.
    pub fn proxies(&self) -> Vec<String> {
        self.replicas.iter().map(|replica| replica.proxy.clone()).collect()
    }

    /// The environment variables of every replica.
    pub fn env(&self) -> &[(String, String)] {
        &self.env
    }

    /// What all replicas have logged.
    pub fn log(&self) -> String {
        self.replicas.iter().map(LocalServer::log).collect::<Vec<_>>().join("\n")
    }
}

/// Returns a relay before a service and its URL, or the service's own URL.
async fn through(relays: bool, url: &str) -> anyhow::Result<(Option<Relay>, String)> {
    if !relays {
        return Ok((None, url.to_owned()));
    }
    let (relay, url) = Relay::before(url).await?;
    Ok((Some(relay), url))
}
