//! What the emulator does with requests, as clients see it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod aggregates;
mod conditions;
mod faults;
mod filters;
mod limits;
mod namespaces;
mod ranking;
mod speed;
mod writes;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use turbopuffer_emulator::{Emulator, Settings};

/// An emulator and a namespace in it.
struct Api {
    emulator: Emulator,
    http: reqwest::Client,
}

impl Api {
    async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    async fn start_with(settings: Settings) -> Self {
        Self { emulator: Emulator::start_with(settings).await, http: reqwest::Client::new() }
    }

    /// An emulator whose namespace `ns` holds these rows.
    async fn with_rows(schema: Value, rows: Value) -> Self {
        let api = Self::start().await;
        api.write(json!({"schema": schema, "upsert_rows": rows})).await;
        api
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> reqwest::Result<Response> {
        let mut request =
            self.http.request(method, format!("{}{path}", self.emulator.url)).bearer_auth("key");
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let response = self.send(method, path, body).await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        self.call(Method::POST, path, Some(body)).await
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.call(Method::GET, path, None).await
    }

    /// Writes to `ns`, which must succeed.
    async fn write(&self, body: Value) -> Value {
        let (status, answer) = self.post("/v2/namespaces/ns", &body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    /// Writes to `ns`, which must fail; gives the status and the message.
    async fn refused_write(&self, body: Value) -> (u16, String) {
        message(self.post("/v2/namespaces/ns", &body).await)
    }

    /// Queries `ns`, which must succeed.
    async fn query(&self, body: Value) -> Value {
        let (status, answer) = self.post("/v2/namespaces/ns/query", &body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    /// Queries `ns`, which must fail; gives the status and the message.
    async fn refused_query(&self, body: Value) -> (u16, String) {
        message(self.post("/v2/namespaces/ns/query", &body).await)
    }

    /// Ids of `ns` that pass a filter, in the order of ids.
    async fn ids(&self, filter: Value) -> Value {
        let body = json!({"filters": filter, "rank_by": ["id", "asc"], "limit": 100});
        ids(&self.query(body).await)
    }

    /// The message of a refused filter.
    async fn refused_filter(&self, filter: Value) -> String {
        let (status, message) =
            self.refused_query(json!({"filters": filter, "rank_by": ["id", "asc"], "limit": 1})).await;
        assert_eq!(status, 400, "{message}");
        message
    }

    /// One document with all its attributes.
    async fn row(&self, id: impl Into<Value>) -> Value {
        let body = json!({
            "filters": ["id", "Eq", id.into()],
            "rank_by": ["id", "asc"],
            "limit": 1,
            "include_attributes": true,
        });
        self.query(body).await["rows"][0].clone()
    }
}

fn message((status, answer): (StatusCode, Value)) -> (u16, String) {
    assert!(!status.is_success(), "{answer}");
    let message = answer["error"].as_str().or(answer.as_str()).unwrap().to_owned();
    (status.as_u16(), message)
}

fn ids(answer: &Value) -> Value {
    answer["rows"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect()
}
