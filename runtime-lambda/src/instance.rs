//! What one process has, from its first request on.

use std::sync::Arc;

use adapter_memory::{SystemClock, UlidIds};
use anyhow::Context;
use cloud::{CloudStores, JobSpool, Life, Nudge, Place};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use rest::{Access, Server};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use trace::ports::{Clock, Ids, Inline, Metered, SpanStore};
use trace::price::Prices;
use trace::record::Recorder;

use crate::aws::variable;
use crate::held::Held;
use crate::settings::{Settings, Start};
use crate::sqs::Queue;

/// What the handlers ask of the world, in one process.
pub struct Instance {
    pub(crate) settings: Settings,
    pub(crate) stores: CloudStores,
    pub(crate) spans: Arc<dyn SpanStore>,
    pub(crate) recorder: Recorder,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) nudge: Option<Arc<dyn Nudge>>,
    ids: Arc<dyn Ids>,
    client: proxy::HttpClient,
    metrics: Option<PrometheusHandle>,
    name: String,
}

/// An instance that its first request makes: nothing at the start of a process waits for the network.
pub struct Lazy {
    start: Start,
    instance: OnceCell<Instance>,
    metrics: PrometheusHandle,
}

impl Lazy {
    /// Returns an instance to be made from these settings.
    pub fn new(start: Start) -> anyhow::Result<Self> {
        let metrics = PrometheusBuilder::new().install_recorder().context("metrics cannot be counted")?;
        Ok(Self { start, instance: OnceCell::new(), metrics })
    }

    /// Returns the settings, for what has to be done before there can be an instance.
    pub(crate) async fn settings(&self) -> anyhow::Result<Settings> {
        self.start.settings().await
    }

    /// Returns the instance, made now if it was not.
    pub async fn get(&self) -> anyhow::Result<&Instance> {
        self.instance.get_or_try_init(|| Instance::open(&self.start, &self.metrics)).await
    }
}

impl Instance {
    async fn open(start: &Start, metrics: &PrometheusHandle) -> anyhow::Result<Self> {
        let settings = start.settings().await?;
        for warning in &settings.warnings {
            tracing::warn!("{warning}");
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let name = variable("AWS_LAMBDA_LOG_STREAM_NAME");
        let name = name.unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let queue = settings.jobs_queue_url.clone().map(Queue::new);
        let nudge = queue.map(|queue| Arc::new(queue) as Arc<dyn Nudge>);
        // Without an address of its own, links lead to where the dashboard is by default.
        let app_url = "http://localhost:3000".to_owned();
        let place = Place { app_url, origins: settings.origins.clone() };
        let life = Life::Frozen { nudge: nudge.clone() };
        let stores = CloudStores::open(&settings.cloud, place, Arc::clone(&clock), &name, life).await?;
        let spans: Arc<dyn SpanStore> = Arc::new(Metered::new(Arc::clone(&stores.spans), Arc::clone(&clock)));
        let prices = Arc::new(Prices::default());
        let recorder = Recorder::new(Arc::clone(&spans), Arc::clone(&stores.events), prices)
            .within(Arc::clone(&stores.quota));
        let reach = proxy::Reach::Public { except: settings.cloud.proxy_allow.as_slice().into() };
        let client = proxy::http_client_within(reach)?;
        let metrics = settings.metrics.then(|| metrics.clone());
        let ids = Arc::new(UlidIds::new());
        Ok(Self { settings, stores, spans, recorder, clock, nudge, ids, client, metrics, name })
    }

    /// Drops what may have been revoked while nothing here could hear of it.
    pub(crate) async fn refresh(&self) {
        if let Some(polled) = &self.stores.polled {
            polled.refresh().await;
        }
    }

    /// Returns what the API's handlers may ask for.
    pub(crate) fn rest(&self) -> rest::Deps {
        let metrics = self.metrics.clone();
        rest::Deps {
            recorder: self.recorder.clone(),
            spans: Arc::clone(&self.spans),
            payloads: Arc::clone(&self.stores.payloads),
            rollups: Arc::clone(&self.stores.rollups) as _,
            events: Arc::clone(&self.stores.events),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            authenticator: Arc::clone(&self.stores.authenticator) as _,
            cloud: Some(Arc::clone(&self.stores.cloud)),
            server: Server {
                mode: "cloud",
                backend: "turbopuffer",
                instance_id: self.name.clone(),
                version: env!("CARGO_PKG_VERSION"),
                region: variable("AWS_REGION").or_else(|| variable("REGION")),
                started_at: self.clock.now(),
                metrics: metrics.map(|handle| Arc::new(move || handle.render()) as _),
                shutdown: None,
                is_open: Arc::new(|| true),
                stopping: CancellationToken::new(),
                config: None,
                proxy: None,
            },
            access: Access { origins: self.settings.origins.clone(), hosts: None },
        }
    }

    /// Returns what the proxy may ask for. Calls under way end when `cut` is cancelled.
    pub(crate) fn proxy(&self, cut: CancellationToken) -> proxy::Deps {
        let stores = &self.stores;
        proxy::Deps {
            recorder: self.recorder.clone(),
            spool: Arc::new(JobSpool::new(Arc::clone(&stores.queue), Arc::clone(&self.clock))),
            background: Arc::new(Held),
            compute: Arc::new(Inline),
            admission: Arc::new(proxy::KeyHolders::new(
                Arc::clone(&stores.keyring),
                Arc::clone(&stores.quota),
            )),
            clock: Arc::clone(&self.clock),
            ids: Arc::clone(&self.ids),
            client: self.client.clone(),
            settings: proxy::Settings {
                target: self.settings.target.clone(),
                capture: self.settings.capture,
                origins: self.settings.origins.clone(),
                ..proxy::Settings::default()
            },
            cut,
        }
    }
}
