//! The stores that all instances share, and who uses them.

use std::sync::{Arc, Mutex, PoisonError};

use adapter_memory::{MemoryBus, MemoryLimiter, MemoryRevocations, SystemRandom};
use adapter_polar::{Polar, Products};
use adapter_postgres::{
    Database, Leases, LostWrites, PoolOptions, PostgresIdentity, PostgresJobs, PostgresMeter,
    PostgresRollups, RolledUp, connect, migrate,
};
use adapter_redis::{Link, PolledBus, PolledRevocations, RedisBus, RedisLimiter, Work};
use adapter_resend::Resend;
use adapter_turbopuffer::{Grouping, TurbopufferStore};
use anyhow::Context;
use rest::jobs::MailPorts;
use rest::{Cloud, CloudAuthenticator, Passwords, SessionKey, Site, WebhookSecret};
use trace::host::Origins;
use trace::keyring::Keyring;
use trace::ports::{
    Billing, Cached, Clock, EventBus, JobQueue, Mailer, PayloadStore, Random, RateLimiter, Revocations,
    SpanStore,
};
use trace::quota::Quota;

use crate::nudge::{Nudge, Nudged};
use crate::settings::{BillingSettings, CloudSettings, MailSettings, TurbopufferSettings};

/// Connections to Postgres of a process that nobody told how many.
const LASTING_POOL: u32 = 10;
const FROZEN_POOL: u32 = 2;

/// How a process lives.
pub enum Life {
    /// It goes on between requests: it brings the database up to date when it starts, remembers pages, and listens to
    /// the others.
    Lasting,
    /// It is frozen between requests, so nothing may run on its own: it asks the others with every request, and leaves
    /// jobs to a worker that it nudges.
    Frozen {
        /// Wakes the worker; without one, the worker's clock does.
        nudge: Option<Arc<dyn Nudge>>,
    },
}

/// Where people and programs reach this deployment.
#[derive(Clone)]
pub struct Place {
    /// The base of links, without a final slash, where the settings name none.
    pub app_url: String,
    /// Web origins whose pages may call the API.
    pub origins: Origins,
}

/// Everything cloud mode has besides what handlers ask for in either mode.
pub struct CloudStores {
    /// The pool that the stores in Postgres share.
    pub database: Database,
    /// Users, organisations, projects and keys.
    pub identity: Arc<PostgresIdentity>,
    /// What was used.
    pub meter: Arc<PostgresMeter>,
    /// The job queue, for who works it off.
    pub jobs: Arc<PostgresJobs>,
    /// The job queue, for who adds to it.
    pub queue: Arc<dyn JobQueue>,
    /// Work that one process of all does.
    pub leases: Leases,
    /// Sums.
    pub rollups: Arc<PostgresRollups>,
    /// Writes of which nobody heard what came of them.
    pub lost: Arc<LostWrites>,
    /// The span store with its sums, and with a memory of pages where the process lasts.
    pub spans: Arc<dyn SpanStore>,
    /// The memory of pages; `None` where the process does not last.
    pub cached: Option<Arc<Cached>>,
    /// Inputs and outputs.
    pub payloads: Arc<dyn PayloadStore>,
    /// Live events.
    pub events: Arc<dyn EventBus>,
    /// What organisations may still create.
    pub quota: Arc<Quota>,
    /// Checks API keys.
    pub keyring: Arc<Keyring>,
    /// Tells who calls.
    pub authenticator: Arc<CloudAuthenticator>,
    /// What the routes of cloud mode ask for.
    pub cloud: Arc<Cloud>,
    /// What mail jobs need; `None` when mail is switched off.
    pub mail: Option<MailPorts>,
    /// What a process that does not last asks before each request; `None` without Redis, or where it listens.
    pub polled: Option<PolledRevocations>,
    listening: Mutex<Option<Work>>,
}

/// How instances hear of each other.
struct Shared {
    events: Arc<dyn EventBus>,
    revocations: Arc<dyn Revocations>,
    limiter: Arc<dyn RateLimiter>,
    listening: Option<Work>,
    polled: Option<PolledRevocations>,
}

