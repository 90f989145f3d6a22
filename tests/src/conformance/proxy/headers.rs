//! Which header fields pass, and what those for Traceway do.

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::fixtures::assert_ulid;
use super::super::upstream::Upstream;
use super::super::{Case, Ctx};
use super::{CHAT, asked, said};
use crate::mount::Capability;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("proxy.header", &[Capability::Proxy];
        fields_for_the_provider_pass_unchanged,
        nothing_is_added_to_a_request,
        the_host_is_that_of_the_target,
        fields_of_the_connection_stay_behind,
        fields_for_traceway_stay_behind,
        answer_fields_pass_but_those_of_the_connection,
        answers_name_trace_and_span,
        a_session_can_be_named,
        a_trace_and_a_parent_can_be_named,
        calls_of_one_trace_are_joined,
        names_tags_and_metadata_can_be_given,
        malformed_wishes_do_not_fail_the_call,
        traceparent_passes_but_names_nothing,
        the_key_in_the_query_is_removed,
        keys_and_texts_are_not_logged,
    );
    cases.extend(
        cases!("proxy.header", &[Capability::Proxy, Capability::Listener]; repeated_fields_pass_repeatedly),
    );
    cases.extend(cases!("proxy.header", &[Capability::Proxy, Capability::LocalAccess];
        a_key_cut_by_a_path_is_understood,
        keys_for_traceway_stay_behind,
    ));
    cases
}

async fn upstream() -> Upstream {
    Upstream::json(200, &said("m")).await
}

