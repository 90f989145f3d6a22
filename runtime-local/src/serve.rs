//! `traceway serve`: settings, stores, routers, ports, then waiting to be told to stop.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::{self, ServeFlags};
use crate::settings::Settings;
use crate::stores::Stores;
use crate::supervise::supervised;
use crate::{dev_ingest, listen, logging, routers};

/// How long requests in flight may take once the server was told to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until told to stop. An error is one that keeps the server from starting or from going on.
pub(crate) fn run(flags: ServeFlags, dotenv: Result<PathBuf, dotenvy::Error>) -> anyhow::Result<()> {
    let settings = Settings::resolve(flags, std::io::stderr().is_terminal())?;
    logging::start(&settings);
    if let Err(error) = dotenv
        && !error.not_found()
    {
        tracing::warn!(%error, "the file .env is ignored");
    }
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let metrics = settings.metrics.then(|| PrometheusBuilder::new().install_recorder()).transpose()?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(serve(settings, metrics))
}

async fn serve(settings: Settings, metrics: Option<PrometheusHandle>) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let stores = Stores::open(&settings).await?;
    let api = listen::bind(settings.api_addr, "API", "--api-addr").await?;
    let proxy = listen::bind(settings.proxy_addr, "proxy", "--proxy-addr").await?;
    let grpc = match settings.otlp_grpc_addr {
        Some(address) => Some(listen::bind(address, "OTLP gRPC port", "--otlp-grpc-addr").await?),
        None => None,
    };
    let deps = routers::api_deps(&settings, &stores, metrics, &stop);
    let proxy_router = routers::proxy(&settings, &stores, &tasks)?;
    announce(&settings, &api, &proxy)?;

    let mut servers = tokio::task::JoinSet::new();
    servers.spawn(keep("API", api, rest::router(deps.clone()), stop.clone()));
    servers.spawn(keep("proxy", proxy, proxy_router, stop.clone()));
    if let Some(grpc) = grpc {
        servers.spawn(keep("OTLP gRPC port", grpc, rest::grpc_router(deps), stop.clone()));
    }
    if let Some(interval) = settings.dev_ingest {
        let (recorder, clock, ids) =
            (stores.recorder.clone(), Arc::clone(&stores.clock), Arc::clone(&stores.ids));
        tasks.spawn(dev_ingest::run(recorder, clock, ids, interval, stop.clone()));
    }
    let (spool, recorder, until) = (Arc::clone(&stores.spool), stores.recorder.clone(), stop.clone());
    tasks.spawn(async move { spool.empty_into(&recorder, until).await });
    let signals = tokio::spawn(stop_on_signal(stop.clone()));
    let outcome = tokio::select! {
        () = stop.cancelled() => Ok(()),
        Some(ended) = servers.join_next() => ended.context("a server task ended").flatten(),
    };
    stop.cancel();
    drain(servers, tasks, stores).await;
    signals.abort();
    tracing::info!("stopped");
    outcome
}

/// Serves a router on a port that is already open, and again on the same address after a crash.
async fn keep(
    what: &'static str,
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let mut first = Some(listener);
    supervised(what, stop.clone(), move || {
        let (listener, router, stop) = (first.take(), router.clone(), stop.clone());
        async move {
            let listener = match listener {
                Some(listener) => listener,
                None => TcpListener::bind(address).await?,
            };
            listen::serve(listener, router, stop).await
        }
    })
    .await
}

/// Finishes requests, then recordings, then what the store has taken; each bounded in time.
async fn drain(mut servers: tokio::task::JoinSet<anyhow::Result<()>>, tasks: TaskTracker, stores: Stores) {
    let requests = async { while servers.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, requests).await.is_err() {
        tracing::warn!("requests were still running after {} s and are cut off", DRAIN.as_secs());
    }
    servers.shutdown().await;
    tasks.close();
    if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
        tracing::warn!("recordings were still running after {} s and are cut off", DRAIN.as_secs());
    }
    stores.close().await;
}

async fn stop_on_signal(stop: CancellationToken) {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
    tracing::info!("stopping");
    stop.cancel();
}

/// Says where the server is: a log line for programs, a few lines for people.
fn announce(settings: &Settings, api: &TcpListener, proxy: &TcpListener) -> anyhow::Result<()> {
    let (api, proxy) = (url(api.local_addr()?), url(proxy.local_addr()?));
    tracing::info!(api.url = api, proxy.url = proxy, db.path = %settings.db_path.display(), "ready");
    if std::io::stderr().is_terminal() {
        let (bold, reset) = (anstyle::Style::new().bold(), cli::RESET);
        anstream::eprintln!(
            "\n  {bold}Traceway{reset} {}\n\n  Dashboard   {bold}{api}{reset}\n  Proxy       {bold}{proxy}/v1{reset}   \
             (set this as your LLM client's base URL)\n  OTLP        {api}/v1/traces\n  Database    {}\n",
            env!("CARGO_PKG_VERSION"),
            settings.db_path.display(),
        );
    }
    Ok(())
}

fn url(address: SocketAddr) -> String {
    if address.ip().is_loopback() && address.is_ipv4() {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_shown_by_name() {
        assert_eq!(url(SocketAddr::from(([127, 0, 0, 1], 3000))), "http://localhost:3000");
        assert_eq!(url(SocketAddr::from(([0, 0, 0, 0], 80))), "http://0.0.0.0:80");
    }
}
