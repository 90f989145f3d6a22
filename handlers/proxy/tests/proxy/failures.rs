//! Calls that fail are told to the client as they are, and recorded.

use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;

use crate::calls::CHAT;
use crate::support::{Conn, Provider, Proxy};
use proxy::Settings;

#[tokio::test]
async fn an_error_of_the_provider_passes_and_fails_the_span() {
    let body = r#"{"error":{"message":"Rate limit reached","type":"tokens","code":"rate_limit_exceeded"}}"#;
    let provider = Provider::saying(format!(
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))
    .await;
    let proxy = Proxy::start(&provider).await;
    let answer = proxy.post("/v1/chat/completions", "", CHAT).await;
    assert_eq!((answer.status, answer.text().as_str(), answer.header("retry-after")), (429, body, Some("7")));
    let recorded = proxy.only().await;
    assert_eq!(recorded.error(), "HTTP 429: Rate limit reached");
    assert_eq!(recorded.output, Some(serde_json::from_str(body).unwrap()));
    assert!(recorded.input.is_some());
}

#[tokio::test]
async fn a_response_that_says_it_failed_fails_the_span_though_it_came_well() {
    let body = r#"{"id":"r","object":"response","status":"failed","model":"gpt-4o","output":[],"error":{"code":"server_error","message":"no luck"},"usage":{"input_tokens":7,"output_tokens":0}}"#;
    let provider = Provider::json("200 OK", body).await;
    let proxy = Proxy::start(&provider).await;
    assert_eq!(proxy.post("/v1/responses", "", r#"{"model":"gpt-4o","input":"hi"}"#).await.status, 200);
    let recorded = proxy.only().await;
    assert_eq!((recorded.error(), recorded.call().usage.input_tokens), ("no luck", Some(7)));
    assert_eq!(recorded.output, Some(serde_json::from_str(body).unwrap()));
}

#[tokio::test]
async fn an_error_page_gives_its_first_200_characters() {
    let page = "x".repeat(500);
    let provider = Provider::json("503 Service Unavailable", &page).await;
    let proxy = Proxy::start(&provider).await;
    assert_eq!(proxy.post("/v1/chat/completions", "X-Traceway-Capture: off\r\n", CHAT).await.status, 503);
    let recorded = proxy.only().await;
    assert_eq!(recorded.error(), format!("HTTP 503: {}", "x".repeat(200)));
    assert_eq!(recorded.output, None);
}

#[tokio::test]
async fn a_redirect_is_relayed_not_followed() {
    let provider = Provider::saying(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/elsewhere\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let proxy = Proxy::start(&provider).await;
    let answer = proxy.post("/v1/chat/completions", "", CHAT).await;
    assert_eq!((answer.status, answer.header("location")), (307, Some("http://127.0.0.1:1/elsewhere")));
    assert_eq!(provider.seen().len(), 1);
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_a_bad_gateway() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let settings =
        Settings { target: Some(format!("http://{free}").parse().unwrap()), ..Settings::default() };
    let proxy = Proxy::with_deps(settings, |_| {}).await;
    let answer = proxy.post("/v1/chat/completions", "", CHAT).await;
    assert_eq!((answer.status, &answer.json()["code"]), (502, &json!("bad_gateway")));
    let recorded = proxy.only().await;
    assert_eq!(answer.header("x-traceway-span-id"), Some(recorded.span.id.as_str()));
    assert_eq!(answer.header("x-traceway-trace-id"), Some(recorded.trace.id.as_str()));
    assert!(recorded.error().contains("refused"), "{}", recorded.error());
    assert_eq!(recorded.input, Some(serde_json::from_str(CHAT).unwrap()));
    assert_eq!(recorded.span.name, "gpt-4o");
}

#[tokio::test]
async fn a_host_that_has_no_address_is_a_bad_gateway() {
    let settings =
        Settings { target: Some("http://nowhere.invalid".parse().unwrap()), ..Settings::default() };
    let proxy = Proxy::with_deps(settings, |_| {}).await;
    assert_eq!(proxy.post("/v1/chat/completions", "", CHAT).await.status, 502);
    assert!(proxy.only().await.error().contains("dns"), "{}", proxy.only().await.error());
}

#[tokio::test]
async fn a_provider_without_tls_where_tls_is_asked_for_is_a_bad_gateway() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let answering = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 200]).await.unwrap();
        let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.unwrap();
        stream
    });
    let proxy = Proxy::start(&Provider::json("200 OK", "{}").await).await;
    let answer = proxy.post("/v1/chat/completions", &format!("X-Forward-URL: {url}\r\n"), CHAT).await;
    drop(answering.await.unwrap());
    assert_eq!(answer.status, 502);
    assert!(proxy.only().await.span.status.error().is_some());
}

