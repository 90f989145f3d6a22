//! Which calls are recorded, and as what.

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::fixtures::{assert_number, assert_time};
use super::super::upstream::{Step, Upstream, whole};
use super::super::{Case, Ctx};
use super::{CHAT, asked, said};
use crate::mount::Capability;

pub(super) fn cases() -> Vec<Case> {
    cases!("proxy.record", &[Capability::Proxy];
        a_call_is_one_trace_with_one_span,
        input_and_output_are_the_whole_bodies,
        the_model_stays_the_requested_one,
        a_call_without_a_model_is_unknown,
        a_body_that_is_no_json_is_kept_as_text,
        an_answer_that_is_no_json_is_kept_as_text,
        an_unknown_path_with_a_model_is_recorded,
        every_known_path_is_recorded,
        other_requests_are_not_recorded,
        costs_are_estimated_as_over_rest,
        a_span_runs_while_the_call_does,
        events_are_told_in_order,
        a_call_is_found_by_its_text,
        times_are_those_of_the_call,
    )
}

async fn a_call_is_one_trace_with_one_span(t: Ctx) {
    let upstream = Upstream::json(200, &said("gpt-4o-2024-08-06")).await;
    let answer = t.chat(&upstream.url, &asked("gpt-4o")).await.expect(200);
    let span = t.recorded(&answer).await;
    assert_eq!(
        (&span["name"], &span["status"], &span["parent_id"]),
        (&json!("gpt-4o"), &json!("completed"), &Value::Null)
    );
    let kind = &span["kind"];
    assert_eq!((&kind["type"], &kind["model"]), (&json!("llm_call"), &json!("gpt-4o")));
    assert_eq!((&kind["input_tokens"], &kind["output_tokens"]), (&json!(10), &json!(4)));
    assert!(kind["provider"].is_string(), "{kind}");
    let trace = t.read_trace(answer.header("x-traceway-trace-id")).await["trace"].clone();
    assert_eq!((&trace["name"], &trace["tags"]), (&json!("gpt-4o"), &json!(["proxy"])));
    assert_eq!(
        (&trace["status"], &trace["span_count"], &trace["total_tokens"]),
        (&json!("completed"), &json!(1), &json!(14))
    );
    assert_eq!(trace["session_id"], Value::Null);
}

async fn input_and_output_are_the_whole_bodies(t: Ctx) {
    let body = json!({"model": "m", "temperature": 0.25, "messages": [{"role": "system", "content": [{"type": "text", "text": "ü"}]}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}], "own": {"deep": [1, null]}});
    let reply = super::super::fixtures::with(
        said("m"),
        json!({"own": {"deep": [2, null]}, "system_fingerprint": "fp"}),
    );
    let upstream = Upstream::json(200, &reply).await;
    let span = t.recorded(&t.chat(&upstream.url, &body).await).await;
    assert_eq!((&span["input"], &span["output"]), (&body, &reply));
}

async fn the_model_stays_the_requested_one(t: Ctx) {
    let upstream = Upstream::json(200, &said("other-model")).await;
    let span = t.recorded(&t.chat(&upstream.url, &asked("asked-model")).await).await;
    assert_eq!(
        (&span["kind"]["model"], &span["output"]["model"]),
        (&json!("asked-model"), &json!("other-model"))
    );
}

async fn a_call_without_a_model_is_unknown(t: Ctx) {
    let upstream = Upstream::json(200, &said("m")).await;
    let answer = t.chat(&upstream.url, &json!({"messages": []})).await.expect(200);
    let span = t.recorded(&answer).await;
    assert_eq!((&span["name"], &span["kind"]["model"]), (&json!("unknown"), &json!("unknown")));
    assert_eq!(t.read_trace(answer.header("x-traceway-trace-id")).await["trace"]["name"], "unknown");
}

async fn a_body_that_is_no_json_is_kept_as_text(t: Ctx) {
    let upstream = Upstream::json(400, &json!({"error": {"message": "not json"}})).await;
    let call = t.proxied(&upstream.url, "POST", CHAT).body("application/json", "{\"model\": oops");
    let span = t.recorded(&call.send().await.expect(400)).await;
    assert_eq!((&span["input"], &span["name"]), (&json!("{\"model\": oops"), &json!("unknown")));
}

async fn an_answer_that_is_no_json_is_kept_as_text(t: Ctx) {
    let upstream = Upstream::answering("200 OK\r\ncontent-type: text/plain", "just words").await;
    let span = t.recorded(&t.chat(&upstream.url, &asked("m")).await).await;
    assert_eq!((&span["output"], &span["status"]), (&json!("just words"), &json!("completed")));
}

async fn an_unknown_path_with_a_model_is_recorded(t: Ctx) {
    for path in ["/openai/deployments/d/chat/completions?api-version=1", "/v1/anything", "/v1beta/new"] {
        let upstream = Upstream::json(200, &said("m")).await;
        let answer = t.proxied(&upstream.url, "POST", path).json(&asked("m")).send().await.expect(200);
        assert_eq!(t.recorded(&answer).await["kind"]["model"], "m", "{path}");
    }
}

async fn every_known_path_is_recorded(t: Ctx) {
    for path in [
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/responses",
        "/v1/embeddings",
        "/v1/messages",
        "/api/chat",
        "/api/generate",
        "/api/embed",
        "/api/embeddings",
    ] {
        let upstream = Upstream::json(200, &json!({})).await;
        let answer =
            t.proxied(&upstream.url, "POST", path).json(&json!({"no": "model"})).send().await.expect(200);
        assert_eq!(t.recorded(&answer).await["name"], "unknown", "{path}");
    }
}

