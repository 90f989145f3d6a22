//! The same switches over HTTP, on a port of their own, for tests in other languages.
//!
//! `GET` and `DELETE /counters`, `GET`, `POST` and `DELETE /faults`, `GET` and `PATCH /settings`,
//! `POST /stop`, `POST /resume`, `DELETE /namespaces`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::Value;

use crate::counters::Counters;
use crate::emulator::Control;
use crate::faults::Rule;
use crate::settings::Settings;

pub(crate) fn router(control: Arc<Control>) -> Router {
    Router::new()
        .route("/counters", get(counters).delete(reset_counters))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/settings", get(settings).patch(change_settings))
        .route("/stop", post(stop))
        .route("/resume", post(resume))
        .route("/namespaces", delete(wipe))
        .with_state(control)
}

async fn counters(State(control): State<Arc<Control>>) -> Json<Counters> {
    Json(control.service.counters().clone())
}

async fn reset_counters(State(control): State<Arc<Control>>) -> StatusCode {
    *control.service.counters() = Counters::default();
    StatusCode::NO_CONTENT
}

async fn faults(State(control): State<Arc<Control>>) -> Json<Vec<Rule>> {
    Json(control.service.faults().rules().to_vec())
}

async fn add_fault(State(control): State<Arc<Control>>, Json(rule): Json<Rule>) -> StatusCode {
    control.service.faults().add(rule);
    StatusCode::CREATED
}

async fn clear_faults(State(control): State<Arc<Control>>) -> StatusCode {
    control.service.faults().clear();
    StatusCode::NO_CONTENT
}

async fn settings(State(control): State<Arc<Control>>) -> Json<Settings> {
    Json((*control.service.settings()).clone())
}

/// Merges an object into the settings, so that a test names only what it changes.
async fn change_settings(
    State(control): State<Arc<Control>>,
    Json(changes): Json<Value>,
) -> Result<Json<Settings>, (StatusCode, String)> {
    let refuse = |error: serde_json::Error| (StatusCode::BAD_REQUEST, error.to_string());
    let mut current = serde_json::to_value(&*control.service.settings()).map_err(refuse)?;
    merge(&mut current, changes);
    let settings: Settings = serde_json::from_value(current).map_err(refuse)?;
    control.service.set_settings(settings.clone());
    Ok(Json(settings))
}

fn merge(current: &mut Value, changes: Value) {
    match (current, changes) {
        (Value::Object(current), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(current.entry(name).or_insert(Value::Null), change);
            }
        }
        (current, changes) => *current = changes,
    }
}

async fn stop(State(control): State<Arc<Control>>) -> StatusCode {
    control.stop().await;
    StatusCode::NO_CONTENT
}

async fn resume(State(control): State<Arc<Control>>) -> StatusCode {
    control.resume().await;
    StatusCode::NO_CONTENT
}

async fn wipe(State(control): State<Arc<Control>>) -> StatusCode {
    control.service.wipe();
    StatusCode::NO_CONTENT
}
