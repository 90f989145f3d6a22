//! The stores that all instances share, and who uses them.

use std::sync::Arc;

use adapter_memory::{MemoryBus, MemoryLimiter, MemoryRevocations, SystemRandom};
use adapter_polar::{Polar, Products};
use adapter_postgres::{
    Database, Leases, PoolOptions, PostgresIdentity, PostgresJobs, PostgresMeter, PostgresRollups, RolledUp,
    connect, migrate,
};
use adapter_redis::{Link, RedisBus, RedisLimiter, Work};
use adapter_resend::Resend;
use adapter_turbopuffer::TurbopufferStore;
use anyhow::Context;
use rest::jobs::MailPorts;
use rest::{Cloud, CloudAuthenticator, Passwords, SessionKey, Site, WebhookSecret};
use trace::identity::ApiKeyText;
use trace::keyring::Keyring;
use trace::ports::{
    Billing, Cached, Clock, EventBus, JobQueue, Mailer, PayloadStore, Random, RateLimiter, Revocations,
    SpanStore,
};
use trace::quota::Quota;

use super::settings::{BillingSettings, CloudSettings, MailSettings, TurbopufferSettings};
use crate::settings::Settings;

/// Everything cloud mode has besides what handlers ask for in either mode.
pub(crate) struct CloudStores {
    pub(crate) database: Database,
    pub(crate) identity: Arc<PostgresIdentity>,
    pub(crate) meter: Arc<PostgresMeter>,
    pub(crate) jobs: Arc<PostgresJobs>,
    pub(crate) leases: Leases,
    pub(crate) rollups: Arc<PostgresRollups>,
    /// The span store with its sums and its memory of pages.
    pub(crate) cached: Arc<Cached>,
    pub(crate) payloads: Arc<dyn PayloadStore>,
    pub(crate) events: Arc<dyn EventBus>,
    pub(crate) quota: Arc<Quota>,
    pub(crate) keyring: Arc<Keyring>,
    pub(crate) authenticator: Arc<CloudAuthenticator>,
    pub(crate) cloud: Arc<Cloud>,
    /// What mail jobs need; `None` when mail is switched off.
    pub(crate) mail: Option<MailPorts>,
    /// What listens to Redis; taken by who runs it.
    pub(crate) listening: Option<Work>,
}

/// How instances hear of each other.
struct Shared {
    events: Arc<dyn EventBus>,
    revocations: Arc<dyn Revocations>,
    limiter: Arc<dyn RateLimiter>,
    listening: Option<Work>,
}

impl CloudStores {
    /// Brings the database up to date and connects to everything.
    pub(crate) async fn open(
        settings: &Settings,
        cloud: &CloudSettings,
        clock: Arc<dyn Clock>,
        instance: &str,
    ) -> anyhow::Result<Self> {
        let url = cloud.database_url.reveal();
        let applied = migrate(url).await.context("the database cannot be brought up to date")?;
        if !applied.is_empty() {
            tracing::info!(migrations = applied.len(), "the database was brought up to date");
        }
        let options = PoolOptions { connections: cloud.database_pool, ..PoolOptions::default() };
        let database = connect(url, options).await?;
        let puffer = Arc::new(turbopuffer(&cloud.turbopuffer)?);
        let rollups = Arc::new(PostgresRollups::new(&database, Arc::clone(&puffer) as _));
        let rolled_up = Arc::new(RolledUp::new(Arc::clone(&puffer) as _, Arc::clone(&rollups)));
        let shared = Shared::connect(cloud, Arc::clone(&puffer) as _, &clock, instance)?;
        let cached = Arc::new(Cached::new(rolled_up, Arc::clone(&shared.events), Arc::clone(&clock)));
        let identity = Arc::new(PostgresIdentity::new(&database));
        let meter = Arc::new(PostgresMeter::new(&database));
        let jobs = Arc::new(PostgresJobs::new(&database));
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let app_url = cloud.app_url.clone();
        let app_url = app_url.unwrap_or_else(|| format!("http://localhost:{}", settings.api_addr.port()));
        let mailer = cloud.mail.as_ref().map(mailer).transpose()?;
        let ports = Arc::new(Cloud {
            accounts: Arc::clone(&identity) as _,
            orgs: Arc::clone(&identity) as _,
            projects: Arc::clone(&identity) as _,
            keys: Arc::clone(&identity) as _,
            invites: Arc::clone(&identity) as _,
            resets: Arc::clone(&identity) as _,
            meter: Arc::clone(&meter) as _,
            calls_per_second: cloud.rate_limit,
            limiter: shared.limiter,
            revocations: Arc::clone(&shared.revocations),
            random: Arc::clone(&random),
            passwords: Arc::new(Passwords::new(Arc::clone(&random))),
            mail: mailer.as_ref().map(|_| Arc::clone(&jobs) as Arc<dyn JobQueue>),
            billing: cloud.billing.as_ref().map(billing).transpose()?,
            webhook_secret: webhook_secret(cloud)?,
            session_key: SessionKey::new(cloud.jwt_secret.reveal().as_bytes()),
            site: Site {
                app_url: app_url.clone(),
                origins: settings.origins.clone(),
                cookie_domain: cloud.cookie_domain.clone(),
            },
        });
        let mail = mailer.map(|mailer| MailPorts {
            accounts: Arc::clone(&identity) as _,
            orgs: Arc::clone(&identity) as _,
            invites: Arc::clone(&identity) as _,
            resets: Arc::clone(&identity) as _,
            mailer,
            random,
            clock: Arc::clone(&clock),
            app_url,
        });
        let revocations = shared.revocations;
        let keys: Vec<ApiKeyText> = cloud.operator_keys.iter().map(|(_, key)| key.clone()).collect();
        let keyring =
            Keyring::new(Arc::clone(&identity) as _, Arc::clone(&clock), Arc::clone(&revocations), &keys);
        let keyring = Arc::new(keyring);
        let quota = Quota::new(
            Arc::clone(&identity) as _,
            Arc::clone(&meter) as _,
            Arc::clone(&jobs) as _,
            Arc::clone(&clock),
            &revocations,
        );
        let authenticator = CloudAuthenticator::new(Arc::clone(&ports), Arc::clone(&keyring), clock);
        Ok(Self {
            leases: Leases::new(&database),
            database,
            identity,
            meter,
            jobs,
            rollups,
            cached,
            payloads: puffer,
            events: shared.events,
            quota: Arc::new(quota),
            keyring,
            authenticator: Arc::new(authenticator),
            cloud: ports,
            mail,
            listening: shared.listening,
        })
    }
}

