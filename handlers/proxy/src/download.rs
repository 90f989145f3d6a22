//! The answer on its way to the client, with a copy for recording.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use trace::ports::Clock;
use trace::time::Timestamp;

use crate::background::Hold;
use crate::client::{Answer, told};
use crate::copy::Copy;
use crate::headers::{encodings, text};

/// How a call ended.
pub(crate) enum End {
    /// The provider answered.
    Answered(Box<Answered>),
    /// There was no answer.
    Failed {
        /// Why.
        error: String,
        /// When that was known.
        at: Timestamp,
        /// Whether the client had gone.
        gone: bool,
    },
    /// The proxy refused the request; nothing is recorded.
    Refused,
}

/// What came back.
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) content_type: Option<String>,
    pub(crate) encodings: Vec<String>,
    pub(crate) copy: Copy,
    pub(crate) outcome: Outcome,
    pub(crate) first_chunk_at: Option<Timestamp>,
    pub(crate) ended_at: Timestamp,
}

/// How far an answer came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// To its end.
    Complete,
    /// The provider broke off.
    Broken(String),
    /// The client went away.
    Gone,
    /// The process stops and can wait no longer.
    Stopped,
}

/// What a client that went away leaves behind as the error of its span.
pub(crate) const GONE: &str = "client disconnected";

/// What a stop of the process leaves behind as the error of calls it cut off.
pub(crate) const STOPPED: &str = "server stopped";

/// An answer was not relayed to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error(transparent)]
    Provider(#[from] hyper::Error),
    #[error("the server stops")]
    Stopped,
}

/// Tells the recording how the call ended. Dropped without a word, it says that the client went away: that is
/// what happens to every future and body of a request whose connection closes.
pub(crate) struct Ending {
    clock: Arc<dyn Clock>,
    tell: Option<oneshot::Sender<End>>,
}

impl Ending {
    pub(crate) fn new(clock: Arc<dyn Clock>, tell: oneshot::Sender<End>) -> Self {
        Self { clock, tell: Some(tell) }
    }

    /// The provider gave no answer.
    pub(crate) fn failed(mut self, error: String, at: Timestamp) {
        self.tell(End::Failed { error, at, gone: false });
    }

    /// The proxy refused the request.
    pub(crate) fn refused(mut self) {
        self.tell(End::Refused);
    }

    fn tell(&mut self, end: End) {
        if let Some(tell) = self.tell.take() {
            // The recording is gone when the call turned out not to be one.
            let _ = tell.send(end);
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let at = self.clock.now();
        self.tell(End::Failed { error: GONE.to_owned(), at, gone: true });
    }
}

/// The body of a recorded answer.
pub(crate) struct Download {
    body: Answer,
    ending: Ending,
    answered: Option<Box<Answered>>,
    hold: Option<Hold>,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Download {
    /// Returns the body that relays `body` until `cut`. Its end is told to `ending`, after which it waits for `hold`.
    pub(crate) fn new(
        status: StatusCode,
        headers: &HeaderMap,
        body: Answer,
        copy: Copy,
        ending: Ending,
        hold: Option<Hold>,
        cut: CancellationToken,
    ) -> Self {
        let now = ending.clock.now();
        let answered = Answered {
            status,
            content_type: text(headers, &http::header::CONTENT_TYPE).map(str::to_owned),
            encodings: encodings(headers),
            copy,
            outcome: Outcome::Complete,
            first_chunk_at: None,
            ended_at: now,
        };
        let cut = Box::pin(cut.cancelled_owned());
        let mut download = Self { body, ending, answered: Some(Box::new(answered)), hold, cut };
        if download.body.is_end_stream() {
            download.end(Outcome::Complete);
        }
        download
    }

    fn take(&mut self, frame: &Frame<Bytes>) {
        if let (Some(answered), Some(data)) = (&mut self.answered, frame.data_ref()) {
            answered.first_chunk_at.get_or_insert_with(|| self.ending.clock.now());
            answered.copy.push(data);
        }
        // The server does not ask again after the last byte of a body whose length it knows.
        if self.body.is_end_stream() {
            self.end(Outcome::Complete);
        }
    }

    fn end(&mut self, outcome: Outcome) {
        if let Some(mut answered) = self.answered.take() {
            answered.outcome = outcome;
            answered.ended_at = self.ending.clock.now();
            self.ending.tell(End::Answered(answered));
        }
    }
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let Poll::Ready(next) = Pin::new(&mut self.body).poll_frame(cx) else {
            ready!(self.cut.as_mut().poll(cx));
            self.end(Outcome::Stopped);
            return Poll::Ready(Some(Err(Broken::Stopped)));
        };
        match next {
            Some(Ok(frame)) => {
                self.take(&frame);
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                self.end(Outcome::Broken(told(&error)));
                Poll::Ready(Some(Err(error.into())))
            }
            None => {
                self.end(Outcome::Complete);
                if let Some(hold) = &mut self.hold {
                    ready!(hold.as_mut().poll(cx));
                    self.hold = None;
                }
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.hold.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        self.end(Outcome::Gone);
    }
}
