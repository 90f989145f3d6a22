//! Resend: `POST /emails`, checked as the service checks it; `GET /sent` shows what was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{ANY_PORT, Server, lock};

/// A mail that was taken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sent {
    /// The sender.
    pub from: String,
    /// The addresses.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The text as HTML.
    pub html: String,
    /// The text.
    pub text: String,
    /// What keeps a repeated call from sending it twice.
    pub idempotency_key: Option<String>,
}

impl Sent {
    /// Returns the token of the link in the text.
    pub fn token(&self) -> Option<&str> {
        let (_, rest) = self.text.split_once("?token=")?;
        rest.split_whitespace().next()
    }
}

#[derive(Deserialize)]
struct Message {
    from: String,
    to: Vec<String>,
    subject: String,
    html: String,
    text: String,
}

#[derive(Default)]
struct Memory {
    sent: Vec<Sent>,
    failures: Vec<(u16, &'static str)>,
}

#[derive(Clone)]
struct Shared {
    api_key: String,
    state: Arc<Mutex<Memory>>,
}

/// Resend, running.
pub struct Resend {
    /// Where it is.
    pub url: String,
    shared: Shared,
    _server: Server,
}

impl Resend {
    /// Starts the emulator on a free port. It takes mail with this key only.
    pub async fn start(api_key: &str) -> std::io::Result<Self> {
        Self::bind(api_key, ANY_PORT).await
    }

    /// Starts the emulator on this address.
    pub async fn bind(api_key: &str, address: SocketAddr) -> std::io::Result<Self> {
        let shared = Shared { api_key: api_key.to_owned(), state: Arc::default() };
        let router = Router::new().route("/emails", post(take)).route("/sent", get(show));
        let server = Server::start(address, router.with_state(shared.clone())).await?;
        Ok(Self { url: server.url.clone(), shared, _server: server })
    }

    /// Returns what was sent, the oldest first.
    pub fn sent(&self) -> Vec<Sent> {
        lock(&self.shared.state).sent.clone()
    }

    /// Answers the next call with this status and error name.
    pub fn fail_next(&self, status: u16, name: &'static str) {
        lock(&self.shared.state).failures.push((status, name));
    }
}

fn problem(status: StatusCode, name: &str, message: &str) -> Response {
    let body = json!({"statusCode": status.as_u16(), "name": name, "message": message});
    (status, Json(body)).into_response()
}

async fn show(State(shared): State<Shared>) -> Json<Vec<Sent>> {
    Json(lock(&shared.state).sent.clone())
}

async fn take(State(shared): State<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let mut state = lock(&shared.state);
    if let Some((status, name)) = state.failures.pop() {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return problem(status, name, "a failure that was asked for");
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    match text(header::AUTHORIZATION.as_str()) {
        None => return problem(StatusCode::UNAUTHORIZED, "missing_api_key", "Missing API Key"),
        Some(sent) if sent != format!("Bearer {}", shared.api_key) => {
            return problem(StatusCode::FORBIDDEN, "invalid_api_key", "API key is invalid");
        }
        Some(_) => {}
    }
    let message: Message = match serde_json::from_value(body) {
        Ok(message) => message,
        Err(error) => {
            return problem(StatusCode::UNPROCESSABLE_ENTITY, "missing_required_field", &error.to_string());
        }
    };
    if !message.from.contains('@') || message.to.iter().any(|to| !to.contains('@')) || message.to.is_empty() {
        let told = "Invalid `from` or `to` field";
        return problem(StatusCode::UNPROCESSABLE_ENTITY, "validation_error", told);
    }
    let idempotency_key = text("idempotency-key");
    let Message { from, to, subject, html, text } = message;
    let sent = Sent { from, to, subject, html, text, idempotency_key };
    if let Some(key) = &sent.idempotency_key
        && let Some(place) =
            state.sent.iter().position(|earlier| earlier.idempotency_key.as_ref() == Some(key))
    {
        if state.sent[place] == sent {
            return Json(json!({"id": format!("mail-{place}")})).into_response();
        }
        let told = "This idempotency key was used with another request";
        return problem(StatusCode::CONFLICT, "invalid_idempotent_request", told);
    }
    state.sent.push(sent);
    Json(json!({"id": format!("mail-{}", state.sent.len() - 1)})).into_response()
}
