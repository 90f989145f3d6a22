//! How much of a call's text is kept.

use serde_json::{Value, json};

use super::super::case::cases;
use super::super::upstream::Upstream;
use super::super::{Case, Ctx};
use super::{CHAT, asked, said};
use crate::mount::{Capability, StartOptions};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases!("proxy.capture", &[Capability::Proxy];
        full_is_the_default,
        off_keeps_no_text,
        a_preview_keeps_the_first_characters,
        a_preview_counts_characters,
        a_preview_keeps_short_texts_whole,
        modes_have_other_spellings,
        a_stream_is_previewed,
        an_error_body_is_captured_like_an_output,
        the_client_gets_everything_all_the_same,
        a_trace_shows_nothing_that_is_not_kept,
    );
    cases.extend(cases!("proxy.capture", &[Capability::Proxy, Capability::Fresh, Capability::Settings];
        a_configured_mode_is_the_default,
        a_header_beats_the_configured_mode,
    ));
    cases
}

/// Sends `body` with a capture mode and returns the span.
async fn captured(t: &Ctx, mode: &str, body: &str, reply: &Value) -> Value {
    let upstream = Upstream::json(200, reply).await;
    let mut call = t.proxied(&upstream.url, "POST", CHAT).body("application/json", body.to_owned());
    if !mode.is_empty() {
        call = call.header("x-traceway-capture", mode);
    }
    let answer = call.send().await.expect(200);
    assert_eq!(answer.text(), reply.to_string());
    t.recorded(&answer).await
}

fn assert_measured(span: &Value) {
    let kind = &span["kind"];
    assert_eq!(
        (&kind["model"], &kind["input_tokens"], &kind["output_tokens"]),
        (&json!("gpt-4o"), &json!(10), &json!(4)),
        "{span}"
    );
    assert!(kind["cost"].is_f64() && span["metadata"]["duration_ms"].is_u64(), "{span}");
    assert_eq!(span["status"], "completed");
}

async fn full_is_the_default(t: Ctx) {
    for mode in ["", "full", "FULL"] {
        let span = captured(&t, mode, &asked("gpt-4o").to_string(), &said("gpt-4o")).await;
        assert_eq!((&span["input"], &span["output"]), (&asked("gpt-4o"), &said("gpt-4o")), "{mode:?}");
        assert_eq!((span["kind"].get("input_preview"), span["kind"].get("output_preview")), (None, None));
        assert_measured(&span);
    }
}

async fn off_keeps_no_text(t: Ctx) {
    let word = t.word("secret");
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": word}]}).to_string();
    let span = captured(&t, "off", &body, &said("gpt-4o")).await;
    assert_eq!((span.get("input"), span.get("output")), (None, None));
    assert!(!span.to_string().contains(&word), "{span}");
    assert_measured(&span);
    assert_eq!(t.list("/api/spans", &[("text_contains", &word)]).await.ok()["count"], 0);
}

async fn a_preview_keeps_the_first_characters(t: Ctx) {
    let (body, reply) = (asked("gpt-4o").to_string(), said("gpt-4o").to_string());
    let span = captured(&t, "preview:20", &body, &said("gpt-4o")).await;
    let first = |text: &str| json!(format!("{}…", text.chars().take(20).collect::<String>()));
    assert_eq!((&span["input"], &span["output"]), (&first(&body), &first(&reply)));
    assert_eq!(
        (&span["kind"]["input_preview"], &span["kind"]["output_preview"]),
        (&first(&body), &first(&reply))
    );
    assert_measured(&span);
    let long = json!({"model": "gpt-4o", "input": "x".repeat(2000)}).to_string();
    let span = captured(&t, "preview", &long, &said("gpt-4o")).await;
    assert_eq!(span["input"], format!("{}…", &long[..500]), "500 characters by default");
}

async fn a_preview_counts_characters(t: Ctx) {
    let body = "{\"model\":\"gpt-4o\",\"x\":\"éü東🚀\u{301}abc\"}";
    let span = captured(&t, "preview:26", body, &said("gpt-4o")).await;
    assert_eq!(span["input"], format!("{}…", body.chars().take(26).collect::<String>()));
}

async fn a_preview_keeps_short_texts_whole(t: Ctx) {
    let body = asked("gpt-4o").to_string();
    for limit in [body.chars().count(), 100_000] {
        let span = captured(&t, &format!("preview:{limit}"), &body, &said("gpt-4o")).await;
        assert_eq!(span["input"], json!(body), "a text, without a mark");
    }
}

