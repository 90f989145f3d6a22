//! Whose span it is: ids, repetition, order of arrival.

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::fixtures::column;
use super::super::{Case, Ctx};
use super::made::START;

pub(super) fn cases() -> Vec<Case> {
    cases!("otlp.identity", &[];
        ids_are_those_of_the_sender,
        upper_case_hex_becomes_lower_case,
        an_empty_parent_is_null,
        sending_again_replaces,
        a_running_span_is_ended_by_a_later_export,
        a_late_start_does_not_reopen_a_span,
        spans_of_a_trace_arrive_in_any_order,
        a_span_id_is_unique_inside_its_trace_only,
        without_a_trace_the_newest_span_is_meant,
        ending_with_a_trace_ends_that_span_alone,
        deleting_with_a_trace_takes_that_span_alone,
        one_request_may_hold_many_traces,
        a_trace_is_read_by_the_id_of_the_senders_log,
    )
}

async fn ids_are_those_of_the_sender(t: Ctx) {
    let child = json!({"parentSpanId": t.otel_span(1)});
    t.export(&[t.otlp_span(1, &json!({}), json!({})), t.otlp_span(2, &json!({}), child)]).await;
    let span = t.exported(2).await;
    assert_eq!((&span["id"], &span["trace_id"]), (&json!(t.otel_span(2)), &json!(t.otel_trace(1))));
    assert_eq!(span["parent_id"], t.otel_span(1));
}

async fn upper_case_hex_becomes_lower_case(t: Ctx) {
    let upper = json!({"traceId": t.otel_trace(1).to_uppercase(), "spanId": t.otel_span(1).to_uppercase(),
        "parentSpanId": t.otel_span(7).to_uppercase()});
    t.export(&[t.otlp_span(1, &json!({}), upper)]).await;
    let span = t.exported(1).await;
    assert_eq!((&span["trace_id"], &span["parent_id"]), (&json!(t.otel_trace(1)), &json!(t.otel_span(7))));
}

async fn an_empty_parent_is_null(t: Ctx) {
    t.export(&[
        t.otlp_span(1, &json!({}), json!({"parentSpanId": ""})),
        t.otlp_span(2, &json!({}), json!({})),
    ])
    .await;
    for n in [1, 2] {
        assert_eq!(t.exported(n).await.get("parent_id"), Some(&Value::Null));
    }
}

async fn sending_again_replaces(t: Ctx) {
    let first = t.otlp_span(1, &json!({"a": 1, "b": 1}), json!({"name": "first"}));
    t.export(std::slice::from_ref(&first)).await;
    let before = t.exported(1).await;
    t.export(std::slice::from_ref(&first)).await;
    assert_eq!(t.exported(1).await, before, "the same again changes nothing");
    t.export(&[t.otlp_span(
        1,
        &json!({"a": 2}),
        json!({"name": "second", "status": {"code": 2, "message": "bad"}}),
    )])
    .await;
    let after = t.exported(1).await;
    let attributes = &after["kind"]["attributes"];
    assert_eq!((&after["name"], &attributes["a"], attributes.get("b")), (&json!("second"), &json!(2), None));
    assert_eq!(after["status"], json!({"failed": {"error": "bad"}}));
    assert_eq!(t.exported_trace().await["span_count"], 1);
}

async fn a_running_span_is_ended_by_a_later_export(t: Ctx) {
    t.export(&[t.otlp_span(1, &json!({}), json!({"endTimeUnixNano": "0"}))]).await;
    assert_eq!(t.exported(1).await["status"], "running");
    assert_eq!(t.exported_trace().await["status"], "running");
    t.export(&[t.otlp_span(1, &json!({}), json!({}))]).await;
    let span = t.exported(1).await;
    assert_eq!((&span["status"], &span["metadata"]["duration_ms"]), (&json!("completed"), &json!(1000)));
    assert_eq!(t.exported_trace().await["status"], "completed");
}

async fn a_late_start_does_not_reopen_a_span(t: Ctx) {
    t.export(&[t.otlp_span(1, &json!({}), json!({}))]).await;
    t.export(&[t.otlp_span(1, &json!({}), json!({"endTimeUnixNano": "0"}))]).await;
    assert_eq!(t.exported(1).await["status"], "completed", "terminal is final");
}

