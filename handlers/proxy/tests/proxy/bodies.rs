//! Large, compressed and chunked bodies.

use std::io::Write;

use serde_json::json;
use trace::span::SpanStatus;

use crate::calls::COMPLETION;
use crate::support::{Conn, Provider, Proxy};

#[tokio::test]
async fn a_large_body_passes_whole_and_is_recorded_whole() {
    let text = "x".repeat(8 * 1024 * 1024);
    let answer_body = json!({"object": "chat.completion", "text": text}).to_string();
    let provider = Provider::json("200 OK", &answer_body).await;
    let proxy = Proxy::start(&provider).await;
    let body = json!({"model": "m", "text": text}).to_string();
    let answer = proxy.post("/v1/chat/completions", "", &body).await;
    assert!(answer.body == answer_body.as_bytes() && provider.only().body == body.as_bytes());
    let recorded = proxy.only().await;
    assert!(recorded.input.unwrap()["text"] == text && recorded.output.unwrap()["text"] == text);
}

#[tokio::test]
async fn a_chunked_request_stays_chunked() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let proxy = Proxy::start(&provider).await;
    let mut client = Conn::open(&proxy.address).await;
    client
        .write("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    client.chunk(r#"{"model":"#).await;
    tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    client.chunk(r#""m"}"#).await;
    client.chunk("").await;
    assert_eq!(client.answer().await.status, 200);
    let seen = provider.only();
    assert_eq!(
        (seen.body, seen.headers.iter().any(|(name, _)| name == "content-length")),
        (br#"{"model":"m"}"#.to_vec(), false)
    );
    assert_eq!(proxy.only().await.input, Some(json!({"model": "m"})));
}

#[tokio::test]
async fn a_compressed_answer_passes_as_it_is_and_is_recorded_decoded() {
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(COMPLETION.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let mut br = Vec::new();
    brotli::CompressorWriter::new(&mut br, 4096, 5, 20).write_all(COMPLETION.as_bytes()).unwrap();
    let zstd = zstd::encode_all(COMPLETION.as_bytes(), 3).unwrap();
    for (encoding, packed) in [("gzip", gzip), ("br", br), ("zstd", zstd)] {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n",
            packed.len()
        );
        let provider = Provider::saying([head.as_bytes(), &packed].concat()).await;
        let proxy = Proxy::start(&provider).await;
        let answer = proxy
            .post("/v1/chat/completions", "accept-encoding: gzip, br, zstd\r\n", r#"{"model":"m"}"#)
            .await;
        assert_eq!(
            (answer.body.as_slice(), answer.header("content-encoding")),
            (packed.as_slice(), Some(encoding))
        );
        assert_eq!(provider.only().header("accept-encoding"), Some("gzip, br, zstd"));
        let recorded = proxy.only().await;
        assert_eq!(recorded.output, Some(serde_json::from_str(COMPLETION).unwrap()), "{encoding}");
        assert_eq!(recorded.call().usage.total(), Some(11));
    }
}

#[tokio::test]
async fn a_body_that_is_not_encoded_as_it_says_is_recorded_as_it_came() {
    let page = "<html>Bad gateway</html>";
    let lossy = String::from_utf8_lossy(b"\xff\xfe\x1f").into_owned();
    for (encoding, body, output) in [
        ("gzip", COMPLETION.as_bytes(), serde_json::from_str(COMPLETION).unwrap()),
        ("br", COMPLETION.as_bytes(), serde_json::from_str(COMPLETION).unwrap()),
        ("x-own", COMPLETION.as_bytes(), serde_json::from_str(COMPLETION).unwrap()),
        ("gzip", page.as_bytes(), json!(page)),
        ("x-own", b"\xff\xfe\x1f", json!(lossy)),
    ] {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let provider = Provider::saying([head.as_bytes(), body].concat()).await;
        let proxy = Proxy::start(&provider).await;
        assert_eq!(proxy.post("/v1/chat/completions", "", r#"{"model":"m"}"#).await.body, body);
        let recorded = proxy.only().await;
        assert_eq!(recorded.output, Some(output), "{encoding}");
        assert_eq!(recorded.span.status, SpanStatus::Completed);
    }
}

#[tokio::test]
async fn a_compressed_request_is_recorded_decoded() {
    let provider = Provider::json("200 OK", COMPLETION).await;
    let proxy = Proxy::start(&provider).await;
    let packed = zstd::encode_all(&br#"{"model":"packed"}"#[..], 3).unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-encoding: zstd\r\ncontent-length: {}\r\n\r\n",
        packed.len()
    );
    proxy.send([head.as_bytes(), &packed].concat()).await;
    assert_eq!(provider.only().body, packed);
    assert_eq!(proxy.only().await.call().model, "packed");
}

#[tokio::test]
async fn a_bomb_passes_and_is_recorded_without_its_text() {
    let packed = zstd::encode_all(&vec![b' '; 50_000_000][..], 3).unwrap();
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-encoding: zstd\r\ncontent-length: {}\r\n\r\n", packed.len());
    let provider = Provider::saying([head.as_bytes(), &packed].concat()).await;
    let proxy = Proxy::with(&provider, |settings| settings.max_body = 1024 * 1024).await;
    let answer = proxy.post("/v1/chat/completions", "", r#"{"model":"m"}"#).await;
    assert_eq!(answer.body, packed);
    let recorded = proxy.only().await;
    assert_eq!((recorded.output, recorded.span.status), (None, SpanStatus::Completed));
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_refused() {
    let provider = Provider::json("200 OK", "{}").await;
    let proxy = Proxy::with(&provider, |settings| settings.max_body = 1000).await;
    let answer = proxy.post("/v1/chat/completions", "", &"x".repeat(1001)).await;
    assert_eq!((answer.status, &answer.json()["code"]), (413, &json!("payload_too_large")));
    let asking = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 99999999\r\n\r\n";
    assert_eq!(proxy.send(asking).await.status, 413);
    assert!(provider.seen().is_empty() && proxy.recorded().await.is_empty());
    assert_eq!(proxy.post("/v1/chat/completions", "", &"x".repeat(1000)).await.status, 200);
}

#[tokio::test]
async fn a_body_that_grows_too_large_is_refused() {
    let provider = Provider::json("200 OK", "{}").await;
    let proxy = Proxy::with(&provider, |settings| settings.max_body = 100_000).await;
    let mut client = Conn::open(&proxy.address).await;
    client
        .write("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    for _ in 0..15 {
        client.chunk(vec![b'x'; 10_000]).await;
    }
    client.chunk("").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, &answer.json()["code"]), (413, &json!("payload_too_large")));
    assert!(proxy.recorded().await.is_empty());
    assert!(provider.seen().is_empty());
}
