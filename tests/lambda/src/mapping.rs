//! An event source mapping: messages of a queue become invocations.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::failure::Failure;
use crate::function::{Function, Shared};
use crate::queue::{Message, Queue};
use crate::services::md5;
use crate::signature::REGION;

/// How messages are given to a function.
#[derive(Clone, Copy, Debug)]
pub struct MappingOptions {
    /// How many messages one invocation gets at most.
    pub batch_size: usize,
    /// How many invocations there are at once.
    pub max_concurrency: usize,
    /// Whether the function says which messages of a batch failed (`ReportBatchItemFailures`).
    pub reports_failures: bool,
}

impl Default for MappingOptions {
    fn default() -> Self {
        Self { batch_size: 10, max_concurrency: 2, reports_failures: true }
    }
}

/// A running mapping. Dropping it stops it.
pub struct Mapping(JoinHandle<()>);

impl Mapping {
    /// Starts giving a queue's messages to a function.
    pub fn start(queue: &Arc<Queue>, function: &Function, options: MappingOptions) -> Self {
        let (queue, function) = (Arc::clone(queue), Arc::clone(&function.shared));
        Self(tokio::spawn(async move {
            let free = Arc::new(Semaphore::new(options.max_concurrency));
            while let Ok(permit) = Arc::clone(&free).acquire_owned().await {
                let messages = queue.wait(options.batch_size).await;
                let (queue, function) = (Arc::clone(&queue), Arc::clone(&function));
                tokio::spawn(async move {
                    deliver(&queue, &function, &messages, options.reports_failures).await;
                    drop(permit);
                });
            }
        }))
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Gives one batch to the function and deletes what it has done; the rest shows again by itself.
async fn deliver(queue: &Queue, function: &Arc<Shared>, messages: &[Message], reports_failures: bool) {
    let records: Vec<Value> = messages.iter().map(|message| record(queue, message)).collect();
    let event = json!({"Records": records}).to_string();
    let answer = match function.invoke(event.into()).await {
        Ok(reply) => reply.json(),
        Err(failure) => Err(failure),
    };
    let failed = answer
        .and_then(|answer| if reports_failures { failed(&answer, messages) } else { Ok(HashSet::new()) });
    // Of a batch that failed as a whole nothing is deleted.
    let Ok(failed) = failed else { return };
    for message in messages.iter().filter(|message| !failed.contains(&message.id)) {
        queue.delete(&message.receipt);
    }
}

/// Returns the messages that failed. An id that was not in the batch fails all of it.
fn failed(answer: &Value, messages: &[Message]) -> Result<HashSet<String>, Failure> {
    let named = match &answer["batchItemFailures"] {
        Value::Null => return Ok(HashSet::new()),
        Value::Array(named) => named,
        other => return Err(Failure::Malformed(other.to_string())),
    };
    let known = |item: &Value| {
        let id = item["itemIdentifier"].as_str()?;
        messages.iter().any(|message| message.id == id).then(|| id.to_owned())
    };
    named.iter().map(|item| known(item).ok_or_else(|| Failure::Malformed(item.to_string()))).collect()
}

fn record(queue: &Queue, message: &Message) -> Value {
    let millis =
        |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis().to_string();
    json!({
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": message.received.to_string(),
            "SentTimestamp": millis(message.sent_at),
            "SenderId": "AROATESTS:function",
            "ApproximateFirstReceiveTimestamp": millis(message.first_received_at.unwrap_or(message.sent_at)),
        },
        "messageAttributes": {},
        "md5OfBody": md5(&message.body),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.arn(),
        "awsRegion": REGION,
    })
}
