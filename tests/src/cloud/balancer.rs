//! A load balancer for one machine: connections take turns among the replicas that are ready.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How often replicas are asked whether they are ready.
const CHECK: Duration = Duration::from_millis(200);

/// A running balancer; dropping it stops it.
pub struct Balancer {
    /// Base URL that clients use.
    pub url: String,
    _tasks: JoinSet<()>,
}

struct Target {
    address: SocketAddr,
    is_ready: AtomicBool,
}

impl Balancer {
    /// Listens on `address` for replicas whose base URLs are given. `ready` are the URLs of their readiness, in the
    /// same order.
    pub async fn start(address: SocketAddr, replicas: &[String], ready: &[String]) -> anyhow::Result<Self> {
        let target = |url: &String| -> anyhow::Result<Target> {
            let address = url.trim_start_matches("http://").parse()?;
            Ok(Target { address, is_ready: AtomicBool::new(true) })
        };
        let targets: Arc<[Target]> = replicas.iter().map(target).collect::<anyhow::Result<_>>()?;
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let mut tasks = JoinSet::new();
        for (index, url) in ready.iter().cloned().enumerate() {
            tasks.spawn(watch(Arc::clone(&targets), index, url));
        }
        tasks.spawn(accept(listener, targets));
        Ok(Self { url, _tasks: tasks })
    }
}

async fn watch(targets: Arc<[Target]>, index: usize, url: String) {
    let client = reqwest::Client::new();
    loop {
        let answer = client.get(&url).timeout(Duration::from_secs(2)).send().await;
        let is_ready = answer.is_ok_and(|answer| answer.status().is_success());
        targets[index].is_ready.store(is_ready, Ordering::Relaxed);
        tokio::time::sleep(CHECK).await;
    }
}

async fn accept(listener: TcpListener, targets: Arc<[Target]>) {
    let turn = AtomicUsize::new(0);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                let first = turn.fetch_add(1, Ordering::Relaxed);
                connections.spawn(relay(client, Arc::clone(&targets), first));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Connects to the first replica that is ready and accepts, and relays until both sides are done.
async fn relay(mut client: TcpStream, targets: Arc<[Target]>, first: usize) {
    let count = targets.len();
    let in_turn = (0..count).map(|offset| &targets[(first + offset) % count]);
    for target in in_turn.filter(|target| target.is_ready.load(Ordering::Relaxed)) {
        if let Ok(mut replica) = TcpStream::connect(target.address).await {
            // Small frames of streams must not wait for more.
            let _ = (client.set_nodelay(true), replica.set_nodelay(true));
            // A side that breaks off ends the relay, as it would a direct connection.
            let _ = copy_bidirectional(&mut client, &mut replica).await;
            return;
        }
    }
}