async fn other_requests_are_not_recorded(t: Ctx) {
    let session = t.id("session");
    let upstream = Upstream::json(200, &json!({"data": []})).await;
    let call = |method: &str, path: &str| {
        t.proxied(&upstream.url, method, path).header("x-traceway-session-id", &session)
    };
    call("GET", "/v1/models").send().await.expect(200);
    call("GET", CHAT).send().await.expect(200);
    call("DELETE", "/v1/files/f").send().await.expect(200);
    call("POST", "/v1/files").json(&json!({"purpose": "x"})).send().await.expect(200);
    call("POST", "/v1/moderations").json(&json!({"model": 5})).send().await.expect(200);
    call("POST", "/v1/files").body("application/octet-stream", "model").send().await.expect(200);
    call("PUT", "/v1/anything").json(&asked("m")).send().await.expect(200);
    call("POST", CHAT).json(&asked("last")).send().await.expect(200);
    let spans = t.recorded_in_session(1).await;
    let names: Vec<&Value> = spans.iter().map(|span| &span["name"]).collect();
    assert_eq!(names, ["last"]);
    assert_eq!(upstream.received().len(), 8, "but all are relayed");
}

async fn costs_are_estimated_as_over_rest(t: Ctx) {
    for model in ["gpt-4o", "gpt-4o-mini-2024-07-18", "no-such-model"] {
        let reply = super::super::fixtures::with(
            said(model),
            json!({"usage": {"prompt_tokens": 1_000_000, "completion_tokens": 100_000}}),
        );
        let upstream = Upstream::json(200, &reply).await;
        let span = t.recorded(&t.chat(&upstream.url, &asked(model)).await).await;
        let kind =
            json!({"type": "llm_call", "model": model, "input_tokens": 1_000_000, "output_tokens": 100_000});
        let id = t.span(json!({"kind": kind})).await;
        assert_eq!(span["kind"].get("cost"), t.find(&id).await["kind"].get("cost"), "{model}");
    }
    let reply = super::super::fixtures::with(
        said("gpt-4o"),
        json!({"usage": {"prompt_tokens": 1_000_000, "completion_tokens": 100_000}}),
    );
    let upstream = Upstream::json(200, &reply).await;
    assert_number(&t.recorded(&t.chat(&upstream.url, &asked("gpt-4o")).await).await["kind"]["cost"], 3.5);
}

async fn a_span_runs_while_the_call_does(t: Ctx) {
    let mut steps = vec![Step::Gate];
    steps.extend(whole("200 OK\r\ncontent-type: application/json", said("m").to_string()));
    let upstream = Upstream::playing(steps).await;
    let calling = {
        let call = t
            .proxied(&upstream.url, "POST", CHAT)
            .json(&asked("m"))
            .header("x-traceway-trace-id", &t.id("trace"));
        tokio::spawn(call.send())
    };
    let running = t
        .eventually("the running span", async || {
            let answer = t.get(&format!("/api/traces/{}", t.id("trace"))).await;
            (answer.status == 200).then(|| answer.json()["spans"][0].clone()).filter(Value::is_object)
        })
        .await;
    assert_eq!((&running["status"], &running["ended_at"]), (&json!("running"), &Value::Null));
    assert_eq!(
        (&running["input"], &running["name"], running.get("output")),
        (&asked("m"), &json!("m"), None)
    );
    upstream.go_on();
    let answer = calling.await.expect("the call ends").expect(200);
    assert_eq!(t.recorded(&answer).await["id"], running["id"]);
}

async fn events_are_told_in_order(t: Ctx) {
    for (status, last) in [(200, "span_completed"), (500, "span_failed")] {
        let trace = t.id(last);
        let mut stream = t.events(&[]).await;
        let upstream = Upstream::json(status, &said("m")).await;
        let call =
            t.proxied(&upstream.url, "POST", CHAT).json(&asked("m")).header("x-traceway-trace-id", &trace);
        call.send().await.expect(status);
        for kind in ["trace_created", "span_created", last] {
            assert_eq!(stream.next_with(&trace).await.kind(), kind);
        }
    }
}

async fn a_call_is_found_by_its_text(t: Ctx) {
    let (word, reply) = (t.word("question"), t.word("reply"));
    let upstream =
        Upstream::json(200, &json!({"choices": [{"message": {"content": format!("the {reply}")}}]})).await;
    let body = json!({"model": "m", "messages": [{"role": "user", "content": format!("a {word}")}]});
    t.recorded(&t.chat(&upstream.url, &body).await).await;
    assert_eq!(t.list("/api/spans", &[("input_contains", &word)]).await.ok()["count"], 1);
    assert_eq!(t.list("/api/spans", &[("output_contains", &reply)]).await.ok()["count"], 1);
}

async fn times_are_those_of_the_call(t: Ctx) {
    let mut steps = vec![Step::Pause(std::time::Duration::from_millis(300))];
    steps.extend(whole("200 OK\r\ncontent-type: application/json", said("m").to_string()));
    let upstream = Upstream::playing(steps).await;
    let span = t.recorded(&t.chat(&upstream.url, &asked("m")).await).await;
    assert_time(&span["started_at"]);
    assert_time(&span["ended_at"]);
    let took = span["metadata"]["duration_ms"].as_u64().unwrap_or_default();
    assert!((290..5000).contains(&took), "{took} ms");
}
