//! Live events between replicas, and when one of them dies.

use std::sync::Arc;
use std::time::Duration;

use conformance::providers;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::stage::{Call, Stage, soon};

/// How long an event may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open stream of events.
struct Events {
    response: reqwest::Response,
    buffer: Vec<u8>,
}

/// An event with its id.
#[derive(Debug)]
struct Heard {
    id: String,
    data: Value,
}

impl Events {
    async fn open(call: Call) -> Self {
        let response = call.open().await;
        assert_eq!(response.status(), 200);
        let mut events = Self { response, buffer: Vec::new() };
        let first = timeout(PATIENCE, events.frame()).await.unwrap().unwrap();
        assert!(first.contains("retry:"), "{first}");
        events
    }

    /// Returns the next frame, or `None` when the connection ends.
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

    /// Returns the next event, or `None` when the connection ends.
    async fn next(&mut self) -> Option<Heard> {
        let heard = async {
            loop {
                let frame = self.frame().await?;
                let field = |name: &str| {
                    frame.lines().find_map(|line| line.strip_prefix(name)).map(|text| text.trim().to_owned())
                };
                if let (Some(id), Some(data)) = (field("id:"), field("data:")) {
                    return Some(Heard { id, data: serde_json::from_str(&data).unwrap() });
                }
            }
        };
        timeout(PATIENCE, heard).await.expect("an event comes")
    }

    /// Returns the next event of this type.
    async fn next_of(&mut self, kind: &str) -> Heard {
        loop {
            let heard = self.next().await.expect("the stream goes on");
            if heard.data["type"] == kind {
                return heard;
            }
        }
    }
}

#[tokio::test]
async fn an_event_of_one_replica_arrives_at_the_other() {
    let stage = Stage::new().await;
    let (ann, bob) = (stage.tenant("ann").await, stage.tenant("bob").await);
    let mut here = Events::open(stage.on(1, "GET", "/api/events").bearer(&ann.api_key)).await;
    let path = format!("/api/events?token={}", ann.token);
    let mut session = Events::open(stage.on(0, "GET", &path)).await;
    let mut other = Events::open(stage.on(1, "GET", "/api/events").bearer(&bob.api_key)).await;
    let span = json!({"id": "s", "trace_id": "t", "name": "of ann", "input": "hello"});
    assert_eq!(stage.on(0, "POST", "/api/spans").bearer(&ann.api_key).json(&span).await.status, 201);
    let mut ids = Vec::new();
    for events in [&mut here, &mut session] {
        let heard = events.next_of("span_created").await;
        assert_eq!(
            (&heard.data["span"]["name"], &heard.data["span"]["input"]),
            (&json!("of ann"), &json!("hello"))
        );
        ids.push(heard.id);
    }
    assert_eq!(ids[0], ids[1], "a sequence is the same everywhere");
    let span = json!({"id": "s", "trace_id": "t", "name": "of bob"});
    assert_eq!(stage.on(0, "POST", "/api/spans").bearer(&bob.api_key).json(&span).await.status, 201);
    let first = other.next().await.unwrap();
    assert!(!first.data.to_string().contains("of ann"), "the first that bob hears is his own: {first:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_a_killed_replica_goes_on_at_another_without_gap_or_repeat() {
    const SPANS: usize = 120;
    let mut stage = Stage::new().await;
    let ann = stage.tenant_on("enterprise", "ann").await;
    let is_killed = Arc::new(Notify::new());
    let create = |url: String| {
        let (key, is_killed) = (ann.api_key.clone(), Arc::clone(&is_killed));
        async move {
            let client = reqwest::Client::new();
            for number in 0..SPANS {
                if number == SPANS * 2 / 3 {
                    is_killed.notified().await;
                }
                let span = json!({"id": format!("s{number:03}"), "trace_id": "t", "name": "n"});
                let answer = client
                    .post(format!("{url}/api/spans"))
                    .bearer_auth(&key)
                    .json(&span)
                    .send()
                    .await
                    .unwrap();
                assert_eq!(answer.status(), 201);
            }
        }
    };
    let path = "/api/events?types=span_created&payload=none";
    let mut events = Events::open(stage.on(0, "GET", path).bearer(&ann.api_key)).await;
    let writer = tokio::spawn(create(stage.stack.replicas[1].api.clone()));
    let (mut heard, mut last) = (Vec::new(), String::new());
    let mut note = |event: Heard, last: &mut String| {
        heard.push(event.data["span"]["id"].as_str().unwrap().to_owned());
        *last = event.id;
        heard.len()
    };
    while note(events.next().await.unwrap(), &mut last) < SPANS / 3 {}
    // Dropping a replica kills it as `kill -9` does.
    drop(stage.stack.replicas.remove(0));
    is_killed.notify_one();
    let mut count = SPANS / 3;
    while let Some(event) = events.next().await {
        count = note(event, &mut last);
    }
    assert!(count < SPANS, "the stream was cut while spans came");
    let call = stage.on(0, "GET", path).bearer(&ann.api_key).header("last-event-id", &last);
    let mut events = Events::open(call).await;
    while note(events.next().await.unwrap(), &mut last) < SPANS {}
    writer.await.unwrap();
    let expected: Vec<String> = (0..SPANS).map(|number| format!("s{number:03}")).collect();
    assert_eq!(heard, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_through_one_replica_runs_on_the_other_while_its_stream_does() {
    let stage = Stage::new().await;
    let ann = stage.tenant("ann").await;
    let provider = providers::start().await.unwrap();
    let mut events = Events::open(stage.on(1, "GET", "/api/events").bearer(&ann.api_key)).await;
    let proxied = |key: Option<&str>| {
        let call =
            stage.on(0, "POST", "/proxy/v1/chat/completions").header("x-forward-url", provider.base_url());
        let call = call.header("authorization", "Bearer sk-of-the-provider");
        let call = call.header("x-emulator", "chunks=20,chunk_delay=200");
        key.into_iter().fold(call, |call, key| call.header("x-traceway-api-key", key))
    };
    let body = json!({"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": "hello"}]});
    assert_eq!(proxied(None).json(&body).await.status, 401);
    assert_eq!(proxied(Some("tw_sk_0123456789abcdef0123456789abcdef")).json(&body).await.status, 401);
    assert_eq!(provider.requests().len(), 0, "nothing is forwarded without a key");
    let (text, ()) = tokio::join!(async { proxied(Some(&ann.api_key)).json(&body).await.text }, async {
        let begun = events.next_of("span_created").await;
        let id = begun.data["span"]["id"].as_str().unwrap().to_owned();
        assert_eq!(begun.data["span"]["status"], "running", "{begun:?}");
        let shown = stage.on(1, "GET", &format!("/api/spans/{id}")).bearer(&ann.api_key).send().await;
        assert_eq!((shown.status, &shown["status"]), (200, &json!("running")), "{}", shown.text);
        let listed = stage.on(1, "GET", "/api/spans?status=running").bearer(&ann.api_key).send().await;
        assert_eq!(listed["count"], 1, "{}", listed.text);
        let ended = events.next_of("span_completed").await;
        assert_eq!(ended.data["span"]["id"], json!(id));
    });
    assert!(text.trim_end().ends_with("data: [DONE]"), "{text}");
    for replica in 0..2 {
        soon("the span has ended", || async {
            let spans = stage.on(replica, "GET", "/api/spans").bearer(&ann.api_key).send().await;
            if spans["spans"][0]["status"] == "completed" { Ok(()) } else { Err(spans.text) }
        })
        .await;
    }
}
