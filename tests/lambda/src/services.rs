//! SQS and Secrets Manager on one port, over their JSON protocols.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use http::{Method, StatusCode, header};
use http_body_util::BodyExt;
use md5::{Digest, Md5};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::queue::{Message, Queue, QueueOptions};
use crate::signature::{ACCOUNT, REGION, check};

/// The largest message.
const MESSAGE: usize = 1024 * 1024;

/// The running services. Dropping it stops them.
pub struct Services {
    /// Where both are, without a trailing slash.
    pub url: String,
    state: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    queues: Mutex<HashMap<String, Arc<Queue>>>,
    secrets: Mutex<HashMap<String, String>>,
    refused: Mutex<Vec<String>>,
}

impl Services {
    /// Starts them without a queue or a secret.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(Shared::default());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let task = tokio::spawn(async move {
            // It ends with the services.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, state, task })
    }

    /// Adds a queue.
    pub fn add_queue(&self, name: &str, options: QueueOptions) -> Arc<Queue> {
        let queue = Queue::new(name, options);
        lock(&self.state.queues).insert(name.to_owned(), Arc::clone(&queue));
        queue
    }

    /// Returns the URL by which functions name a queue.
    pub fn queue_url(&self, queue: &Queue) -> String {
        format!("{}/{ACCOUNT}/{}", self.url, queue.name())
    }

    /// Sets a secret, and returns the ARN by which functions name it.
    pub fn set_secret(&self, name: &str, value: &str) -> String {
        lock(&self.state.secrets).insert(name.to_owned(), value.to_owned());
        secret_arn(name)
    }

    /// Returns the environment variables that lead functions here.
    pub fn env(&self) -> Vec<(String, String)> {
        ["AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_SECRETS_MANAGER"]
            .map(|name| (name.to_owned(), self.url.clone()))
            .into()
    }

    /// Returns why requests were refused so far.
    pub fn refused(&self) -> Vec<String> {
        lock(&self.state.refused).clone()
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn secret_arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-AbCdEf")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error as the services name it.
struct Refusal(StatusCode, &'static str, String);

fn bad(kind: &'static str, told: impl Into<String>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, kind, told.into())
}

async fn answer(State(state): State<Arc<Shared>>, request: Request) -> Response {
    match respond(&state, request).await {
        Ok((content_type, value)) => {
            ([(header::CONTENT_TYPE, content_type)], Body::from(value.to_string())).into_response()
        }
        Err(Refusal(status, kind, told)) => {
            lock(&state.refused).push(format!("{kind}: {told}"));
            (status, axum::Json(json!({"__type": kind, "message": told}))).into_response()
        }
    }
}

async fn respond(state: &Shared, request: Request) -> Result<(&'static str, Value), Refusal> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|error| bad("IncompleteBody", error.to_string()))?.to_bytes();
    let target =
        parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let (service, action) = target.split_once('.').ok_or_else(|| bad("MissingAction", "no X-Amz-Target"))?;
    let (service, content_type) = match service {
        "AmazonSQS" => ("sqs", "application/x-amz-json-1.0"),
        "secretsmanager" => ("secretsmanager", "application/x-amz-json-1.1"),
        _ => return Err(bad("UnknownOperationException", target)),
    };
    let is_typed = parts.headers.get(header::CONTENT_TYPE).is_some_and(|said| said == content_type);
    if parts.method != Method::POST || !is_typed {
        return Err(bad("UnknownOperationException", format!("no POST of {content_type}")));
    }
    check(&parts, &body, service)
        .map_err(|told| Refusal(StatusCode::FORBIDDEN, "InvalidSignatureException", told))?;
    let body: Value =
        serde_json::from_slice(&body).map_err(|error| bad("SerializationException", error.to_string()))?;
    let value = match (service, action) {
        ("sqs", "SendMessage") => send(&*queue(state, &body)?, &body)?,
        ("sqs", "SendMessageBatch") => send_batch(&*queue(state, &body)?, &body)?,
        ("sqs", "ReceiveMessage") => receive(&*queue(state, &body)?, &body).await,
        ("sqs", "DeleteMessage") => {
            queue(state, &body)?.delete(text(&body, "ReceiptHandle")?);
            json!({})
        }
        ("secretsmanager", "GetSecretValue") => secret(state, &body)?,
        _ => return Err(bad("UnknownOperationException", target)),
    };
    Ok((content_type, value))
}

fn text<'a>(body: &'a Value, member: &str) -> Result<&'a str, Refusal> {
    body[member].as_str().ok_or_else(|| bad("MissingParameter", member))
}

fn queue(state: &Shared, body: &Value) -> Result<Arc<Queue>, Refusal> {
    let url = text(body, "QueueUrl")?;
    let name = url.rsplit('/').next().unwrap_or_default();
    let found = lock(&state.queues).get(name).cloned();
    found.ok_or_else(|| bad("com.amazonaws.sqs#QueueDoesNotExist", url))
}

fn send(queue: &Queue, body: &Value) -> Result<Value, Refusal> {
    let message = text(body, "MessageBody")?;
    if message.is_empty() || message.len() > MESSAGE {
        return Err(bad("com.amazonaws.sqs#InvalidMessageContents", format!("{} bytes", message.len())));
    }
    let delay = Duration::from_secs(body["DelaySeconds"].as_u64().unwrap_or(0));
    let id = queue.send(message, delay);
    Ok(json!({"MessageId": id, "MD5OfMessageBody": md5(message)}))
}

fn send_batch(queue: &Queue, body: &Value) -> Result<Value, Refusal> {
    let entries = body["Entries"].as_array().filter(|entries| (1..=10).contains(&entries.len()));
    let entries = entries.ok_or_else(|| bad("com.amazonaws.sqs#EmptyBatchRequest", "one to ten entries"))?;
    let mut sent = Vec::new();
    for entry in entries {
        let mut one = send(queue, entry)?;
        one["Id"] = entry["Id"].clone();
        sent.push(one);
    }
    Ok(json!({"Successful": sent, "Failed": []}))
}

async fn receive(queue: &Queue, body: &Value) -> Value {
    let most = body["MaxNumberOfMessages"].as_u64().unwrap_or(1).clamp(1, 10);
    let wait = Duration::from_secs(body["WaitTimeSeconds"].as_u64().unwrap_or(0).min(20));
    let received = tokio::time::timeout(wait, queue.wait(usize::try_from(most).unwrap_or(1))).await;
    let shown = |message: &Message| {
        json!({"MessageId": message.id, "ReceiptHandle": message.receipt, "Body": message.body,
            "MD5OfBody": md5(&message.body),
            "Attributes": {"ApproximateReceiveCount": message.received.to_string()}})
    };
    json!({"Messages": received.unwrap_or_default().iter().map(shown).collect::<Vec<_>>()})
}

fn secret(state: &Shared, body: &Value) -> Result<Value, Refusal> {
    let id = text(body, "SecretId")?;
    let secrets = lock(&state.secrets);
    let found = secrets.iter().find(|(name, _)| *name == id || secret_arn(name) == id);
    let (name, value) = found.ok_or_else(|| bad("ResourceNotFoundException", id))?;
    Ok(json!({"ARN": secret_arn(name), "Name": name, "SecretString": value,
        "VersionId": "00000000-0000-0000-0000-000000000001", "VersionStages": ["AWSCURRENT"]}))
}

pub(crate) fn md5(text: &str) -> String {
    hex::encode(Md5::digest(text))
}
