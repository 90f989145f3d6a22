//! Takes a request apart, lets faults strike, and hands it to what answers it.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;

use crate::counters::RequestKind;
use crate::error::{Failure, Outcome};
use crate::faults::Fault;
use crate::reply::{Ending, Reply};
use crate::service::Service;
use crate::settings::Settings;

/// A request whose address was understood.
pub(crate) struct Call<'a> {
    pub(crate) service: &'a Arc<Service>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) namespace: &'a str,
    pub(crate) token: &'a str,
    pub(crate) is_v1: bool,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) arrived: Instant,
    pub(crate) fault: Option<Fault>,
}

/// What a path addresses.
struct Route {
    kind: RequestKind,
    namespace: String,
    token: String,
    is_v1: bool,
}

/// Answers a request; `None` resets the connection.
pub(crate) async fn answer(service: &Arc<Service>, parts: &Parts, body: Outcome<Bytes>) -> Option<Reply> {
    let arrived = Instant::now();
    let route = route(&parts.method, parts.uri.path());
    let (kind, namespace) = match &route {
        Ok(route) => (route.kind, Some(route.namespace.clone()).filter(|name| !name.is_empty())),
        Err(_) => (RequestKind::Unknown, None),
    };
    let namespace = namespace.as_deref();
    let fault = service.faults().strike(kind, namespace.unwrap_or_default());
    service.counters().count(namespace, |tally| {
        *tally.requests.entry(kind).or_default() += 1;
        tally.faults += u64::from(fault.is_some());
    });
    let mut reply = match respond(service, parts, body, route, fault, arrived).await? {
        Ok(reply) => reply,
        Err(failure) => Reply::failure(&failure),
    };
    reply.echo_request_id(&parts.headers);
    if wants_gzip(&parts.headers) {
        reply.compress();
    }
    let status = reply.status.as_u16();
    service.counters().count(namespace, |tally| *tally.statuses.entry(status).or_default() += 1);
    Some(reply)
}

/// `None` resets the connection.
async fn respond(
    service: &Arc<Service>,
    parts: &Parts,
    body: Outcome<Bytes>,
    route: Outcome<Route>,
    fault: Option<Fault>,
    arrived: Instant,
) -> Option<Outcome<Reply>> {
    match &fault {
        Some(Fault::Status { status, retry_after, plain }) => {
            return Some(Ok(injected(*status, *retry_after, *plain)));
        }
        Some(Fault::ResetBefore) => return None,
        Some(Fault::Hang { ms }) => {
            tokio::time::sleep(Duration::from_millis(*ms)).await;
            return None;
        }
        Some(Fault::DelayBefore { ms }) => tokio::time::sleep(Duration::from_millis(*ms)).await,
        Some(
            Fault::StatusAfter { .. }
            | Fault::ResetAfter
            | Fault::DelayAfter { .. }
            | Fault::TruncatedBody
            | Fault::FilterCap { .. }
            | Fault::IndexBuilding { .. },
        )
        | None => {}
    }
    let settings = service.settings();
    let route = match checked(route, &parts.headers, &settings) {
        Ok(route) => route,
        Err(failure) => return Some(Err(failure)),
    };
    let body = match body.and_then(|body| unpacked(body, &parts.headers, settings.limits.body_bytes)) {
        Ok(body) => body,
        Err(failure) => return Some(Err(failure)),
    };
    let call = Call {
        service,
        settings,
        namespace: &route.namespace,
        token: &route.token,
        is_v1: route.is_v1,
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body,
        arrived,
        fault: fault.clone(),
    };
    let outcome = dispatch(&call, route.kind).await;
    match fault {
        Some(Fault::StatusAfter { status }) => Some(Ok(injected(status, None, false))),
        Some(Fault::ResetAfter) => None,
        Some(Fault::DelayAfter { ms }) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Some(outcome)
        }
        Some(Fault::TruncatedBody) => Some(outcome.map(|reply| Reply { ending: Ending::Truncated, ..reply })),
        _ => Some(outcome),
    }
}

async fn dispatch(call: &Call<'_>, kind: RequestKind) -> Outcome<Reply> {
    if !matches!(kind, RequestKind::Write | RequestKind::Query | RequestKind::ExplainQuery) {
        tokio::time::sleep(call.settings.latency.other.sample()).await;
    }
    match kind {
        RequestKind::Write => call.write().await,
        RequestKind::Query => call.query().await,
        RequestKind::ExplainQuery => call.explain(),
        RequestKind::DeleteNamespace => call.delete_namespace(),
        RequestKind::Metadata => call.metadata(),
        RequestKind::UpdateMetadata => call.update_metadata(),
        RequestKind::Schema => call.schema(),
        RequestKind::UpdateSchema => call.update_schema(),
        RequestKind::List => call.list(),
        RequestKind::Warm => call.warm(),
        RequestKind::Recall => call.recall(),
        RequestKind::StartCopy => call.start_copy(),
        RequestKind::Operation => call.operation(),
        RequestKind::Unknown => Err(Failure::new(StatusCode::NOT_FOUND, "no such endpoint")),
    }
}

