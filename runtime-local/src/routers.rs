//! The handlers, given their ports.

use std::sync::Arc;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use rest::{Access, ConfigFile, Deps, Everyone, Server};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::background::Tracked;
use crate::config_file::TomlFile;
use crate::settings::Settings;
use crate::stores::Stores;

/// Returns what the API's handlers may ask for.
pub(crate) fn api_deps(
    settings: &Settings,
    stores: &Stores,
    metrics: Option<PrometheusHandle>,
    stop: &CancellationToken,
) -> Deps {
    let (stopping, stop) = (stop.clone(), stop.clone());
    let config = settings.config_path.clone().map(|path| Arc::new(TomlFile(path)) as Arc<dyn ConfigFile>);
    Deps {
        recorder: stores.recorder.clone(),
        spans: Arc::clone(&stores.spans),
        payloads: Arc::clone(&stores.payloads),
        rollups: Arc::clone(&stores.rollups),
        events: Arc::clone(&stores.events),
        clock: Arc::clone(&stores.clock),
        ids: Arc::clone(&stores.ids),
        authenticator: Arc::new(Everyone),
        cloud: None,
        server: Server {
            mode: "local",
            backend: "sqlite",
            instance_id: first_set(&["FLY_ALLOC_ID", "RAILWAY_REPLICA_ID", "HOSTNAME"])
                .unwrap_or_else(|| uuid::Uuid::new_v4().to_string()),
            version: env!("CARGO_PKG_VERSION"),
            region: first_set(&["FLY_REGION", "RAILWAY_REGION", "AWS_REGION", "REGION"]),
            started_at: stores.clock.now(),
            metrics: metrics.map(|handle| Arc::new(move || handle.render()) as _),
            shutdown: Some(Arc::new(move || stop.cancel())),
            stopping,
            config,
        },
        access: Access {
            origins: settings.origins.clone(),
            hosts: Some(Arc::clone(&settings.allowed_hosts)),
        },
    }
}

/// Returns the proxy.
pub(crate) fn proxy(
    settings: &Settings,
    stores: &Stores,
    tasks: &TaskTracker,
    cut: &CancellationToken,
) -> anyhow::Result<Router> {
    let deps = proxy::Deps {
        recorder: stores.recorder.clone(),
        spool: Arc::clone(&stores.spool) as _,
        background: Arc::new(Tracked(tasks.clone())),
        admission: Arc::new(proxy::Everyone),
        clock: Arc::clone(&stores.clock),
        ids: Arc::clone(&stores.ids),
        client: proxy::http_client()?,
        settings: proxy::Settings {
            target: settings.target.clone(),
            capture: settings.capture,
            max_body: settings.proxy_max_body,
            hosts: Some(Arc::clone(&settings.allowed_hosts)),
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
