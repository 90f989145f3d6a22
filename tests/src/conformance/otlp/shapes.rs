//! What a trace and a span are made of: names, times, status, session, tags, metadata.

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::fixtures::{assert_same_time, assert_time};
use super::super::{Case, Ctx};
use super::made::{START, request};

pub(super) fn cases() -> Vec<Case> {
    cases!("otlp.shape", &[];
        a_trace_is_named_after_its_root,
        a_function_id_names_the_trace,
        without_a_root_the_service_names_the_trace,
        without_a_service_the_trace_has_a_name,
        a_late_root_names_the_trace,
        a_trace_starts_with_its_earliest_span,
        traces_are_tagged,
        each_session_attribute_names_the_session,
        the_first_session_attribute_wins,
        metadata_is_gathered,
        the_machine_is_that_of_the_resource,
        a_span_without_a_name_is_unnamed,
        times_keep_their_precision,
        a_missing_start_is_now,
        status_codes_are_mapped,
        the_error_is_the_first_there_is,
        what_is_not_consumed_is_kept,
        costs_are_estimated_as_over_rest,
        a_cost_of_the_sender_is_kept,
        the_kind_word_is_the_custom_kind,
    )
}

async fn a_trace_is_named_after_its_root(t: Ctx) {
    let child = json!({"parentSpanId": t.otel_span(1), "name": "child"});
    t.export_from(
        &json!({"service.name": "shop"}),
        &[t.otlp_span(2, &json!({}), child), t.otlp_span(1, &json!({}), json!({"name": "root"}))],
    )
    .await;
    assert_eq!(t.exported_trace().await["name"], "root");
}

async fn a_function_id_names_the_trace(t: Ctx) {
    t.export(&[t.otlp_span(
        1,
        &json!({"ai.telemetry.functionId": "summarise"}),
        json!({"name": "ai.generateText"}),
    )])
    .await;
    assert_eq!(t.exported_trace().await["name"], "summarise");
}

async fn without_a_root_the_service_names_the_trace(t: Ctx) {
    let child = json!({"parentSpanId": t.otel_span(9)});
    t.export_from(&json!({"service.name": "shop"}), &[t.otlp_span(2, &json!({}), child)]).await;
    assert_eq!(t.exported_trace().await["name"], "shop");
}

async fn without_a_service_the_trace_has_a_name(t: Ctx) {
    t.export(&[t.otlp_span(2, &json!({}), json!({"parentSpanId": t.otel_span(9)}))]).await;
    assert_eq!(t.exported_trace().await["name"], "otlp-trace");
}

async fn a_late_root_names_the_trace(t: Ctx) {
    let child = json!({"parentSpanId": t.otel_span(1)});
    t.export_from(&json!({"service.name": "shop"}), &[t.otlp_span(2, &json!({}), child.clone())]).await;
    t.export(&[t.otlp_span(1, &json!({}), json!({"name": "root"}))]).await;
    assert_eq!(t.exported_trace().await["name"], "root");
    t.export_from(&json!({"service.name": "other"}), &[t.otlp_span(3, &json!({}), child)]).await;
    assert_eq!(t.exported_trace().await["name"], "root", "a later child changes nothing");
}

async fn a_trace_starts_with_its_earliest_span(t: Ctx) {
    let at = |seconds: u64| json!({"startTimeUnixNano": (START + seconds * 1_000_000_000).to_string(), "endTimeUnixNano": (START + 60_000_000_000).to_string()});
    t.export(&[t.otlp_span(1, &json!({}), at(5))]).await;
    assert_same_time(&t.exported_trace().await["started_at"], "2025-03-01T10:00:05Z");
    t.export(&[t.otlp_span(2, &json!({}), at(2)), t.otlp_span(3, &json!({}), at(9))]).await;
    assert_same_time(&t.exported_trace().await["started_at"], "2025-03-01T10:00:02Z");
}

async fn traces_are_tagged(t: Ctx) {
    t.export(&[t.otlp_span(1, &json!({}), json!({}))]).await;
    assert_eq!(t.exported_trace().await["tags"], json!(["otlp"]));
    for (n, name) in [(2, "tag.tags"), (3, "traceloop.association.properties.tags")] {
        t.export(&[t.otlp_span(n, &json!({name: ["a", "b", "a"]}), json!({"traceId": t.otel_trace(n)}))])
            .await;
        assert_eq!(
            t.read_trace(&t.otel_trace(n)).await["trace"]["tags"],
            json!(["otlp", "a", "b"]),
            "{name}"
        );
    }
}

