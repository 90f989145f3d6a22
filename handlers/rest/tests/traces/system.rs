//! What every answer has, and what is counted.

use std::sync::Mutex;

use axum::body::Body;
use http::Request;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use super::support::Api;

#[tokio::test]
async fn errors_name_their_character_set() {
    let api = Api::new();
    for path in ["/api/spans/none", "/api/nothing", "/api/spans?limit=0"] {
        let answer = api.get(path).await;
        assert!(answer.status.is_client_error());
        assert_eq!(answer.headers["content-type"], "application/json; charset=utf-8", "{path}");
    }
}

/// Remembers which metrics are known, with their labels.
#[derive(Default)]
struct Known(Mutex<Vec<String>>);

impl Known {
    fn note(&self, key: &Key) {
        let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value()));
        self.0.lock().unwrap().push(format!("{}{}", key.name(), labels.collect::<String>()));
    }
}

impl Recorder for Known {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.note(key);
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.note(key);
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.note(key);
        Histogram::noop()
    }
}

#[test]
fn metrics_are_known_before_anything_happens_and_made_up_methods_share_a_label() {
    let known = Known::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let api = Api::with_metrics();
    metrics::with_local_recorder(&known, || {
        runtime.block_on(async {
            assert_eq!(api.get("/api/metrics").await.status, 200);
            for method in ["BREW", "WHEN"] {
                api.send(Request::builder().method(method).uri("/api/spans").body(Body::empty()).unwrap())
                    .await;
            }
        });
    });
    let known = known.0.into_inner().unwrap();
    for name in [
        "traceway_span_writes_total",
        "traceway_span_reads_total",
        "traceway_trace_writes_total",
        "traceway_api_requests_total",
        "traceway_api_errors_total",
        "traceway_sse_connections_total",
        "traceway_sse_connections_active",
        "traceway_span_count",
        "traceway_trace_count",
        "traceway_span_write_latency_ms",
        "traceway_api_latency_ms",
        "traceway_error_rate",
    ] {
        assert!(known.iter().any(|key| key.split(' ').next() == Some(name)), "{name}");
    }
    assert!(known.iter().any(|key| key.contains("method=other")), "{known:?}");
    assert!(!known.iter().any(|key| key.contains("BREW") || key.contains("WHEN")), "{known:?}");
}