async fn spans_of_a_trace_arrive_in_any_order(t: Ctx) {
    let at = |seconds: u64| (START + seconds * 1_000_000_000).to_string();
    let span = |n: u8, from: u64, to: u64| {
        t.otlp_span(n, &json!({}), json!({"startTimeUnixNano": at(from), "endTimeUnixNano": at(to)}))
    };
    for spans in [vec![span(3, 4, 5)], vec![span(1, 0, 9)], vec![span(4, 2, 3), span(2, 1, 2)]] {
        t.export(&spans).await;
    }
    let read = t.read_trace(&t.otel_trace(1)).await;
    assert_eq!(column(&read["spans"], "id"), [1, 2, 4, 3].map(|n| t.otel_span(n)));
    assert_eq!((&read["count"], &read["trace"]["duration_ms"]), (&json!(4), &json!(9000)));
}

async fn a_span_id_is_unique_inside_its_trace_only(t: Ctx) {
    let second = json!({"traceId": t.otel_trace(2), "name": "second"});
    t.export(&[t.otlp_span(1, &json!({}), json!({"name": "first"})), t.otlp_span(1, &json!({}), second)])
        .await;
    for (trace, name) in [(1, "first"), (2, "second")] {
        let path = format!("/api/spans/{}?trace_id={}", t.otel_span(1), t.otel_trace(trace));
        assert_eq!(t.get(&path).await.ok()["name"], name);
        assert_eq!(t.read_trace(&t.otel_trace(trace)).await["count"], 1);
    }
    let either = t.find(&t.otel_span(1)).await;
    assert!(either["name"] == "first" || either["name"] == "second", "{either}");
    let elsewhere = format!("/api/spans/{}?trace_id={}", t.otel_span(1), t.otel_trace(3));
    t.get(&elsewhere).await.error(404, "not_found");
}

async fn without_a_trace_the_newest_span_is_meant(t: Ctx) {
    let later = json!({"traceId": t.otel_trace(2), "startTimeUnixNano": (START + 9_000_000_000).to_string(),
        "endTimeUnixNano": (START + 10_000_000_000).to_string()});
    t.export(&[t.otlp_span(1, &json!({}), later)]).await;
    t.export(&[t.otlp_span(1, &json!({}), json!({}))]).await;
    assert_eq!(t.find(&t.otel_span(1)).await["trace_id"], t.otel_trace(2));
}

async fn ending_with_a_trace_ends_that_span_alone(t: Ctx) {
    let running = |trace: u8| json!({"traceId": t.otel_trace(trace), "endTimeUnixNano": "0"});
    for end in ["complete", "fail"] {
        let n = if end == "complete" { 1 } else { 2 };
        t.export(&[1, 2].map(|trace| t.otlp_span(n, &json!({}), running(trace)))).await;
        let path = |action: &str, trace: u8| {
            format!("/api/spans/{}{action}?trace_id={}", t.otel_span(n), t.otel_trace(trace))
        };
        t.post(&path(&format!("/{end}"), 1), &json!({})).await.ok();
        assert_ne!(t.get(&path("", 1)).await.ok()["status"], "running", "{end}");
        assert_eq!(t.get(&path("", 2)).await.ok()["status"], "running", "{end}");
    }
}

async fn deleting_with_a_trace_takes_that_span_alone(t: Ctx) {
    t.export(&[
        t.otlp_span(1, &json!({}), json!({})),
        t.otlp_span(1, &json!({}), json!({"traceId": t.otel_trace(2)})),
    ])
    .await;
    t.delete(&format!("/api/spans/{}?trace_id={}", t.otel_span(1), t.otel_trace(2))).await.ok();
    t.exported(1).await;
    assert_eq!(t.read_trace(&t.otel_trace(2)).await["count"], 0);
}

async fn one_request_may_hold_many_traces(t: Ctx) {
    let spans: Vec<Value> =
        (1..=5).map(|n| t.otlp_span(n, &json!({}), json!({"traceId": t.otel_trace(n)}))).collect();
    t.export(&spans).await;
    for n in 1..=5 {
        let read = t.read_trace(&t.otel_trace(n)).await;
        assert_eq!(column(&read["spans"], "id"), [t.otel_span(n)]);
    }
}

async fn a_trace_is_read_by_the_id_of_the_senders_log(t: Ctx) {
    t.export(&[t.otlp_span(1, &json!({}), json!({}))]).await;
    let found = t.list("/api/spans", &[("trace_id", &t.otel_trace(1))]).await.ok();
    assert_eq!(column(&found["spans"], "id"), [t.otel_span(1)]);
    let found = t.list("/api/traces", &[("q", &format!("trace:{}", t.otel_trace(1)))]).await.ok();
    assert_eq!(column(&found["traces"], "id"), [t.otel_trace(1)]);
}