impl CloudStores {
    /// Takes what listens to Redis, for who runs it. `None` where nothing does, and the second time.
    pub fn take_listening(&self) -> Option<Work> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Connects to everything. `instance` names this process.
    ///
    /// A pooler that mixes up statements is an error, before anything was asked through it.
    pub async fn open(
        cloud: &CloudSettings,
        place: Place,
        clock: Arc<dyn Clock>,
        instance: &str,
        life: Life,
    ) -> anyhow::Result<Self> {
        let lasts = matches!(life, Life::Lasting);
        let url = cloud.database_url.reveal();
        if lasts {
            let applied = migrate(url).await.context("the database cannot be brought up to date")?;
            if !applied.is_empty() {
                tracing::info!(migrations = applied.len(), "the database was brought up to date");
            }
        }
        let connections = cloud.database_pool.unwrap_or(if lasts { LASTING_POOL } else { FROZEN_POOL });
        let database = connect(url, PoolOptions { connections, ..PoolOptions::default() }).await?;
        let grouping = if lasts { Grouping::Lanes } else { Grouping::Off };
        let puffer = Arc::new(turbopuffer(&cloud.turbopuffer, grouping)?);
        let rollups = Arc::new(PostgresRollups::new(&database, Arc::clone(&puffer) as _));
        let (rolled_up, lost) = rolled_up(&database, &puffer, &rollups);
        let shared = Shared::connect(cloud, Arc::clone(&puffer) as _, &clock, instance, lasts)?;
        let cached = lasts.then(|| {
            Arc::new(Cached::new(Arc::clone(&rolled_up), Arc::clone(&shared.events), Arc::clone(&clock)))
        });
        let spans = cached.as_ref().map_or(rolled_up, |cached| Arc::clone(cached) as _);
        let identity = Arc::new(PostgresIdentity::new(&database));
        let meter = Arc::new(PostgresMeter::new(&database));
        let jobs = Arc::new(PostgresJobs::new(&database));
        let queue: Arc<dyn JobQueue> = match life {
            Life::Frozen { nudge: Some(nudge) } => Arc::new(Nudged::new(Arc::clone(&jobs) as _, nudge)),
            Life::Frozen { nudge: None } | Life::Lasting => Arc::clone(&jobs) as _,
        };
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        let app_url = cloud.app_url.clone().unwrap_or(place.app_url);
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
            mail: mailer.as_ref().map(|_| Arc::clone(&queue)),
            billing: cloud.billing.as_ref().map(billing).transpose()?,
            webhook_secret: webhook_secret(cloud)?,
            session_key: SessionKey::new(cloud.jwt_secret.reveal().as_bytes()),
            site: Site {
                app_url: app_url.clone(),
                origins: place.origins,
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
        let keyring = Arc::new(Keyring::new(
            Arc::clone(&identity) as _,
            Arc::clone(&clock),
            Arc::clone(&revocations),
            &cloud.operator_keys,
        ));
        let quota = Quota::new(
            Arc::clone(&identity) as _,
            Arc::clone(&meter) as _,
            Arc::clone(&queue),
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
            queue,
            rollups,
            lost,
            spans,
            cached,
            payloads: puffer,
            events: shared.events,
            quota: Arc::new(quota),
            keyring,
            authenticator: Arc::new(authenticator),
            cloud: ports,
            mail,
            polled: shared.polled,
            listening: Mutex::new(shared.listening),
        })
    }
}

/// Returns the span store with what is kept in Postgres beside it, and who settles its lost writes.
fn rolled_up(
    database: &Database,
    puffer: &Arc<TurbopufferStore>,
    rollups: &Arc<PostgresRollups>,
) -> (Arc<dyn SpanStore>, Arc<LostWrites>) {
    let lost = Arc::new(LostWrites::new(database, Arc::clone(puffer) as _));
    let rolled_up = RolledUp::new(Arc::clone(puffer) as _, Arc::clone(rollups));
    (Arc::new(rolled_up.remembering(Arc::clone(&lost))), lost)
}

impl Shared {
    /// Returns the ways over Redis, or those inside this process without it.
    fn connect(
        cloud: &CloudSettings,
        spans: Arc<dyn SpanStore>,
        clock: &Arc<dyn Clock>,
        instance: &str,
        lasts: bool,
    ) -> anyhow::Result<Self> {
        let Some(url) = &cloud.redis_url else {
            tracing::warn!("REDIS_URL is not set: this instance hears of its own changes only");
            return Ok(Self {
                events: Arc::new(MemoryBus::new(&**clock)),
                revocations: Arc::new(MemoryRevocations::default()),
                limiter: Arc::new(MemoryLimiter::default()),
                listening: None,
                polled: None,
            });
        };
        let link = Arc::new(Link::new(url.reveal()).context("REDIS_URL")?);
        let limiter = Arc::new(RedisLimiter::new(Arc::clone(&link)));
        if lasts {
            let (bus, revocations, listening) = RedisBus::new(link, spans, instance);
            let revocations = Arc::new(revocations);
            return Ok(Self {
                events: Arc::new(bus),
                revocations,
                limiter,
                listening: Some(listening),
                polled: None,
            });
        }
        let polled = PolledRevocations::new(Arc::clone(&link));
        Ok(Self {
            events: Arc::new(PolledBus::new(link, spans, instance)),
            revocations: Arc::new(polled.clone()),
            limiter,
            listening: None,
            polled: Some(polled),
        })
    }
}

fn turbopuffer(settings: &TurbopufferSettings, grouping: Grouping) -> anyhow::Result<TurbopufferStore> {
    let options = adapter_turbopuffer::Options {
        region: settings.region.clone(),
        base_url: settings.base_url.clone(),
        prefix: settings.namespace.clone(),
        timeout: settings.timeout,
        grouping,
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
