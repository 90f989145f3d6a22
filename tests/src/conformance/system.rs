//! The server itself: health, metrics, its description, its config file, its end.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use super::case::cases;
use super::{Case, Ctx};
use crate::mount::{Capability, StartOptions};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("system", &[];
        health_has_every_member,
        health_counts_up,
        ready_and_live_answer,
        the_description_is_openapi_3,
        the_description_names_every_path_served,
        described_references_exist,
    );
    cases.extend(cases!("system", &[Capability::Metrics];
        metrics_are_prometheus_text,
        metrics_have_their_names,
        metrics_count_writes_and_requests,
    ));
    cases.extend(
        cases!("system", &[Capability::HealthCounts, Capability::Fresh]; health_counts_traces_and_spans),
    );
    cases.extend(cases!("system", &[Capability::LocalAccess]; the_backend_of_a_local_server_is_sqlite));
    cases.extend(cases!("system", &[Capability::Fresh, Capability::Settings];
        metrics_can_be_switched_off,
    ));
    cases.extend(cases!("system", &[Capability::LocalAccess, Capability::Fresh];
        the_config_file_is_written_and_read,
        a_config_that_is_none_is_refused,
        how_the_proxy_is_set_is_told,
        a_server_stops_on_request,
    ));
    cases
}

async fn health_has_every_member(t: Ctx) {
    let health = t.get("/api/health").await.ok();
    assert_eq!(health["status"], "ok");
    for member in ["instance_id", "version"] {
        assert!(health[member].as_str().is_some_and(|text| !text.is_empty()), "{member} of {health}");
    }
    assert!(health["uptime"].is_u64() && health["uptime"] == health["uptime_secs"], "{health}");
    assert!(health.get("region").is_some(), "{health}");
    let backend = &health["storage"]["backend"];
    assert!(backend == "sqlite" || backend == "turbopuffer", "{backend}");
}

async fn health_counts_up(t: Ctx) {
    // Instances started at different times, and any of them may answer: one that answers twice is compared with itself.
    let first_seen = Mutex::new(HashMap::new());
    t.eventually("a later uptime of one instance", async || {
        let health = t.get("/api/health").await.ok();
        let instance = health["instance_id"].as_str().expect("an instance").to_owned();
        let uptime = health["uptime"].as_u64().expect("seconds");
        let first = *first_seen.lock().ok()?.entry(instance).or_insert(uptime);
        (uptime > first).then_some(())
    })
    .await;
}

async fn ready_and_live_answer(t: Ctx) {
    t.get("/api/ready").await.expect(200);
    t.get("/api/live").await.expect(200);
}

/// Returns the value of a metric, summed over its labels.
fn metric(text: &str, name: &str) -> Option<f64> {
    let values: Vec<f64> = text
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])))
        .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
        .collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

/// Returns the metrics of all replicas, one after the other.
async fn metrics(t: &Ctx) -> String {
    let answers = t.get_everywhere("/api/metrics").await;
    answers.into_iter().map(|answer| answer.expect(200).text()).collect::<Vec<_>>().join("\n")
}

async fn metrics_are_prometheus_text(t: Ctx) {
    let answer = t.get("/api/metrics").await.expect(200);
    assert!(answer.header("content-type").starts_with("text/plain"), "{:?}", answer.headers);
    for line in answer.text().lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let value = line.rsplit(' ').next().unwrap_or_default();
        assert!(value.parse::<f64>().is_ok() || ["+Inf", "-Inf", "NaN"].contains(&value), "{line}");
    }
}

const COUNTERS: [&str; 6] = [
    "traceway_span_writes_total",
    "traceway_span_reads_total",
    "traceway_trace_writes_total",
    "traceway_api_requests_total",
    "traceway_api_errors_total",
    "traceway_sse_connections_total",
];
const GAUGES: [&str; 6] = [
    "traceway_sse_connections_active",
    "traceway_span_count",
    "traceway_trace_count",
    "traceway_span_write_latency_ms",
    "traceway_api_latency_ms",
    "traceway_error_rate",
];

async fn metrics_have_their_names(t: Ctx) {
    let id = t.span(json!({})).await;
    t.find(&id).await;
    t.trace(json!({})).await;
    t.get("/api/nothing").await.expect(404);
    let _stream = t.events(&[]).await;
    t.eventually("all metrics", async || {
        let text = metrics(&t).await;
        let has = |name: &&str, kind: &str| {
            text.contains(&format!("# TYPE {name} {kind}")) && metric(&text, name).is_some()
        };
        let missing: Vec<&str> = COUNTERS
            .into_iter()
            .filter(|name| !has(name, "counter"))
            .chain(GAUGES.into_iter().filter(|name| !has(name, "gauge")))
            .collect();
        if missing.is_empty() { Some(()) } else { t.note(&format!("missing: {missing:?}")) }
    })
    .await;
}

async fn metrics_count_writes_and_requests(t: Ctx) {
    let read = async |name: &str| metric(&metrics(&t).await, name).unwrap_or(0.0);
    for (name, at_least) in [
        ("traceway_span_writes_total", 3.0),
        ("traceway_trace_writes_total", 1.0),
        ("traceway_api_requests_total", 3.0),
    ] {
        let before = read(name).await;
        for _ in 0..3 {
            t.span(json!({"trace_id": t.id(name)})).await;
        }
        t.eventually(name, async || (read(name).await >= before + at_least).then_some(())).await;
    }
}

