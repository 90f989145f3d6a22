use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;
use tokio::time::timeout;

use super::Ctx;
use super::ctx::{Call, with_query};

/// How long an event may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// One frame of a stream: the lines between two blank ones.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// The lines without their ends.
    pub(super) lines: Vec<String>,
}

impl Frame {
    /// Returns the value of a field, if the frame has it.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}:");
        let value = self.lines.iter().find_map(|line| line.strip_prefix(&prefix))?;
        Some(value.strip_prefix(' ').unwrap_or(value))
    }

    /// Returns the id.
    #[track_caller]
    pub(super) fn id(&self) -> u64 {
        let id = self.field("id").unwrap_or_else(|| panic!("no id in {:?}", self.lines));
        id.parse().unwrap_or_else(|_| panic!("the id {id} is no number"))
    }

    /// Returns the data as JSON; null for a frame without data.
    pub(super) fn data(&self) -> Value {
        self.field("data").and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default()
    }

    /// Returns the type of the event; empty for a frame without data.
    pub(super) fn kind(&self) -> String {
        self.data()["type"].as_str().unwrap_or_default().to_owned()
    }
}

/// An open stream of events.
pub(super) struct EventStream {
    response: reqwest::Response,
    buffer: Vec<u8>,
    /// What marks events as those of the case.
    mark: String,
}

impl EventStream {
    /// Returns the header fields of the answer.
    pub(super) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Returns the next frame, whatever it is, or `None` when none comes in this time or the stream has ended.
    pub(super) async fn frame_within(&mut self, time: Duration) -> Option<Frame> {
        timeout(time, async {
            loop {
                if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                    let frame: Vec<u8> = self.buffer.drain(..end + 2).take(end).collect();
                    let text = String::from_utf8(frame).expect("frames are UTF-8");
                    return Some(Frame { lines: text.split('\n').map(str::to_owned).collect() });
                }
                let piece = self.response.chunk().await.ok().flatten()?;
                self.buffer.extend_from_slice(&piece);
            }
        })
        .await
        .ok()
        .flatten()
    }

    /// Returns the first frame with data, which is there at once.
    pub(super) async fn first(&mut self) -> Frame {
        loop {
            let frame = self.frame_within(Duration::from_secs(5)).await.expect("a frame at once");
            if frame.field("data").is_some() {
                return frame;
            }
        }
    }

    /// Returns the next event of this case.
    pub(super) async fn next(&mut self) -> Frame {
        let mark = self.mark.clone();
        self.next_with(&mark).await
    }

    /// Returns the next event that mentions this text.
    pub(super) async fn next_with(&mut self, text: &str) -> Frame {
        let found = timeout(PATIENCE, async {
            loop {
                let frame = self.frame_within(PATIENCE).await?;
                if frame.field("data").is_some_and(|data| data.contains(text)) {
                    return Some(frame);
                }
            }
        });
        found.await.ok().flatten().unwrap_or_else(|| panic!("no event with {text} within {PATIENCE:?}"))
    }

    /// Returns the next `count` events of this case.
    pub(super) async fn take(&mut self, count: usize) -> Vec<Frame> {
        let mut frames = Vec::with_capacity(count);
        for _ in 0..count {
            frames.push(self.next().await);
        }
        frames
    }
}

impl Ctx {
    /// Opens a stream of events and waits for its start, so that nothing done afterwards is missed.
    pub(super) async fn events(&self, query: &[(&str, &str)]) -> EventStream {
        self.open_events(self.call("GET", &with_query("/api/events", query))).await
    }

    /// Opens a stream that replays what came after an id.
    pub(super) async fn events_after(&self, last: u64, query: &[(&str, &str)]) -> EventStream {
        let call = self.call("GET", &with_query("/api/events", query));
        self.open_events(call.header("last-event-id", &last.to_string())).await
    }

    /// Sends a prepared request for a stream and waits for its start.
    pub(super) async fn open_events(&self, call: Call) -> EventStream {
        let response = call.open().await;
        assert_eq!(response.status(), 200, "the stream was refused");
        let mut stream = EventStream { response, buffer: Vec::new(), mark: self.mark().to_owned() };
        let first = stream.frame_within(PATIENCE).await.expect("the stream starts at once");
        assert_eq!(first.field("retry"), Some("3000"), "{first:?}");
        stream
    }
}
