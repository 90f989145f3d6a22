//! A connection that is kept, with as little work per call as possible: a hundred thousand are made.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a stream of events is listened to.
const LISTEN: Duration = Duration::from_millis(50);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A connection to one replica, opened when it is needed.
pub(super) struct Wire {
    address: String,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Wire {
    pub(super) fn new(address: &str) -> Self {
        Self { address: address.to_owned(), stream: None, buffer: Vec::new() }
    }

    /// Sends a request and returns the status with everything else of the answer: head and body.
    pub(super) async fn call(&mut self, request: &[u8]) -> (u16, String) {
        // The server may have closed a connection that was kept.
        for _ in 0..3 {
            let exchange = timeout(PATIENCE, self.exchange(request));
            match exchange.await.expect("an answer comes in time") {
                Some(answer) => return answer,
                None => self.stream = None,
            }
        }
        panic!("{} answers nothing to {}", self.address, String::from_utf8_lossy(request))
    }

    async fn exchange(&mut self, request: &[u8]) -> Option<(u16, String)> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.address).await.ok()?;
            stream.set_nodelay(true).ok()?;
            self.stream = Some(stream);
        }
        self.buffer.clear();
        self.stream.as_mut()?.write_all(request).await.ok()?;
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
        let status: u16 = head.get(9..12)?.parse().ok()?;
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let mut answer = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let is_stream = field("content-type:").is_some_and(|kind| kind.starts_with("text/event-stream"));
        let body = if is_stream {
            let _ = timeout(LISTEN, async { while self.more().await.is_some() {} }).await;
            self.stream = None;
            self.buffer.split_off(end)
        } else if field("transfer-encoding:").is_some_and(|coding| coding.contains("chunked")) {
            self.chunks(end).await?
        } else {
            let length: usize = field("content-length:").map_or(Some(0), |length| length.parse().ok())?;
            while self.buffer.len() < end + length {
                self.more().await?;
            }
            self.buffer.split_off(end)
        };
        answer.push_str(&String::from_utf8_lossy(&body));
        if field("connection:") == Some("close") {
            self.stream = None;
        }
        Some((status, answer))
    }

    async fn chunks(&mut self, mut at: usize) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(end) = find(&self.buffer[at..], b"\r\n") {
                    break at + end;
                }
                self.more().await?;
            };
            let size =
                usize::from_str_radix(std::str::from_utf8(&self.buffer[at..end]).ok()?.trim(), 16).ok()?;
            at = end + 2;
            while self.buffer.len() < at + size + 2 {
                self.more().await?;
            }
            body.extend_from_slice(&self.buffer[at..at + size]);
            at += size + 2;
            if size == 0 {
                return Some(body);
            }
        }
    }

    async fn more(&mut self) -> Option<()> {
        let read = self.stream.as_mut()?.read_buf(&mut self.buffer).await.ok()?;
        (read > 0).then_some(())
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
