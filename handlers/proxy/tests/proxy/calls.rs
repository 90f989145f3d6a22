//! Calls pass unchanged and are recorded as what they are.

use serde_json::{Value, json};
use trace::kind::Cost;
use trace::price::Prices;
use trace::span::SpanStatus;

use crate::support::{Provider, Proxy};

pub const CHAT: &str = r#"{"model": "gpt-4o",  "messages": [{"role":"user","content":"héllo"}]}"#;
pub const COMPLETION: &str = r#"{"id":"c","object":"chat.completion","model":"gpt-4o-2024-08-06","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}},"service_tier":"flex"}"#;

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn a_call_passes_unchanged_and_is_recorded() {
    let provider = Provider::json("200 Fine Thanks", COMPLETION).await;
    let proxy = Proxy::start(&provider).await;
    let answer = proxy.post("/v1/chat/completions?x=1", "authorization: Bearer sk\r\n", CHAT).await;

    assert_eq!(answer.line, "HTTP/1.1 200 Fine Thanks");
    assert_eq!(answer.text(), COMPLETION);
    assert_eq!(answer.header("content-length"), Some(COMPLETION.len().to_string().as_str()));
    assert_eq!(answer.header("date"), Some("Tue, 01 Jan 2030 00:00:00 GMT"));
    let seen = provider.only();
    assert_eq!(seen.line, "POST /v1/chat/completions?x=1 HTTP/1.1");
    assert_eq!(seen.body, CHAT.as_bytes());
    let mut headers: Vec<(&str, &str)> = seen.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    headers.sort_unstable();
    let (host, length) = (provider.url().replace("http://", ""), CHAT.len().to_string());
    let wanted = [
        ("authorization", "Bearer sk"),
        ("content-length", length.as_str()),
        ("content-type", "application/json"),
        ("host", host.as_str()),
    ];
    assert_eq!(headers, wanted);

    let recorded = proxy.only().await;
    assert_eq!(answer.header("x-traceway-trace-id"), Some(recorded.trace.id.as_str()));
    assert_eq!(answer.header("x-traceway-span-id"), Some(recorded.span.id.as_str()));
    assert_eq!((recorded.span.name.as_str(), recorded.trace.name.as_deref()), ("gpt-4o", Some("gpt-4o")));
    assert_eq!(recorded.trace.tags, ["proxy"]);
    assert_eq!(recorded.input, Some(value(CHAT)));
    assert_eq!(recorded.output, Some(value(COMPLETION)));
    let call = recorded.call();
    assert_eq!((call.model.as_str(), call.provider.as_deref()), ("gpt-4o", Some("127.0.0.1")));
    assert_eq!((call.usage.input_tokens, call.usage.output_tokens), (Some(9), Some(2)));
    assert_eq!((call.usage.cached_input_tokens, call.service_tier.as_deref()), (Some(4), Some("flex")));
    assert_eq!(recorded.states, [SpanStatus::Running, SpanStatus::Completed]);
    assert!(recorded.span.ended_at >= Some(recorded.span.started_at));
    assert_eq!(recorded.span.ms_to_first_chunk, None);
}

#[tokio::test]
async fn an_anthropic_call_counts_its_whole_prompt() {
    let message = json!({"id": "m", "type": "message", "content": [{"type": "text", "text": "hi"}],
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 7,
            "output_tokens": 3}});
    let provider = Provider::json("200 OK", &message.to_string()).await;
    let proxy = Proxy::start(&provider).await;
    let headers =
        format!("x-api-key: k\r\nanthropic-version: 2023-06-01\r\nX-Forward-URL: {}\r\n", provider.url());
    proxy.post("/v1/messages?beta=true", &headers, r#"{"model":"claude-sonnet-4","max_tokens":5}"#).await;
    let seen = provider.only();
    assert_eq!(seen.line, "POST /v1/messages?beta=true HTTP/1.1");
    assert_eq!((seen.header("x-api-key"), seen.header("x-forward-url")), (Some("k"), None));
    assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
    let recorded = proxy.only().await;
    let usage = recorded.call().usage;
    assert_eq!((usage.input_tokens, usage.output_tokens), (Some(117), Some(3)));
    assert_eq!((usage.cached_input_tokens, usage.cache_write_tokens), (Some(100), Some(7)));
}

