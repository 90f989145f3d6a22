//! A provider that does exactly what a case says, byte for byte.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// What an upstream does, one after the other, once it has read a request.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Writes these bytes.
    Send(Bytes),
    /// Waits.
    Pause(Duration),
    /// Waits until the case lets it go on.
    Gate,
    /// Sends nothing more and waits until the other side leaves.
    Hold,
    /// Resets the connection.
    Reset,
}

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub(super) struct Received {
    /// Method, target and version.
    pub(super) line: String,
    /// Header fields in their order, names in lower case.
    pub(super) headers: Vec<(String, String)>,
    /// The body, without its framing.
    pub(super) body: Vec<u8>,
}

impl Received {
    /// Returns the values of a header field.
    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        let wanted = |(field, value): &'_ (String, String)| (field == name).then_some(value.len());
        self.headers.iter().filter(|field| wanted(field).is_some()).map(|(_, value)| value.as_str()).collect()
    }

    /// Returns the request's target: path and query.
    pub(super) fn target(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// Plays its steps for each request. It stops when it is dropped.
pub(super) struct Upstream {
    /// Base URL, without a trailing slash.
    pub(super) url: String,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

struct State {
    steps: Vec<Step>,
    gate: Semaphore,
    received: Mutex<Vec<Received>>,
    was_left: AtomicBool,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    /// Starts an upstream that plays these steps.
    pub(super) async fn playing(steps: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound port"));
        let state = Arc::new(State {
            steps,
            gate: Semaphore::new(0),
            received: Mutex::default(),
            was_left: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { url, state, task }
    }

    /// Starts an upstream that answers with this head (status and fields, no length) and body.
    pub(super) async fn answering(head: &str, body: impl Into<Bytes>) -> Self {
        Self::playing(whole(head, body)).await
    }

    /// Starts an upstream that answers with JSON.
    pub(super) async fn json(status: u16, body: &Value) -> Self {
        Self::answering(&format!("{status} Said\r\ncontent-type: application/json"), body.to_string()).await
    }

    /// Starts an upstream that streams these pieces under a content type.
    pub(super) async fn streaming(content_type: &str, pieces: &[&str]) -> Self {
        let mut steps = vec![head(content_type)];
        steps.extend(pieces.iter().map(|piece| chunk(piece)));
        steps.push(last_chunk());
        Self::playing(steps).await
    }

    /// Returns the requests so far.
    pub(super) fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the only request.
    #[track_caller]
    pub(super) fn only(&self) -> Received {
        let mut received = self.received();
        assert_eq!(received.len(), 1, "the upstream was asked {} times", received.len());
        received.remove(0)
    }

    /// Lets the upstream pass one gate.
    pub(super) fn go_on(&self) {
        self.state.gate.add_permits(1);
    }

    /// Returns whether the other side left while the upstream held the connection.
    pub(super) fn was_left(&self) -> bool {
        self.state.was_left.load(Ordering::Relaxed)
    }
}

/// The steps of an answer with a length.
pub(super) fn whole(head: &str, body: impl Into<Bytes>) -> Vec<Step> {
    let body = body.into();
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    vec![Step::Send(head.into()), Step::Send(body)]
}

/// The head of a stream.
pub(super) fn head(content_type: &str) -> Step {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    );
    Step::Send(head.into())
}

/// A piece of a stream.
pub(super) fn chunk(piece: &str) -> Step {
    Step::Send(format!("{:x}\r\n{piece}\r\n", piece.len()).into())
}

/// The end of a stream.
pub(super) fn last_chunk() -> Step {
    Step::Send(Bytes::from_static(b"0\r\n\r\n"))
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let Some(received) = read_request(&mut stream).await else { return };
    state.received.lock().unwrap_or_else(PoisonError::into_inner).push(received);
    for step in &state.steps {
        match step {
            Step::Send(bytes) => {
                if stream.write_all(bytes).await.is_err() {
                    state.was_left.store(true, Ordering::Relaxed);
                    return;
                }
            }
            Step::Pause(time) => tokio::time::sleep(*time).await,
            Step::Gate => {
                if let Ok(permit) = state.gate.acquire().await {
                    permit.forget();
                }
            }
            Step::Hold => {
                let mut rest = [0; 64];
                while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
                state.was_left.store(true, Ordering::Relaxed);
                return;
            }
            Step::Reset => {
                // Gives what was sent so far time to leave; without lingering the close is a reset.
                tokio::time::sleep(Duration::from_millis(30)).await;
                let _ = socket_without_linger(&stream);
                return;
            }
        }
    }
    let _ = stream.shutdown().await;
    let mut rest = [0; 64];
    while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
}

fn socket_without_linger(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_zero_linger()
}

async fn read_request(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        read_more(stream, &mut bytes).await?;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|field| field.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let field = |name: &str| headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let mut rest = bytes.split_off(end + 4);
    let body = if field("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        read_chunks(stream, rest).await?
    } else {
        let length: usize = field("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        while rest.len() < length {
            read_more(stream, &mut rest).await?;
        }
        rest.truncate(length);
        rest
    };
    Some(Received { line, headers, body })
}

async fn read_chunks(stream: &mut TcpStream, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
                break end;
            }
            read_more(stream, &mut bytes).await?;
        };
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).ok()?.trim(), 16).ok()?;
        while bytes.len() < end + 2 + size + 2 {
            read_more(stream, &mut bytes).await?;
        }
        body.extend_from_slice(&bytes[end + 2..end + 2 + size]);
        bytes.drain(..end + 2 + size + 2);
        if size == 0 {
            return Some(body);
        }
    }
}

async fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    stream.read_buf(bytes).await.ok().filter(|read| *read > 0).map(|_| ())
}
