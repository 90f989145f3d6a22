//! A load balancer for one machine: connections take turns among the replicas that are ready.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How often replicas are asked whether they are ready.
const CHECK: Duration = Duration::from_millis(200);

/// A running balancer; dropping it stops it.
pub struct Balancer {
    /// Base URL that clients use.
    pub url: String,
    targets: Targets,
    tasks: Mutex<JoinSet<()>>,
}

type Targets = Arc<RwLock<Vec<Arc<Target>>>>;

struct Target {
    address: SocketAddr,
    is_ready: AtomicBool,
}

impl Balancer {
    /// Listens on `address`, for nobody yet.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let targets = Targets::default();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&targets)));
        Ok(Self { url, targets, tasks: Mutex::new(tasks) })
    }

    /// Sends connections to a replica too, while `ready` answers with success: the URL of its readiness.
    pub fn add(&self, replica: &str, ready: String) -> anyhow::Result<()> {
        let address = replica.trim_start_matches("http://").parse().context("a replica's address")?;
        let target = Arc::new(Target { address, is_ready: AtomicBool::new(true) });
        self.targets.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&target));
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).spawn(watch(target, ready));
        Ok(())
    }
}

async fn watch(target: Arc<Target>, ready: String) {
    let client = reqwest::Client::new();
    loop {
        let answer = client.get(&ready).timeout(Duration::from_secs(2)).send().await;
        let is_ready = answer.is_ok_and(|answer| answer.status().is_success());
        target.is_ready.store(is_ready, Ordering::Relaxed);
        tokio::time::sleep(CHECK).await;
    }
}

async fn accept(listener: TcpListener, targets: Targets) {
    let turn = AtomicUsize::new(0);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                let targets = targets.read().unwrap_or_else(PoisonError::into_inner).clone();
                let mut ready: Vec<SocketAddr> = targets
                    .iter()
                    .filter(|target| target.is_ready.load(Ordering::Relaxed))
                    .map(|target| target.address)
                    .collect();
                let first = turn.fetch_add(1, Ordering::Relaxed).checked_rem(ready.len()).unwrap_or(0);
                ready.rotate_left(first);
                connections.spawn(relay(client, ready));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Connects to the first replica that accepts, and relays until both sides are done.
async fn relay(mut client: TcpStream, replicas: Vec<SocketAddr>) {
    for address in replicas {
        if let Ok(mut replica) = TcpStream::connect(address).await {
            // Small frames of streams must not wait for more.
            let _ = (client.set_nodelay(true), replica.set_nodelay(true));
            // A side that breaks off ends the relay, as it would a direct connection.
            let _ = copy_bidirectional(&mut client, &mut replica).await;
            return;
        }
    }
}
