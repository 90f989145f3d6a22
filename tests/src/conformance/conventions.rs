//! What holds on every endpoint: bodies, errors, unknown paths, methods, compression, limits.

use std::io::Read;

use serde_json::{Value, json};

use super::case::cases;
use super::fixtures::{column, text};
use super::{Case, Ctx};
use crate::mount::Capability;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("conventions", &[];
        answers_are_json_in_utf8,
        unknown_paths_below_api_and_v1_are_json_404,
        unknown_paths_elsewhere_are_json_404_for_programs,
        methods_a_path_does_not_take_are_405,
        broken_json_is_named_so,
        a_body_that_is_no_object_is_refused,
        a_body_of_another_type_is_415,
        a_body_without_content_type_is_read_or_415,
        a_compressed_body_is_415,
        half_a_surrogate_pair_becomes_the_replacement_character,
        a_query_of_very_many_terms_is_refused,
        head_answers_without_a_body,
        answers_are_compressed_when_asked,
        answers_are_plain_when_not_asked,
        times_have_z_and_a_known_precision,
        empty_members_are_null_and_never_missing,
        a_span_keeps_its_order_of_precision,
        ids_are_compared_byte_for_byte,
        an_unreadable_id_in_a_path_is_not_found_or_bad,
        error_bodies_have_no_other_members_than_known,
        concurrent_writers_of_one_id_make_one_span,
        concurrent_completions_end_a_span_once,
        a_percent_encoded_id_is_decoded,
    );
    cases.extend(cases!("conventions", &[Capability::LargeBodies];
        a_body_over_ten_mebibytes_is_413,
        a_body_under_ten_mebibytes_is_kept_whole,
    ));
    cases
}

async fn answers_are_json_in_utf8(t: Ctx) {
    for path in
        ["/api/traces", "/api/spans", "/api/sessions", "/api/stats", "/api/health", "/api/analytics/summary"]
    {
        let answer = t.get(path).await.expect(200);
        let kind = answer.header("content-type").to_ascii_lowercase().replace(' ', "");
        assert!(kind == "application/json" || kind == "application/json;charset=utf-8", "{path}: {kind}");
        answer.json();
    }
}

async fn unknown_paths_below_api_and_v1_are_json_404(t: Ctx) {
    for path in ["/api", "/api/", "/api/nothing", "/api/traces/a/b/c", "/v1", "/v1/nothing", "/v1/traces/x"] {
        t.call("GET", path).header("accept", "text/html").send().await.error(404, "not_found");
        t.call("POST", path).json(&json!({})).send().await.error(404, "not_found");
    }
}

async fn unknown_paths_elsewhere_are_json_404_for_programs(t: Ctx) {
    // A client library retries a 404 without `/api`; a page with 200 would look like an answer.
    for path in ["/traces", "/spans/x", "/nothing/at/all"] {
        t.call("GET", path).header("accept", "application/json").send().await.error(404, "not_found");
        t.call("GET", path).header("accept", "*/*").send().await.error(404, "not_found");
        t.get(path).await.error(404, "not_found");
        t.call("POST", path).json(&json!({})).send().await.error(404, "not_found");
        t.call("POST", path)
            .header("accept", "text/html")
            .json(&json!({}))
            .send()
            .await
            .error(404, "not_found");
        t.delete(path).await.error(404, "not_found");
    }
}

async fn methods_a_path_does_not_take_are_405(t: Ctx) {
    let span = t.id("a");
    for (method, path) in [
        ("PUT", "/api/traces".to_owned()),
        ("PATCH", format!("/api/traces/{span}")),
        ("PUT", format!("/api/spans/{span}")),
        ("GET", format!("/api/spans/{span}/complete")),
        ("GET", format!("/api/spans/{span}/fail")),
        ("GET", "/api/ingest".to_owned()),
        ("GET", "/v1/traces".to_owned()),
        ("POST", "/api/sessions".to_owned()),
        ("DELETE", "/api/stats".to_owned()),
        ("POST", "/api/health".to_owned()),
        ("POST", "/api/events".to_owned()),
    ] {
        let answer = t.call(method, &path).send().await;
        assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text());
        answer.error(405, "method_not_allowed");
    }
}

