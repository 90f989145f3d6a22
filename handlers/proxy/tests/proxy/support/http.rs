//! HTTP/1.1 by hand, so that tests see every byte.

use std::future::Future;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it reached the provider.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Method, target and version.
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A connection, read and written by hand.
pub struct Conn {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Conn {
    pub async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Writes one chunk of a chunked body.
    pub async fn chunk(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
        framed.extend_from_slice(bytes);
        framed.extend_from_slice(b"\r\n");
        self.write(framed).await;
    }

    /// Waits until the other side has closed the connection.
    pub async fn closed(&mut self) {
        let mut piece = [0; 1024];
        while !matches!(self.stream.read(&mut piece).await, Ok(0) | Err(_)) {}
    }

    /// Reads what comes next, as it comes; empty at the end.
    pub async fn piece(&mut self) -> Vec<u8> {
        if !self.buffer.is_empty() {
            return std::mem::take(&mut self.buffer);
        }
        let mut piece = vec![0; 64 * 1024];
        let read = self.stream.read(&mut piece).await.unwrap_or(0);
        piece.truncate(read);
        piece
    }

    async fn more(&mut self) -> bool {
        let mut piece = vec![0; 64 * 1024];
        let read = self.stream.read(&mut piece).await.unwrap_or(0);
        self.buffer.extend_from_slice(&piece[..read]);
        read > 0
    }

    /// Reads up to and with `mark`, or `None` when the connection ends before.
    async fn until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(mark.len()).position(|window| window == mark) {
                let rest = self.buffer.split_off(at + mark.len());
                return Some(std::mem::replace(&mut self.buffer, rest));
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            if !self.more().await {
                return None;
            }
        }
        let rest = self.buffer.split_off(length);
        Some(std::mem::replace(&mut self.buffer, rest))
    }

    /// Reads the head of a message: its first line and headers.
    pub async fn head(&mut self) -> Option<(String, Vec<(String, String)>)> {
        let head = self.until(b"\r\n\r\n").await?;
        let text = String::from_utf8_lossy(&head).into_owned();
        let mut lines = text.trim_end().split("\r\n");
        let first = lines.next()?.to_owned();
        let pair = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_owned(), value.trim_start().to_owned())
        };
        Some((first, lines.map(pair).collect()))
    }

    /// Reads a body by its headers; the chunks of a chunked one are kept apart. `false` when it broke off.
    async fn body(&mut self, headers: &[(String, String)], has_body: bool) -> (Vec<Vec<u8>>, bool) {
        let header =
            |name: &str| headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v);
        if header("transfer-encoding").is_some_and(|value| value == "chunked") {
            let mut chunks = Vec::new();
            loop {
                let Some(line) = self.until(b"\r\n").await else { return (chunks, false) };
                let size = usize::from_str_radix(String::from_utf8(line).unwrap().trim(), 16).unwrap();
                let Some(mut chunk) = self.exactly(size + 2).await else { return (chunks, false) };
                chunk.truncate(size);
                if size == 0 {
                    return (chunks, true);
                }
                chunks.push(chunk);
            }
        }
        match header("content-length").map(|length| length.parse::<usize>().unwrap()) {
            Some(length) if has_body => match self.exactly(length).await {
                Some(body) => (vec![body], true),
                None => (vec![std::mem::take(&mut self.buffer)], false),
            },
            None if has_body => {
                while self.more().await {}
                (vec![std::mem::take(&mut self.buffer)], true)
            }
            _ => (Vec::new(), true),
        }
    }

    /// Reads a whole request.
    pub async fn request(&mut self) -> Option<Seen> {
        let (line, headers) = self.head().await?;
        let has_body =
            headers.iter().any(|(name, _)| name == "content-length" || name == "transfer-encoding");
        let (chunks, complete) = self.body(&headers, has_body).await;
        complete.then(|| Seen { line, headers, body: chunks.concat() })
    }

    /// Reads a whole answer.
    pub async fn answer(&mut self) -> Answer {
        let (line, headers) = self.head().await.expect("an answer");
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let (chunks, complete) = self.body(&headers, status != 204).await;
        Answer { line, status, headers, body: chunks.concat(), chunks, complete }
    }
}

/// An answer as it reached the client.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Version, status and reason.
    pub line: String,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub chunks: Vec<Vec<u8>>,
    /// Whether the body came to its end.
    pub complete: bool,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Sends one raw request and reads the answer.
pub async fn exchange(address: &str, request: &[u8]) -> Answer {
    let mut conn = Conn::open(address).await;
    conn.write(request).await;
    conn.answer().await
}

/// A provider that answers each request as its script says.
pub struct Provider {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Provider {
    /// Starts a provider. The script gets each request and its connection, which is closed when it returns.
    pub async fn start<F, R>(script: F) -> Self
    where
        F: Fn(Seen, Conn) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (script, log) = (Arc::new(script), seen.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let (script, log) = (script.clone(), log.clone());
                tokio::spawn(async move {
                    let mut conn = Conn { stream, buffer: Vec::new() };
                    if let Some(request) = conn.request().await {
                        log.lock().unwrap().push(request.clone());
                        script(request, conn).await;
                    }
                });
            }
        });
        Self { address, seen }
    }

    /// Starts a provider that answers everything with the same raw bytes.
    pub async fn saying(answer: impl AsRef<[u8]>) -> Self {
        let answer = Arc::new(answer.as_ref().to_vec());
        Self::start(move |_, mut conn| {
            let answer = answer.clone();
            async move { conn.write(&*answer).await }
        })
        .await
    }

    /// Starts a provider that answers everything with the same JSON.
    pub async fn json(status: &str, body: &str) -> Self {
        let length = body.len();
        Self::saying(format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             date: Tue, 01 Jan 2030 00:00:00 GMT\r\n\r\n{body}"
        ))
        .await
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }
}