fn injected(status: u16, retry_after: Option<u32>, plain: bool) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let message = format!("injected fault: {}", status.canonical_reason().unwrap_or("unknown"));
    let mut reply = Reply::failure(&Failure { plain, ..Failure::new(status, message) });
    if let Some(seconds) = retry_after {
        reply.headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    reply
}

fn checked(route: Outcome<Route>, headers: &HeaderMap, settings: &Settings) -> Outcome<Route> {
    let key = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key =
        key.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim).filter(|key| !key.is_empty());
    let is_known = match (&settings.api_key, key) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(wanted), Some(key)) => wanted == key,
    };
    if !is_known {
        return Err(Failure::new(StatusCode::UNAUTHORIZED, "🔑 invalid or missing API key"));
    }
    route
}

fn route(method: &Method, path: &str) -> Outcome<Route> {
    let unknown = || Failure::new(StatusCode::NOT_FOUND, format!("no endpoint {method} {path}"));
    let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let parts: Vec<String> = path.trim_start_matches('/').split('/').map(decode).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (version, rest) = parts.split_first().ok_or_else(unknown)?;
    let is_v1 = *version == "v1";
    if !is_v1 && *version != "v2" {
        return Err(unknown());
    }
    let (kind, namespace, token) = match (method.as_str(), is_v1, rest) {
        ("GET", true, ["namespaces"]) => {
            return Ok(Route {
                kind: RequestKind::List,
                namespace: String::new(),
                token: String::new(),
                is_v1,
            });
        }
        ("POST", false, ["namespaces", name]) => (RequestKind::Write, name, ""),
        ("POST", false, ["namespaces", name, "query"]) => (RequestKind::Query, name, ""),
        ("POST", false, ["namespaces", name, "explain_query"]) => (RequestKind::ExplainQuery, name, ""),
        ("DELETE", false, ["namespaces", name]) => (RequestKind::DeleteNamespace, name, ""),
        ("GET", _, ["namespaces", name, "metadata"]) => (RequestKind::Metadata, name, ""),
        ("PATCH", true, ["namespaces", name, "metadata"]) => (RequestKind::UpdateMetadata, name, ""),
        ("GET", true, ["namespaces", name, "schema"]) => (RequestKind::Schema, name, ""),
        ("POST", true, ["namespaces", name, "schema"]) => (RequestKind::UpdateSchema, name, ""),
        ("GET", true, ["namespaces", name, "hint_cache_warm"]) => (RequestKind::Warm, name, ""),
        ("POST", true, ["namespaces", name, "_debug", "recall"]) => (RequestKind::Recall, name, ""),
        ("POST", false, ["namespaces", name, "async"]) => (RequestKind::StartCopy, name, ""),
        ("GET", true, ["namespaces", name, "operations", token]) => (RequestKind::Operation, name, *token),
        _ => return Err(unknown()),
    };
    let is_valid = (1..=128).contains(&namespace.len())
        && namespace.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !is_valid {
        let message = format!("invalid namespace name '{namespace}': must match [A-Za-z0-9-_.]{{1,128}}");
        return Err(Failure::plain(StatusCode::BAD_REQUEST, message));
    }
    Ok(Route { kind, namespace: (*namespace).to_owned(), token: token.to_owned(), is_v1 })
}

fn unpacked(body: Bytes, headers: &HeaderMap, most: usize) -> Outcome<Bytes> {
    let encoding = headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("identity");
    match encoding {
        "gzip" => {
            let mut unpacked = Vec::new();
            let mut reader = flate2::read::MultiGzDecoder::new(&body[..]).take(most as u64 + 1);
            reader.read_to_end(&mut unpacked).map_err(|error| {
                Failure::invalid(format!("cannot unpack the request's gzip body: {error}"))
            })?;
            if unpacked.len() > most {
                return Err(too_large(most));
            }
            Ok(unpacked.into())
        }
        "identity" | "" => Ok(body),
        other => Err(Failure::plain(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("unsupported content encoding {other}"),
        )),
    }
}

pub(crate) fn too_large(most: usize) -> Failure {
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, format!("💔 request body is larger than {most} bytes"))
}

fn wants_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|one| one.trim().split(';').next() == Some("gzip"))
}