async fn broken_json_is_named_so(t: Ctx) {
    let id = t.span(json!({})).await;
    for path in ["/api/traces", "/api/spans", "/api/ingest", &format!("/api/spans/{id}/complete")] {
        for body in ["{", "{\"name\": }", "nonsense", "{\"a\":1}}", "\u{feff}{"] {
            t.call("POST", path).body("application/json", body).send().await.error(400, "invalid_json");
        }
    }
    let not_utf8 = t.call("POST", "/api/traces").body("application/json", b"{\"name\":\"\xff\"}".to_vec());
    not_utf8.send().await.error(400, "invalid_json");
    assert_eq!(t.find(&id).await["status"], "running");
}

async fn a_body_that_is_no_object_is_refused(t: Ctx) {
    for body in [json!([]), json!("x"), json!(5)] {
        for path in ["/api/traces", "/api/spans", "/api/ingest"] {
            let answer = t.post(path, &body).await;
            assert_eq!(answer.status, 400, "{path} {body}: {}", answer.text());
            answer.error(400, "invalid_request");
        }
    }
}

async fn a_body_of_another_type_is_415(t: Ctx) {
    let body = json!({"trace_id": t.id("trace"), "name": "a"}).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/xml"] {
        t.call("POST", "/api/spans")
            .body(kind, body.clone())
            .send()
            .await
            .error(415, "unsupported_media_type");
    }
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        t.call("POST", "/api/spans").body(kind, body.clone()).send().await.created();
    }
}

async fn a_body_without_content_type_is_read_or_415(t: Ctx) {
    let body = json!({"trace_id": t.id("trace"), "name": "a"}).to_string();
    let answer = t.call("POST", "/api/spans").bare_body(body).send().await;
    if answer.status == 201 {
        assert_eq!(answer.json()["trace_id"], t.id("trace"));
    } else {
        answer.error(415, "unsupported_media_type");
    }
}

async fn head_answers_without_a_body(t: Ctx) {
    let answer = t.call("HEAD", "/api/traces").send().await.expect(200);
    assert!(answer.body.is_empty());
}

/// Reads a list that is long enough to be worth compressing, with these encodings accepted.
async fn long_list(t: &Ctx, accepted: Option<&str>) -> super::answer::Answer {
    t.ingest(
        vec![],
        (0..40)
            .map(|n| json!({"id": t.id(&format!("s{n}")), "input": "again and again ".repeat(20)}))
            .collect(),
    )
    .await;
    let path = format!("/api/spans?trace_id={}", t.id("trace"));
    let mut call = t.call("GET", &path);
    if let Some(accepted) = accepted {
        call = call.header("accept-encoding", accepted);
    }
    call.send().await.expect(200)
}

async fn answers_are_compressed_when_asked(t: Ctx) {
    for (accepted, expected) in [("gzip", "gzip"), ("br", "br"), ("gzip, br", "")] {
        let answer = long_list(&t, Some(accepted)).await;
        let encoding = answer.header("content-encoding").to_owned();
        assert!(
            encoding == expected || expected.is_empty() && !encoding.is_empty(),
            "{accepted}: {encoding:?}"
        );
        let mut plain = Vec::new();
        let read = match encoding.as_str() {
            "gzip" => flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut plain),
            "br" => brotli::Decompressor::new(&answer.body[..], 4096).read_to_end(&mut plain),
            other => panic!("encoding {other:?} was not asked for"),
        };
        read.expect("the body is what its encoding says");
        let page: Value = serde_json::from_slice(&plain).expect("JSON inside");
        assert_eq!(page["count"], 40);
        assert!(
            answer.header("vary").to_ascii_lowercase().contains("accept-encoding"),
            "{:?}",
            answer.headers
        );
    }
}

async fn answers_are_plain_when_not_asked(t: Ctx) {
    let answer = long_list(&t, None).await;
    assert_eq!(answer.header("content-encoding"), "");
    assert_eq!(answer.json()["count"], 40);
    let answer = long_list(&t, Some("identity")).await;
    assert_eq!(answer.header("content-encoding"), "");
}

