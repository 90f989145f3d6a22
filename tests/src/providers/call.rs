use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use blake3::Hash;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::answer::Answer;
use super::{Switches, anthropic, ollama, openai};

/// How many answers are kept. A benchmark repeats few questions.
const KEPT: usize = 64;

/// Answers already made, by all that they depend on.
pub(super) type Known = Mutex<HashMap<Hash, Answer>>;

/// One call: what a provider is asked.
pub(super) struct Call {
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    pub(super) raw: Bytes,
    /// Of the body; ids are made from it.
    pub(super) hash: Hash,
    pub(super) switches: Switches,
}

impl Call {
    /// Returns the answer of the provider whose path this is.
    pub(super) fn answer(known: &Known, parts: &Parts, body: &Bytes, switches: &Switches) -> Answer {
        let key = key(parts, body, switches);
        let answers = || known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = answers().get(&key) {
            return answer.clone();
        }
        let call = Self {
            headers: parts.headers.clone(),
            body: serde_json::from_slice(body).unwrap_or(Value::Null),
            raw: body.clone(),
            hash: blake3::hash(body),
            switches: switches.clone(),
        };
        let method = parts.method.as_str();
        let full = parts.uri.path().trim_end_matches('/');
        let path = full.strip_prefix("/v1").filter(|path| path.starts_with('/')).unwrap_or(full);
        let answer = openai::answer(method, path, &call)
            .or_else(|| anthropic::answer(method, path, &call))
            .or_else(|| ollama::answer(method, full, &call));
        let Some(answer) = answer else { return echo(parts, &call) };
        let mut answers = answers();
        if answers.len() < KEPT {
            answers.insert(key, answer.clone());
        }
        answer
    }
}

/// Names all that an answer depends on: path, credentials, switches and body.
fn key(parts: &Parts, body: &Bytes, switches: &Switches) -> Hash {
    let mut hasher = blake3::Hasher::new();
    let credentials = [header::AUTHORIZATION.as_str(), "x-api-key"];
    let credentials =
        credentials.map(|name| parts.headers.get(name).map_or(&b""[..], |value| value.as_bytes()));
    let shape =
        [switches.chunks, switches.body_bytes, usize::from(switches.no_usage)].map(usize::to_le_bytes);
    let status = switches.status.unwrap_or_default().to_le_bytes();
    let texts =
        [parts.method.as_str().as_bytes(), parts.uri.path().as_bytes(), credentials[0], credentials[1]];
    for text in texts.into_iter().chain(shape.iter().map(<[u8; 8]>::as_slice)).chain([status.as_slice()]) {
        hasher.update(text).update(&[0]);
    }
    hasher.update(body).finalize()
}

/// Unknown paths answer what was asked, so that pass-through can be checked.
fn echo(parts: &Parts, call: &Call) -> Answer {
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let echoed = json!({ "method": parts.method.as_str(), "path": parts.uri.path(), "query": parts.uri.query(),
        "headers": headers, "bytes": call.raw.len(), "blake3": call.hash.to_hex().as_str() });
    let status = call.switches.status.and_then(|status| StatusCode::from_u16(status).ok());
    Answer::json(call, status.unwrap_or(StatusCode::OK), &echoed)
}
