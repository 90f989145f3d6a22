//! The Runtime API of one instance, over HTTP.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::instance::{Instance, ReplySender};
use crate::prelude::PreludeParser;
use crate::reply::{Piece, Reply, StreamedBody};
use crate::signature::{ACCOUNT, REGION};

/// The largest buffered answer.
const ANSWER: usize = 6_291_556;

/// The largest streamed answer.
const STREAM: usize = 200 * 1024 * 1024;

const HTTP: &str = "application/vnd.awslambda.http-integration-response";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";

pub(crate) fn router(instance: Arc<Instance>) -> Router {
    let api = Router::new()
        .route("/runtime/invocation/next", get(next))
        .route("/runtime/invocation/{id}/response", post(response))
        .route("/runtime/invocation/{id}/error", post(error))
        .route("/runtime/init/error", post(init_error));
    let extensions = Router::new()
        .route("/extension/register", post(register))
        .route("/extension/event/next", get(extension_event));
    Router::new()
        .nest("/2018-06-01", api)
        .nest("/2020-01-01", extensions)
        .layer(DefaultBodyLimit::disable())
        .with_state(instance)
}

async fn next(State(instance): State<Arc<Instance>>) -> Response {
    let Some(invocation) = instance.next().await else {
        return refused(StatusCode::INTERNAL_SERVER_ERROR, "Container", "the emulator is gone");
    };
    let name = instance.function.upgrade().map(|function| function.options.name.clone()).unwrap_or_default();
    let deadline = invocation.deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", invocation.id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        ("lambda-runtime-invoked-function-arn", format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")),
        ("lambda-runtime-trace-id", format!("Root=1-00000000-{:024x};Sampled=0", instance.number())),
    ];
    (axum::response::AppendHeaders(headers), invocation.payload).into_response()
}

async fn response(
    State(instance): State<Arc<Instance>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some(reply) = instance.take_reply(&id) else { return stale() };
    let says = |name: &str, value: &str| {
        headers.get(name).and_then(|said| said.to_str().ok()).is_some_and(|said| said.starts_with(value))
    };
    let answer = if says("lambda-runtime-function-response-mode", "streaming") {
        streamed(&instance, reply, says(header::CONTENT_TYPE.as_str(), HTTP), body).await
    } else {
        buffered(&instance, reply, body).await
    };
    instance.is_answered();
    answer
}

async fn buffered(instance: &Instance, reply: ReplySender, body: Body) -> Response {
    match Limited::new(body, ANSWER).collect().await {
        Ok(body) => {
            // Who asked may have left.
            let _ = reply.send(Ok(Reply::Buffered(body.to_bytes())));
            accepted()
        }
        Err(error) if error.is::<LengthLimitError>() => {
            instance.fail(reply, Failure::TooLarge);
            let told = format!("Exceeded maximum allowed payload size ({ANSWER} bytes).");
            refused(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &told)
        }
        Err(error) => {
            instance.fail(reply, Failure::Malformed(error.to_string()));
            refused(StatusCode::BAD_REQUEST, "InvalidResponse", &error.to_string())
        }
    }
}

/// Passes an answer on as it comes. What comes after the client has left is read and dropped.
async fn streamed(instance: &Instance, reply: ReplySender, is_http: bool, mut body: Body) -> Response {
    let (pieces, rest) = StreamedBody::channel();
    let mut parser = PreludeParser::default();
    let mut head = if is_http {
        Some((reply, rest))
    } else {
        // Who asked may have left.
        let _ = reply.send(Ok(Reply::Streamed { prelude: None, body: rest }));
        None
    };
    let mut sent = 0;
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                // Without an end the client sees that the answer breaks off.
                if let Some((reply, _)) = head {
                    instance.fail(reply, Failure::Malformed(error.to_string()));
                }
                return refused(StatusCode::BAD_REQUEST, "InvalidResponse", &error.to_string());
            }
        };
        match frame.into_data() {
            Ok(bytes) => {
                sent += bytes.len();
                if sent > STREAM {
                    return refused(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", "200 MB");
                }
                let bytes = match head.take() {
                    None => bytes,
                    Some((reply, rest)) => match parser.push(&bytes) {
                        Ok(None) => {
                            head = Some((reply, rest));
                            continue;
                        }
                        Ok(Some((prelude, first))) => {
                            let _ = reply.send(Ok(Reply::Streamed { prelude: Some(prelude), body: rest }));
                            first.into()
                        }
                        Err(error) => {
                            instance.fail(reply, Failure::Malformed(error));
                            return refused(StatusCode::BAD_REQUEST, "InvalidResponse", "the head");
                        }
                    },
                };
                pass_on(&pieces, bytes).await;
            }
            Err(frame) => {
                if frame.trailers_ref().is_some_and(|trailers| trailers.contains_key(ERROR_TYPE)) {
                    return accepted();
                }
            }
        }
    }
    if let Some((reply, _)) = head {
        instance.fail(reply, Failure::Malformed("the stream ends before its body".to_owned()));
    }
    let _ = pieces.send(Piece::End).await;
    accepted()
}

async fn pass_on(pieces: &mpsc::Sender<Piece>, bytes: Bytes) {
    if !bytes.is_empty() {
        // A client that left does not stop the function.
        let _ = pieces.send(Piece::Bytes(bytes)).await;
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Told {
    error_type: String,
    error_message: String,
}

async fn error(
    State(instance): State<Arc<Instance>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(reply) = instance.take_reply(&id) else { return stale() };
    let told: Told = serde_json::from_slice(&body).unwrap_or_default();
    let kind = headers.get(ERROR_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or(&told.error_type);
    instance.fail(reply, Failure::Function { kind: kind.to_owned(), message: told.error_message });
    instance.is_answered();
    accepted()
}

async fn init_error(State(instance): State<Arc<Instance>>, body: Bytes) -> Response {
    let told: Told = serde_json::from_slice(&body).unwrap_or_default();
    instance.init_failed(format!("{}: {}", told.error_type, told.error_message));
    accepted()
}

async fn register(State(instance): State<Arc<Instance>>) -> Response {
    let name = instance.function.upgrade().map(|function| function.options.name.clone()).unwrap_or_default();
    let id = uuid::Uuid::new_v4().to_string();
    let body = json!({"functionName": name, "functionVersion": "$LATEST", "handler": "bootstrap"});
    ([("lambda-extension-identifier", id)], Json(body)).into_response()
}

/// An extension that asked for no events waits for ever.
async fn extension_event(_request: Request) -> Response {
    std::future::pending().await
}

fn accepted() -> Response {
    (StatusCode::ACCEPTED, Json(json!({"status": "OK"}))).into_response()
}

fn stale() -> Response {
    refused(StatusCode::GONE, "InvalidRequestID", "this invocation is not under way")
}

fn refused(status: StatusCode, kind: &str, message: &str) -> Response {
    (status, Json(json!({"errorType": kind, "errorMessage": message}))).into_response()
}