const SESSIONS: [&str; 5] = [
    "session.id",
    "gen_ai.conversation.id",
    "traceloop.association.properties.session_id",
    "ai.telemetry.metadata.sessionId",
    "ai.telemetry.metadata.session_id",
];

async fn each_session_attribute_names_the_session(t: Ctx) {
    for (n, name) in (1..).zip(SESSIONS) {
        let session = t.id(name);
        t.export(&[t.otlp_span(n, &json!({name: session}), json!({"traceId": t.otel_trace(n)}))]).await;
        assert_eq!(t.read_trace(&t.otel_trace(n)).await["trace"]["session_id"], session, "{name}");
        assert_eq!(t.get(&format!("/api/sessions/{session}")).await.ok()["trace_count"], 1, "{name}");
    }
}

async fn the_first_session_attribute_wins(t: Ctx) {
    let members: Value = SESSIONS
        .iter()
        .rev()
        .map(|name| ((*name).to_owned(), json!(t.id(name))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    t.export(&[t.otlp_span(1, &members, json!({}))]).await;
    assert_eq!(t.exported_trace().await["session_id"], t.id("session.id"));
}

async fn metadata_is_gathered(t: Ctx) {
    let members = json!({"ai.telemetry.metadata.plan": "pro", "traceloop.association.properties.team": "red",
        "metadata": "{\"region\": \"eu\", \"n\": 3}", "user.id": "u-7"});
    t.export(&[t.otlp_span(1, &members, json!({}))]).await;
    let metadata = t.exported_trace().await["metadata"].clone();
    for (name, value) in [
        ("plan", json!("pro")),
        ("team", json!("red")),
        ("region", json!("eu")),
        ("n", json!(3)),
        ("user_id", json!("u-7")),
    ] {
        assert_eq!(metadata[name], value, "{name} of {metadata}");
    }
}

async fn the_machine_is_that_of_the_resource(t: Ctx) {
    t.export_from(&json!({"host.id": "h-1", "host.name": "box"}), &[t.otlp_span(1, &json!({}), json!({}))])
        .await;
    assert_eq!(t.exported_trace().await["machine_id"], "h-1");
    let other = t.otlp_span(2, &json!({}), json!({"traceId": t.otel_trace(2)}));
    t.export_from(&json!({"host.name": "box"}), &[other]).await;
    assert_eq!(t.read_trace(&t.otel_trace(2)).await["trace"]["machine_id"], "box");
}

async fn a_span_without_a_name_is_unnamed(t: Ctx) {
    t.export(&[t.otlp_span(1, &json!({}), json!({"name": ""}))]).await;
    assert_eq!(t.exported(1).await["name"], "unnamed");
}

async fn times_keep_their_precision(t: Ctx) {
    let times = json!({"startTimeUnixNano": (START + 123_456_000).to_string(), "endTimeUnixNano": (START + 2_000_999_000).to_string()});
    t.export(&[t.otlp_span(1, &json!({}), times)]).await;
    let span = t.exported(1).await;
    assert_same_time(&span["started_at"], "2025-03-01T10:00:00.123456Z");
    assert_same_time(&span["ended_at"], "2025-03-01T10:00:02.000999Z");
    assert_eq!(span["metadata"]["duration_ms"], 1877);
}

async fn a_missing_start_is_now(t: Ctx) {
    let before = jiff::Timestamp::now();
    t.export(&[t.otlp_span(1, &json!({}), json!({"startTimeUnixNano": "0", "endTimeUnixNano": "0"}))]).await;
    let span = t.exported(1).await;
    assert_time(&span["started_at"]);
    let started: jiff::Timestamp =
        span["started_at"].as_str().and_then(|text| text.parse().ok()).expect("a time");
    assert!(started.duration_since(before).as_secs().abs() < 60, "{started} is not now");
    assert_eq!((&span["status"], &span["ended_at"]), (&json!("running"), &Value::Null));
}

async fn status_codes_are_mapped(t: Ctx) {
    let failed = |error: &str| json!({"failed": {"error": error}});
    let rows = [
        (1, json!({}), json!("completed")),
        (2, json!({"status": {}}), json!("completed")),
        (3, json!({"status": {"code": 0}}), json!("completed")),
        (4, json!({"status": {"code": 1}}), json!("completed")),
        (5, json!({"status": {"code": 2, "message": "boom"}}), failed("boom")),
        (6, json!({"status": {"code": "STATUS_CODE_ERROR", "message": "boom"}}), failed("boom")),
    ];
    for (n, more, expected) in rows {
        let answer =
            t.post("/v1/traces", &request(&json!({}), "tests", &[t.otlp_span(n, &json!({}), more)])).await;
        // Enumerations as names are not part of OTLP JSON, though some senders write them.
        if n < 6 || answer.status == 200 {
            answer.ok();
            assert_eq!(t.exported(n).await["status"], expected, "span {n}");
        }
    }
}

async fn the_error_is_the_first_there_is(t: Ctx) {
    let exception = json!([{"name": "exception", "timeUnixNano": START.to_string(),
        "attributes": [{"key": "exception.type", "value": {"stringValue": "ValueError"}},
            {"key": "exception.message", "value": {"stringValue": "from the event"}}]}]);
    t.export(&[
        t.otlp_span(
            1,
            &json!({}),
            json!({"status": {"code": 2, "message": "from the status"}, "events": exception}),
        ),
        t.otlp_span(2, &json!({}), json!({"status": {"code": 2}, "events": exception})),
        t.otlp_span(3, &json!({}), json!({"status": {"code": 2}})),
    ])
    .await;
    for (n, error) in [(1, "from the status"), (2, "from the event"), (3, "error")] {
        assert_eq!(t.exported(n).await["status"], json!({"failed": {"error": error}}));
    }
}

async fn what_is_not_consumed_is_kept(t: Ctx) {
    let call = json!({"gen_ai.request.model": "m", "gen_ai.request.temperature": 0.5, "my.own": "kept"});
    t.export_from(
        &json!({"service.name": "shop", "deployment.environment": "prod"}),
        &[t.otlp_span(1, &json!({"http.route": "/x", "n": 1}), json!({})), t.otlp_span(2, &call, json!({}))],
    )
    .await;
    let custom = t.exported(1).await["kind"]["attributes"].clone();
    for (name, value) in
        [("http.route", json!("/x")), ("n", json!(1)), ("resource.deployment.environment", json!("prod"))]
    {
        assert_eq!(custom[name], value, "{name} of {custom}");
    }
    let attributes = t.exported(2).await["attributes"].clone();
    for (name, value) in [("gen_ai.request.temperature", json!(0.5)), ("my.own", json!("kept"))] {
        assert_eq!(attributes[name], value, "{name} of {attributes}");
    }
}

async fn costs_are_estimated_as_over_rest(t: Ctx) {
    for (n, model) in [(1, "gpt-4o"), (2, "claude-sonnet-4-20250514"), (3, "no-such-model")] {
        let call = json!({"gen_ai.request.model": model, "gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 100});
        t.export(&[t.otlp_span(n, &call, json!({}))]).await;
        let kind = json!({"type": "llm_call", "model": model, "input_tokens": 1000, "output_tokens": 100});
        let id = t.span(json!({"kind": kind})).await;
        assert_eq!(t.exported(n).await["kind"].get("cost"), t.find(&id).await["kind"].get("cost"), "{model}");
    }
}

async fn a_cost_of_the_sender_is_kept(t: Ctx) {
    for (n, name) in [(1, "gen_ai.usage.cost"), (2, "llm.cost.total")] {
        for (more, cost) in [(0, 0.125), (10, 0.0)] {
            let call = json!({"gen_ai.request.model": "gpt-4o", "openinference.span.kind": "LLM",
                "gen_ai.usage.input_tokens": 1000, name: cost});
            t.export(&[t.otlp_span(n + more, &call, json!({}))]).await;
            assert_eq!(t.exported(n + more).await["kind"]["cost"].as_f64(), Some(cost), "{name}");
        }
    }
}

async fn the_kind_word_is_the_custom_kind(t: Ctx) {
    let words = ["unspecified", "internal", "server", "client", "producer", "consumer"];
    let spans: Vec<Value> = (0..6).map(|kind| t.otlp_span(kind, &json!({}), json!({"kind": kind}))).collect();
    t.export(&spans).await;
    for (n, word) in (0..).zip(words) {
        let kind = t.exported(n).await["kind"].clone();
        assert_eq!((&kind["type"], &kind["kind"]), (&json!("custom"), &json!(word)));
    }
}
