//! The request body on its way to the provider, with a copy for recording.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::oneshot;

use crate::client::told;
use crate::copy::Copy;

/// A request body as far as it was read.
pub(crate) struct Uploaded {
    pub(crate) copy: Copy,
    /// Whether that is all of it.
    pub(crate) complete: bool,
}

/// A request body being read. When it ends, or is given up, the copy goes to the recording.
pub(crate) struct Upload {
    body: Body,
    copy: Option<Copy>,
    done: Option<oneshot::Sender<Uploaded>>,
    limit: usize,
}

/// Why a request body did not come to its end.
pub(crate) enum Unfinished {
    /// The client has more to send, but nobody reads on.
    Abandoned(Upload),
    /// It is larger than allowed.
    TooLarge(Upload),
    /// The client broke off, or sent garbage.
    Unreadable(String),
}

impl Upload {
    /// Returns the upload of `body`. Its copy goes to `done`.
    pub(crate) fn new(body: Body, copy: Copy, done: oneshot::Sender<Uploaded>, limit: usize) -> Self {
        let mut upload = Self { body, copy: Some(copy), done: Some(done), limit };
        if upload.body.is_end_stream() {
            upload.end(true);
        }
        upload
    }

    /// Reads on without anybody to read it for, so that the recording is complete and the client, busy sending,
    /// gets to see the answer. Stops after `time`, or when the body is larger than allowed by as much again.
    pub(crate) async fn drain(mut self, time: Duration) {
        let most = self.limit.saturating_mul(2);
        let rest = async {
            while self.done.is_some() && self.copy.as_ref().is_some_and(|copy| copy.bytes() <= most) {
                match poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx)).await {
                    Some(Ok(frame)) => self.take(&frame),
                    Some(Err(_)) => break,
                    None => self.end(true),
                }
            }
        };
        // Running out of time loses only what was not sent yet.
        let _ = tokio::time::timeout(time, rest).await;
    }

    /// Lets go of the copy and of whoever waits for it: nothing will be recorded of this body.
    pub(crate) fn forget(&mut self) {
        if let Some(copy) = &mut self.copy {
            copy.discard();
        }
        if self.done.is_some() {
            self.done = Some(oneshot::channel().0);
        }
    }

    fn take(&mut self, frame: &Frame<Bytes>) {
        if let (Some(data), Some(copy)) = (frame.data_ref(), &mut self.copy) {
            copy.push(data);
        }
        if self.body.is_end_stream() {
            self.end(true);
        }
    }

    fn is_too_large(&self) -> bool {
        self.copy.as_ref().is_some_and(|copy| copy.bytes() > self.limit)
    }

    fn end(&mut self, complete: bool) {
        if let (Some(done), Some(copy)) = (self.done.take(), self.copy.take()) {
            // Nobody listens when the call is not recorded after all.
            let _ = done.send(Uploaded { copy, complete });
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.end(false);
    }
}

/// An [`Upload`] as the body of a request. One that is dropped or fails before its end comes back; at its end the
/// way back is closed.
pub(crate) struct Tee {
    upload: Option<Upload>,
    back: Option<oneshot::Sender<Unfinished>>,
}

impl Tee {
    /// Returns the body of the outgoing request, and where it comes back.
    pub(crate) fn new(upload: Upload) -> (Self, oneshot::Receiver<Unfinished>) {
        let (back, returned) = oneshot::channel();
        let back = upload.done.is_some().then_some(back);
        (Self { upload: Some(upload), back }, returned)
    }

    fn hand_back(&mut self, unfinished: Unfinished) {
        if let Some(back) = self.back.take() {
            // Nobody waits for it once the answer has begun.
            let _ = back.send(unfinished);
        }
    }
}

/// The body was not relayed to its end.
#[derive(Debug, thiserror::Error)]
#[error("the request body did not come to its end")]
pub(crate) struct Cut;

impl HttpBody for Tee {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let Some(upload) = &mut self.upload else { return Poll::Ready(Some(Err(Cut))) };
        match ready!(Pin::new(&mut upload.body).poll_frame(cx)) {
            Some(Ok(frame)) => {
                upload.take(&frame);
                if !upload.is_too_large() {
                    if upload.done.is_none() {
                        self.back = None;
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                if let Some(mut upload) = self.upload.take() {
                    upload.forget();
                    self.hand_back(Unfinished::TooLarge(upload));
                }
                Poll::Ready(Some(Err(Cut)))
            }
            Some(Err(error)) => {
                self.upload = None;
                self.hand_back(Unfinished::Unreadable(told(&error)));
                Poll::Ready(Some(Err(Cut)))
            }
            None => {
                upload.end(true);
                self.back = None;
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.upload.as_ref().is_some_and(|upload| upload.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.upload.as_ref().map_or_else(SizeHint::default, |upload| upload.body.size_hint())
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take().filter(|upload| upload.done.is_some()) {
            self.hand_back(Unfinished::Abandoned(upload));
        }
    }
}