async fn times_have_z_and_a_known_precision(t: Ctx) {
    for (given, kept) in [
        ("2025-03-01T10:00:00Z", "2025-03-01T10:00:00Z"),
        ("2025-03-01T10:00:00.5Z", "2025-03-01T10:00:00.5Z"),
        ("2025-03-01T10:00:00.123456Z", "2025-03-01T10:00:00.123456Z"),
        ("2025-03-01T10:00:00+00:00", "2025-03-01T10:00:00Z"),
        ("2025-03-01T05:30:00.001-04:30", "2025-03-01T10:00:00.001Z"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
        ("2025-03-01", "2025-03-01T00:00:00Z"),
    ] {
        let id = t.span(json!({"started_at": given})).await;
        super::fixtures::assert_same_time(&t.find(&id).await["started_at"], kept);
    }
    for wrong in ["2025-02-29T00:00:00Z", "2025-03-01T25:00:00Z", "1 March 2025", "", "1740823200"] {
        let body = json!({"trace_id": t.id("trace"), "name": "a", "started_at": wrong});
        t.post("/api/spans", &body).await.bad_field("invalid_request", "started_at");
    }
}

async fn empty_members_are_null_and_never_missing(t: Ctx) {
    let id = t.span(json!({})).await;
    let span = t.find(&id).await;
    for member in ["parent_id", "ended_at"] {
        assert_eq!(span.get(member), Some(&Value::Null), "{member} of {span}");
    }
    assert!(span["metadata"].is_object() && span["kind"]["attributes"].is_object(), "{span}");
    let trace = t.read_trace(&t.id("trace")).await["trace"].clone();
    assert_eq!(trace.get("ended_at"), Some(&Value::Null));
    assert_eq!((&trace["tags"], &trace["metadata"]), (&json!([]), &json!({})));
}

async fn a_span_keeps_its_order_of_precision(t: Ctx) {
    // Two spans a microsecond apart are ordered by it.
    let span =
        |id: &str, at: &str| json!({"id": t.id(id), "started_at": at, "ended_at": "2025-03-01T10:00:01Z"});
    t.ingest(
        vec![],
        vec![span("a", "2025-03-01T10:00:00.000002Z"), span("b", "2025-03-01T10:00:00.000001Z")],
    )
    .await;
    let read = t.read_trace(&t.id("trace")).await;
    assert_eq!(column(&read["spans"], "id"), [t.id("b"), t.id("a")]);
}

async fn ids_are_compared_byte_for_byte(t: Ctx) {
    let (small, large) = (t.id("case"), t.id("CASE"));
    t.trace(json!({"id": small, "name": "small"})).await;
    t.get(&format!("/api/traces/{large}")).await.error(404, "not_found");
    t.trace(json!({"id": large, "name": "large"})).await;
    assert_eq!(t.read_trace(&small).await["trace"]["name"], "small");
    assert_eq!(t.read_trace(&large).await["trace"]["name"], "large");
}

async fn an_unreadable_id_in_a_path_is_not_found_or_bad(t: Ctx) {
    for id in ["a%20b", "%00", "%C3%A9", &"x".repeat(129)] {
        for path in [format!("/api/traces/{id}"), format!("/api/spans/{id}")] {
            let answer = t.get(&path).await;
            if answer.status == 400 {
                answer.error(400, "invalid_request");
            } else {
                answer.error(404, "not_found");
            }
        }
    }
}

async fn error_bodies_have_no_other_members_than_known(t: Ctx) {
    for answer in [
        t.get("/api/traces?limit=0").await,
        t.get("/api/nothing").await,
        t.get(&format!("/api/spans/{}", t.id("none"))).await,
        t.post("/api/spans", &json!({})).await,
    ] {
        let body = answer.json();
        for member in body.as_object().expect("an object").keys() {
            let known = ["error", "code", "retry_after", "limit", "field", "line"];
            assert!(known.contains(&member.as_str()), "{member} in {body}");
        }
    }
}

async fn concurrent_writers_of_one_id_make_one_span(t: Ctx) {
    let body = json!({"id": t.id("a"), "trace_id": t.id("trace"), "name": "a"});
    let answers = futures_util::future::join_all((0..8).map(|_| t.post("/api/spans", &body))).await;
    let mut created = 0;
    for answer in answers {
        assert!([200, 201].contains(&answer.status), "{}", answer.text());
        created += usize::from(answer.status == 201);
        assert_eq!(answer.json(), json!({"id": t.id("a"), "trace_id": t.id("trace")}));
    }
    assert_eq!(created, 1);
    assert_eq!(t.read_trace(&t.id("trace")).await["count"], 1);
}

async fn concurrent_completions_end_a_span_once(t: Ctx) {
    let id = t.span(json!({})).await;
    let path = format!("/api/spans/{id}/complete");
    let bodies: Vec<Value> = (0..8).map(|n| json!({"output": n})).collect();
    let answers = futures_util::future::join_all(bodies.iter().map(|body| t.post(&path, body))).await;
    let mut winners = Vec::new();
    for (n, answer) in answers.into_iter().enumerate() {
        if answer.status == 200 {
            winners.push(n);
        } else {
            answer.error(409, "span_terminal");
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?} all completed it");
    assert_eq!(t.find(&id).await["output"], json!(winners[0]));
}

async fn a_percent_encoded_id_is_decoded(t: Ctx) {
    let trace = t.trace(json!({"id": t.id("a:b")})).await;
    let encoded = text(&trace, "id").replace(':', "%3A");
    assert_eq!(t.get(&format!("/api/traces/{encoded}")).await.ok()["trace"]["id"], t.id("a:b"));
}

/// A body of a span whose input has this many bytes.
fn large(t: &Ctx, bytes: usize) -> String {
    json!({"id": t.id("large"), "trace_id": t.id("trace"), "name": "a", "input": "x".repeat(bytes)})
        .to_string()
}

async fn a_body_over_ten_mebibytes_is_413(t: Ctx) {
    let body = large(&t, 10 * 1024 * 1024);
    let answer = t.call("POST", "/api/spans").body("application/json", body).send().await;
    answer.error(413, "payload_too_large");
    t.get(&format!("/api/spans/{}", t.id("large"))).await.error(404, "not_found");
}

async fn a_body_under_ten_mebibytes_is_kept_whole(t: Ctx) {
    let body = large(&t, 10 * 1024 * 1024 - 1024);
    t.call("POST", "/api/spans").body("application/json", body).send().await.created();
    let span = t.find(&t.id("large")).await;
    assert_eq!(span["input"].as_str().map(str::len), Some(10 * 1024 * 1024 - 1024));
}

async fn a_compressed_body_is_415(t: Ctx) {
    for path in ["/api/spans", "/api/ingest"] {
        let call = t.call("POST", path).body("application/json", vec![0x1f, 0x8b, 8, 0]);
        call.header("content-encoding", "gzip").send().await.error(415, "unsupported_media_type");
    }
}

async fn half_a_surrogate_pair_becomes_the_replacement_character(t: Ctx) {
    let (id, trace) = (t.id("s"), t.id("t"));
    let body = format!(r#"{{"id":"{id}","trace_id":"{trace}","name":"cut \ud83d","input":"\ud83d\ude00"}}"#);
    t.call("POST", "/api/spans").body("application/json", body).send().await.created();
    let fail = t.call("POST", &format!("/api/spans/{id}/fail"));
    fail.body("application/json", r#"{"error":"\ud83d cut"}"#).send().await.expect(200);
    let span = t.get(&format!("/api/spans/{id}")).await.ok();
    assert_eq!((&span["name"], &span["input"]), (&json!("cut \u{fffd}"), &json!("\u{1f600}")));
    assert_eq!(span["status"], json!({"failed": {"error": "\u{fffd} cut"}}));
}

async fn a_query_of_very_many_terms_is_refused(t: Ctx) {
    let q = "model:m -word ".repeat(60);
    for path in ["/api/spans", "/api/traces", "/api/sessions", "/api/analytics/summary"] {
        t.list(path, &[("q", &q)]).await.bad_field("invalid_query", "q");
    }
    t.list("/api/spans", &[("q", &"model:m ".repeat(100))]).await.ok();
}
