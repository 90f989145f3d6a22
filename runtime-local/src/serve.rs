//! `traceway serve`: settings, stores, routers, ports, then waiting to be told to stop.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cli::{self, ServeFlags};
use crate::gate::Gate;
use crate::settings::Settings;
use crate::stores::{Own, Stores};
use crate::supervise::{keep_going, supervised};
use crate::{dev_ingest, interrupted, listen, logging, routers, workers};

/// How long requests in flight may take once the server was told to stop. Together with the next two, ten seconds:
/// what service managers allow before they kill.
const REQUESTS: Duration = Duration::from_secs(7);

/// How long recordings may take after that, of calls that were cut off too.
const RECORDINGS: Duration = Duration::from_secs(2);

/// How long the database may take to close; the next start finishes what is left.
const CLOSING: Duration = Duration::from_millis(700);

/// Serves until told to stop. An error is one that keeps the server from starting or from going on.
pub(crate) fn run(flags: ServeFlags, dotenv: Result<(), dotenvy::Error>) -> anyhow::Result<()> {
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
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(serve(settings, metrics));
    // Work on threads of their own has nobody left to wait for it.
    runtime.shutdown_timeout(Duration::from_millis(100));
    outcome
}

async fn serve(settings: Settings, metrics: Option<PrometheusHandle>) -> anyhow::Result<()> {
    let gate = Gate::new(settings.cloud.as_ref().map_or(Duration::ZERO, |cloud| cloud.drain));
    let (stop, cut) = (gate.stop.clone(), CancellationToken::new());
    let instance = routers::instance();
    let tasks = TaskTracker::new();
    let mut stores = Stores::open(&settings, &instance).await?;
    let opened_at = stores.clock.now();
    let api = listen::bind(settings.api_addr, "API", "--api-addr").await?;
    let proxy = listen::bind(settings.proxy_addr, "proxy", "--proxy-addr").await?;
    let grpc = match settings.otlp_grpc_addr {
        Some(address) => Some(listen::bind(address, "OTLP gRPC port", "--otlp-grpc-addr").await?),
        None => None,
    };
    let deps = routers::api_deps(&settings, &stores, metrics, &gate, &instance, proxy.local_addr()?);
    let proxy_router = routers::proxy(&settings, &stores, &tasks, &cut)?;
    let addresses = (api.local_addr()?, proxy.local_addr()?);
    let api_router = routers::on_one_port(&settings, rest::router(deps.clone()), &proxy_router);
    if settings.cloud.is_none() {
        // There is nothing to warm: who gets an answer finds it ready.
        gate.open();
    }
    let mut servers = tokio::task::JoinSet::new();
    servers.spawn(keep("API", api, gate.around(api_router), stop.clone()));
    servers.spawn(keep("proxy", proxy, gate.around(proxy_router), stop.clone()));
    if let Some(grpc) = grpc {
        servers.spawn(keep("OTLP gRPC port", grpc, rest::grpc_router(deps), stop.clone()));
    }
    if let Some(interval) = settings.dev_ingest {
        let (recorder, clock, ids) =
            (stores.recorder.clone(), Arc::clone(&stores.clock), Arc::clone(&stores.ids));
        tasks.spawn(dev_ingest::run(recorder, clock, ids, interval, stop.clone()));
    }
    let (spool, recorder, until) = (Arc::clone(&stores.spool), stores.recorder.clone(), stop.clone());
    keep_going(&tasks, "spool", &stop, move || {
        let (spool, recorder, until) = (Arc::clone(&spool), recorder.clone(), until.clone());
        async move { spool.empty_into(&recorder, until).await }
    });
    let (spans, recorder, clock) =
        (Arc::clone(&stores.spans), stores.recorder.clone(), Arc::clone(&stores.clock));
    match &mut stores.own {
        Own::Local(_) => {
            tasks
                .spawn(stop.clone().run_until_cancelled_owned(interrupted::fail(spans, recorder, opened_at)));
        }
        Own::Cloud(own) => workers::start_workers(own, (&spans, &recorder), &clock, &tasks, &stop),
    }
    let signals = tokio::spawn(stop_on_signal(gate.clone()));
    stop.run_until_cancelled(warm(&stores)).await;
    gate.open();
    announce(&settings, addresses);
    let outcome = tokio::select! {
        () = stop.cancelled() => Ok(()),
        Some(ended) = servers.join_next() => ended.context("a server task ended").flatten(),
    };
    stop.cancel();
    drain(servers, &cut, tasks, stores).await;
    signals.abort();
    tracing::info!("stopped");
    outcome
}

/// Fills the read cache, if there is one. Until then the server is not ready.
async fn warm(stores: &Stores) {
    let Own::Cloud(own) = &stores.own else { return };
    loop {
        match cloud::warm(own, &*stores.clock).await {
            Ok(projects) => {
                tracing::info!(projects, "the read cache is warm");
                return;
            }
            Err(error) => tracing::warn!(%error, "the read cache cannot be filled yet"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
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
async fn drain(
    mut servers: tokio::task::JoinSet<anyhow::Result<()>>,
    cut: &CancellationToken,
    tasks: TaskTracker,
    stores: Stores,
) {
    let requests = async { while servers.join_next().await.is_some() {} };
    if tokio::time::timeout(REQUESTS, requests).await.is_err() {
        tracing::warn!("requests were still running after {} s and are cut off", REQUESTS.as_secs());
    }
    cut.cancel();
    servers.abort_all();
    tasks.close();
    if tokio::time::timeout(RECORDINGS, tasks.wait()).await.is_err() {
        tracing::warn!("recordings were still running after {} s and are cut off", RECORDINGS.as_secs());
    }
    if tokio::time::timeout(CLOSING, stores.close()).await.is_err() {
        tracing::warn!("the database takes long to close; the next start finishes that");
    }
}

/// Stops on the first signal, and at once on the next.
async fn stop_on_signal(gate: Gate) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::warn!("signals cannot be heard; the process ends without finishing anything");
        return;
    };
    loop {
        let number = tokio::select! {
            _ = interrupt.recv() => SignalKind::interrupt(),
            _ = terminate.recv() => SignalKind::terminate(),
        };
        if gate.is_closed() {
            tracing::warn!("stopped at once");
            std::process::exit(128 + number.as_raw_value());
        }
        tracing::info!("stopping; a second signal stops at once");
        gate.close();
    }
}

/// Says where the server is: a log line for programs, a few lines for people.
fn announce(settings: &Settings, (api, proxy): (SocketAddr, SocketAddr)) {
    let (api, proxy) = (url(api), url(proxy));
    if settings.cloud.is_some() {
        tracing::info!(api.url = api, proxy.url = proxy, mode = "cloud", "ready");
        return;
    }
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
