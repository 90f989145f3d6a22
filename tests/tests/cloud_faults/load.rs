//! Clients that write until they are told to stop, and try again until they are told that it is written.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::sync::RwLock;
use tokio::task::JoinSet;

use crate::stage::{batch, client};

/// Spans of one request.
const BATCH: u64 = 5;

/// Some clients at work.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<()>,
}

struct Shared {
    replicas: RwLock<Vec<String>>,
    key: String,
    acknowledged: Mutex<Vec<String>>,
    doubtful: AtomicU64,
    refused: AtomicU64,
    is_over: AtomicBool,
}

/// What clients were told.
pub(crate) struct Told {
    /// Spans of requests that were answered 200.
    pub(crate) acknowledged: Vec<String>,
    /// Spans of requests that were not answered, as often as that happened.
    pub(crate) doubtful: u64,
    /// Spans of requests that were answered 503 or 429, as often as that happened.
    pub(crate) refused: u64,
}

impl Load {
    /// Lets so many clients write to these replicas in turn.
    pub(crate) fn start(clients: u64, replicas: Vec<String>, key: &str) -> Self {
        let shared = Arc::new(Shared {
            replicas: RwLock::new(replicas),
            key: key.to_owned(),
            acknowledged: Mutex::default(),
            doubtful: AtomicU64::default(),
            refused: AtomicU64::default(),
            is_over: AtomicBool::default(),
        });
        let clients = (0..clients).map(|number| write(Arc::clone(&shared), number)).collect();
        Self { shared, clients }
    }

    /// Says where the replicas are now. Returns when no request is under way to where they were.
    pub(crate) async fn turn_to(&self, replicas: Vec<String>) {
        *self.shared.replicas.write().await = replicas;
    }

    /// Returns how many spans are acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.shared.acknowledged.lock().unwrap().len()
    }

    /// Lets every client finish what it sends.
    pub(crate) async fn finish(mut self) -> Told {
        self.shared.is_over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        Told {
            acknowledged: self.shared.acknowledged.lock().unwrap().clone(),
            doubtful: self.shared.doubtful.load(Ordering::Relaxed),
            refused: self.shared.refused.load(Ordering::Relaxed),
        }
    }
}

async fn write(shared: Arc<Shared>, number: u64) {
    let (client, mut turn) = (client(), usize::try_from(number).unwrap());
    for n in 0.. {
        if shared.is_over.load(Ordering::Relaxed) {
            return;
        }
        let ids: Vec<String> = (0..BATCH).map(|k| format!("c{number}-{n}-{k}")).collect();
        let body = batch(&ids);
        loop {
            turn += 1;
            let replicas = shared.replicas.read().await;
            let replica = &replicas[turn % replicas.len()];
            let request = client.post(format!("{replica}/api/ingest")).bearer_auth(&shared.key).json(&body);
            let answer = async {
                let response = request.send().await?;
                Ok::<_, reqwest::Error>((response.status().as_u16(), response.text().await?))
            };
            match answer.await {
                Ok((200, text)) => {
                    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
                    assert_eq!(
                        (&told["accepted_spans"], &told["rejected"]),
                        (&json!(BATCH), &json!([])),
                        "{text}"
                    );
                    shared.acknowledged.lock().unwrap().extend(ids);
                    break;
                }
                Ok((503 | 429, _)) => {
                    shared.refused.fetch_add(BATCH, Ordering::Relaxed);
                }
                Ok((status, text)) => panic!("{status} {text}"),
                Err(_) => {
                    shared.doubtful.fetch_add(BATCH, Ordering::Relaxed);
                }
            }
            drop(replicas);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