const FOR_THE_PROVIDER: [(&str, &str); 13] = [
    ("authorization", "Bearer sk-secret"),
    ("x-api-key", "sk-ant"),
    ("api-key", "azure"),
    ("anthropic-version", "2023-06-01"),
    ("anthropic-beta", "a,b"),
    ("openai-organization", "org-1"),
    ("openai-project", "proj-1"),
    ("x-stainless-lang", "python"),
    ("user-agent", "OpenAI/Python 1.2.3"),
    ("accept", "application/json"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("cookie", "a=1; b=2"),
    ("x-custom", "  spaces inside  stay ".trim_ascii()),
];

async fn fields_for_the_provider_pass_unchanged(t: Ctx) {
    let upstream = upstream().await;
    let mut call = t.proxied(&upstream.url, "POST", CHAT).json(&asked("m"));
    for (name, value) in FOR_THE_PROVIDER {
        call = call.header(name, value);
    }
    call.send().await.expect(200);
    let received = upstream.only();
    for (name, value) in FOR_THE_PROVIDER {
        assert_eq!(received.all(name), [value], "{name}");
    }
}

async fn nothing_is_added_to_a_request(t: Ctx) {
    let upstream = upstream().await;
    t.chat(&upstream.url, &asked("m")).await.expect(200);
    // The client of the case sends `accept` by itself; framing and host belong to the connection.
    let known = ["content-type", "content-length", "host", "accept", "connection", "transfer-encoding"];
    for (name, value) in upstream.only().headers {
        assert!(known.contains(&name.as_str()), "{name}: {value} was added");
    }
}

async fn the_host_is_that_of_the_target(t: Ctx) {
    let upstream = upstream().await;
    t.chat(&upstream.url, &asked("m")).await.expect(200);
    assert_eq!(upstream.only().all("host"), [upstream.url.trim_start_matches("http://")]);
}

async fn fields_of_the_connection_stay_behind(t: Ctx) {
    let upstream = upstream().await;
    let mut call = t.proxied(&upstream.url, "POST", CHAT).json(&asked("m"));
    for (name, value) in [
        ("connection", "x-hop"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("trailer", "x-t"),
        ("proxy-authorization", "Basic x"),
        ("proxy-connection", "keep-alive"),
        ("x-hop", "1"),
        ("x-stays", "1"),
    ] {
        call = call.header(name, value);
    }
    call.send().await.expect(200);
    let received = upstream.only();
    for name in ["keep-alive", "te", "trailer", "upgrade", "proxy-authorization", "proxy-connection"] {
        assert_eq!(received.all(name), [""; 0], "{name}");
    }
    assert_eq!(received.all("x-stays"), ["1"]);
}

async fn fields_for_traceway_stay_behind(t: Ctx) {
    let upstream = upstream().await;
    let mut call = t.proxied(&upstream.url, "POST", CHAT).json(&asked("m"));
    for (name, value) in [
        ("x-ollama-base", "http://127.0.0.1:9"),
        ("x-traceway-session-id", "s"),
        ("x-traceway-trace-name", "n"),
        ("x-traceway-tags", "a"),
        ("x-traceway-metadata", "{}"),
        ("x-traceway-capture", "full"),
    ] {
        call = call.header(name, value);
    }
    call.send().await.expect(200);
    for (name, value) in upstream.only().headers {
        let ours = name.starts_with("x-traceway") || name == "x-forward-url" || name == "x-ollama-base";
        assert!(!ours, "{name}: {value} was forwarded");
    }
}

async fn repeated_fields_pass_repeatedly(t: Ctx) {
    let upstream =
        Upstream::answering("200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\nx-many: 1\r\nx-many: 2", "{}")
            .await;
    let call =
        t.proxied(&upstream.url, "POST", CHAT).json(&asked("m")).header("x-many", "1").header("x-many", "2");
    let answer = call.send().await.expect(200);
    assert_eq!(upstream.only().all("x-many"), ["1", "2"]);
    for (name, expected) in [("set-cookie", ["a=1", "b=2"]), ("x-many", ["1", "2"])] {
        let values: Vec<&str> =
            answer.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        assert_eq!(values, expected);
    }
}

async fn answer_fields_pass_but_those_of_the_connection(t: Ctx) {
    let fields = "x-request-id: req-1\r\nretry-after: 7\r\nx-ratelimit-remaining-tokens: 3\r\ncache-control: no-store\r\n\
        server: upstream\r\ndate: Sat, 01 Mar 2025 10:00:00 GMT\r\nkeep-alive: timeout=5\r\nproxy-authenticate: Basic";
    let upstream =
        Upstream::answering(&format!("200 OK\r\ncontent-type: application/json\r\n{fields}"), "{}").await;
    let answer = t.chat(&upstream.url, &asked("m")).await.expect(200);
    for (name, value) in [
        ("x-request-id", "req-1"),
        ("retry-after", "7"),
        ("x-ratelimit-remaining-tokens", "3"),
        ("cache-control", "no-store"),
        ("server", "upstream"),
        ("date", "Sat, 01 Mar 2025 10:00:00 GMT"),
        ("content-type", "application/json"),
        ("keep-alive", ""),
        ("proxy-authenticate", ""),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
}

async fn answers_name_trace_and_span(t: Ctx) {
    let upstream = upstream().await;
    let answer = t.chat(&upstream.url, &asked("m")).await.expect(200);
    assert_ulid(&json!(answer.header("x-traceway-trace-id")));
    assert_ulid(&json!(answer.header("x-traceway-span-id")));
    let span = t.recorded(&answer).await;
    assert_eq!(span["trace_id"], answer.header("x-traceway-trace-id"));
    let read = t.read_trace(answer.header("x-traceway-trace-id")).await;
    assert_eq!((&read["count"], &read["spans"][0]["id"]), (&json!(1), &span["id"]));
}

/// Sends a call with header fields and returns its span and trace.
async fn with_fields(t: &Ctx, fields: &[(&str, &str)]) -> (Value, Value) {
    let upstream = upstream().await;
    let mut call = t.proxied(&upstream.url, "POST", CHAT).json(&asked("m"));
    for (name, value) in fields {
        call = call.header(name, value);
    }
    let answer = call.send().await.expect(200);
    let span = t.recorded(&answer).await;
    let trace = t.read_trace(span["trace_id"].as_str().unwrap_or_default()).await["trace"].clone();
    (span, trace)
}

async fn a_session_can_be_named(t: Ctx) {
    let session = t.id("session");
    for _ in 0..2 {
        let (_, trace) = with_fields(&t, &[("x-traceway-session-id", &session)]).await;
        assert_eq!(trace["session_id"], session);
    }
    assert_eq!(t.get(&format!("/api/sessions/{session}")).await.ok()["trace_count"], 2);
}

async fn a_trace_and_a_parent_can_be_named(t: Ctx) {
    t.trace(json!({"id": t.id("trace"), "name": "mine", "tags": ["own"]})).await;
    let parent = t.span(json!({})).await;
    let (span, trace) =
        with_fields(&t, &[("x-traceway-trace-id", &t.id("trace")), ("x-traceway-parent-id", &parent)]).await;
    assert_eq!((&span["trace_id"], &span["parent_id"]), (&json!(t.id("trace")), &json!(parent)));
    assert_eq!(
        (&trace["name"], &trace["span_count"]),
        (&json!("mine"), &json!(2)),
        "the trace stays as it was"
    );
}

async fn calls_of_one_trace_are_joined(t: Ctx) {
    for _ in 0..3 {
        let (span, _) = with_fields(&t, &[("x-traceway-trace-id", &t.id("new"))]).await;
        assert_eq!(span["trace_id"], t.id("new"));
    }
    let read = t.read_trace(&t.id("new")).await;
    assert_eq!((&read["count"], &read["trace"]["total_tokens"]), (&json!(3), &json!(42)));
}

async fn names_tags_and_metadata_can_be_given(t: Ctx) {
    let (span, trace) = with_fields(
        &t,
        &[
            ("x-traceway-trace-name", "checkout"),
            ("x-traceway-tags", "env:prod, team:pay,,env:prod"),
            ("x-traceway-metadata", "{\"user\": {\"id\": 7}}"),
        ],
    )
    .await;
    assert_eq!((&span["name"], &trace["name"]), (&json!("m"), &json!("checkout")));
    assert_eq!(
        (&trace["tags"], &trace["metadata"]),
        (&json!(["proxy", "env:prod", "team:pay"]), &json!({"user": {"id": 7}}))
    );
}

async fn malformed_wishes_do_not_fail_the_call(t: Ctx) {
    let (_, trace) = with_fields(
        &t,
        &[
            ("x-traceway-trace-id", "not an id"),
            ("x-traceway-parent-id", "no/id"),
            ("x-traceway-metadata", "[1"),
            ("x-traceway-capture", "sometimes"),
        ],
    )
    .await;
    assert_ulid(&trace["id"]);
}

async fn traceparent_passes_but_names_nothing(t: Ctx) {
    let upstream = upstream().await;
    let parent = format!("00-{}-{}-01", t.otel_trace(1), t.otel_span(1));
    let answer = t
        .proxied(&upstream.url, "POST", CHAT)
        .json(&asked("m"))
        .header("traceparent", &parent)
        .send()
        .await
        .expect(200);
    assert_eq!(upstream.only().all("traceparent"), [parent]);
    let span = t.recorded(&answer).await;
    assert_ne!(span["trace_id"], t.otel_trace(1));
    assert_eq!(span["parent_id"], Value::Null);
}

async fn the_key_in_the_query_is_removed(t: Ctx) {
    for (asked, forwarded) in [
        ("/v1/models?token=tw_sk_abc", "/v1/models"),
        ("/v1/models?a=1&token=tw_sk_abc&b=2", "/v1/models?a=1&b=2"),
        ("/v1/models?token=own", "/v1/models?token=own"),
    ] {
        let upstream = upstream().await;
        let answer = t.proxied(&upstream.url, "GET", asked).send().await;
        if answer.status == 401 {
            continue; // A mount that knows its keys refuses this one.
        }
        assert_eq!(upstream.only().target(), forwarded);
    }
}

async fn keys_and_texts_are_not_logged(t: Ctx) {
    let (key, question, reply) = (t.word("key"), t.word("question"), t.word("reply"));
    for status in [200, 401] {
        let upstream = Upstream::json(status, &json!({"error": {"message": reply}})).await;
        let body = json!({"model": "m", "messages": [{"role": "user", "content": question}]});
        let call = t
            .proxied(&upstream.url, "POST", CHAT)
            .json(&body)
            .header("authorization", &format!("Bearer {key}"));
        t.recorded(&call.send().await.expect(status)).await;
    }
    t.span(json!({"input": question})).await;
    t.post("/api/spans", &json!({"name": question, "input": {"deep": question}})).await.expect(400);
    let log = t.log();
    for secret in [key, question, reply] {
        assert!(!log.contains(&secret), "{secret} was logged");
    }
}

async fn a_key_cut_by_a_path_is_understood(t: Ctx) {
    // What client libraries make of a base URL with a query: they append the path behind it.
    let upstream = upstream().await;
    let call = t.proxied(&upstream.url, "POST", "/v1?token=tw_sk_abc/chat/completions").json(&asked("m"));
    let answer = call.send().await.expect(200);
    assert_eq!(upstream.only().target(), "/v1/chat/completions");
    t.recorded(&answer).await;
}

async fn keys_for_traceway_stay_behind(t: Ctx) {
    let upstream = upstream().await;
    let call =
        t.proxied(&upstream.url, "POST", CHAT).json(&asked("m")).header("x-traceway-api-key", "tw_sk_a");
    call.header("x-traceway-token", "tw_sk_b").send().await.expect(200);
    for (name, value) in upstream.only().headers {
        assert!(!name.starts_with("x-traceway") && !value.contains("tw_sk"), "{name}: {value} was forwarded");
    }
}
