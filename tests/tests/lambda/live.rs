//! Live events over several invocations, each of which ends the stream after a time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use conformance::cloud::FunctionsOptions;
use serde_json::Value;
use tokio::time::timeout;

use crate::stage::Stage;

/// How long a stream stays open.
const STREAM: Duration = Duration::from_secs(4);

/// How long an event may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// An open stream of events.
struct Events {
    response: reqwest::Response,
    buffer: Vec<u8>,
    retries: usize,
}

impl Events {
    async fn open(stage: &Stage, after: Option<u64>) -> Self {
        let mut request = stage.call("GET", "/api/events?types=span_completed&payload=none");
        if let Some(after) = after {
            request = request.header("last-event-id", after.to_string());
        }
        let response = request.header("accept", "text/event-stream").send().await.unwrap();
        assert_eq!(response.status(), 200);
        Self { response, buffer: Vec::new(), retries: 0 }
    }

    /// Returns the next event, or `None` when the stream ends, in good order.
    async fn next(&mut self) -> Option<(u64, Value)> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let frame: Vec<u8> = self.buffer.drain(..end + 2).collect();
                let frame = String::from_utf8(frame).unwrap();
                let field =
                    |name: &str| frame.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
                self.retries += usize::from(field("retry:").is_some());
                if let (Some(id), Some(data)) = (field("id:"), field("data:")) {
                    return Some((id.parse().unwrap(), serde_json::from_str(data).unwrap()));
                }
                continue;
            }
            let piece = timeout(PATIENCE, self.response.chunk()).await.expect("an event comes, or the end");
            self.buffer.extend_from_slice(&piece.expect("the stream ends in good order")?);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_goes_on_in_the_next_invocation_without_gap_or_repeat() {
    let options = FunctionsOptions { stream: STREAM, provisioned: 3, ..FunctionsOptions::default() };
    let stage = Arc::new(Stage::new(options).await);
    let mut events = Events::open(&stage, None).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let writer = {
        let (stage, is_over) = (Arc::clone(&stage), Arc::clone(&is_over));
        tokio::spawn(async move {
            let mut written = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let id = format!("span-{}", written.len());
                stage.ingest(&id).await;
                written.push(id);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            written
        })
    };
    let (mut heard, mut last, mut parts) = (Vec::new(), 0, Vec::new());
    for _ in 0..3 {
        let before = heard.len();
        while let Some((id, data)) = events.next().await {
            assert_ne!(data["type"], "resync", "the stream goes on without a gap");
            assert!(id > last, "{id} after {last}");
            last = id;
            heard.push(data["span"]["id"].as_str().unwrap().to_owned());
        }
        assert!(events.retries > 0, "clients are told when to come back");
        parts.push(heard.len() - before);
        events = Events::open(&stage, Some(last)).await;
    }
    assert!(parts.iter().all(|part| *part > 0), "each part had events: {parts:?}");
    is_over.store(true, Ordering::Relaxed);
    let written = writer.await.unwrap();
    while heard.len() < written.len() {
        let Some((id, data)) = events.next().await else {
            events = Events::open(&stage, Some(last)).await;
            continue;
        };
        assert!(id > last, "{id} after {last}");
        last = id;
        heard.push(data["span"]["id"].as_str().unwrap().to_owned());
    }
    let distinct: BTreeSet<&String> = heard.iter().collect();
    assert_eq!(distinct.len(), heard.len(), "an event came twice");
    assert_eq!(distinct, written.iter().collect(), "an event did not come");
}