async fn metrics_can_be_switched_off(t: Ctx) {
    for value in ["0", "false"] {
        let t = t.fresh_with(StartOptions::default().with("METRICS_ENABLED", value)).await;
        t.get("/api/metrics").await.error(404, "not_found");
    }
}

async fn health_counts_traces_and_spans(t: Ctx) {
    let t = t.fresh().await;
    t.corpus().await;
    let storage = t.get("/api/health").await.ok()["storage"].clone();
    assert_eq!((&storage["trace_count"], &storage["span_count"]), (&json!(3), &json!(7)));
}

async fn the_backend_of_a_local_server_is_sqlite(t: Ctx) {
    assert_eq!(t.get("/api/health").await.ok()["storage"]["backend"], "sqlite");
}

async fn the_description_is_openapi_3(t: Ctx) {
    let api = t.get("/api/openapi.json").await.ok();
    assert!(api["openapi"].as_str().is_some_and(|version| version.starts_with("3.")), "{}", api["openapi"]);
    assert!(api["info"]["title"].is_string() && api["info"]["version"].is_string(), "{}", api["info"]);
}

/// Every path of the sections covered here, with its methods.
const PATHS: [(&str, &[&str]); 18] = [
    ("/api/traces", &["get", "post", "delete"]),
    ("/api/traces/{}", &["get", "delete"]),
    ("/api/spans", &["get", "post"]),
    ("/api/spans/{}", &["get", "delete"]),
    ("/api/spans/{}/complete", &["post"]),
    ("/api/spans/{}/fail", &["post"]),
    ("/api/ingest", &["post"]),
    ("/v1/traces", &["post"]),
    ("/api/sessions", &["get"]),
    ("/api/sessions/{}", &["get"]),
    ("/api/analytics/summary", &["get"]),
    ("/api/stats", &["get"]),
    ("/api/export/json", &["get"]),
    ("/api/events", &["get"]),
    ("/api/health", &["get"]),
    ("/api/ready", &["get"]),
    ("/api/live", &["get"]),
    ("/api/metrics", &["get"]),
];

async fn the_description_names_every_path_served(t: Ctx) {
    let api = t.get("/api/openapi.json").await.ok();
    let paths = api["paths"].as_object().expect("paths");
    let plain = |path: &str| -> String {
        let segments = path.split('/').map(|segment| if segment.starts_with('{') { "{}" } else { segment });
        segments.collect::<Vec<_>>().join("/")
    };
    for (path, methods) in PATHS {
        let found = paths.iter().find(|(described, _)| plain(described) == path);
        let (_, operations) = found.unwrap_or_else(|| panic!("{path} is not described"));
        for method in methods {
            assert!(operations[*method]["responses"].is_object(), "{method} {path} is not described");
        }
    }
}

async fn described_references_exist(t: Ctx) {
    let api = t.get("/api/openapi.json").await.ok();
    let mut waiting = vec![&api];
    let mut count = 0;
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(list) => waiting.extend(list),
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    let pointer = reference.trim_start_matches('#');
                    assert!(api.pointer(pointer).is_some(), "{reference} leads nowhere");
                    count += 1;
                }
                waiting.extend(members.values());
            }
            _ => {}
        }
    }
    assert!(count > 10, "only {count} references");
}

async fn the_config_file_is_written_and_read(t: Ctx) {
    let t = t.fresh().await;
    let before = t.get("/api/config").await.ok();
    assert!(before.is_object(), "{before}");
    let config = json!({"proxy": {"capture_mode": "preview:7"}});
    let written = t.call("PUT", "/api/config").json(&config).send().await.ok();
    assert_eq!(written["proxy"]["capture_mode"], "preview:7");
    assert_eq!(t.get("/api/config").await.ok(), written);
}

async fn how_the_proxy_is_set_is_told(t: Ctx) {
    let t = t.fresh().await;
    let told = t.get("/api/config/proxy").await.ok();
    let port: u64 = t.proxy_url().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    assert_eq!((&told["port"], &told["capture_mode"]), (&json!(port), &json!("full")));
    assert!(told.as_object().is_some_and(|told| told.contains_key("target")), "{told}");
}

async fn a_config_that_is_none_is_refused(t: Ctx) {
    let t = t.fresh().await;
    let before = t.get("/api/config").await.ok();
    for wrong in [json!([]), json!({"proxy": 5}), json!({"proxy": {"addr": 7}})] {
        let answer = t.call("PUT", "/api/config").json(&wrong).send().await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text());
        answer.error(400, "invalid_request");
    }
    assert_eq!(t.get("/api/config").await.ok(), before);
}

async fn a_server_stops_on_request(t: Ctx) {
    let t = t.fresh().await;
    // An open stream must not keep it alive.
    let mut stream = t.events(&[]).await;
    t.post_nothing("/api/shutdown").await.expect(202);
    while stream.frame_within(Duration::from_secs(5)).await.is_some() {}
    let gone = async || t.call("GET", "/api/live").try_send().await.err();
    t.eventually("the end of the server", gone).await;
}
