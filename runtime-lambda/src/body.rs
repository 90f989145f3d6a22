//! Answers as Lambda can stream them.
//!
//! Three things differ from a server's: an answer without a byte may never end, so that it gets one; an error in the
//! middle would be written into the answer as text, so that it becomes an event where there are events, and otherwise
//! an end; and what an answer needs while it lasts must be let go with it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, StatusCode, header};
use http_body::{Body as HttpBody, Frame};

/// What stands for an empty body.
const NOTHING: &[u8] = b"\n";

/// What stands for an empty message of protobuf: a field that no message has, which readers skip.
const NO_MESSAGE: &[u8] = &[0xf8, 0x7f, 0];

/// What a reader of events gets when they break off.
const BROKEN: &[u8] =
    b"\n\nevent: error\ndata: {\"error\":{\"message\":\"the answer broke off\",\"type\":\"api_error\"}}\n\n";

/// Makes the head of an answer fit: one without content is not known to Function URLs.
pub(crate) fn fit(parts: &mut Parts) {
    if matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        parts.status = StatusCode::OK;
    }
    let is_empty = parts.headers.get(header::CONTENT_LENGTH).is_some_and(|length| length == "0");
    if is_empty {
        parts.headers.remove(header::CONTENT_LENGTH);
    }
}

/// A body that always has a byte, never fails, and keeps `guard` until it ends.
pub(crate) struct Whole<G> {
    body: Body,
    is_events: bool,
    nothing: &'static [u8],
    has_data: bool,
    ended: bool,
    guard: Option<G>,
}

impl<G> Whole<G> {
    /// Returns `body`, which goes with these headers.
    pub(crate) fn new(body: Body, headers: &HeaderMap, guard: G) -> Self {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_events = kind.starts_with("text/event-stream");
        let nothing = if kind.starts_with("application/x-protobuf") { NO_MESSAGE } else { NOTHING };
        Self { body, is_events, nothing, has_data: false, ended: false, guard: Some(guard) }
    }

    fn last(&mut self, bytes: &'static [u8]) -> Poll<Option<Result<Frame<Bytes>, std::convert::Infallible>>> {
        self.ended = true;
        self.has_data = true;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(bytes)))))
    }
}

impl<G: Unpin> HttpBody for Whole<G> {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            if self.ended {
                self.guard = None;
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => {
                        self.has_data = true;
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                    // Trailers have no place in a Function URL's answer.
                    Err(_) => {}
                },
                Some(Err(error)) => {
                    tracing::warn!(%error, "an answer broke off");
                    if self.is_events {
                        return self.last(BROKEN);
                    }
                    self.ended = true;
                }
                None => self.ended = true,
            }
            if self.ended && !self.has_data {
                let nothing = self.nothing;
                return self.last(nothing);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use futures_util::stream;
    use http_body_util::BodyExt;

    use super::*;

    async fn sent(body: Body, kind: &'static str) -> Bytes {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, kind.parse().unwrap());
        Whole::new(body, &headers, ()).collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn a_body_passes_unchanged_and_an_empty_one_gets_a_byte() {
        assert_eq!(sent(Body::from("{}"), "application/json").await, "{}");
        assert_eq!(sent(Body::empty(), "application/json").await, "\n");
        let silent = Body::from_stream(stream::iter([Ok::<_, std::io::Error>(Bytes::new())]));
        assert_eq!(sent(silent, "text/plain").await, "\n");
        // The tag of field 2047, a number, and a zero.
        assert_eq!(sent(Body::empty(), "application/x-protobuf").await, [0xf8, 0x7f, 0][..]);
    }

    #[tokio::test]
    async fn a_break_is_an_event_where_there_are_events_and_an_end_elsewhere() {
        let broken = || {
            let parts = [Ok("data: 1\n\n"), Err(std::io::Error::other("reset"))];
            Body::from_stream(stream::iter(parts))
        };
        let events = sent(broken(), "text/event-stream; charset=utf-8").await;
        assert!(events.starts_with(b"data: 1\n\n") && events.ends_with(BROKEN), "{events:?}");
        assert_eq!(sent(broken(), "text/plain").await, "data: 1\n\n");
    }
}
