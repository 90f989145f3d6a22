//! A function that takes messages of a queue and events of a schedule, for the emulator's own tests.
//!
//! It writes what it sees to the file `SEEN`. A message `bad` fails alone, a message `broken` with its whole batch.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::fs::OpenOptions;
use std::io::Write;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Error> {
    run(service_fn(work)).await
}

async fn work(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let mut seen = OpenOptions::new().create(true).append(true).open(std::env::var("SEEN").unwrap()).unwrap();
    let Some(records) = event.payload["Records"].as_array() else {
        writeln!(seen, "{}", event.payload).unwrap();
        return Ok(
            json!({"large": "x".repeat(event.payload["size"].as_u64().unwrap_or(0).try_into().unwrap())}),
        );
    };
    let mut failures = Vec::new();
    for record in records {
        let body = record["body"].as_str().unwrap();
        writeln!(seen, "{body} {}", record["attributes"]["ApproximateReceiveCount"].as_str().unwrap())
            .unwrap();
        match body {
            "broken" => return Err("the batch is broken".into()),
            "bad" => failures.push(json!({"itemIdentifier": record["messageId"]})),
            _ => {}
        }
    }
    Ok(json!({"batchItemFailures": failures}))
}
