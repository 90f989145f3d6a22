//! How the server stops: in time, with what it knows written, and at once when told so twice.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use adapter_sqlite::{Options, SqliteStore};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use trace::filter::{Filter, ListQuery, SortBy, SortOrder};
use trace::id::Scope;
use trace::ports::{PayloadStore, SpanKey, SpanStore};
use trace::span::Span;

const BODY: &str = r#"{"model":"m","stream":true,"messages":[]}"#;

/// A provider that begins an answer and never ends it.
async fn endless_provider() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = vec![0; 4096];
                assert!(stream.read(&mut request).await.unwrap() > 0);
                let event = r#"data: {"object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"Hel"}}]}"#;
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
                let answer = format!("{head}{:x}\r\n{event}\n\n\r\n", event.len() + 2);
                stream.write_all(answer.as_bytes()).await.unwrap();
                while stream.read(&mut request).await.is_ok_and(|read| read > 0) {}
            });
        }
    });
    url
}

/// A running server.
struct Server {
    child: Child,
    api: String,
    proxy: String,
}

impl Server {
    async fn start(folder: &Path, target: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_traceway"))
            .args([
                "serve",
                "--api-addr",
                "127.0.0.1:0",
                "--proxy-addr",
                "127.0.0.1:0",
                "--log-format",
                "json",
            ])
            .args(["--target-url", target, "--config", "/nonexistent/config.toml", "--data-dir"])
            .arg(folder)
            .current_dir(folder)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let ready = loop {
            let line: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
            if line["message"] == "ready" {
                break line;
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let url = |name: &str| ready[name].as_str().unwrap().to_owned();
        Self { child, api: url("api.url"), proxy: url("proxy.url") }
    }

    /// Starts a call and returns its answer once that has begun to come in.
    async fn call(&self) -> reqwest::Response {
        let request = reqwest::Client::new().post(format!("{}/v1/chat/completions", self.proxy)).body(BODY);
        let mut answer = request.header("content-type", "application/json").send().await.unwrap();
        assert!(answer.chunk().await.unwrap().unwrap().ends_with(b"\n\n"));
        answer
    }

    /// Waits until the spans have these statuses, the newest first.
    async fn await_statuses(&self, wanted: &[Value]) {
        let url = format!("{}/api/spans", self.api);
        let mut statuses: Vec<Value> = Vec::new();
        for _ in 0..100 {
            let page: Value = reqwest::get(&url).await.unwrap().json().await.unwrap();
            statuses = page["spans"].as_array().unwrap().iter().map(|span| span["status"].clone()).collect();
            if statuses == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(statuses, wanted);
    }

    async fn terminate(&self) {
        let pid = self.child.id().unwrap().to_string();
        let sent = Command::new("sh").args(["-c", &format!("kill -TERM {pid}")]).status().await.unwrap();
        assert!(sent.success());
    }

    /// Waits for the end and returns the exit code.
    async fn end(&mut self) -> Option<i32> {
        let ended = tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await;
        ended.expect("the server ends").unwrap().code()
    }
}

async fn spans(store: &SqliteStore) -> Vec<Span> {
    let (sort_by, sort_order) = (SortBy::StartedAt, SortOrder::Desc);
    let query = ListQuery { filter: Filter::default(), sort_by, sort_order, after: None, limit: 100 };
    store.list(&Scope::LOCAL, &query).await.unwrap().items
}

#[tokio::test(flavor = "multi_thread")]
async fn open_streams_hold_a_stop_up_for_no_more_than_ten_seconds_and_are_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), &endless_provider().await).await;
    let mut call = server.call().await;
    let _events = reqwest::get(format!("{}/api/events", server.api)).await.unwrap();
    let start = Instant::now();
    server.terminate().await;
    assert!(call.chunk().await.is_err(), "the client sees that its answer broke off");
    assert_eq!(server.end().await, Some(0));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());

    let path = folder.path().join("traceway.db");
    let store = SqliteStore::open(&path, Options::default()).await.unwrap();
    let spans = spans(&store).await;
    assert_eq!(spans.len(), 1);
    assert_eq!(spans[0].status.error(), Some("server stopped"));
    let key = SpanKey { trace_id: spans[0].trace_id.clone(), span_id: spans[0].id.clone() };
    let payload = store.load(&Scope::LOCAL, &[key]).await.unwrap().remove(0);
    assert!(payload.output.unwrap().as_str().contains("Hel"));
    assert_eq!(payload.input.unwrap().as_str(), BODY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_at_once_and_the_next_start_fails_what_was_left_running() {
    let folder = tempfile::tempdir().unwrap();
    let target = endless_provider().await;
    let mut server = Server::start(folder.path(), &target).await;
    let _call = server.call().await;
    // The start of the call is recorded beside its bytes.
    server.await_statuses(&[Value::from("running")]).await;
    let start = Instant::now();
    server.terminate().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.terminate().await;
    assert_eq!(server.end().await, Some(143));
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());

    let mut server = Server::start(folder.path(), &target).await;
    let _own = server.call().await;
    let interrupted = serde_json::json!({"failed": {"error": "interrupted"}});
    server.await_statuses(&[Value::from("running"), interrupted]).await;
    server.terminate().await;
    server.terminate().await;
    server.end().await;
}