#[tokio::test]
async fn a_call_costs_what_the_model_that_answered_costs() {
    for (asked, answered) in [("my-prod-deployment", "gpt-4o-2024-08-06"), ("gpt-4o", "gpt-4o-2024-05-13")] {
        let body = COMPLETION.replace("gpt-4o-2024-08-06", answered);
        let provider = Provider::json("200 OK", &body).await;
        let proxy = Proxy::start(&provider).await;
        proxy.post("/v1/chat/completions", "", &CHAT.replace("gpt-4o", asked)).await;
        let recorded = proxy.only().await;
        assert_eq!((recorded.call().model.as_str(), recorded.span.name.as_str()), (asked, asked));
        assert_eq!(recorded.span.attributes[trace::price::ANSWERED_MODEL], answered);
        let cost = Prices::builtin().estimate(answered, &recorded.call().usage, Some("flex"));
        assert!(cost.is_some_and(|cost| cost > 0.0));
        assert_eq!(recorded.call().cost.map(Cost::usd), cost);
    }
}

#[tokio::test]
async fn an_answer_without_a_tier_has_the_one_asked_for_unless_that_is_left_open() {
    let body = COMPLETION.replace(r#","service_tier":"flex""#, "");
    for (asked, tier) in [("flex", Some("flex")), ("auto", None), ("default", None)] {
        let provider = Provider::json("200 OK", &body).await;
        let proxy = Proxy::start(&provider).await;
        let request = format!(r#"{{"model":"gpt-6-sol","service_tier":"{asked}"}}"#);
        proxy.post("/v1/chat/completions", "", &request).await;
        assert_eq!(proxy.only().await.call().service_tier.as_deref(), tier);
    }
}

#[tokio::test]
async fn an_ollama_call_is_recorded_for_ollama() {
    let done = json!({"model": "llama3", "message": {"role": "assistant", "content": "hi"}, "done": true,
        "prompt_eval_count": 5, "eval_count": 2});
    let provider = Provider::json("200 OK", &done.to_string()).await;
    let proxy = Proxy::start(&provider).await;
    let headers = format!("X-Ollama-Base: {}/\r\n", provider.url());
    proxy.post("/api/chat", &headers, r#"{"model":"llama3","stream":false}"#).await;
    let recorded = proxy.only().await;
    assert_eq!(recorded.call().provider.as_deref(), Some("ollama"));
    assert_eq!((recorded.call().usage.total(), recorded.call().cost), (Some(7), None));
    assert_eq!(provider.only().header("x-ollama-base"), None);
}

#[tokio::test]
async fn an_unknown_path_is_a_call_when_its_body_names_a_model() {
    let provider = Provider::json("200 OK", r#"{"usage":{"total_tokens":3,"prompt_tokens":3}}"#).await;
    let proxy = Proxy::start(&provider).await;
    let answer = proxy.post("/v1/rerank", "", r#"{"model":"rank-1"}"#).await;
    let recorded = proxy.only().await;
    assert_eq!(recorded.span.name, "rank-1");
    assert_eq!(answer.header("x-traceway-span-id"), Some(recorded.span.id.as_str()));
}

#[tokio::test]
async fn a_known_path_is_a_call_whatever_its_body() {
    let provider = Provider::json("200 OK", "not json").await;
    let proxy = Proxy::start(&provider).await;
    proxy.post("/v1/embeddings", "", "also not json").await;
    let recorded = proxy.only().await;
    assert_eq!((recorded.span.name.as_str(), recorded.call().model.as_str()), ("unknown", "unknown"));
    assert_eq!(recorded.call().usage, trace::kind::Usage::default());
    assert_eq!((recorded.input, recorded.output), (Some(json!("also not json")), Some(json!("not json"))));
}

#[tokio::test]
async fn other_requests_pass_without_being_recorded() {
    let provider = Provider::json("200 OK", r#"{"data":[]}"#).await;
    let proxy = Proxy::start(&provider).await;
    let get = proxy.send("GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!((get.status, get.text().as_str()), (200, r#"{"data":[]}"#));
    let post = proxy.post("/v1/files", "", r#"{"purpose":"x"}"#).await;
    let form = "--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--b--\r\n";
    let form = format!(
        "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; \
         boundary=b\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let upload = proxy.send(form).await;
    let delete = proxy.send("DELETE /v1/files/1 HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    for answer in [&get, &post, &upload, &delete] {
        assert_eq!((answer.status, answer.header("x-traceway-trace-id")), (200, None));
    }
    assert!(proxy.recorded().await.is_empty());
    let seen = provider.seen();
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[0].body, b"");
    assert_eq!((seen[0].header("content-length"), seen[0].header("transfer-encoding")), (None, None));
}

#[tokio::test]
async fn headers_about_traceway_describe_the_trace_and_stay_here() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let proxy = Proxy::start(&provider).await;
    let answer = proxy
        .post(
            "/v1/chat/completions",
            "X-Traceway-Session-Id:  chat/42 \r\nX-Traceway-Trace-Name: Onboarding\r\nX-Traceway-Tags: a, b,a\r\n\
             X-Traceway-Metadata: {\"user\":{\"id\":7}}\r\nX-Traceway-Api-Key: tw_sk_1\r\ntraceparent: 00-ab\r\n",
            CHAT,
        )
        .await;
    let recorded = proxy.only().await;
    assert_eq!(recorded.trace.session_id.as_deref(), Some("chat/42"));
    assert_eq!(recorded.trace.name.as_deref(), Some("Onboarding"));
    assert_eq!(recorded.trace.tags, ["proxy", "a", "b"]);
    assert_eq!(recorded.trace.metadata["user"]["id"], 7);
    assert_ne!(answer.header("x-traceway-trace-id"), Some("00-ab"));
    let seen = provider.only();
    assert!(seen.headers.iter().all(|(name, _)| !name.starts_with("x-traceway")), "{seen:?}");
    assert_eq!(seen.header("traceparent"), Some("00-ab"));
}

#[tokio::test]
async fn calls_attach_to_a_trace_and_a_parent() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let proxy = Proxy::start(&provider).await;
    let attach = "X-Traceway-Trace-Id: my:trace\r\nX-Traceway-Parent-Id: root\r\n";
    let first = proxy.post("/v1/chat/completions", &format!("{attach}X-Traceway-Tags: a\r\n"), CHAT).await;
    proxy.recorded().await;
    proxy.post("/v1/chat/completions", &format!("{attach}X-Traceway-Tags: b\r\n"), CHAT).await;
    proxy.recorded().await;
    proxy.post("/v1/chat/completions", attach, CHAT).await;
    let recorded = proxy.recorded().await;
    assert_eq!(first.header("x-traceway-trace-id"), Some("my:trace"));
    assert_eq!(recorded.len(), 3);
    for span in &recorded {
        assert_eq!(span.span.trace_id.as_str(), "my:trace");
        assert_eq!(span.span.parent_id.as_ref().unwrap().as_str(), "root");
    }
    assert_eq!(recorded[0].trace.tags, ["proxy", "a", "b"]);
}

#[tokio::test]
async fn ids_nobody_can_have_are_ignored() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let proxy = Proxy::start(&provider).await;
    let answer = proxy
        .post("/v1/chat/completions", "X-Traceway-Trace-Id: no spaces\r\nX-Traceway-Parent-Id: é\r\n", CHAT)
        .await;
    let recorded = proxy.only().await;
    assert_eq!(answer.header("x-traceway-trace-id"), Some(recorded.trace.id.as_str()));
    assert_eq!(recorded.trace.id.as_str().len(), 26);
    assert_eq!(recorded.span.parent_id, None);
}

#[tokio::test]
async fn a_capture_mode_decides_what_text_is_kept() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let proxy = Proxy::with(&provider, |settings| settings.capture = "preview:12".parse().unwrap()).await;
    proxy.post("/v1/chat/completions", "", CHAT).await;
    let preview = proxy.only().await;
    assert_eq!(
        (preview.input, preview.output.clone()),
        (Some(json!(r#"{"model": "g…"#)), Some(json!(r#"{"id":"c","o…"#)))
    );
    assert_eq!(preview.span.kind.llm().unwrap().input_preview.as_deref(), Some(r#"{"model": "g…"#));
    assert_eq!(preview.span.kind.llm().unwrap().output_preview.as_deref(), Some(r#"{"id":"c","o…"#));

    proxy.post("/v1/chat/completions", "X-Traceway-Capture: OFF\r\n", CHAT).await;
    let off = proxy.recorded().await.remove(1);
    assert_eq!((off.input.clone(), off.output.clone()), (None, None));
    assert_eq!((off.call().input_preview.clone(), off.call().output_preview.clone()), (None, None));
    assert_eq!((off.call().model.as_str(), off.call().usage.total()), ("gpt-4o", Some(11)));

    proxy.post("/v1/chat/completions", "X-Traceway-Capture: full\r\n", CHAT).await;
    assert_eq!(proxy.recorded().await.remove(2).input, Some(value(CHAT)));
}

#[tokio::test]
async fn sounds_are_recorded_by_their_size() {
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 4\r\n\r\n".to_vec();
    answer.extend([0xff, 0xfb, 0x00, 0x01]);
    let provider = Provider::saying(answer).await;
    let proxy = Proxy::start(&provider).await;
    let answer = proxy.post("/v1/audio/speech", "", r#"{"model":"tts-1","input":"hi"}"#).await;
    assert_eq!(answer.body, [0xff, 0xfb, 0x00, 0x01]);
    assert_eq!(proxy.only().await.output, Some(json!("<audio/mpeg, 4 bytes>")));
}

#[tokio::test]
async fn a_parent_alone_attaches_the_call_to_its_trace() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let proxy = Proxy::start(&provider).await;
    proxy.post("/v1/chat/completions", "X-Traceway-Trace-Id: mine\r\n", CHAT).await;
    let parent = proxy.only().await.span.id;
    let attach = format!("X-Traceway-Parent-Id: {parent}\r\n");
    let answer = proxy.post("/v1/chat/completions", &attach, CHAT).await;
    assert_eq!(answer.header("x-traceway-trace-id"), Some("mine"));
    let answer = proxy.post("/v1/chat/completions", "X-Traceway-Parent-Id: nobody\r\n", CHAT).await;
    assert_ne!(answer.header("x-traceway-trace-id"), Some("mine"));
    let recorded = proxy.recorded().await;
    assert_eq!((recorded[1].span.parent_id.as_ref(), recorded[1].trace.id.as_str()), (Some(&parent), "mine"));
}

#[tokio::test]
async fn an_answer_that_does_not_wait_to_be_told_of_a_call_is_recorded_all_the_same() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let proxy = Proxy::start(&provider).await;
    // To read so much takes longer than the answer waits.
    let text = r#"{"role":"user","content":"words and words"},"#.repeat(200_000);
    let body = format!(r#"{{"model":"gpt-4o","messages":[{text}{{"role":"user","content":"end"}}]}}"#);
    let answer = proxy.post("/custom/chat", "", &body).await;
    let recorded = proxy.only().await;
    assert_eq!((answer.status, recorded.call().model.as_str()), (200, "gpt-4o"));
    assert!(recorded.output.is_some());
}
