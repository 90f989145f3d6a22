//! The server under test on a data folder that outlives it.

use std::path::Path;
use std::time::Duration;

use conformance::mount::LocalServer;
use serde_json::{Value, json};

/// Starts the server on `data`, sending proxied calls to `provider`.
pub(crate) fn start(data: &Path, provider: &str, env: &[(&str, &str)]) -> LocalServer {
    let mut all = vec![
        ("TRACEWAY_DATA_DIR".to_owned(), data.to_str().unwrap().to_owned()),
        ("TRACEWAY_PROXY_TARGET".to_owned(), provider.to_owned()),
    ];
    all.extend(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    LocalServer::start(&all, &[]).unwrap()
}

/// A client that gives up rather than hang.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_mins(1)).build().unwrap()
}

/// A completed span of its own trace, as `/api/ingest` takes it.
pub(crate) fn entry(id: &str, text: &str) -> Value {
    json!({ "spans": [{ "id": id, "trace_id": format!("t-{id}"), "name": "work", "status": "completed",
        "input": text, "output": "done" }] })
}

/// Sends one span and returns the status.
pub(crate) async fn ingest(
    client: &reqwest::Client,
    api: &str,
    id: &str,
    text: &str,
) -> reqwest::Result<u16> {
    let answer = client.post(format!("{api}/api/ingest")).json(&entry(id, text)).send().await?;
    let status = answer.status().as_u16();
    answer.bytes().await?;
    Ok(status)
}

/// Makes one call through the proxy and returns its status and the id of its span.
pub(crate) async fn call(client: &reqwest::Client, proxy: &str) -> reqwest::Result<(u16, Option<String>)> {
    let body = json!({ "model": "gpt-4o-mini", "messages": [{ "role": "user", "content": "hello" }] });
    let answer =
        client.post(format!("{proxy}/v1/chat/completions")).bearer_auth("sk-test").json(&body).send().await?;
    let status = answer.status().as_u16();
    let id = answer.headers().get("x-traceway-span-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    answer.bytes().await?;
    Ok((status, id))
}

/// Returns the status of a GET.
pub(crate) async fn status(client: &reqwest::Client, url: &str) -> u16 {
    client.get(url).send().await.unwrap().status().as_u16()
}

/// Memory the server holds, in MiB.
pub(crate) fn resident(server: &LocalServer) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process_id())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Fails the test if the server has panicked.
pub(crate) fn assert_no_panic(server: &LocalServer) {
    let log = server.log();
    assert!(!log.contains("panicked"), "the server panicked:\n{log}");
}
