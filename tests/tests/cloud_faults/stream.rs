//! Live events while the replicas that send them are killed.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use crate::load::Load;
use crate::stage::{Stage, client};

/// An open stream of events.
pub(crate) struct Events {
    response: reqwest::Response,
    buffer: Vec<u8>,
}

/// An event with its id.
pub(crate) struct Event {
    id: u64,
    data: Value,
}

impl Event {
    /// Returns the span it is about.
    pub(crate) fn span(&self) -> Option<&str> {
        self.data["span"]["id"].as_str()
    }
}

impl Events {
    /// Opens a stream after an event, or `None` when nobody answers.
    pub(crate) async fn open(api: &str, key: &str, after: Option<u64>) -> Option<Self> {
        let url = format!("{api}/api/events?types=span_completed&payload=none");
        let mut request = client().get(url).bearer_auth(key).header("accept", "text/event-stream");
        if let Some(after) = after {
            request = request.header("last-event-id", after.to_string());
        }
        let response = request.send().await.ok()?;
        assert_eq!(response.status(), 200);
        let mut events = Self { response, buffer: Vec::new() };
        assert!(events.frame().await?.contains("retry:"));
        Some(events)
    }

    async fn frame(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let frame: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Some(String::from_utf8(frame).unwrap());
            }
            let piece = self.response.chunk().await.ok().flatten()?;
            self.buffer.extend_from_slice(&piece);
        }
    }

    /// Returns the next event, which may be one that tells of a gap, or `None` when the connection ends.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            let frame = self.frame().await?;
            let field = |name: &str| frame.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            if let (Some(id), Some(data)) = (field("id:"), field("data:")) {
                return Some(Event { id: id.parse().unwrap(), data: serde_json::from_str(data).unwrap() });
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_goes_on_at_the_other_replica_without_gap_or_repeat() {
    let mut stage = Stage::new().await;
    let key = stage.tenant.api_key.clone();
    let mut events = Events::open(&stage.stack.replicas[0].api, &key, None).await.unwrap();
    // Clients write to the replica that lives, so that each span is announced once.
    let load = Load::start(2, vec![stage.stack.replicas[1].api.clone()], &key);
    let (mut heard, mut last) = (Vec::new(), 0);
    for _ in 0..3 {
        hear(&mut events, 20, &mut heard, &mut last).await;
        drop(stage.stack.replicas.remove(0));
        // What arrived before the death is heard to its end.
        hear(&mut events, usize::MAX, &mut heard, &mut last).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        events = Events::open(&stage.stack.replicas[0].api, &key, Some(last)).await.unwrap();
        stage.stack.add_replica().await.unwrap();
        // A request under way to the replica that dies next would be in doubt.
        load.turn_to(vec![stage.stack.replicas[1].api.clone()]).await;
    }
    let told = load.finish().await;
    hear(&mut events, told.acknowledged.len() - heard.len(), &mut heard, &mut last).await;
    let distinct: BTreeSet<&String> = heard.iter().collect();
    assert_eq!(distinct.len(), heard.len(), "an event came twice");
    assert_eq!(distinct, told.acknowledged.iter().collect(), "an event did not come");
    assert_eq!(told.doubtful, 0, "the replica that was written to lived");
    stage.assert_calm();
}

/// Notes so many events, or those until the connection ends. Their ids rise.
async fn hear(events: &mut Events, count: usize, heard: &mut Vec<String>, last: &mut u64) {
    for _ in 0..count {
        let next = timeout(Duration::from_secs(20), events.next()).await;
        let Some(event) = next.expect("an event comes, or the end") else { return };
        assert_ne!(event.data["type"], "resync", "the stream goes on without a gap");
        assert!(event.id > *last, "{} after {last}", event.id);
        *last = event.id;
        heard.push(event.span().unwrap().to_owned());
    }
}
