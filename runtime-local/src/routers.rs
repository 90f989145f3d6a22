//! The handlers, given their ports.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use rest::{Access, Authenticator, ConfigFile, Deps, Everyone, ProxyFacts, Server};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::background::Tracked;
use crate::config_file::TomlFile;
use crate::gate::Gate;
use crate::settings::Settings;
use crate::stores::{Own, Stores};

/// Returns what the API's handlers may ask for.
pub(crate) fn api_deps(
    settings: &Settings,
    stores: &Stores,
    metrics: Option<PrometheusHandle>,
    gate: &Gate,
    instance: &str,
    proxy: SocketAddr,
) -> Deps {
    let (mode, backend) = match stores.own {
        Own::Local(_) => ("local", "sqlite"),
        Own::Cloud(_) => ("cloud", "turbopuffer"),
    };
    let (authenticator, cloud): (Arc<dyn Authenticator>, _) = match &stores.own {
        Own::Local(_) => (Arc::new(Everyone), None),
        Own::Cloud(own) => (Arc::clone(&own.authenticator) as _, Some(Arc::clone(&own.cloud))),
    };
    // The process is its owner's: in the cloud no user may stop or configure it.
    let is_own = cloud.is_none();
    let config = settings.config_path.clone().filter(|_| is_own);
    let config = config.map(|path| Arc::new(TomlFile::new(path)) as Arc<dyn ConfigFile>);
    let shutdown = gate.clone();
    let (stopping, open) = (gate.stop.clone(), gate.clone());
    Deps {
        recorder: stores.recorder.clone(),
        spans: Arc::clone(&stores.spans),
        payloads: Arc::clone(&stores.payloads),
        rollups: Arc::clone(&stores.rollups),
        events: Arc::clone(&stores.events),
        clock: Arc::clone(&stores.clock),
        ids: Arc::clone(&stores.ids),
        authenticator,
        cloud,
        server: Server {
            mode,
            backend,
            instance_id: instance.to_owned(),
            version: env!("CARGO_PKG_VERSION"),
            region: first_set(&["FLY_REGION", "RAILWAY_REGION", "AWS_REGION", "REGION"]),
            started_at: stores.clock.now(),
            metrics: metrics.map(|handle| Arc::new(move || handle.render()) as _),
            shutdown: is_own.then(|| Arc::new(move || shutdown.stop.cancel()) as _),
            is_open: Arc::new(move || open.is_open()),
            stopping,
            config,
            proxy: is_own.then(|| ProxyFacts {
                port: proxy.port(),
                target: settings.target.as_ref().map(ToString::to_string),
                capture_mode: settings.capture.to_string(),
            }),
        },
        access: Access { origins: settings.origins.clone(), hosts: hosts(settings) },
    }
}

/// Returns the names this server may be called by. One that asks for credentials may be called by any.
fn hosts(settings: &Settings) -> Option<Arc<[String]>> {
    settings.cloud.is_none().then(|| Arc::clone(&settings.allowed_hosts))
}

/// Returns what tells this process from others.
pub(crate) fn instance() -> String {
    let named = first_set(&["FLY_ALLOC_ID", "RAILWAY_REPLICA_ID", "HOSTNAME"]);
    named.unwrap_or_else(|| uuid::Uuid::new_v4().to_string())
}

/// Returns the API with what else is served on its port. In the cloud that is the proxy, under `/proxy`, for platforms
/// that expose one port.
pub(crate) fn on_one_port(settings: &Settings, api: Router, proxy: &Router) -> Router {
    if settings.cloud.is_some() { api.nest_service("/proxy", proxy.clone()) } else { api }
}

/// Returns the proxy, whose calls are recorded in `tasks`.
pub(crate) fn proxy(
    settings: &Settings,
    stores: &Stores,
    tasks: &TaskTracker,
    cut: &CancellationToken,
) -> anyhow::Result<Router> {
    let admission: Arc<dyn proxy::Admission> = match &stores.own {
        Own::Local(_) => Arc::new(proxy::Everyone),
        Own::Cloud(own) => Arc::new(proxy::KeyHolders::new(Arc::clone(&own.keyring), Arc::clone(&own.quota))),
    };
    // Whoever calls the cloud must not get at what lies behind it.
    let reach = settings.cloud.as_ref().map_or(proxy::Reach::Everything, |cloud| proxy::Reach::Public {
        except: cloud.proxy_allow.as_slice().into(),
    });
    let deps = proxy::Deps {
        // The record of a call follows its answer.
        recorder: stores.recorder.clone().unhurried(),
        spool: Arc::clone(&stores.spool) as _,
        background: Arc::new(Tracked(tasks.clone())),
        compute: Arc::clone(&stores.compute),
        admission,
        clock: Arc::clone(&stores.clock),
        ids: Arc::clone(&stores.ids),
        client: proxy::http_client_within(reach)?,
        settings: proxy::Settings {
            target: settings.target.clone(),
            capture: settings.capture,
            max_body: settings.proxy_max_body,
            hosts: hosts(settings),
            origins: settings.origins.clone(),
            ..proxy::Settings::default()
        },
        cut: cut.clone(),
    };
    Ok(proxy::router(deps))
}

fn first_set(names: &[&str]) -> Option<String> {
    names.iter().filter_map(|name| std::env::var(name).ok()).find(|value| !value.is_empty())
}