#[tokio::test]
async fn a_provider_that_hangs_up_without_an_answer_is_a_bad_gateway() {
    let provider = Provider::start(|_, _| async {}).await;
    let proxy = Proxy::start(&provider).await;
    assert_eq!(proxy.post("/v1/chat/completions", "", CHAT).await.status, 502);
    let recorded = proxy.only().await;
    assert!(recorded.span.status.error().is_some());
    assert_eq!(provider.seen().len(), 1, "calls are not repeated");
}

#[tokio::test]
async fn a_provider_that_never_begins_to_answer_times_out() {
    let provider = Provider::start(|_, mut conn| async move { conn.closed().await }).await;
    let proxy = Proxy::with(&provider, |settings| settings.header_timeout = Duration::from_millis(100)).await;
    let answer = proxy.post("/v1/chat/completions", "", CHAT).await;
    assert_eq!((answer.status, &answer.json()["code"]), (502, &json!("bad_gateway")));
    assert_eq!(proxy.only().await.error(), "timeout");
}

#[tokio::test]
async fn a_client_that_breaks_off_its_request_leaves_nothing() {
    let provider = Provider::json("200 OK", "{}").await;
    let proxy = Proxy::start(&provider).await;
    let mut client = Conn::open(&proxy.address).await;
    client
        .write(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{\"model\":",
        )
        .await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(client);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(proxy.recorded().await.is_empty());
    assert!(provider.seen().is_empty());
}

#[tokio::test]
async fn garbage_for_a_chunked_body_is_a_bad_request() {
    let provider = Provider::json("200 OK", "{}").await;
    let proxy = Proxy::start(&provider).await;
    let mut client = Conn::open(&proxy.address).await;
    client
        .write("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"mod\r\nZZ\r\n")
        .await;
    let answer = client.answer().await;
    assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("invalid_request")));
    assert!(proxy.recorded().await.is_empty());
}

#[tokio::test]
async fn an_answer_that_comes_before_the_request_is_read_passes_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut some = [0; 200];
        tokio::io::AsyncReadExt::read(&mut stream, &mut some).await.unwrap();
        let body = r#"{"error":"too big"}"#;
        let answer =
            format!("HTTP/1.1 413 Payload Too Large\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
    });
    let settings =
        Settings { target: Some(format!("http://{address}").parse().unwrap()), ..Settings::default() };
    let proxy = Proxy::with_deps(settings, |_| {}).await;
    let mut client = Conn::open(&proxy.address).await;
    client
        .write(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000\r\n\r\n{\"a\":",
        )
        .await;
    let answer = tokio::time::timeout(Duration::from_secs(3), client.answer()).await.expect("at once");
    assert_eq!((answer.status, answer.text().as_str()), (413, r#"{"error":"too big"}"#));
    drop(client);
    let recorded = proxy.only().await;
    assert_eq!(recorded.error(), "HTTP 413: too big");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_before_a_stream_broke_reaches_the_client() {
    let data: Vec<String> = (0..5).map(|n| format!("data: {{\"n\":{n}}}\n\n")).collect();
    let whole = data.concat();
    let provider = Provider::start(move |_, mut conn| {
        let data = data.clone();
        async move {
            conn.write(
                "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
            )
            .await;
            for data in &data {
                conn.chunk(data).await;
            }
        }
    })
    .await;
    let proxy = Proxy::start(&provider).await;
    for path in ["/v1/chat/completions", "/v1/files"] {
        for _ in 0..100 {
            assert_eq!(proxy.post(path, "", CHAT).await.text(), whole, "{path}");
        }
    }
}
