//! A worker behind a queue and a schedule.

use std::time::Duration;

use lambda_emulator::{
    Failure, Function, FunctionOptions, Mapping, MappingOptions, Queue, QueueOptions, Schedule,
};
use serde_json::json;

use crate::stage::{eventually, example};

struct Worker {
    function: Function,
    folder: tempfile::TempDir,
}

impl Worker {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = FunctionOptions::new("worker", example("worker"));
        let seen = folder.path().join("seen").to_str().unwrap().to_owned();
        Self { function: Function::start(options.env("SEEN", seen)).unwrap(), folder }
    }

    /// The lines the worker wrote: a message and how often it was received.
    fn seen(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("seen")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn the_failed_message_of_a_batch_comes_again_and_then_goes_to_the_dead_letters() {
    let dead_letters = Queue::new("dead", QueueOptions::default());
    let options = QueueOptions {
        visibility_timeout: Duration::from_secs(4),
        dead_letters: Some((dead_letters.clone(), 2)),
    };
    let (queue, worker) = (Queue::new("jobs", options), Worker::new());
    for body in ["good", "bad", "fine"] {
        queue.send(body, Duration::ZERO);
    }
    let _mapping = Mapping::start(&queue, &worker.function, MappingOptions::default());
    eventually("the bad one is dead", || dead_letters.messages().len() == 1).await;
    assert_eq!((dead_letters.messages()[0].body.as_str(), queue.messages().len()), ("bad", 0));
    assert_eq!(worker.seen(), ["good 1", "bad 1", "fine 1", "bad 2"]);
}

#[tokio::test]
async fn a_batch_that_fails_comes_again_as_a_whole() {
    let options = QueueOptions { visibility_timeout: Duration::from_secs(4), ..QueueOptions::default() };
    let (queue, worker) = (Queue::new("jobs", options), Worker::new());
    queue.send("good", Duration::ZERO);
    queue.send("broken", Duration::ZERO);
    let _mapping = Mapping::start(&queue, &worker.function, MappingOptions::default());
    eventually("both come again", || worker.seen().iter().any(|line| line == "broken 2")).await;
    assert_eq!(worker.seen()[..4], ["good 1", "broken 1", "good 2", "broken 2"]);
    assert!(matches!(worker.function.failures()[0], Failure::Function { .. }));
}

#[tokio::test]
async fn a_schedule_sends_its_input_as_it_is() {
    let worker = Worker::new();
    let _schedule = Schedule::start(&worker.function, Duration::from_millis(50), &json!({"task": "drain"}));
    eventually("it is sent again and again", || worker.seen().len() > 2).await;
    assert_eq!(worker.seen()[0], r#"{"task":"drain"}"#);
}