async fn modes_have_other_spellings(t: Ctx) {
    let body = asked("gpt-4o").to_string();
    for mode in ["Preview(7)", "PREVIEW:7", "preview(7)"] {
        let span = captured(&t, mode, &body, &said("gpt-4o")).await;
        assert_eq!(span["input"], format!("{}…", &body[..7]), "{mode}");
    }
    for mode in ["Off", "OFF"] {
        assert_eq!(captured(&t, mode, &body, &said("gpt-4o")).await.get("input"), None, "{mode}");
    }
}

async fn a_stream_is_previewed(t: Ctx) {
    let pieces = [
        "data: {\"id\":\"c\",\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"hello\"}}]}\n\n",
        "data: {\"id\":\"c\",\"model\":\"gpt-4o\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":4}}\n\n",
        "data: [DONE]\n\n",
    ];
    for (mode, expected) in [("off", None), ("preview:9", Some(10))] {
        let upstream = Upstream::streaming("text/event-stream", &pieces).await;
        let call =
            t.proxied(&upstream.url, "POST", CHAT).json(&asked("gpt-4o")).header("x-traceway-capture", mode);
        let answer = call.send().await.expect(200);
        assert_eq!(answer.text(), pieces.concat());
        let span = t.recorded(&answer).await;
        assert_eq!(span["output"].as_str().map(|text| text.chars().count()), expected, "{mode}: {span}");
        assert_measured(&span);
    }
}

async fn an_error_body_is_captured_like_an_output(t: Ctx) {
    let reply = json!({"error": {"message": "too long", "detail": "x".repeat(100)}});
    for (mode, expected) in [
        ("full", Some(reply.clone())),
        ("off", None),
        ("preview:8", Some(json!(format!("{}…", &reply.to_string()[..8])))),
    ] {
        let upstream = Upstream::json(400, &reply).await;
        let call =
            t.proxied(&upstream.url, "POST", CHAT).json(&asked("m")).header("x-traceway-capture", mode);
        let span = t.recorded(&call.send().await.expect(400)).await;
        assert_eq!(span.get("output"), expected.as_ref(), "{mode}");
        assert_eq!(span["status"], json!({"failed": {"error": "HTTP 400: too long"}}), "{mode}");
    }
}

async fn the_client_gets_everything_all_the_same(t: Ctx) {
    let upstream = Upstream::json(200, &said("m")).await;
    let body = asked("m").to_string();
    for mode in ["off", "preview:1"] {
        let call = t
            .proxied(&upstream.url, "POST", CHAT)
            .body("application/json", body.clone())
            .header("x-traceway-capture", mode);
        assert_eq!(call.send().await.expect(200).text(), said("m").to_string());
    }
    for received in upstream.received() {
        assert_eq!(received.body, body.as_bytes());
    }
}

async fn a_configured_mode_is_the_default(t: Ctx) {
    let body = asked("gpt-4o").to_string();
    for (mode, expected) in [("off", None), ("Preview(7)", Some(json!(format!("{}…", &body[..7]))))] {
        let t = t.fresh_with(StartOptions::default().with("TRACEWAY_CAPTURE_MODE", mode)).await;
        let span = captured(&t, "", &body, &said("gpt-4o")).await;
        assert_eq!(span.get("input"), expected.as_ref(), "{mode}");
        assert_measured(&span);
    }
}

async fn a_header_beats_the_configured_mode(t: Ctx) {
    let t = t.fresh_with(StartOptions::default().with("TRACEWAY_CAPTURE_MODE", "off")).await;
    let span = captured(&t, "full", &asked("gpt-4o").to_string(), &said("gpt-4o")).await;
    assert_eq!(span["input"], asked("gpt-4o"));
}

async fn a_trace_shows_nothing_that_is_not_kept(t: Ctx) {
    for (mode, wanted) in [("full", json!("Hello there")), ("off", Value::Null), ("preview:60", Value::Null)]
    {
        let messages = json!([{"role": "user", "content": "Hello\nthere"}]);
        let body = json!({"model": "gpt-4o", "messages": messages}).to_string();
        let span = captured(&t, mode, &body, &said("gpt-4o")).await;
        let trace = span["trace_id"].as_str().expect("a trace");
        assert_eq!(t.read_trace(trace).await["trace"]["input_preview"], wanted, "{mode}");
    }
}
