//! How an answer gets to the client: at once or in pieces, late, compressed, broken, as the switches say.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::Stream;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::Switches;
use super::answer::{Answer, Content};

/// Sends an answer to a client that has sent `asked`.
pub(super) fn send(answer: Answer, switches: &Switches, asked: &HeaderMap) -> Response {
    let encoding = Encoding::agreed(switches, asked);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    if let Ok(id) = HeaderValue::from_str(&answer.id) {
        headers.insert("x-request-id", id.clone());
        headers.insert("request-id", id);
    }
    for (name, value) in answer.headers {
        headers.insert(*name, HeaderValue::from_static(value));
    }
    if answer.status == StatusCode::TOO_MANY_REQUESTS {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    if let Some(name) = encoding.name() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    *response.body_mut() = match answer.body {
        Content::Whole(bytes) => whole(bytes, switches, encoding, response.headers_mut()),
        Content::Frames(frames) => {
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
            Body::from_stream(streamed(frames, switches.clone(), encoding))
        }
    };
    response
}

fn whole(bytes: Bytes, switches: &Switches, encoding: Encoding, headers: &mut HeaderMap) -> Body {
    let mut encoder = Encoder::new(encoding);
    let part = encoder.part(bytes);
    let bytes = encoder.last(part);
    if switches.break_after.is_none() && switches.truncate_after.is_none() {
        return Body::from(bytes);
    }
    // Promises more than comes.
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let half = bytes.slice(..bytes.len() / 2);
    Body::from_stream(async_stream::stream! {
        yield Ok(half);
        tokio::time::sleep(Duration::from_millis(20)).await;
        yield Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    })
}

fn streamed(
    frames: Arc<[Bytes]>,
    switches: Switches,
    encoding: Encoding,
) -> impl Stream<Item = std::io::Result<Bytes>> {
    async_stream::stream! {
        let pause = Duration::from_millis(switches.chunk_delay_ms);
        let mut due = tokio::time::Instant::now();
        let mut encoder = Encoder::new(encoding);
        for (index, frame) in frames.iter().enumerate() {
            if switches.stall_after == Some(index) {
                std::future::pending::<()>().await;
            }
            if switches.break_after == Some(index) {
                // Gives what was sent so far time to leave, then resets the connection.
                tokio::time::sleep(Duration::from_millis(20)).await;
                yield Err(std::io::ErrorKind::ConnectionReset.into());
                return;
            }
            if switches.truncate_after == Some(index) {
                break;
            }
            if index > 0 && !pause.is_zero() {
                // From when it was due, so that a late wake-up does not make the rest of the stream late.
                due += pause;
                tokio::time::sleep_until(due).await;
            }
            let bytes = encoder.part(dressed(frame, &switches));
            if switches.split == 0 {
                yield Ok(bytes);
                continue;
            }
            for start in (0..bytes.len()).step_by(switches.split) {
                yield Ok(bytes.slice(start..bytes.len().min(start + switches.split)));
                tokio::task::yield_now().await;
            }
        }
        let rest = encoder.last(Bytes::new());
        if !rest.is_empty() {
            yield Ok(rest);
        }
    }
}

/// Writes a frame of server-sent events another way that means the same.
fn dressed(frame: &Bytes, switches: &Switches) -> Bytes {
    if !(switches.multiline || switches.comments || switches.crlf) {
        return frame.clone();
    }
    let mut text = String::from_utf8_lossy(frame).into_owned();
    let is_event = text.ends_with("\n\n");
    if switches.multiline && is_event {
        // A line break between members of JSON changes nothing, and lines of data are joined by one.
        text = text.replacen("{\"", "{\ndata: \"", 1);
    }
    if switches.comments && is_event {
        text.insert_str(0, ": keep-alive\n\n");
    }
    if switches.crlf {
        text = text.replace('\n', "\r\n");
    }
    text.into()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Brotli,
}

impl Encoding {
    /// The encoding asked for by a switch, if the client takes it.
    fn agreed(switches: &Switches, asked: &HeaderMap) -> Self {
        let takes = |name: &str| {
            let accepted =
                asked.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
            accepted.flat_map(|list| list.split(',')).any(|item| item.trim().starts_with(name))
        };
        match switches {
            _ if switches.gzip && takes("gzip") => Self::Gzip,
            _ if switches.brotli && takes("br") => Self::Brotli,
            _ => Self::Identity,
        }
    }

    fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }
}

/// Compresses piece by piece, so that a client can read each piece as it comes.
enum Encoder {
    Identity,
    Gzip(GzEncoder<Vec<u8>>),
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
}

impl Encoder {
    fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Identity => Self::Identity,
            Encoding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::fast())),
            Encoding::Brotli => {
                Self::Brotli(Box::new(brotli::CompressorWriter::new(Vec::new(), 4096, 4, 22)))
            }
        }
    }

    fn part(&mut self, bytes: Bytes) -> Bytes {
        // Writing to memory does not fail.
        match self {
            Self::Identity => bytes,
            Self::Gzip(encoder) => {
                let _ = encoder.write_all(&bytes);
                let _ = encoder.flush();
                std::mem::take(encoder.get_mut()).into()
            }
            Self::Brotli(encoder) => {
                let _ = encoder.write_all(&bytes);
                let _ = encoder.flush();
                std::mem::take(encoder.get_mut()).into()
            }
        }
    }

    /// Ends the compressed body, whose last part was `part`.
    fn last(self, part: Bytes) -> Bytes {
        let end = match self {
            Self::Identity => return part,
            Self::Gzip(encoder) => encoder.finish().unwrap_or_default(),
            Self::Brotli(encoder) => encoder.into_inner(),
        };
        [part.as_ref(), &end].concat().into()
    }
}