impl Shared {
    /// Returns the ways over Redis, or those inside this process without it.
    fn connect(
        cloud: &CloudSettings,
        spans: Arc<dyn SpanStore>,
        clock: &Arc<dyn Clock>,
        instance: &str,
    ) -> anyhow::Result<Self> {
        let Some(url) = &cloud.redis_url else {
            tracing::warn!("REDIS_URL is not set: this instance hears of its own changes only");
            return Ok(Self {
                events: Arc::new(MemoryBus::new(&**clock)),
                revocations: Arc::new(MemoryRevocations::default()),
                limiter: Arc::new(MemoryLimiter::default()),
                listening: None,
            });
        };
        let link = Arc::new(Link::new(url.reveal()).context("REDIS_URL")?);
        let (bus, revocations, listening) = RedisBus::new(Arc::clone(&link), spans, instance);
        Ok(Self {
            events: Arc::new(bus),
            revocations: Arc::new(revocations),
            limiter: Arc::new(RedisLimiter::new(link)),
            listening: Some(listening),
        })
    }
}

fn turbopuffer(settings: &TurbopufferSettings) -> anyhow::Result<TurbopufferStore> {
    let options = adapter_turbopuffer::Options {
        region: settings.region.clone(),
        base_url: settings.base_url.clone(),
        prefix: settings.namespace.clone(),
        timeout: settings.timeout,
        ..adapter_turbopuffer::Options::new(settings.api_key.reveal())
    };
    TurbopufferStore::new(options).context("Turbopuffer cannot be used as set")
}

fn mailer(settings: &MailSettings) -> anyhow::Result<Arc<dyn Mailer>> {
    let base = settings.base_url.as_deref().unwrap_or(adapter_resend::BASE_URL);
    Ok(Arc::new(Resend::new(base, settings.api_key.reveal().to_owned(), settings.from.clone())?))
}

fn billing(settings: &BillingSettings) -> anyhow::Result<Arc<dyn Billing>> {
    let base = settings.base_url.as_deref().unwrap_or(adapter_polar::BASE_URL);
    let products = Products { pro: settings.pro.clone(), team: settings.team.clone() };
    Ok(Arc::new(Polar::new(base, settings.token.reveal().to_owned(), products)?))
}

fn webhook_secret(cloud: &CloudSettings) -> anyhow::Result<Option<WebhookSecret>> {
    let secret = cloud.webhook_secret.as_ref().map(|secret| WebhookSecret::parse(secret.reveal()));
    secret.transpose().context("POLAR_WEBHOOK_SECRET")
}
