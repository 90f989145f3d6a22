//! Polar: checkouts and customer sessions; webhooks as the service signs them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::{ANY_PORT, Server, lock};

#[derive(Default)]
struct Memory {
    checkouts: Vec<Value>,
    customers: Vec<String>,
    failures: Vec<u16>,
}

#[derive(Clone)]
struct Shared {
    access_token: String,
    memory: Arc<Mutex<Memory>>,
}

/// Polar, running.
pub struct Polar {
    /// Where it is.
    pub url: String,
    shared: Shared,
    _server: Server,
}

/// What a webhook about a subscription says.
#[derive(Clone, Debug)]
pub struct Event {
    /// The type, such as `subscription.active`.
    pub kind: String,
    /// The subscription, as in `data`.
    pub data: Value,
    /// When it happened, as RFC 3339; `None` leaves it out.
    pub timestamp: Option<String>,
}

impl Event {
    /// Returns an event of an organisation's subscription to a product.
    pub fn new(kind: &str, status: &str, org_id: &str, product: &str) -> Self {
        let data = json!({
            "id": "5f3c1f9e-7e0b-4a53-9a26-0d6f8f0d9a10",
            "status": status,
            "cancel_at_period_end": false,
            "product": {"id": "prod", "name": product, "metadata": {}},
            "customer": {"email": "billing@example.org", "external_id": org_id, "metadata": {}},
            "metadata": {"org_id": org_id},
        });
        Self { kind: format!("subscription.{kind}"), data, timestamp: None }
    }

    /// Returns the body of the webhook.
    pub fn body(&self) -> String {
        let mut body = json!({"type": self.kind, "data": self.data});
        if let Some(timestamp) = &self.timestamp {
            body["timestamp"] = json!(timestamp);
        }
        body.to_string()
    }
}

/// A webhook with its headers.
#[derive(Clone, Debug)]
pub struct SignedWebhook {
    /// The body, byte for byte as signed.
    pub body: String,
    /// `webhook-id`, `webhook-timestamp` and `webhook-signature`.
    pub headers: [(&'static str, String); 3],
}

impl SignedWebhook {
    /// Signs a body the way Polar's own library does: the key is the secret's text, `whsec_` or not at its start
    /// deciding whether it is base64.
    ///
    /// # Panics
    ///
    /// When a `whsec_` secret is no base64.
    pub fn new(secret: &str, id: &str, timestamp: i64, body: String) -> Self {
        let webhook = if secret.starts_with("whsec_") {
            Webhook::new(secret)
        } else {
            Webhook::from_bytes(secret.as_bytes().to_vec())
        };
        let signed = webhook.and_then(|webhook| webhook.sign(id, timestamp, body.as_bytes()));
        let signature = signed.expect("the secret is base64 after whsec_");
        let headers = [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signature),
        ];
        Self { body, headers }
    }
}

impl Polar {
    /// Starts the emulator on a free port. It answers calls with this token only.
    pub async fn start(access_token: &str) -> std::io::Result<Self> {
        Self::bind(access_token, ANY_PORT).await
    }

    /// Starts the emulator on this address.
    pub async fn bind(access_token: &str, address: SocketAddr) -> std::io::Result<Self> {
        let shared = Shared { access_token: access_token.to_owned(), memory: Arc::default() };
        let router = Router::new()
            .route("/v1/checkouts/", post(check_out))
            .route("/v1/customer-sessions/", post(open_session))
            .route("/checkouts", get(show));
        let server = Server::start(address, router.with_state(shared.clone())).await?;
        Ok(Self { url: server.url.clone(), shared, _server: server })
    }

    /// Returns the checkouts that were begun, the oldest first.
    pub fn checkouts(&self) -> Vec<Value> {
        lock(&self.shared.memory).checkouts.clone()
    }

    /// Makes an organisation a customer, as completing a checkout does.
    pub fn add_customer(&self, external_id: &str) {
        lock(&self.shared.memory).customers.push(external_id.to_owned());
    }

    /// Answers the next call with this status.
    pub fn fail_next(&self, status: u16) {
        lock(&self.shared.memory).failures.push(status);
    }
}

async fn show(State(shared): State<Shared>) -> Json<Vec<Value>> {
    Json(lock(&shared.memory).checkouts.clone())
}

/// Returns the answer to a call that gets no further.
fn refusal(shared: &Shared, headers: &HeaderMap) -> Option<Response> {
    if let Some(status) = lock(&shared.memory).failures.pop() {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return Some((status, Json(json!({"error": "InternalServerError"}))).into_response());
    }
    let expected = format!("Bearer {}", shared.access_token);
    let is_known =
        headers.get(header::AUTHORIZATION).is_some_and(|sent| sent.as_bytes() == expected.as_bytes());
    let told = json!({"error": "invalid_token"});
    (!is_known).then(|| (StatusCode::UNAUTHORIZED, Json(told)).into_response())
}

fn invalid(field: &str) -> Response {
    let detail = json!([{"loc": ["body", field], "msg": "Field required or invalid", "type": "value_error"}]);
    let body = json!({"error": "RequestValidationError", "detail": detail});
    (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
}

async fn check_out(State(shared): State<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    if let Some(refusal) = refusal(&shared, &headers) {
        return refusal;
    }
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let products = body["products"].as_array();
    if products.is_none_or(|products| products.is_empty() || !products.iter().all(is_text)) {
        return invalid("products");
    }
    if body["seats"].as_u64().is_none_or(|seats| seats == 0) {
        return invalid("seats");
    }
    for field in ["success_url", "customer_email", "external_customer_id"] {
        if !is_text(&body[field]) {
            return invalid(field);
        }
    }
    let mut memory = lock(&shared.memory);
    memory.checkouts.push(body);
    let url = format!("https://polar.example/checkout/{}", memory.checkouts.len());
    (StatusCode::CREATED, Json(json!({"id": "checkout", "url": url}))).into_response()
}

async fn open_session(State(shared): State<Shared>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    if let Some(refusal) = refusal(&shared, &headers) {
        return refusal;
    }
    let id = body["external_customer_id"].as_str().unwrap_or_default();
    if !lock(&shared.memory).customers.iter().any(|customer| customer == id) {
        return invalid("external_customer_id");
    }
    let url = format!("https://polar.example/portal/{id}");
    (StatusCode::CREATED, Json(json!({"customer_portal_url": url}))).into_response()
}
